//! The docker command through the guard, against the raw socket, in turns.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::DaemonVersion;

use super::fleet::Stage;
use super::owner::{OURS, Owner};
use crate::figure::Figure;
use crate::process::private;
use crate::rounds::Rounds;
use crate::series::Series;

const STREAMS: usize = 50;

/// After which all of them are at work.
const AT_WORK: Duration = Duration::from_secs(10);

/// Measures the rows.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let owner = Owner::alone(DaemonVersion::Newest, &[]);
    let id = owner.fleet.make(OURS, 1, Stage::Running).remove(0);
    owner.until_known(1);
    let short = Turns::take(&owner, &id, "true", rounds.disk());
    let long = Turns::take(
        &owner,
        &id,
        "head -c 1000000000 /dev/zero",
        rounds.gateway(),
    );
    vec![
        short
            .figure("docker exec of true, through the guard")
            .at_most_more(1.0),
        long.figure("docker exec with 1 GB of output, through the guard")
            .at_most_times(1.05),
        memory_of_streams(&owner, &id),
    ]
}

/// Times of the same exec through the guard and without it.
struct Turns {
    guard: Series,
    raw: Series,
}

impl Turns {
    fn take(owner: &Owner, id: &str, script: &str, rounds: usize) -> Self {
        let (mut guard, mut raw) = <(Series, Series)>::default();
        for round in 0..rounds {
            let mut both = [(owner.guard(), &mut guard), (owner.daemon.host(), &mut raw)];
            // The second is warmer.
            both.rotate_left(round % 2);
            for (host, series) in both {
                let began = Instant::now();
                let ended = exec(owner, &host, id, script).status().unwrap();
                series.push(began.elapsed());
                assert!(ended.success(), "{script} through {host}: {ended}");
            }
        }
        Self { guard, raw }
    }

    fn figure(&self, name: &str) -> Figure {
        Figure::new(name, self.guard.p50() * 1e3, "ms")
            .beside("raw socket", self.raw.p50() * 1e3)
            .note(format!(
                "p95 {:.0} ms and {:.0} ms; {} rounds each",
                self.guard.p95() * 1e3,
                self.raw.p95() * 1e3,
                self.guard.len()
            ))
    }
}

/// What a stream costs the agent while as much as possible goes through it.
fn memory_of_streams(owner: &Owner, id: &str) -> Figure {
    let pid = owner.instance.agent.pid();
    let guard = owner.guard();
    let before = private(pid);
    let children: Vec<Child> = (0..STREAMS)
        .map(|_| exec(owner, &guard, id, "cat /dev/zero").spawn().unwrap())
        .collect();
    std::thread::sleep(AT_WORK);
    let with = private(pid);
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let each = (with - before) / STREAMS as f64;
    Figure::new("memory of a stream through the guard", each / 1024.0, "MiB")
        .at_most(1.0)
        .note(format!("private memory; {STREAMS} streams at full speed"))
}

fn exec(owner: &Owner, host: &str, id: &str, script: &str) -> Command {
    let mut command = owner.daemon.docker_command();
    command
        .env("DOCKER_HOST", host)
        .args(["exec", id, "sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}
