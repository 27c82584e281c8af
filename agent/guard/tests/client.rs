//! What the gateway does with the real clients of Docker, on both daemons.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::{fs, io::Write, process::Stdio};

use support::{CLIENTS, IMAGE, LABEL, Stage, Version, said, told, until};

#[test]
fn the_old_daemon_serves_a_gateway() {
    serves_a_gateway(Version::Old);
}

#[test]
fn the_new_daemon_serves_a_gateway() {
    serves_a_gateway(Version::New);
}

fn serves_a_gateway(version: Version) {
    let stage = Stage::new(version);
    for client in CLIENTS {
        lives_a_life(&stage, client);
    }
    until("nothing lives any more", || stage.seen.live().is_empty());
    assert!(stage.seen.begun() >= 2 * CLIENTS.len());
    assert_eq!(stage.truth(&["ps", "-aq"]), "");
}

fn lives_a_life(stage: &Stage, client: &str) {
    let say = |arguments: &[&str]| said(stage.docker(client).args(arguments));
    let workspace = stage.state.join("workspace");
    fs::write(workspace.join("note"), "from outside").unwrap();
    let bind = format!("{}:/workspace:z", workspace.display());
    let skills = format!("{}:/skills:ro,z", stage.state.join("skills").display());
    let env = stage.state.join("env");
    fs::write(&env, "LANG=C.UTF-8\n").unwrap();
    let id = say(&[
        "create",
        "--name=openclaw-sbx-a",
        LABEL,
        "--label=openclaw.sessionKey=agent:main:t1",
        "--init",
        "--read-only",
        "--tmpfs=/tmp",
        "--tmpfs=/run",
        "--network=none",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--memory=256m",
        "--cpus=0.5",
        "--pids-limit=64",
        "--user=1000:1000",
        "--env-file",
        env.to_str().unwrap(),
        "--workdir=/workspace",
        "-v",
        &bind,
        "-v",
        &skills,
        IMAGE,
        "sleep",
        "infinity",
    ]);
    assert_eq!(say(&["start", "openclaw-sbx-a"]), "openclaw-sbx-a");
    assert_eq!(
        say(&[
            "inspect",
            "-f",
            "{{.State.Running}} {{.HostConfig.Memory}}",
            "openclaw-sbx-a"
        ]),
        "true 268435456"
    );
    assert_eq!(
        say(&["exec", "openclaw-sbx-a", "cat", "note"]),
        "from outside"
    );
    assert_eq!(echoed(stage, client), "through stdin");
    let failed = stage
        .docker(client)
        .args(["exec", "openclaw-sbx-a", "sh", "-c", "echo no >&2; exit 7"])
        .output()
        .unwrap();
    assert_eq!(
        (failed.status.code(), told(&failed).trim()),
        (Some(7), "no")
    );
    assert_eq!(say(&["ps", "-q", "--no-trunc"]), id);
    assert_eq!(
        say(&[
            "ps",
            "-aq",
            "--no-trunc",
            "--filter",
            "label=openclaw.sessionKey=agent:main:t1"
        ]),
        id
    );
    assert_eq!(say(&["ps", "-aq", "--filter", "label=other"]), "");
    assert!(say(&["images"]).contains("openclaw-sandbox"));
    assert!(say(&["image", "inspect", IMAGE]).contains("\"sandbox\""));
    let copied = said(
        stage
            .docker(client)
            .args(["cp", "openclaw-sbx-a:/etc/passwd", "-"]),
    );
    assert!(copied.contains("sandbox:x:1000"));
    let missing = stage
        .docker(client)
        .args(["inspect", "nothing"])
        .output()
        .unwrap();
    assert!(
        told(&missing)
            .to_lowercase()
            .contains("no such object: nothing"),
        "{}",
        told(&missing)
    );
    assert_eq!(
        say(&["stop", "-t", "0", "openclaw-sbx-a"]),
        "openclaw-sbx-a"
    );
    assert_eq!(say(&["rm", "openclaw-sbx-a"]), "openclaw-sbx-a");
    assert_eq!(
        say(&[
            "run",
            "--name=sbx-b",
            LABEL,
            "--network=none",
            IMAGE,
            "echo",
            "attached"
        ]),
        "attached"
    );
    assert_eq!(say(&["logs", "sbx-b"]), "attached");
    assert_eq!(say(&["rm", "-f", "sbx-b"]), "sbx-b");
}

fn echoed(stage: &Stage, client: &str) -> String {
    let mut exec = stage.docker(client);
    exec.args(["exec", "-i", "openclaw-sbx-a", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut exec = exec.spawn().unwrap();
    exec.stdin
        .take()
        .unwrap()
        .write_all(b"through stdin")
        .unwrap();
    let output = exec.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_sandbox_that_names_no_limit_gets_the_ceilings() {
    let stage = Stage::new(Version::New);
    stage.sandbox("bounded");
    let format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}";
    assert_eq!(
        stage.truth(&["inspect", "-f", format, "bounded"]),
        format!("{} 1000000000 128", 512 << 20)
    );
}
