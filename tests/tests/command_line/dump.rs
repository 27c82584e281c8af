//! The archive for whoever helps: what is in it, and that no planted secret is.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::Value;

use crate::desk::{Desk, Ended, Running};

/// Secrets, and where each is planted.
const MOUNTED: &str = "mounted-Secret/17+x";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nq7PlantedKeyLine42\n-----END PRIVATE KEY-----\n";
const ACCOUNT: &str =
    r#"{"type": "robot", "private_key": "planted-account-key-1\nplanted-account-key-2"}"#;
const READ: &str = "read-token-0123456789";
const OPERATE: &str = "operate-token-0123456789";
const IN_USER: &str = "planted-in-user-5521";
const IN_PLAN: &str = "planted-in-plan-5522";
const IN_POLICY: &str = "planted-in-policy-5523";
const SHAPED: &str = "sk-plantedshape0123456789abcd";
const PHONE: &str = "+4915112345678";
const NAMED: &str = "plantedbyitsname";

const PLANTED: [&str; 13] = [
    MOUNTED,
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "q7PlantedKeyLine42",
    "planted-account-key-1",
    "planted-account-key-2",
    READ,
    OPERATE,
    IN_USER,
    IN_PLAN,
    IN_POLICY,
    SHAPED,
    PHONE,
    NAMED,
];

/// A desk with secrets in every place that an agent reads, and logs that say all of them.
struct Planted {
    desk: Desk,
    words: Vec<String>,
}

impl Planted {
    fn new() -> (Self, Running) {
        let desk = Desk::new();
        for folder in ["secrets", "run", "plan", "policy"] {
            fs::create_dir(desk.path(folder)).unwrap();
        }
        for (name, value) in [
            ("telegram", MOUNTED),
            ("key", KEY),
            ("account.json", ACCOUNT),
        ] {
            desk.write(&format!("secrets/{name}"), value);
        }
        let log = desk.path("gateway.log").display().to_string();
        desk.write(
            "base/20-log.json5",
            &format!("{{ logging: {{ file: {log:?} }} }}"),
        );
        desk.write("plan/plan.json5", "{}");
        desk.write("policy/policy.json5", "{}");
        let more = "--secrets secrets --secrets-out run/secrets.json --layer plan=plan --layer policy=policy --quiet 1ms";
        let agent = Running::with(&desk, &more.split(' ').collect::<Vec<_>>());
        for (layer, secret) in [("plan", IN_PLAN), ("user", IN_USER), ("policy", IN_POLICY)] {
            let text = format!("{{ channels: {{ telegram: {{ botToken: {secret:?} }} }} }}");
            desk.write(&format!("{layer}/{layer}.json5"), &text);
        }
        desk.write("state/console", &said());
        desk.write("gateway.log", &said().replace("console", "log"));
        let words = "--layer base=base --layer plan=plan --layer user=user --layer policy=policy --locks locks.json5 \
            --state state --out doc/openclaw.json --secrets secrets --secrets-out run/secrets.json \
            --read-token-file read --operate-token-file operate --probe-listen 127.0.0.1:9";
        let mut words: Vec<String> = words.split_whitespace().map(ToOwned::to_owned).collect();
        words.extend(["--listen".to_owned(), agent.address.clone()]);
        (Self { desk, words }, agent)
    }

    fn dump(&self, words: &[&str]) -> Ended {
        let mut command = self.desk.command(&["support-dump"]);
        Ended::of(&command.args(words).args(&self.words).output().unwrap())
    }

    /// A file of the archive.
    fn unpacked(&self, archive: &str, name: &str) -> String {
        let mut tar = Command::new("tar");
        let tar = tar.arg("-xzOf").arg(self.desk.path(archive));
        let output = tar
            .arg(format!("pilotfish-support/{name}"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Fails where a planted secret is in the archive, in any form.
    fn clean(&self, archive: &str) {
        let output = Command::new("tar")
            .arg("-xzOf")
            .arg(self.desk.path(archive))
            .output()
            .unwrap();
        let all = String::from_utf8(output.stdout).unwrap();
        assert!(all.len() > 1000, "{all}");
        for secret in PLANTED {
            for form in forms(secret) {
                assert!(!all.contains(&form), "{secret} as {form} in\n{all}");
            }
        }
    }
}

/// Lines with every secret, in the ways in which programs say such things.
fn said() -> String {
    let mut text = "console begins\n".to_owned();
    for secret in [MOUNTED, "planted-account-key-1", READ, OPERATE] {
        text += &format!("\x1b[31m{secret}\x1b[0m and {{\"a\":{secret:?}}}\n");
        for shift in 0..3 {
            text += &format!(
                "x {} y\n",
                base64(&format!("{}{secret}z", "u:".repeat(shift)))
            );
        }
        text += &format!("hex {}\n", hex(secret));
    }
    text += &format!("key:\n{KEY}next {ACCOUNT}\n");
    text += &format!(
        "Authorization: Bearer {NAMED}1\n\"apiKey\": \"{NAMED}\"\n{SHAPED} from {PHONE}\n"
    );
    text += &format!("{{\"password\":\"{NAMED}\",\"say\":\"{PHONE}\"}}\nconsole ends\n");
    text
}

fn forms(secret: &str) -> Vec<String> {
    let shifted = |shift: usize| {
        // What the secret alone decides: without the characters that its neighbours have a part in.
        let text = base64(&format!("{}{secret}", "u".repeat(shift)));
        let text = text.trim_end_matches('=');
        text[[0, 2, 3][shift]..text.len() - 1].to_owned()
    };
    let mut forms = vec![secret.to_owned(), hex(secret)];
    forms.extend((0..3).map(shifted));
    forms
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| {
        let sum = (0..3).fold(0, |sum, at| {
            sum << 8 | usize::from(*bytes.get(at).unwrap_or(&0))
        });
        let character = |at: usize| match at <= bytes.len() {
            true => char::from(ALPHABET[sum >> (18 - 6 * at) & 63]),
            false => '=',
        };
        (0..4).map(character).collect::<String>()
    };
    text.as_bytes().chunks(3).map(group).collect()
}

#[test]
fn no_planted_secret_is_in_an_archive_with_an_agent_or_without() {
    assert_eq!(base64("Man, M"), "TWFuLCBN");
    assert_eq!(base64("light w"), "bGlnaHQgdw==");
    let (planted, agent) = Planted::new();
    let said = planted.dump(&["--to", "with.tar.gz"]).with(0).stdout;
    for part in [
        "with.tar.gz, ",
        "status.json",
        "Look into it before you send it",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    planted.clean("with.tar.gz");
    for log in ["console", "gateway"] {
        let log = planted.unpacked("with.tar.gz", &format!("logs/{log}.log"));
        assert!(
            log.contains(" begins\n") && log.ends_with(" ends\n"),
            "{log}"
        );
    }
    let json = |archive, name| -> Value {
        serde_json::from_str(&planted.unpacked(archive, name)).unwrap()
    };
    assert_eq!(
        json("with.tar.gz", "config.json")["document"]["gateway"]["port"],
        18789
    );
    assert!(json("with.tar.gz", "config.json")["provenance"].is_array());
    assert_eq!(json("with.tar.gz", "versions.json")["agent"]["wire"], 1);
    assert_eq!(
        json("with.tar.gz", "history.json")["generations"][0]["generation"],
        1
    );
    let problems = planted.unpacked("with.tar.gz", "problems.txt");
    assert!(problems.contains("metrics.txt: cannot reach"), "{problems}");

    let probes = agent.start.last().unwrap()["probes"].as_str().unwrap();
    let mut here = planted
        .desk
        .command(&["support-dump", "--to", "metrics.tar.gz", "--agent"]);
    here.arg(format!("http://{}", agent.address));
    here.args(["--token-file", "read", "--probe-listen", probes]);
    Ended::of(&here.output().unwrap()).with(0);
    let metrics = planted.unpacked("metrics.tar.gz", "metrics.txt");
    assert!(
        metrics.contains("\npilotfish_config_generation 1\n"),
        "{metrics}"
    );
    let journal = planted.unpacked("metrics.tar.gz", "journal.jsonl");
    assert!(
        journal.starts_with('{') && journal.contains("agent_started"),
        "{journal}"
    );

    drop(agent);
    let said = planted
        .dump(&["--to", "without.tar.gz", "--logs", "3"])
        .with(0)
        .stdout;
    assert!(
        said.contains("the agent: cannot reach") && said.contains("made of the files alone"),
        "{said}"
    );
    planted.clean("without.tar.gz");
    assert_eq!(
        json("without.tar.gz", "config.json")["document"]["gateway"]["port"],
        18789
    );
    assert_eq!(
        json("without.tar.gz", "history.json")["generations"][0]["generation"],
        1
    );
    assert_eq!(
        planted
            .unpacked("without.tar.gz", "logs/console.log")
            .lines()
            .count(),
        3
    );
}

#[test]
fn an_archive_takes_the_place_of_nothing_and_is_for_its_owner_alone() {
    let (planted, _agent) = Planted::new();
    planted.desk.write("there.tar.gz", "precious");
    let said = planted.dump(&["--to", "there.tar.gz"]).with(1).stderr;
    assert!(said.contains("there.tar.gz is there already"), "{said}");
    assert_eq!(
        fs::read(planted.desk.path("there.tar.gz")).unwrap(),
        b"precious"
    );
    let made = planted
        .dump(&["--to", "there.tar.gz", "--force", "--json"])
        .with(0)
        .json();
    let meta = fs::metadata(planted.desk.path("there.tar.gz")).unwrap();
    assert_eq!(made["bytes"], meta.len());
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    symlink("nowhere", planted.desk.path("link.tar.gz")).unwrap();
    planted.dump(&["--to", "link.tar.gz"]).with(1);
    planted.dump(&["--to", "no/such/folder.tar.gz"]).with(3);
    planted.dump(&[]).with(0);
    let made = fs::read_dir(planted.desk.path("")).unwrap();
    let made = made.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("pilotfish-support-2")
    });
    assert_eq!(made.count(), 1);
}

#[test]
fn logs_are_left_out_where_a_secret_cannot_be_read() {
    let (planted, agent) = Planted::new();
    drop(agent);
    symlink("/etc/hostname", planted.desk.path("secrets/elsewhere")).unwrap();
    let said = planted.dump(&["--to", "a.tar.gz"]).with(0).stdout;
    assert!(
        said.contains("logs: left out") && !said.contains("console.log"),
        "{said}"
    );
    planted.clean("a.tar.gz");
}

#[test]
fn a_log_that_is_none_is_not_read() {
    let (planted, agent) = Planted::new();
    drop(agent);
    planted.desk.write("private", "private-text\n");
    let private = planted.desk.path("private").display().to_string();
    let document = format!("{{\"logging\": {{\"file\": {private:?}}}}}");
    planted.desk.write("doc/openclaw.json", &document);
    let said = planted.dump(&["--to", "a.tar.gz"]).with(0).stdout;
    assert!(
        said.contains("only an absolute path that ends in .log is read"),
        "{said}"
    );
    let output = Command::new("tar")
        .arg("-xzOf")
        .arg(planted.desk.path("a.tar.gz"))
        .output()
        .unwrap();
    let all = String::from_utf8(output.stdout).unwrap();
    assert!(
        all.contains("console ends") && !all.contains("private-text"),
        "{all}"
    );
}
