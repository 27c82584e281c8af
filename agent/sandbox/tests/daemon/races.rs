//! What begins between a decision and its removal is not removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sandbox::{Activity, Happening, Id, Mode, Past, Permit, Request, SandboxChange, Target};

use crate::stage::{Stage, containers, quiet, sandbox, zero};
use crate::support::{Daemon, IMAGE, Version};

/// Sandboxes that are there in each round.
const SANDBOXES: usize = 24;

/// Decisions that are made at least.
const DECISIONS: usize = 200;

/// Numbers that look like chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % most
    }
}

fn is_one_gone(happening: &Happening) -> bool {
    let Happening::Sandbox { change, .. } = happening else {
        return false;
    };
    *change == SandboxChange::Gone
}

/// An exec that the account let begin.
struct Running {
    exec: String,
    _permit: Permit,
}

async fn with_an_exact_account_no_live_one_of_200_is_removed(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let past = Past::none();
    let clock = past.clock();
    let activity = Activity::new(move || clock.now());
    let mut settings = quiet();
    settings.limits = zero();
    // Slow enough that execs begin before, during and after each removal.
    settings.pruner.rate = 50;
    let account = Some(activity.clone());
    let stage = Stage::with(&daemon.socket(), settings, account, past);
    let mut chance = Chance(1);
    let mut names: BTreeMap<Id, String> = BTreeMap::new();
    let mut decisions = 0;
    let mut removed = 0;
    let mut refused = 0;
    let mut round = 0;
    while decisions < DECISIONS {
        for number in names.len()..SANDBOXES {
            let name = format!("s{round}-{number}");
            names.insert(sandbox(&daemon, &name, &[]).await, name);
        }
        round += 1;
        stage.until_ids(&names.keys().copied().collect()).await;
        let begins = names.clone().into_iter().map(|(id, name)| {
            let pause = Duration::from_millis(chance.below(700));
            let stays_quiet = chance.below(10) == 0;
            let (activity, daemon) = (activity.clone(), &daemon);
            async move {
                tokio::time::sleep(pause).await;
                let permit = activity.begin(id).ok().filter(|_| !stays_quiet);
                let permit = permit.ok_or(id)?;
                // Under the permit nothing takes it away: it is gone by now, or it stays.
                let path = format!("/containers/{name}/json");
                let (status, _) = daemon.api("GET", &path, "").await;
                if status == 404 {
                    return Err(id);
                }
                let exec = daemon.exec(&name).await;
                let exec = exec.unwrap_or_else(|| panic!("{name} was removed under its permit"));
                Ok((
                    id,
                    Running {
                        exec,
                        _permit: permit,
                    },
                ))
            }
        });
        let begins = futures_util::future::join_all(begins);
        let pass = stage.handle.pass(Mode::Real, Request::default());
        let (began, report) = tokio::join!(begins, pass);
        let report = report.unwrap();
        decisions += report.decided.len();
        removed += report.removed_count();
        assert_eq!(report.failures, 0, "{report:#?}");
        let left = containers(&daemon).await;
        let mut execs = Vec::new();
        for began in began {
            let began: Result<(Id, Running), Id> = began;
            match began {
                Ok((id, running)) => {
                    assert!(left.contains(&id), "{id} was live");
                    assert!(daemon.runs(&running.exec).await, "{id} was live");
                    execs.push(running.exec);
                }
                Err(_) => refused += 1,
            }
        }
        // What ran has to end, or the next round finds nothing quiet.
        for exec in &execs {
            daemon.end_exec(exec).await;
        }
        names.retain(|id, _| left.contains(id));
    }
    println!("{decisions} decisions, {removed} removed, {refused} refused or quiet");
    assert!(removed > 0, "a pruner that never removes is none");
    assert!(removed < decisions, "no exec came in between");
    stage.end().await;
}

async fn without_an_account_the_daemon_is_asked_right_before(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let mut ids = Vec::new();
    for number in 0..6 {
        ids.push(sandbox(&daemon, &format!("s{number}"), &[]).await);
    }
    let mut settings = quiet();
    settings.limits = zero();
    settings.pruner.in_flight = 1;
    settings.pruner.rate = 1;
    let stage = Stage::begin(&daemon, settings);
    stage.until_ids(&ids.iter().copied().collect()).await;
    let mut happenings = stage.handle.events();
    let request = Request::default();
    let dry = stage.handle.pass(Mode::Dry, request).await.unwrap();
    // The last three to go get an exec while they wait for their turn.
    let last = dry.decided[3..].iter();
    let live: BTreeSet<Id> = last
        .map(|removal| match removal.target {
            Target::Container(id) => id,
            _ => panic!("{dry:#?}"),
        })
        .collect();
    let begin = async {
        while !is_one_gone(&happenings.recv().await.unwrap()) {}
        for id in &live {
            daemon.exec(&id.to_string()).await.unwrap();
        }
    };
    let pass = stage.handle.pass(Mode::Real, Request::default());
    let ((), report) = tokio::join!(begin, pass);
    let report = report.unwrap();
    assert_eq!(report.decided.len(), 6, "{report:#?}");
    assert_eq!(report.spared, 3, "{report:#?}");
    assert_eq!(containers(&daemon).await, live);
    stage.end().await;
}

async fn a_sandbox_that_is_started_again_is_not_taken_for_a_dead_one(version: Version) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let mut ids = Vec::new();
    for name in ["aa", "bb"] {
        ids.push(sandbox(&daemon, name, &[]).await);
        daemon.docker(&["kill", name]).await;
    }
    let mut settings = quiet();
    settings.limits = zero();
    settings.pruner.in_flight = 1;
    settings.pruner.rate = 1;
    let stage = Stage::begin(&daemon, settings);
    stage.until_ids(&ids.iter().copied().collect()).await;
    let request = Request::default();
    let dry = stage.handle.pass(Mode::Dry, request).await.unwrap();
    let Target::Container(last) = dry.decided[1].target else {
        panic!("{dry:#?}");
    };
    let mut happenings = stage.handle.events();
    let start = async {
        while !is_one_gone(&happenings.recv().await.unwrap()) {}
        daemon.docker(&["start", &last.to_string()]).await;
    };
    let pass = stage.handle.pass(Mode::Real, Request::default());
    let ((), report) = tokio::join!(start, pass);
    assert_eq!(report.unwrap().spared, 1);
    assert_eq!(containers(&daemon).await, [last].into());
    stage.end().await;
}

crate::on_both!(
    with_an_exact_account_no_live_one_of_200_is_removed,
    without_an_account_the_daemon_is_asked_right_before,
    a_sandbox_that_is_started_again_is_not_taken_for_a_dead_one,
);
