//! What lies in a layer, whatever the command.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::desk::Desk;

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
