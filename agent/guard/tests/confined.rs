//! What a sandbox has whether its maker asks for it or not: on both daemons, through both clients.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use guard::Ceilings;
use support::{CLIENTS, IMAGE, LABEL, Stage, Version, told};

/// As the daemon has it.
const SHOWN: &str = "{{.Config.User}} {{.HostConfig.SecurityOpt}} {{.HostConfig.CapDrop}} \
    {{.HostConfig.CgroupnsMode}} {{.HostConfig.IpcMode}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}";

/// What the kernel says of a process in it.
const FILES: [&str; 2] = ["/proc/self/status", "/proc/self/cgroup"];

fn run(stage: &Stage, client: &str, more: &[&str]) -> Result<String, String> {
    let mut command = stage.docker(client);
    command.args(["run", "-d", LABEL, "--network=none"]);
    let output = command.args(more).args([IMAGE, "sleep", "600"]).output();
    let output = output.unwrap();
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned());
    }
    Err(told(&output))
}

fn who_asks_for_nothing_gets_a_sandbox(version: Version) {
    let stage = Stage::new(version);
    for client in CLIENTS {
        let id = run(&stage, client, &[]).unwrap();
        let shown = stage.truth(&["inspect", "--format", SHOWN, &id]);
        assert_eq!(
            shown,
            "1000:1000 [no-new-privileges] [ALL] private private 536870912 536870912"
        );
        let told = stage.truth(&[&["exec", &id, "cat"], &FILES[..]].concat());
        let told: Vec<String> = told
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        for line in [
            "Uid: 1000 1000 1000 1000",
            "Gid: 1000 1000 1000 1000",
            "NoNewPrivs: 1",
            "CapPrm: 0000000000000000",
            "CapBnd: 0000000000000000",
        ] {
            assert!(told.iter().any(|told| told == line), "{line}: {told:#?}");
        }
        // `number:controllers:path`, where the path is as seen from its own namespace.
        let is_group =
            |line: &&String| line.split(':').count() == 3 && line.starts_with(char::is_numeric);
        let groups: Vec<_> = told.iter().filter(is_group).collect();
        assert!(!groups.is_empty(), "{told:#?}");
        for group in groups {
            assert!(group.ends_with(":/"), "the host's control group: {group}");
        }
    }
}

fn swap_is_given_by_the_document_alone(version: Version) {
    let stage = Stage::new(version);
    let swap = |id: &str| stage.truth(&["inspect", "--format", "{{.HostConfig.MemorySwap}}", id]);
    let more = ["--memory=64m", "--memory-swap=96m"];
    let refused = run(&stage, CLIENTS[0], &more).unwrap_err();
    assert!(refused.contains("`HostConfig.MemorySwap`"), "{refused}");
    stage.ceilings.send_replace(Ceilings {
        memory_swap_bytes: Some(96 << 20),
        ..Ceilings::default()
    });
    assert_eq!(swap(&run(&stage, CLIENTS[0], &more).unwrap()), "100663296");
    let silent = run(&stage, CLIENTS[0], &["--memory=64m"]).unwrap();
    assert_eq!(swap(&silent), "67108864");
}

#[test]
fn who_asks_for_nothing_gets_a_sandbox_of_debians_daemon() {
    who_asks_for_nothing_gets_a_sandbox(Version::Old);
}

#[test]
fn who_asks_for_nothing_gets_a_sandbox_of_the_current_daemon() {
    who_asks_for_nothing_gets_a_sandbox(Version::New);
}

#[test]
fn swap_is_given_by_the_document_alone_on_both_daemons() {
    for version in [Version::Old, Version::New] {
        swap_is_given_by_the_document_alone(version);
    }
}
