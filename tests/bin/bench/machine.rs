//! On what, when and how it was measured.

use std::fs;
use std::process::Command;

use support::{Version, agent_binary};

use crate::rounds::Rounds;

/// The head of the report.
pub fn describe(rounds: Rounds) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let folder = std::env::temp_dir();
    let filesystem = said(
        "findmnt",
        &["-no", "FSTYPE", "--target", &folder.to_string_lossy()],
    );
    let agent = said(&agent_binary().to_string_lossy(), &["--version"]);
    let lines = [
        format!(
            "Machine: {}, {cores} cores, Linux {}, {filesystem}",
            processor(),
            read("/proc/sys/kernel/osrelease")
        ),
        format!(
            "Date: {}, load average at the start: {}",
            said("date", &["-u", "+%F %R UTC"]),
            load()
        ),
        format!(
            "Versions: {agent}, OpenClaw {}, {}",
            Version::Newest.number(),
            said("jq", &["--version"])
        ),
        format!(
            "Method: medians; {} rounds of a change on disk, {} on a running gateway, {} of a restart; ours and the peer in turns, \
             on the same files and the same gateway; times from the rename of `..data` on",
            rounds.disk(),
            rounds.gateway(),
            rounds.restart()
        ),
    ];
    lines.map(|line| format!("- {line}")).join("\n")
}

/// The load average now.
pub fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split(": ").nth(1))
        .unwrap_or(std::env::consts::ARCH)
        .to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap().trim().to_owned()
}

/// What a program says.
pub fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
