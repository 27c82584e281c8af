//! How soon a sandbox is known, and what thousands of them cost.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{DaemonVersion, Instance};

use super::fleet::Stage;
use super::owner::{LONG, OURS, Owner};
use crate::figure::Figure;
use crate::process::memory;
use crate::rounds::Rounds;
use crate::series::Series;

const MANY: usize = 2000;

/// What a dry pass is asked for before its time counts: the first one makes room for its answer.
const WARM: usize = 2;

/// Measures the rows.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let owner = Owner::alone(DaemonVersion::Newest, &["--sandbox-exited-after", "1s"]);
    let mut figures = vec![soon(&owner, rounds)];
    figures.extend(many(&owner, rounds));
    figures
}

/// From the daemon's answer that it has started to the line of the stream that tells of it.
fn soon(owner: &Owner, rounds: Rounds) -> Figure {
    let ids = owner.fleet.make(OURS, rounds.gateway(), Stage::Created);
    let events = Events::of(&owner.instance);
    let mut late = Series::default();
    for id in &ids {
        owner.fleet.start_one(id);
        let started = Instant::now();
        late.push(events.running(id).saturating_duration_since(started));
    }
    owner.fleet.remove(&ids);
    owner.until_known(0);
    Figure::new(
        "start of a container to its being in the inventory",
        late.p50() * 1e3,
        "ms",
    )
    .at_most(20.0)
    .note(format!(
        "p95 {:.1} ms; {} rounds",
        late.p95() * 1e3,
        late.len()
    ))
}

fn many(owner: &Owner, rounds: Rounds) -> [Figure; 2] {
    let pid = owner.instance.agent.pid();
    let before = memory(pid, "Anonymous");
    let ids = owner.fleet.make(OURS, MANY, Stage::Created);
    owner.until_known(MANY);
    let listed = memory(pid, "Anonymous");
    let mut decided = Series::default();
    for round in 0..WARM + rounds.gateway() {
        let pass = owner.pass(true);
        assert_eq!(pass["seen"], MANY);
        if round >= WARM {
            decided.push(Duration::from_secs_f64(
                pass["duration_seconds"].as_f64().unwrap(),
            ));
        }
    }
    let after = memory(pid, "Anonymous");
    owner.fleet.remove(&ids);
    let name = |what: &str| format!("{MANY} sandboxes: {what}");
    [
        Figure::new(name("decided by a pass"), decided.p50() * 1e3, "ms")
            .at_most(60.0)
            .note(format!(
                "p95 {:.1} ms; {} rounds",
                decided.p95() * 1e3,
                decided.len()
            )),
        Figure::new(
            name("more memory, listed and decided"),
            (after - before) / 1024.0,
            "MiB",
        )
        .at_most(3.0)
        .note(format!(
            "anonymous; {:.2} MiB without any, {:.2} before the first pass",
            before / 1024.0,
            listed / 1024.0
        )),
    ]
}

/// When which sandbox was told to run.
struct Events(Receiver<(String, Instant)>);

impl Events {
    /// Follows on a thread of its own, so that nothing waits to be read.
    fn of(instance: &Instance) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", instance.pod.ports.api)).unwrap();
        let token = instance.pod.token("read");
        write!(
            stream,
            "GET /v1/sandboxes/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n"
        )
        .unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let at = Instant::now();
                // What is between two events belongs to the transport.
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                if event["state"] == "running"
                    && let Some(id) = event["id"].as_str()
                {
                    let _ = tell.send((id.to_owned(), at));
                }
            }
        });
        Self(told)
    }

    fn running(&self, id: &str) -> Instant {
        let told = std::iter::from_fn(|| self.0.recv_timeout(LONG).ok());
        let mut ours = told.skip_while(|(told, _)| told != id);
        ours.next().expect("the stream tells of every start").1
    }
}
