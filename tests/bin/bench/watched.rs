//! What it costs to watch a gateway with everything that the agent does: the agent itself, and what it asks of the gateway.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Client, Daemon, DaemonVersion, Instance, Pod, Rpc, newest};

use crate::figure::Figure;
use crate::machine;
use crate::process::{Count, Work, memory, private};
use crate::rounds::Rounds;

/// A gateway is at its start's work for a while.
const SETTLE: Duration = Duration::from_secs(45);

/// Each call is made so often to learn what it costs.
const CALLS: u32 = 200;

/// What the agent says at level `trace` whenever it asks.
const ASKED: &str = "the gateway is asked";

/// What was asked, how often, and what one costs the gateway in seconds.
type Asked = BTreeMap<String, (usize, f64)>;

/// Measures the rows.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let daemon = Daemon::start(DaemonVersion::Newest);
    daemon.load_sandbox_image();
    let pod = Pod::new();
    let mut arguments = daemon.owned_in(&pod);
    arguments.extend(["--log-level".to_owned(), "trace".to_owned()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut instance = Instance::sidecar(pod, newest(), &arguments);
    let (agent, gateway) = (instance.agent.pid(), gateway_pid(&instance));
    std::thread::sleep(SETTLE);

    let (from, began) = (instance.said(), Instant::now());
    let (ours, theirs) = (Count::of(agent), Count::of(gateway));
    std::thread::sleep(rounds.watched());
    let (ours, with) = (ours.work(agent), theirs.work(gateway));
    let memory = of_memory(agent);
    std::thread::sleep(rounds.counted().saturating_sub(began.elapsed()));
    let seconds = began.elapsed().as_secs_f64();
    let said = instance.agent.stderr.all().split_off(from);

    instance.agent.kill();
    std::thread::sleep(Duration::from_secs(5));
    let alone = Count::of(gateway);
    std::thread::sleep(rounds.watched() / 2);
    let alone = alone.work(gateway);
    let asked = priced(&instance, gateway, &said);
    let mut figures = memory;
    figures.extend(of_work(&ours));
    figures.extend(of_gateway(&asked, seconds, &with, &alone));
    figures
}

fn of_memory(pid: i32) -> Vec<Figure> {
    let anonymous = memory(pid, "Anonymous");
    let all = private(pid);
    let name = |what: &str| format!("agent with gateway and daemon: {what}");
    vec![
        Figure::new(name("private memory"), all / 1024.0, "MiB")
            .at_most(4.5)
            .note(format!(
                "{:.2} MiB of it text, shared where another agent runs",
                (all - anonymous) / 1024.0
            )),
        Figure::new(name("anonymous memory"), anonymous / 1024.0, "MiB"),
    ]
}

fn of_work(work: &Work) -> Vec<Figure> {
    let name = |what: &str| format!("agent with gateway and daemon: {what}");
    vec![
        Figure::new(name("wakeups"), work.wakeups, "/s")
            .at_most(1.0)
            .note(format!("over {:.0} s, all threads", work.seconds)),
        Figure::new(name("CPU"), work.ppm, "ppm")
            .at_most(100.0)
            .note("of one core"),
    ]
}

fn of_gateway(asked: &Asked, seconds: f64, with: &Work, alone: &Work) -> Vec<Figure> {
    let cost: f64 = asked.values().map(|(count, one)| *count as f64 * one).sum();
    let each: Vec<String> = asked
        .iter()
        .map(|(what, (count, one))| format!("{what} {count} at {:.2} ms", one * 1e3))
        .collect();
    vec![
        Figure::new(
            "gateway's CPU for being watched: calls times their cost",
            cost / seconds * 1e6,
            "ppm",
        )
        .at_most(300.0)
        .note(format!("in {seconds:.0} s: {}", each.join(", "))),
        Figure::new("gateway's CPU with the agent", with.ppm, "ppm")
            .beside("alone", alone.ppm)
            .note("noisy: what it does by itself differs by more"),
    ]
}

/// The process that runs Node: the image's script becomes it.
fn gateway_pid(instance: &Instance) -> i32 {
    instance.gateway.as_ref().unwrap().pid()
}

fn priced(instance: &Instance, pid: i32, said: &[String]) -> Asked {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in said.iter().filter(|line| line.contains(ASKED)) {
        let what = line.split("what=").nth(1).unwrap();
        let what = what.split([' ', '"']).find(|word| !word.is_empty());
        *counts.entry(what.unwrap().to_owned()).or_default() += 1;
    }
    let mut rpc = instance.rpc();
    let http = Client::new(instance.pod.ports.gateway);
    let priced = |(what, count): (String, usize)| {
        let one = match what.strip_prefix('/') {
            Some(_) => cost(pid, || drop(http.get(&what))),
            None => {
                let parameters = parameters(&what, &mut rpc);
                cost(pid, || {
                    rpc.call(&what, &parameters).unwrap();
                })
            }
        };
        (what, (count, one))
    };
    counts.into_iter().map(priced).collect()
}

/// As the agent asks, in seconds of the gateway's.
fn cost(pid: i32, mut ask: impl FnMut()) -> f64 {
    for _ in 0..CALLS / 4 {
        ask();
    }
    let before = Count::of(pid);
    for _ in 0..CALLS {
        ask();
    }
    before.work(pid).cpu / f64::from(CALLS)
}

fn parameters(method: &str, rpc: &mut Rpc) -> Value {
    match method {
        "diagnostics.stability" => {
            let all = rpc.call(method, &json!({ "limit": 1000 })).unwrap();
            json!({ "limit": 1000, "sinceSeq": all["lastSeq"] })
        }
        "sessions.list" => {
            json!({ "limit": 1, "includeGlobal": true, "includeUnknown": true, "sortBy": "activity" })
        }
        "sessions.usage" => {
            let day = machine::said("date", &["-u", "+%F"]);
            json!({ "startDate": day, "endDate": day, "agentScope": "all", "limit": 1 })
        }
        _ => json!({}),
    }
}
