//! What a command prints, run as the child would be.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::time::Duration;

use stage::{PATIENCE, Stage, eventually, lives, words};
use supervisor::{Error, Protection, RunAs, ask};

/// Asks a script that is called `gateway` and is given `--version`.
async fn asked(stage: &Stage, script: &str, patience: Duration) -> Result<String, Error> {
    let path = stage.path("gateway");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    stage::open_to_all(&path, 0o755);
    let command = words(&[path.to_str().unwrap(), "--version"]);
    let none = Protection::None { why: String::new() };
    ask(&stage.shell(""), &none, command, patience).await
}

#[tokio::test]
async fn an_answer_is_what_is_printed_and_not_what_is_complained() {
    let stage = Stage::new();
    let script = "echo warning >&2; test $1 = --version && echo 'OpenClaw 2026.9.6 (abc)'";
    let said = asked(&stage, script, PATIENCE).await.unwrap();
    assert_eq!(said, "OpenClaw 2026.9.6 (abc)\n");
    let said = asked(&stage, "printf 'what\\377\\n'", PATIENCE)
        .await
        .unwrap();
    assert_eq!(said, "what\u{fffd}\n");
}

#[tokio::test]
async fn one_that_fails_gives_no_answer() {
    let stage = Stage::new();
    for (script, why) in [
        ("echo 1.2.3; exit 1", "exit code 1"),
        ("echo 1.2.3; kill -9 $$", "killed by SIGKILL"),
        ("exec no-such-program", "exit code 127"),
    ] {
        let error = asked(&stage, script, PATIENCE).await.unwrap_err();
        assert_eq!(error.reason(), "answer");
        assert!(error.to_string().contains(why), "{error}");
    }
    let none = Protection::None { why: String::new() };
    let nobody = ask(&stage.shell(""), &none, Vec::new(), PATIENCE).await;
    assert_eq!(nobody.unwrap_err().reason(), "arguments");
}

#[tokio::test]
async fn one_that_hangs_is_ended_with_all_that_it_started() {
    let stage = Stage::new();
    let script = "sleep 600 & echo $! > $STAGE/helper; echo $$ > $STAGE/asked; trap '' TERM; while :; do sleep 0.1; done";
    let error = asked(&stage, script, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("nothing within 1 s"), "{error}");
    for name in ["asked", "helper"] {
        let pid = stage.lines(name)[0].parse().unwrap();
        eventually("its end", || !lives(pid)).await;
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let stage = Stage::new();
    let script = "echo 2026.9.6; trap '' PIPE; for i in 1 2 3; do head -c 100000 /dev/zero 2>/dev/null; done; exit 0";
    let said = asked(&stage, script, PATIENCE).await.unwrap();
    assert_eq!((said.len(), said.starts_with("2026.9.6\n")), (4096, true));
}

#[tokio::test]
async fn it_is_asked_as_the_user_that_the_child_is() {
    stage::need_root();
    let stage = Stage::new();
    let mut settings = stage.shell("");
    let (uid, gid) = (1234, 4321);
    settings.run_as = Some(RunAs { uid, gid });
    settings.read_only = vec![stage.dir("doc")];
    let command = words(&[
        "sh",
        "-c",
        "id -u; id -g; readlink /proc/self/fd/0; touch $STAGE/doc/x || echo no",
    ]);
    let said = ask(&settings, &Protection::Mount, command, PATIENCE).await;
    assert_eq!(said.unwrap(), "1234\n4321\n/dev/null\nno\n");
}
