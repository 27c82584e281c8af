//! Dead and running sandboxes removed by one pass, against the docker command and a bare loop over bollard.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use support::{Daemon, DaemonVersion};

use super::fleet::{Fleet, Stage};
use super::owner::{OURS, Owner};
use crate::figure::Figure;
use crate::rounds::Rounds;
use crate::series::Series;

const DEAD: usize = 200;
const RUNNING: usize = 20;

type Times = BTreeMap<Who, Series>;

/// A sandbox is live for so long after it was made, whatever the limits are.
const CREATING: Duration = Duration::from_secs(121);

/// Who removes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Ours,
    Prune,
    Remove,
    Bollard,
}

impl Who {
    const ALL: [Self; 4] = [Self::Ours, Self::Prune, Self::Remove, Self::Bollard];

    fn label(self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::Prune => "peer=prune",
            Self::Remove => "peer=remove",
            Self::Bollard => "peer=bollard",
        }
    }
}

/// Measures the rows, on the oldest daemon and on the newest.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    DaemonVersion::ALL
        .into_iter()
        .flat_map(|version| on(version, rounds))
        .collect()
}

fn on(version: DaemonVersion, rounds: Rounds) -> Vec<Figure> {
    let limits = ["--sandbox-exited-after", "1s", "--sandbox-max-age", "1s"];
    let more = [&limits[..], &["--sandbox-grace", "0s"]].concat();
    let owner = Owner::alone(version, &more);
    let (mut dead, mut running) = <(Times, Times)>::default();
    for round in 0..rounds.removal() {
        let ended = make(&owner.fleet, &Who::ALL, DEAD, Stage::Dead);
        let alive = make(
            &owner.fleet,
            &[Who::Ours, Who::Remove],
            RUNNING,
            Stage::Running,
        );
        owner.until_known(DEAD + RUNNING);
        // What runs is younger, and stays for now.
        take(&owner, &ended, round, &mut dead);
        take(&owner, &alive, round, &mut running);
        owner.until_known(0);
    }
    rows(version, &dead, &running)
}

/// What one of them is to remove, and when the last of it was made.
struct Made {
    who: Who,
    ids: Vec<String>,
    at: Instant,
}

/// Ours first: they have to be old enough.
fn make(fleet: &Fleet, all: &[Who], count: usize, stage: Stage) -> Vec<Made> {
    let made = all.iter().map(|who| Made {
        who: *who,
        ids: fleet.make(who.label(), count, stage),
        at: Instant::now(),
    });
    made.collect()
}

/// Has each of them remove its own, another one first in each round.
fn take(owner: &Owner, made: &[Made], round: usize, times: &mut Times) {
    let old = made[0].at + CREATING;
    std::thread::sleep(old.saturating_duration_since(Instant::now()));
    for index in 0..made.len() {
        let Made { who, ids, .. } = &made[(round + index) % made.len()];
        let began = Instant::now();
        match who {
            Who::Ours => pass(owner, ids.len()),
            Who::Prune => docker(
                &owner.daemon,
                &["container", "prune", "-f", "--filter", "label=peer=prune"],
            ),
            Who::Remove => {
                let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
                docker(&owner.daemon, &[&["rm", "-f"], &ids[..]].concat());
            }
            Who::Bollard => owner.fleet.remove(ids),
        }
        times.entry(*who).or_default().push(began.elapsed());
    }
}

fn pass(owner: &Owner, count: usize) {
    let pass = owner.pass(false);
    let removals = pass["removals"].as_array().unwrap();
    let removed = removals.iter().filter(|removal| {
        removal["kind"] == "container" && removal["outcome"]["kind"] == "removed"
    });
    assert_eq!(removed.count(), count, "{pass:#}");
}

fn docker(daemon: &Daemon, arguments: &[&str]) {
    daemon.docker(arguments);
}

fn rows(version: DaemonVersion, dead: &Times, running: &Times) -> Vec<Figure> {
    let figure = |what: &str, times: &Times| {
        let ours = &times[&Who::Ours];
        Figure::new(
            format!("{what} removed by one pass, {version:?} daemon"),
            ours.p50(),
            "s",
        )
        .note(format!("{} rounds", ours.len()))
    };
    let dead_ones = || figure(&format!("{DEAD} dead sandboxes"), dead);
    vec![
        dead_ones()
            .beside("docker container prune", dead[&Who::Prune].p50())
            .at_most_times(1.0 / 3.5),
        dead_ones()
            .beside("docker rm -f of all ids", dead[&Who::Remove].p50())
            .at_most_times(1.0),
        dead_ones()
            .beside("a loop over bollard", dead[&Who::Bollard].p50())
            .at_most_times(1.1),
        figure(&format!("{RUNNING} running sandboxes, grace 0"), running)
            .beside("docker rm -f of all ids", running[&Who::Remove].p50())
            .at_most_times(1.0),
    ]
}
