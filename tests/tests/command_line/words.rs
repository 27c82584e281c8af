//! Words, variables and the settings file, whatever the command.

use std::fs;

use crate::desk::{Desk, Ended};

const COMMANDS: [&str; 18] = [
    "run",
    "merge",
    "check",
    "diff",
    "explain",
    "history",
    "rollback",
    "pause",
    "status",
    "activity",
    "journal",
    "restart",
    "suspend",
    "resume",
    "sandboxes",
    "prune",
    "support-dump",
    "version",
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
    let said = desk
        .bare(&["rollback", "1.5", "--state", "s"])
        .with(2)
        .stderr;
    assert!(said.contains("a generation is a whole number"), "{said}");
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
    fs::remove_file(desk.path("from-file.json")).unwrap();
    run(Some(""), &[]);
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
