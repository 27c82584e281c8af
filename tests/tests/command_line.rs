//! The command line from outside: real files, exit codes, what is said and what is written.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::{agent_binary, eventually};
use tempfile::TempDir;

/// A folder with layers, a state directory and a place for the document.
struct Desk {
    folder: TempDir,
}

/// How a command ended.
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    #[track_caller]
    fn with(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|why| panic!("{why}: {}", self.stdout))
    }
}

impl Desk {
    fn new() -> Self {
        let desk = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in ["base", "user", "doc"] {
            fs::create_dir(desk.path(name)).unwrap();
        }
        desk.write("base/10-gateway.json5", "{\n  gateway: { bind: \"loopback\", port: 18789 },\n  logging: { level: \"info\" },\n}\n");
        desk.user(r#"{ logging: { level: "debug" } }"#);
        desk.write(
            "locks.json5",
            r#"{ locks: [{ path: "gateway.bind", why: "one gate" }] }"#,
        );
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn user(&self, text: &str) {
        self.write("user/user.json5", text);
    }

    fn document(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("doc/openclaw.json")).unwrap()).unwrap()
    }

    /// The bare command in this folder, with nothing of our own environment.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(agent_binary());
        command
            .args(words)
            .env_clear()
            .current_dir(self.folder.path());
        command
    }

    fn bare(&self, words: &[&str]) -> Ended {
        Ended::of(&self.command(words).output().unwrap())
    }

    /// The command with layers, locks and document from the environment.
    fn stateless(&self, words: &[&str]) -> Ended {
        self.with_environment(words, None)
    }

    /// The same, with a state directory.
    fn run(&self, words: &[&str]) -> Ended {
        self.with_environment(words, Some("state"))
    }

    fn with_environment(&self, words: &[&str], state: Option<&str>) -> Ended {
        let mut command = self.command(words);
        command
            .env("PILOTFISH_LAYER", "base=base,user=user")
            .env("PILOTFISH_LOCKS", "locks.json5");
        command
            .env("PILOTFISH_OUT", "doc/openclaw.json")
            .envs(state.map(|state| ("PILOTFISH_STATE", state)));
        Ended::of(&command.output().unwrap())
    }
}

/// An agent that owns the state directory of a desk, without a gateway. Dropped, it is killed.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn on(desk: &Desk) -> Self {
        desk.write("read", "# who may look\nread-token-0123456789\n");
        desk.write("operate", "operate-token-0123456789\n");
        let words = [
            "run",
            "--listen",
            "127.0.0.1:0",
            "--probe-listen",
            "127.0.0.1:0",
            "--read-token-file",
            "read",
            "--operate-token-file",
            "operate",
        ];
        let mut command = desk.command(&words);
        command.args([
            "--layer",
            "base=base",
            "--layer",
            "user=user",
            "--locks",
            "locks.json5",
            "--state",
            "state",
            "--out",
            "doc/openclaw.json",
        ]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let up: Value = lines
            .by_ref()
            .map(|line| serde_json::from_str(&line).unwrap())
            .find(|line: &Value| line["api"].is_string())
            .unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let address = up["api"].as_str().unwrap().to_owned();
        eventually(Duration::from_secs(10), || {
            desk.path("doc/openclaw.json").exists().then_some(())
        });
        Self { child, address }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const COMMANDS: [&str; 9] = [
    "run", "merge", "check", "diff", "explain", "history", "rollback", "pause", "version",
];

#[test]
fn every_help_has_examples_and_exit_codes() {
    let desk = Desk::new();
    for words in COMMANDS
        .map(|name| vec![name, "--help"])
        .into_iter()
        .chain([vec!["--help"]])
    {
        let said = desk.bare(&words).with(0).stdout;
        assert!(
            said.contains("Examples:\n") && said.contains("Exit codes:\n"),
            "{words:?}: {said}"
        );
    }
    let said = desk.bare(&["run", "--help"]).stdout;
    assert!(
        said.contains("PILOTFISH_PROBATION") && said.contains("[default: 15s]"),
        "{said}"
    );
    assert!(
        desk.bare(&["--version"])
            .with(0)
            .stdout
            .contains("(wire 1)")
    );
    assert_eq!(desk.bare(&["version", "--json"]).with(0).json()["wire"], 1);
}

#[test]
fn a_mistake_in_the_words_ends_with_2_and_all_mistakes_come_at_once() {
    let desk = Desk::new();
    for words in [
        &[][..],
        &["nonsense"],
        &["merge", "--nonsense"],
        &["explain"],
        &["rollback", "x"],
        &["pause", "soon", "--state", "s"],
    ] {
        desk.bare(words).with(2);
    }
    desk.write("settings.json5", "{ quiet: 'long', unheard_of: 1 }");
    let said = desk
        .bare(&[
            "merge",
            "--settings",
            "settings.json5",
            "--layer",
            "what=x",
            "--layer",
            "user",
            "--document-mode",
            "999",
        ])
        .with(2)
        .stderr;
    for part in [
        "settings.json5: quiet",
        "unheard_of",
        "\"what\"",
        "\"user\" is no NAME=PATH",
        "\"999\"",
        "--out",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    desk.bare(&["merge", "--settings", "missing.json5"]).with(2);
    let said = desk.bare(&["run", "--layer", "user=user"]).with(2).stderr;
    assert!(said.contains("--out") && said.contains("--state"), "{said}");
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let desk = Desk::new();
    desk.write(
        "settings.json5",
        "{ layer: { base: 'base' }, out: 'from-file.json' }",
    );
    let run = |out: Option<&str>, words: &[&str]| {
        let mut command = desk.command(&["merge", "--settings", "settings.json5"]);
        command
            .args(words)
            .envs(out.map(|out| ("PILOTFISH_OUT", out)));
        Ended::of(&command.output().unwrap()).with(0);
    };
    run(None, &[]);
    run(Some("from-environment.json"), &[]);
    run(Some("unused.json"), &["--out", "from-flag.json"]);
    for name in ["from-file.json", "from-environment.json", "from-flag.json"] {
        assert!(desk.path(name).exists(), "{name}");
    }
    assert!(!desk.path("unused.json").exists());
    let mut command = desk.command(&["merge", "--out", "from-variable.json"]);
    Ended::of(
        &command
            .env("PILOTFISH_SETTINGS", "settings.json5")
            .output()
            .unwrap(),
    )
    .with(0);
}

#[test]
fn merge_writes_a_private_file_once_and_the_same_bytes_never_again() {
    let desk = Desk::new();
    for merge in [Desk::stateless, Desk::run] {
        merge(&desk, &["merge"]).with(0);
        let file = desk.path("doc/openclaw.json");
        let before = fs::metadata(&file).unwrap();
        assert_eq!(before.permissions().mode() & 0o7777, 0o600);
        assert_eq!(desk.document()["logging"]["level"], "debug");
        let said = merge(&desk, &["merge"]).with(0).stdout;
        assert!(said.contains("unchanged"), "{said}");
        assert_eq!(fs::metadata(&file).unwrap().ino(), before.ino());
    }
    assert_eq!(
        fs::read_dir(desk.path("doc")).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn merge_prints_without_writing_and_without_a_state() {
    let desk = Desk::new();
    let ended = desk
        .bare(&[
            "merge",
            "--layer",
            "base=base",
            "--layer",
            "user=user/user.json5",
            "--out",
            "-",
        ])
        .with(0);
    assert_eq!(
        ended.json(),
        json!({"gateway": {"bind": "loopback", "port": 18789}, "logging": {"level": "debug"}})
    );
    assert!(!desk.path("state").exists());
    desk.bare(&["merge", "--layer", "base=base", "--out", "-", "--json"])
        .with(2);
}

#[test]
fn a_bad_layer_falls_back_to_its_last_good_or_is_refused() {
    let desk = Desk::new();
    desk.user("{ logging: ");
    desk.write("base/20-more.json5", "{ a: 1, a: 2 }");
    for merge in [Desk::stateless, Desk::run] {
        let said = merge(&desk, &["merge"]).with(1).stderr;
        assert!(
            said.contains("user.json5:1:") && said.contains("20-more.json5:1:9"),
            "all problems: {said}"
        );
        assert!(!desk.path("doc/openclaw.json").exists());
    }
    fs::remove_file(desk.path("base/20-more.json5")).unwrap();
    desk.user(r#"{ logging: { level: "debug" } }"#);
    desk.run(&["merge"]).with(0);

    desk.write("base/10-gateway.json5", "{ gateway: ");
    desk.user(r#"{ logging: { level: "warn" } }"#);
    let ended = desk.run(&["merge"]).with(0);
    assert!(
        ended.stderr.contains("warning: 10-gateway.json5:1:"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        desk.document(),
        json!({"gateway": {"bind": "loopback", "port": 18789}, "logging": {"level": "warn"}})
    );

    let before = fs::read(desk.path("doc/openclaw.json")).unwrap();
    desk.user(r#"{ logging: { level: "error" } }"#);
    desk.run(&["merge", "--strict"]).with(1);
    desk.stateless(&["merge"]).with(1);
    assert_eq!(fs::read(desk.path("doc/openclaw.json")).unwrap(), before);
}

#[test]
fn a_user_layer_that_breaks_a_lock_is_refused_whole() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    desk.user(r#"{ gateway: { bind: "lan" }, logging: { level: "trace" } }"#);
    let said = desk.run(&["merge"]).with(0).stderr;
    assert!(
        said.contains(
            "user.json5:1:14 gateway.bind (user): locked by policy (locks.json5:1:11): one gate"
        ),
        "{said}"
    );
    assert_eq!(
        desk.document()["logging"]["level"],
        "debug",
        "nothing is half applied"
    );
    desk.run(&["merge", "--strict"]).with(1);
    let refused = desk.run(&["merge", "--strict", "--json"]).with(1).json();
    assert_eq!(
        (&refused["code"], &refused["problems"][0]["kind"]),
        (&json!("refused"), &json!("locked"))
    );
}

#[test]
fn check_lists_all_problems_of_all_layers() {
    let desk = Desk::new();
    assert!(desk.stateless(&["check"]).with(0).stdout.starts_with("ok"));
    desk.write("base/20-bad.json5", "{ a: NaN }");
    desk.user(r#"{ gateway: { bind: "lan" } }"#);
    let said = desk.stateless(&["check"]).with(1).stdout;
    assert!(
        said.starts_with("2 problems\n")
            && said.contains("20-bad.json5:1:6")
            && said.contains("gateway.bind"),
        "{said}"
    );
    assert!(said.contains("cure: ") && !said.contains('\x1b'), "{said}");
    let problems = desk.stateless(&["check", "--json"]).with(1).json();
    assert_eq!(problems["problems"].as_array().unwrap().len(), 2);
    assert!(
        !desk.path("state").exists(),
        "to look makes no state directory"
    );
    desk.run(&["check"]).with(1);
    assert!(
        !desk.path("state").exists(),
        "to look makes no state directory"
    );
}

#[test]
fn diff_shows_every_change_and_that_no_gateway_was_asked() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    assert_eq!(desk.run(&["diff"]).with(0).stdout, "nothing would change\n");
    desk.user(r#"{ logging: { level: null }, extra: true }"#);
    let said = desk.run(&["diff"]).with(0).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "extra          (not set) -> true     user user.json5:1:29  unchecked",
            "logging.level  \"debug\" -> (removed)                        unchecked",
            "unchecked: no gateway was asked",
        ]
    );
    let changes = desk.run(&["diff", "--json"]).with(0).json();
    assert_eq!(changes["check"]["kind"], "unchecked");
    assert_eq!(
        desk.document()["logging"]["level"],
        "debug",
        "it only shows"
    );
}

#[test]
fn explain_says_who_set_a_key_what_it_hid_and_what_was_refused() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    assert_eq!(
        desk.run(&["explain", "logging.level"]).with(0).stdout,
        "logging.level = \"debug\"\n  set by  user  user.json5:1:14        (since generation 1)\n  hides   base  10-gateway.json5:3:14  \"info\"\n"
    );
    desk.user(r#"{ gateway: { bind: "lan" } }"#);
    let said = desk.run(&["explain", "gateway.bind"]).with(0).stdout;
    for part in [
        "gateway.bind = \"loopback\"",
        "set by     base",
        "refused    user",
        "locked by policy (locks.json5:1:11): one gate",
        "locked by  gateway.bind",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let branch = desk.run(&["explain", "gateway"]).with(0).stdout;
    assert!(
        branch.contains("    gateway.port  = 18789")
            && branch.contains("base 10-gateway.json5:2:32"),
        "{branch}"
    );
    let unknown = desk.run(&["explain", "gateway.bnid"]).with(1).stderr;
    assert!(unknown.contains("did you mean gateway.bind"), "{unknown}");
    assert_eq!(
        desk.run(&["explain", "gateway.bind", "--json"])
            .with(0)
            .json()["locked_by"]["why"],
        "one gate"
    );
    desk.run(&["explain", "a[["]).with(2);
}

#[test]
fn history_and_rollback_go_by_generations() {
    let desk = Desk::new();
    desk.run(&["history"]).with(3);
    desk.run(&["merge"]).with(0);
    desk.write("base/10-gateway.json5", "{ gateway: { port: 2 } }");
    desk.user("{}");
    desk.run(&["merge"]).with(0);
    desk.bare(&[
        "rollback",
        "1",
        "--state",
        "state",
        "--layer",
        "user=user",
        "--out",
        "doc/openclaw.json",
    ])
    .with(2);
    let report = desk.run(&["rollback", "1", "--json"]).with(0).json();
    assert_eq!(
        (
            &report["report"]["generation"],
            &report["report"]["restores"]
        ),
        (&json!(3), &json!(1))
    );
    assert_eq!(
        desk.document(),
        json!({"gateway": {"bind": "loopback", "port": 18789}, "logging": {"level": "debug"}})
    );
    let said = desk.run(&["merge"]).with(0).stdout;
    assert!(
        said.contains("generation 3: unchanged"),
        "the layers stay back until they change again: {said}"
    );
    desk.write("base/10-gateway.json5", "{ gateway: { port: 3 } }");
    desk.run(&["merge"]).with(0);
    assert_eq!(desk.document()["gateway"]["port"], 3);
    let history = desk.run(&["history", "--json"]).with(0).json();
    let numbers: Vec<_> = history["generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["generation"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    assert!(
        desk.run(&["history"])
            .with(0)
            .stdout
            .contains("3 (restores 1)")
    );
    let said = desk.run(&["rollback", "9"]).with(1).stderr;
    assert!(said.contains("it has 1 to 4"), "{said}");
}

#[test]
fn a_pause_has_an_end() {
    let desk = Desk::new();
    desk.run(&["merge"]).with(0);
    assert!(desk.run(&["pause", "15m", "--json"]).with(0).json()["until"].is_string());
    assert_eq!(
        desk.run(&["pause", "off", "--json"]).with(0).json(),
        json!({})
    );
    for length in ["25h", "0s", "-1s", "forever"] {
        desk.run(&["pause", length]).with(2);
    }
}

#[test]
fn secrets_are_carried_over_and_never_told() {
    let desk = Desk::new();
    fs::create_dir(desk.path("secrets")).unwrap();
    desk.write("secrets/gateway-token", "planted-4f1c9a\n");
    let words = [
        "merge",
        "--secrets",
        "secrets",
        "--secrets-out",
        "doc/secrets.json",
    ];
    let ended = desk.run(&words).with(0);
    assert_eq!(
        fs::read_to_string(desk.path("doc/secrets.json")).unwrap(),
        r#"{"gateway-token":"planted-4f1c9a"}"#
    );
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("planted"));
    fs::write(desk.path("secrets/broken"), b"planted-4f1c9a\xff").unwrap();
    let ended = desk.run(&words).with(1);
    assert!(
        ended.stderr.contains("broken") && !ended.stderr.contains("planted"),
        "{}",
        ended.stderr
    );
    desk.run(&["merge", "--secrets", "secrets"]).with(2);
}

#[test]
fn a_literal_credential_is_refused_and_not_repeated() {
    let desk = Desk::new();
    let planted = format!("sk-ant-api03-{}", "Ab3dEf6hIj".repeat(9));
    desk.user(&format!(r#"{{ models: {{ apiKey: "{planted}" }} }}"#));
    for words in [
        &["check"][..],
        &["diff"],
        &["merge"],
        &["explain", "models"],
        &["check", "--json"],
    ] {
        let ended = desk.stateless(words).with(1);
        assert!(
            !format!("{}{}", ended.stdout, ended.stderr).contains(&planted),
            "{words:?}"
        );
    }
}

/// Things that nobody should find at a layer's path.
fn plant(desk: &Desk, name: &str, file: &Path) {
    match name {
        "10,000 brackets" => fs::write(file, "[".repeat(10_000)).unwrap(),
        "10,000 nested keys" => fs::write(file, "{a:".repeat(10_000)).unwrap(),
        "5 MB" => fs::write(file, format!("{{ a: \"{}\" }}", "x".repeat(5 << 20))).unwrap(),
        "10 GB of nothing" => fs::File::create(file).unwrap().set_len(10 << 30).unwrap(),
        "a FIFO" => {
            nix::unistd::mkfifo(file, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap()
        }
        "a symlink loop" => symlink(file, file).unwrap(),
        "a symlink to a device" => symlink("/dev/zero", file).unwrap(),
        "a symlink out" => symlink("/etc/passwd", file).unwrap(),
        "a dead symlink" => symlink(desk.path("nowhere"), file).unwrap(),
        "nothing in it" => fs::write(file, "").unwrap(),
        "no UTF-8" => fs::write(file, b"{ a: \"\xff\" }").unwrap(),
        "a list" => fs::write(file, "[1]").unwrap(),
        "a bad number" => fs::write(file, "{ a: 1e999 }").unwrap(),
        other => panic!("{other}"),
    }
}

const PLANTED: [&str; 13] = [
    "10,000 brackets",
    "10,000 nested keys",
    "5 MB",
    "10 GB of nothing",
    "a FIFO",
    "a symlink loop",
    "a symlink to a device",
    "a symlink out",
    "a dead symlink",
    "nothing in it",
    "no UTF-8",
    "a list",
    "a bad number",
];

#[test]
fn whatever_lies_in_a_layer_is_refused_by_name_and_never_hangs() {
    for name in PLANTED {
        let desk = Desk::new();
        plant(&desk, name, &desk.path("base/20-planted.json5"));
        for words in [
            &["check"][..],
            &["merge"],
            &["diff"],
            &["explain", "gateway"],
        ] {
            let ended = desk.stateless(words).with(1);
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(
                said.contains("20-planted.json5") && said.len() < 4096,
                "{name} {words:?}: {said}"
            );
        }
        assert!(!desk.path("doc/openclaw.json").exists(), "{name}");
        desk.run(&["merge"]).with(1);
    }
}

#[test]
fn whatever_lies_at_the_document_is_replaced_or_refused_and_never_followed() {
    let desk = Desk::new();
    desk.write("other", "precious");
    let document = desk.path("doc/openclaw.json");
    symlink(desk.path("other"), &document).unwrap();
    desk.run(&["merge"]).with(0);
    assert!(fs::symlink_metadata(&document).unwrap().is_file());
    assert_eq!(fs::read_to_string(desk.path("other")).unwrap(), "precious");
    fs::remove_file(&document).unwrap();
    fs::create_dir(&document).unwrap();
    let said = desk.run(&["merge"]).with(3).stderr;
    assert!(
        said.contains("is a directory, not a regular file"),
        "{said}"
    );
    desk.run(&["merge", "--out", "missing/openclaw.json"])
        .with(3);
}

#[test]
fn a_missing_layer_is_named_but_a_user_may_say_nothing() {
    let desk = Desk::new();
    fs::remove_dir_all(desk.path("user")).unwrap();
    desk.stateless(&["merge"]).with(0);
    let said = desk
        .bare(&["merge", "--layer", "base=nowhere", "--out", "x.json"])
        .with(1)
        .stderr;
    assert!(said.contains("nowhere does not exist"), "{said}");
    let said = desk
        .bare(&["check", "--layer", "base=base", "--locks", "nowhere"])
        .with(1)
        .stdout;
    assert!(said.contains("nowhere"), "{said}");
}

#[test]
fn a_key_of_a_stranger_does_not_paint_the_terminal() {
    let desk = Desk::new();
    desk.user("{ \"\\u001b[2Jx\\n\": { y: 1 } }");
    for words in [&["diff"][..], &["explain", ""], &["check"]] {
        let ended = desk.stateless(words);
        assert!(
            !format!("{}{}", ended.stdout, ended.stderr).contains('\x1b'),
            "{words:?}"
        );
    }
}

#[test]
fn where_an_agent_owns_the_state_it_is_asked() {
    let desk = Desk::new();
    let agent = Running::on(&desk);
    let ask = |words: &[&str], tokens: &[&str]| {
        let mut command = desk.command(words);
        command
            .env("PILOTFISH_LAYER", "base=base,user=user")
            .env("PILOTFISH_OUT", "doc/openclaw.json")
            .env("PILOTFISH_STATE", "state");
        command.env("PILOTFISH_LISTEN", &agent.address).args(tokens);
        Ended::of(&command.output().unwrap())
    };
    let read = ["--read-token-file", "read"];
    let said = ask(&["history"], &[]).with(3).stderr;
    assert!(
        said.contains("no token file is known") && said.contains("--read-token-file"),
        "{said}"
    );
    assert!(
        ask(&["merge"], &[])
            .with(3)
            .stderr
            .contains("an agent owns state")
    );
    assert!(ask(&["check"], &read).with(0).stdout.starts_with("ok"));
    assert_eq!(
        ask(&["diff"], &read).with(0).stdout,
        "nothing would change\n"
    );
    assert!(
        ask(&["explain", "gateway.bind"], &read)
            .with(0)
            .stdout
            .contains("locked by  gateway.bind")
    );
    assert!(
        ask(&["explain", "gateway"], &read)
            .with(0)
            .stdout
            .contains("    gateway.port  = 18789")
    );
    assert!(
        ask(&["explain", "gateway.bnid"], &read)
            .with(1)
            .stderr
            .contains("did you mean gateway.bind")
    );
    assert_eq!(
        ask(&["history", "--json"], &read).with(0).json()["generations"][0]["generation"],
        1
    );
    let said = ask(&["pause", "15m"], &["--token-file", "read"])
        .with(3)
        .stderr;
    assert!(said.contains("does not take the token in read"), "{said}");
    let operate = ["--token-file", "operate"];
    assert!(ask(&["pause", "15m", "--json"], &operate).with(0).json()["until"].is_string());
    ask(&["pause", "off"], &operate).with(0);
    assert!(
        ask(&["rollback", "9"], &operate)
            .with(1)
            .stderr
            .contains("it has 1 to 1")
    );
    let elsewhere = format!("http://{}", agent.address);
    desk.bare(&["history", "--agent", &elsewhere, "--token-file", "read"])
        .with(0);
    desk.write("user/user.json5", r#"{ gateway: { bind: "lan" } }"#);
    let refused = ask(&["check", "--json"], &read).with(1).json();
    assert_eq!(refused["problems"][0]["kind"], "locked");
}

#[test]
fn an_agent_that_is_not_there_is_said_to_be_so() {
    let desk = Desk::new();
    desk.write("token", "a-token-of-some-length\n");
    let port = "http://127.0.0.1:9";
    let said = desk
        .bare(&["history", "--agent", port, "--token-file", "token"])
        .with(3)
        .stderr;
    assert!(
        said.contains("cannot reach the agent at http://127.0.0.1:9"),
        "{said}"
    );
    assert!(
        desk.bare(&["history", "--agent", port])
            .with(3)
            .stderr
            .contains("--token-file")
    );
    assert!(
        desk.bare(&["history", "--agent", port, "--token-file", "none"])
            .with(3)
            .stderr
            .contains("cannot read a token from none")
    );
    desk.bare(&["history", "--agent", "localhost", "--token-file", "token"])
        .with(2);
}
