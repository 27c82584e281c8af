//! The settings of sandboxes: each mistake is told with the setting that it was made in.

use crate::desk::{BASE, Desk, Ended, Running};

/// What `run` with a daemon says of settings that it cannot take: each of these lines, and no other. Nothing is started.
#[track_caller]
fn refused(words: &[&str], variable: Option<(&str, &str)>, said: &[&str]) {
    let desk = Desk::new();
    let mut command = desk.command(&[&["run"], &BASE[..], &DAEMON, words].concat());
    let ended = Ended::of(&command.envs(variable).output().unwrap()).with(2);
    let count = format!("{} mistake(s) in the settings:\n", said.len());
    for part in said.iter().copied().chain([&*count]) {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
}

const DAEMON: [&str; 4] = [
    "--docker-socket",
    "/nowhere/raw.sock",
    "--gateway-state",
    "/nowhere/state",
];

#[test]
fn a_negative_value_is_a_mistake_of_its_setting() {
    let all = [
        ("--sandbox-idle", "-5s"),
        ("--sandbox-max-age", "-5s"),
        ("--sandbox-max-count", "-1"),
        ("--sandbox-max-per-scope", "-1"),
        ("--sandbox-exited-after", "-1m"),
        ("--sandbox-orphan-grace", "-1m"),
        ("--sandbox-grace", "-1s"),
        ("--sandbox-cpus", "-0.5"),
        ("--sandbox-pids", "-1"),
        ("--sandbox-memory", "-1GiB"),
        ("--sandbox-disk-budget", "-1"),
        ("--sandbox-watermarks", "-70/80/90/95"),
        ("--sandbox-image-pin", "-1"),
        ("--sandbox-prune", "-off"),
        ("--guard-mode", "-1"),
        ("--guard-owner", "-1:5"),
        ("--workspace-root", "-x"),
        ("--poll", "-1s"),
        ("--log-level", "-1"),
    ];
    let words: Vec<&str> = all
        .iter()
        .flat_map(|(setting, value)| [*setting, value])
        .collect();
    let said = all.map(|(setting, value)| format!("  {setting}: {value:?}"));
    refused(&words, None, &said.each_ref().map(|said| &**said));
}

#[test]
fn a_count_is_a_whole_number() {
    let words = "--sandbox-max-count 1.5 --sandbox-max-per-scope 2,5 --sandbox-pids 1e3";
    let said = [
        "--sandbox-max-count: \"1.5\" is no whole number; write such as 20, or 0 for any number",
        "--sandbox-max-per-scope: \"2,5\" is no whole number; write such as 20",
        "--sandbox-pids: \"1e3\" is no whole number above zero; write such as 256",
    ];
    refused(&words.split(' ').collect::<Vec<_>>(), None, &said);
}

#[test]
fn a_limit_that_leaves_nothing_is_a_mistake_of_its_setting() {
    let words = ["--sandbox-disk-budget", "0", "--sandbox-memory", "0"];
    let said = [
        "--sandbox-disk-budget: \"0\" leaves no room for any sandbox",
        "--sandbox-memory: \"0\" is no memory of a sandbox: Docker takes 6MiB or more",
    ];
    refused(&words, None, &said);
    let variable = "PILOTFISH_SANDBOX_DISK_BUDGET";
    let said = format!("{variable}: \"0\" leaves no room");
    refused(&[], Some((variable, "0")), &[&said]);
}

#[test]
fn a_path_or_a_repository_that_cannot_be_one_is_a_mistake() {
    let long = format!("/run/{}.sock", "a".repeat(100));
    let words = [
        "--docker-data-root",
        "var/docker",
        "--guard-socket",
        &long,
        "--sandbox-image",
        "A B",
        "--sandbox-image",
        "openclaw-sandbox:bookworm-slim",
        "--sandbox-image",
        "",
    ];
    let said = [
        "--docker-data-root: \"var/docker\" is not an absolute path",
        &format!("--guard-socket: {long:?} is longer than a socket's path may be: 107 bytes"),
        "--sandbox-image: \"A B\" is no repository",
        "--sandbox-image: \"openclaw-sandbox:bookworm-slim\" is no repository",
        "--sandbox-image: \"\" is no repository",
    ];
    refused(&words, None, &said);
    let said = "--sandbox-image: names no repository";
    refused(&[], Some(("PILOTFISH_SANDBOX_IMAGE", "")), &[said]);
}

#[test]
fn a_relative_socket_is_a_mistake_and_the_others_come_with_it() {
    let desk = Desk::new();
    desk.write("settings.json5", "{ 'docker-socket': 'raw.sock', 'guard-socket': './guard.sock', 'sandbox-image': { a: 1 } }");
    let mut command =
        desk.command(&[&["run"], &BASE[..], &["--settings", "settings.json5"]].concat());
    let said = Ended::of(&command.output().unwrap()).with(2).stderr;
    for part in [
        "settings.json5: docker-socket: \"raw.sock\" is not an absolute path",
        "settings.json5: guard-socket: \"./guard.sock\" is not an absolute path",
        "settings.json5: sandbox-image: \"a=1\" is no repository",
        "--guard: needs --gateway-state",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn an_archive_that_is_not_there_yet_is_said_at_the_start() {
    let desk = Desk::new();
    desk.write("here.tar", "");
    let guard = desk.path("guard.sock");
    let mut words: Vec<&str> = DAEMON.to_vec();
    words.extend(["--guard-socket", guard.to_str().unwrap()]);
    words.extend([
        "--sandbox-image-archive",
        "here.tar",
        "--sandbox-image-archive",
        "/nowhere/later.tar",
    ]);
    let agent = Running::with(&desk, &words);
    let warned: Vec<&str> = agent
        .start
        .iter()
        .filter_map(|line| line["archive"].as_str())
        .collect();
    assert_eq!(warned, ["/nowhere/later.tar"], "{:?}", agent.start);
}
