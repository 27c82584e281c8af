//! What the document in force allows holds for the next container, on both daemons.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use guard::Ceilings;
use support::{IMAGE, LABEL, Stage, Version, told};

/// Makes a sandbox that asks for so much memory; nothing asks for none in particular.
fn create(stage: &Stage, memory: Option<&str>) -> Result<String, String> {
    let memory = memory.map(|memory| format!("--memory={memory}"));
    let mut command = stage.docker(support::CLIENTS[1]);
    command.args(["create", LABEL, "--network=none"]);
    command.args(memory).args([IMAGE, "true"]);
    let output = command.output().unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    Err(told(&output))
}

/// Memory, CPU in billionths and processes of a container, as the daemon has them.
fn limits(stage: &Stage, id: &str) -> String {
    let format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}";
    stage.truth(&["inspect", "--format", format, id])
}

fn document(images: &[&str], memory_bytes: i64) -> Ceilings {
    Ceilings {
        images: Some(images.iter().map(|name| (*name).to_owned()).collect()),
        memory_bytes: Some(memory_bytes),
        users: std::collections::BTreeSet::new(),
        memory_swap_bytes: None,
        nano_cpus: Some(250_000_000),
        pids: Some(64),
    }
}

fn changes_hold_for_the_next_container(version: Version) {
    // The stage's own settings: 512 MiB, one CPU, 128 processes.
    let stage = Stage::new(version);
    let before = create(&stage, Some("512m")).unwrap();
    assert_eq!(limits(&stage, &before), "536870912 1000000000 128");

    stage.ceilings.send_replace(document(&[IMAGE], 64 << 20));
    let refused = create(&stage, Some("65m")).unwrap_err();
    assert!(refused.contains("`HostConfig.Memory`"), "{refused}");
    let small = create(&stage, None).unwrap();
    assert_eq!(limits(&stage, &small), "67108864 250000000 64");
    create(&stage, Some("64m")).unwrap();

    // The document cannot give more than the settings do.
    stage.ceilings.send_replace(document(&[IMAGE], 4 << 30));
    assert!(create(&stage, Some("513m")).is_err());
    let large = create(&stage, None).unwrap();
    assert_eq!(limits(&stage, &large), "536870912 250000000 64");

    let others = document(&["openclaw-sandbox:another"], 64 << 20);
    stage.ceilings.send_replace(others);
    let refused = create(&stage, None).unwrap_err();
    assert!(refused.contains("may not run the image"), "{refused}");
    assert_eq!(stage.truth(&["ps", "-aq"]).lines().count(), 4);
}

#[test]
fn changes_hold_for_the_next_container_of_debians_daemon() {
    changes_hold_for_the_next_container(Version::Old);
}

#[test]
fn changes_hold_for_the_next_container_of_the_current_daemon() {
    changes_hold_for_the_next_container(Version::New);
}
