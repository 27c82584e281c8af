//! What is said and cannot be written.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::desk::{BASE, Desk, Ended, Running};

/// The command with a full disk for its stdout.
#[track_caller]
fn lost(mut command: Command) {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = Ended::of(&command.stdout(full).output().unwrap()).with(1);
    assert!(
        ended.stderr.contains("cannot write to stdout") && ended.stderr.contains("No space left"),
        "{command:?}: {}",
        ended.stderr
    );
}

#[test]
fn what_cannot_be_told_is_an_error() {
    let desk = Desk::new();
    desk.bare(&[&["merge"], &BASE[..]].concat()).with(0);
    for words in [
        &["merge"][..],
        &["check"],
        &["check", "--json"],
        &["diff"],
        &["explain", "gateway"],
        &["history"],
        &["rollback", "1"],
        &["pause", "1m"],
    ] {
        let mut command = desk.command(words);
        command
            .env("PILOTFISH_LAYER", "base=base")
            .env("PILOTFISH_OUT", "doc/openclaw.json")
            .env("PILOTFISH_STATE", "state");
        lost(command);
    }
    for words in [
        &["version"][..],
        &["--version"],
        &["--help"],
        &["run", "--help"],
    ] {
        lost(desk.command(words));
    }
    lost(desk.command(&["merge", "--layer", "base=base", "--out", "-"]));
}

#[test]
fn sandboxes_that_cannot_be_told_are_an_error() {
    let desk = Desk::new();
    let agent = Running::on(&desk);
    let url = format!("http://{}", agent.address);
    for more in [&[][..], &["--json"], &["--watch"], &["--watch", "--json"]] {
        let words = ["sandboxes", "--agent", &url, "--token-file", "read"];
        lost(desk.command(&[&words[..], more].concat()));
    }
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let desk = Desk::new();
    let agent = Running::on(&desk);
    let url = format!("http://{}", agent.address);
    let words = [
        "sandboxes",
        "--watch",
        "--json",
        "--agent",
        &url,
        "--token-file",
        "read",
    ];
    let mut command = desk.command(&words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    drop(out);
    let ended = Ended::of(&child.wait_with_output().unwrap()).with(0);
    assert!(
        line.contains("daemon") && ended.stderr.is_empty(),
        "{}",
        ended.stderr
    );
}
