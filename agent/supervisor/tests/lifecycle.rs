//! Start, exit, back-off, restart, signals and drain, with real processes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::time::{Duration, Instant};

use stage::{Running, Stage, eventually, lives, words};
use supervisor::{Command, How, Signal, State};

fn restart(budget: Duration) -> Command {
    Command::Restart {
        why: "a test".into(),
        budget,
    }
}

#[tokio::test]
async fn nothing_starts_before_it_is_told() {
    let stage = Stage::new();
    let mut running = Running::held(stage.shell("sleep 60"));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        (running.now().state, running.now().starts),
        (State::Held, 0)
    );
    running.tell(Command::Start).await;
    assert!(lives(running.pid().await));
    let status = running.drain().await;
    assert_eq!(
        (status.state, status.starts, status.exits),
        (State::Stopped, 1, 1)
    );
}

#[tokio::test]
async fn every_way_to_end_is_told_with_its_last_words() {
    for (script, how, last) in [
        ("echo good; exit 0", How::Code(0), "good\n"),
        ("echo bad >&2; exit 78", How::Code(78), "bad\n"),
        ("printf half; kill -9 $$", How::Signal(9), "half"),
        ("kill -15 $$", How::Signal(15), ""),
        ("printf 'a\\377b'; exit 255", How::Code(255), "a\u{fffd}b"),
    ] {
        let stage = Stage::new();
        let mut running = Running::started(stage.shell(script)).await;
        let exit = running.exit(1).await;
        assert_eq!(
            (&exit.how, exit.console_tail.as_str()),
            (&how, last),
            "{script}"
        );
        assert!(!exit.asked && exit.pid > 0);
        running.drain().await;
    }
}

#[tokio::test]
async fn a_command_that_cannot_be_executed_at_first_is_an_error() {
    let stage = Stage::new();
    for (program, code) in [
        ("/no/such/program", 127),
        ("/etc", 126),
        ("/etc/passwd", 126),
        ("no-such-program", 127),
    ] {
        let mut settings = stage.shell("");
        settings.command = words(&[program]);
        let mut running = Running::started(settings).await;
        let exit = running.exit(1).await;
        assert_eq!(exit.how, How::Code(code), "{program}");
        assert!(exit.console_tail.contains(program), "{}", exit.console_tail);
        let (outcome, status) = running.end().await;
        assert_eq!((status.state, status.starts), (State::Stopped, 1));
        let said = outcome.unwrap_err();
        assert_eq!(said.reason(), "exec");
        let said = said.to_string();
        assert!(
            said.contains(program) && said.contains("(os error "),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_command_that_vanishes_later_is_waited_for() {
    let stage = Stage::new();
    let script = stage.path("gateway");
    std::fs::write(&script, "#!/bin/sh\nrm $0\nexit 1\n").unwrap();
    stage::open_to_all(&script, 0o755);
    let mut settings = stage.shell("");
    settings.command = vec![script.into()];
    let mut running = Running::started(settings).await;
    let status = running.until("three ends", |s| s.exits == 3).await;
    assert_eq!(status.last_exit.unwrap().how, How::Code(127));
    assert_eq!(running.drain().await.state, State::Stopped);
}

#[tokio::test]
async fn a_launcher_that_is_not_there_backs_off_as_well() {
    let stage = Stage::new();
    let mut settings = stage.shell("true");
    settings.launcher = words(&["/no/such/launcher"]);
    let mut running = Running::started(settings).await;
    let exit = running.exit(1).await;
    assert!(matches!(&exit.how, How::NotStarted { why } if why.contains("/no/such/launcher")));
    running.exit(2).await;
    assert_eq!(running.drain().await.starts, 0);
}

#[tokio::test]
async fn pauses_grow_until_a_long_life_resets_them() {
    let stage = Stage::new();
    let script =
        "date +%s%N >> $STAGE/starts; test $(wc -l < $STAGE/starts) = 4 && sleep 2; exit 1";
    let mut settings = stage.shell(script);
    settings.backoff_first = Duration::from_millis(300);
    settings.backoff_longest = Duration::from_millis(1200);
    settings.backoff_reset = Duration::from_secs(2);
    let mut running = Running::started(settings).await;
    running
        .until("six starts", |status| status.starts == 6)
        .await;
    running.exit(6).await;
    running.drain().await;
    let starts: Vec<u64> = stage
        .lines("starts")
        .iter()
        .map(|line| line.parse().unwrap())
        .collect();
    let gaps: Vec<u64> = starts
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) / 1_000_000)
        .collect();
    // After the 4th, which lived for 2 s, the first pause comes again: 2 s + 300 ms.
    for (gap, least) in gaps.iter().zip([300, 600, 1200, 2300, 600]) {
        assert!(*gap >= least && *gap < least + 900, "{gaps:?}");
    }
}

#[tokio::test]
async fn hold_and_start_overrule_the_pause() {
    let stage = Stage::new();
    let mut settings = stage.shell("exit 78");
    settings.backoff_first = Duration::from_secs(60);
    let mut running = Running::started(settings).await;
    running
        .until("backing off", |s| {
            matches!(s.state, State::BackingOff { .. })
        })
        .await;
    running.tell(Command::Hold).await;
    running.until("held", |s| s.state == State::Held).await;
    running.tell(Command::Start).await;
    running.exit(2).await;
    running.tell(Command::Start).await;
    assert_eq!(running.exit(3).await.how, How::Code(78));
    assert_eq!(running.drain().await.starts, 3);
}

#[tokio::test]
async fn hold_while_it_runs_holds_after_its_end() {
    let stage = Stage::new();
    let mut running =
        Running::started(stage.shell("trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done"))
            .await;
    running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    running.tell(Command::Hold).await;
    running.tell(Command::Signal(Signal::Terminate)).await;
    let exit = running.exit(1).await;
    assert_eq!((exit.how, exit.asked), (How::Code(5), false));
    running.until("held", |s| s.state == State::Held).await;
    running.drain().await;
}

#[tokio::test]
async fn a_restart_starts_at_once_and_is_told_apart() {
    let stage = Stage::new();
    let mut settings = stage.shell("exec sleep 60");
    settings.backoff_first = Duration::from_secs(60);
    let mut running = Running::started(settings).await;
    let first = running.pid().await;
    running.tell(restart(Duration::from_secs(20))).await;
    let exit = running.exit(1).await;
    assert_eq!(
        (exit.how, exit.asked, exit.pid),
        (How::Signal(15), true, first)
    );
    running
        .until("the second", |status| status.starts == 2)
        .await;
    assert_ne!(running.pid().await, first);
    running.drain().await;
}

#[tokio::test]
async fn a_restart_that_takes_too_long_is_forced() {
    let stage = Stage::new();
    let script = "trap '' TERM; echo up; while :; do sleep 0.1; done";
    let mut running = Running::started(stage.shell(script)).await;
    running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    let begin = Instant::now();
    running.tell(restart(Duration::from_millis(500))).await;
    assert_eq!(running.exit(1).await.how, How::Signal(9));
    assert!(begin.elapsed() >= Duration::from_millis(500));
    running
        .until("the second", |status| status.starts == 2)
        .await;
    running.tell(Command::Hurry).await;
    assert_eq!(running.end().await.1.exits, 2);
}

#[tokio::test]
async fn signals_are_passed_on_and_the_child_goes_on() {
    let stage = Stage::new();
    let script = "trap 'echo again' USR2; echo up; while :; do sleep 0.1; done";
    let mut running = Running::started(stage.shell(script)).await;
    let pid = running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    running.tell(Command::Signal(Signal::User2)).await;
    eventually("the signal", || stage.spool().contains("again")).await;
    assert!(lives(pid));
    assert_eq!(running.drain().await.exits, 1);
}

#[tokio::test]
async fn a_drain_gives_the_child_its_time() {
    let stage = Stage::new();
    let script = "trap 'sleep 1; echo done; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    let mut running = Running::started(stage.shell(script)).await;
    running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    let exit = running.drain().await.last_exit.unwrap();
    assert_eq!((exit.how, exit.asked), (How::Code(0), true));
    assert!(exit.console_tail.ends_with("done\n"));
}

#[tokio::test]
async fn a_drain_ends_by_force_and_sooner_in_a_hurry() {
    let script = "trap '' TERM; echo up; while :; do sleep 0.1; done";
    for (budget, hurry, least) in [(500, false, 500), (600_000, true, 5_000)] {
        let stage = Stage::new();
        let mut settings = stage.shell(script);
        settings.drain = Duration::from_millis(budget);
        let mut running = Running::started(settings).await;
        running.pid().await;
        eventually("up", || stage.spool().contains("up")).await;
        let begin = Instant::now();
        running.tell(Command::Drain).await;
        running
            .until("ending", |s| matches!(s.state, State::Ending { .. }))
            .await;
        if hurry {
            running.tell(Command::Hurry).await;
        }
        let (outcome, status) = running.end().await;
        outcome.unwrap();
        assert_eq!(status.last_exit.unwrap().how, How::Signal(9));
        let took = begin.elapsed();
        let least = Duration::from_millis(least);
        assert!(
            took >= least && took < least + Duration::from_secs(5),
            "{took:?}"
        );
    }
}

#[tokio::test]
async fn a_drain_wins_over_a_restart_and_over_a_pause() {
    let stage = Stage::new();
    let mut running = Running::started(stage.shell("trap '' TERM; echo up; sleep 1; exit 3")).await;
    running.pid().await;
    eventually("up", || stage.spool().contains("up")).await;
    running.tell(restart(Duration::from_secs(20))).await;
    let status = running.drain().await;
    assert_eq!((status.state, status.starts), (State::Stopped, 1));

    let mut settings = stage.shell("exit 1");
    settings.backoff_first = Duration::from_secs(60);
    let mut running = Running::started(settings).await;
    running.exit(1).await;
    assert_eq!(running.drain().await.starts, 1);
}

#[tokio::test]
async fn a_caller_that_is_gone_drains() {
    let stage = Stage::new();
    let mut running = Running::started(stage.shell("exec sleep 60")).await;
    let pid = running.pid().await;
    running.close();
    running.end().await.0.unwrap();
    assert!(!lives(pid));
}

#[tokio::test]
async fn the_child_has_no_stdin_no_terminal_and_our_environment() {
    let stage = Stage::new();
    let script = "readlink /proc/self/fd/0; ps -o sid= -p $$ | tr -d ' '; echo $$; echo $STAGE; for f in /proc/$$/fd/*; do echo $f $(readlink $f); done";
    let mut running = Running::started(stage.shell(script)).await;
    let exit = running.exit(1).await;
    let lines: Vec<&str> = exit.console_tail.lines().collect();
    assert_eq!(lines[0], "/dev/null");
    assert_eq!(lines[1], exit.pid.to_string(), "a session of its own");
    assert_eq!(
        lines[2],
        exit.pid.to_string(),
        "the same process as was started"
    );
    assert_eq!(
        lines[3],
        stage.path("").to_str().unwrap().trim_end_matches('/')
    );
    let spool = stage.path("console");
    let spools = lines[4..]
        .iter()
        .filter(|line| line.ends_with(spool.to_str().unwrap()));
    assert_eq!(spools.count(), 2, "{lines:?}");
    let ours = |line: &&&str| line.contains("anon_inode") || line.contains("socket");
    assert_eq!(lines[4..].iter().find(ours), None, "a descriptor of ours");
    running.drain().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_written_is_no_outage() {
    let stage = Stage::new();
    let mut settings = stage.shell("exec sleep 60");
    settings.state_file = stage.path("no/such/dir/child.json");
    let mut running = Running::started(settings).await;
    assert!(lives(running.pid().await));
    running.drain().await;
}

#[tokio::test]
async fn what_can_never_work_is_refused_at_once() {
    let stage = Stage::new();
    let mut settings = stage.shell("true");
    settings.command.clear();
    let (outcome, _) = Running::held(settings).end().await;
    assert_eq!(outcome.unwrap_err().reason(), "arguments");

    let mut settings = stage.shell("true");
    settings.console.spool = stage.path("no/such/dir/console");
    assert_eq!(
        Running::held(settings).end().await.0.unwrap_err().reason(),
        "spool"
    );

    let mut settings = stage.shell("true");
    std::os::unix::fs::symlink("/etc/passwd", stage.path("link")).unwrap();
    settings.console.spool = stage.path("link");
    assert_eq!(
        Running::held(settings).end().await.0.unwrap_err().reason(),
        "spool"
    );

    std::fs::write(stage.path("file"), "").unwrap();
    std::fs::hard_link(stage.path("file"), stage.path("hard")).unwrap();
    let mut settings = stage.shell("true");
    settings.console.spool = stage.path("hard");
    assert_eq!(
        Running::held(settings).end().await.0.unwrap_err().reason(),
        "spool"
    );
}
