//! What the agent costs beside a gateway, when nothing happens.

use std::fs;
use std::time::{Duration, Instant};

use support::{Daemon, DaemonVersion, Instance, Pod, agent_binary, newest};

use crate::figure::Figure;
use crate::rounds::Rounds;
use crate::sandboxes::{Fleet, OURS, Stage};

const ALONE: &str = "agent idle beside the gateway";

const SANDBOXES: usize = 20;

/// How long after the last change it may still tidy up.
const SETTLE: Duration = Duration::from_secs(15);

/// What the kernel counted of a process.
struct Counted {
    at: Instant,
    switches: u64,
    nanoseconds: u64,
}

/// Measures the rows.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let instance = Instance::sidecar(Pod::new(), newest(), &[]);
    let pid = instance.agent.pid();
    let work = work(ALONE, pid, rounds);
    let alone = private(pid);
    let _neighbour = neighbour(&instance);
    let memory = [
        figure(ALONE, "private memory", alone / 1024.0, "MiB")
            .at_most(4.5)
            .note(format!(
                "{:.2} MiB where another agent runs, with which it shares its text",
                private(pid) / 1024.0
            )),
        figure(
            ALONE,
            "anonymous memory",
            memory(pid, "Anonymous") / 1024.0,
            "MiB",
        )
        .at_most(1.5),
    ];
    memory.into_iter().chain(work).collect()
}

/// Measures the rows with sandboxes that run and do nothing.
pub fn with_sandboxes(rounds: Rounds) -> Vec<Figure> {
    let daemon = Daemon::start(DaemonVersion::Newest);
    daemon.load_sandbox_image();
    let pod = Pod::new();
    let arguments = daemon.owned_in(&pod);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let instance = Instance::sidecar(pod, newest(), &arguments);
    let fleet = Fleet::new(&daemon.socket());
    fleet.make(OURS, SANDBOXES, Stage::Running);
    let pid = instance.agent.pid();
    let stage = format!("agent idle with {SANDBOXES} sandboxes running");
    let work = work(&stage, pid, rounds);
    let memory = [
        figure(&stage, "private memory", private(pid) / 1024.0, "MiB"),
        figure(
            &stage,
            "anonymous memory",
            memory(pid, "Anonymous") / 1024.0,
            "MiB",
        ),
    ];
    memory.into_iter().chain(work).collect()
}

/// How often it woke, and for how long.
fn work(stage: &str, pid: i32, rounds: Rounds) -> [Figure; 2] {
    std::thread::sleep(SETTLE);
    let before = count(pid);
    std::thread::sleep(rounds.idle());
    let after = count(pid);
    let seconds = (after.at - before.at).as_secs_f64();
    let wakeups = (after.switches - before.switches) as f64 / seconds;
    let share = (after.nanoseconds - before.nanoseconds) as f64 / 1e9 / seconds;
    [
        figure(stage, "wakeups", wakeups, "/s")
            .at_most(1.0)
            .note(format!("over {seconds:.0} s, all threads")),
        figure(stage, "CPU", share * 1e6, "ppm")
            .at_most(50.0)
            .note("of one core"),
    ]
}

fn figure(stage: &str, what: &str, value: f64, unit: &'static str) -> Figure {
    Figure::new(format!("{stage}: {what}"), value, unit)
}

/// Another agent that is started from the same file, as on a node that runs many pods of one image.
fn neighbour(instance: &Instance) -> Instance {
    let pod = Pod::new();
    let program = instance.pod.install(agent_binary());
    let place = pod.path("bin");
    fs::create_dir(&place).unwrap();
    fs::hard_link(&program, place.join(program.file_name().unwrap())).unwrap();
    let neighbour = Instance::alone(pod, &[]);
    neighbour.document_in_place();
    neighbour
}

/// What is its own alone, in KiB.
pub fn private(pid: i32) -> f64 {
    memory(pid, "Private_Clean") + memory(pid, "Private_Dirty")
}

fn count(pid: i32) -> Counted {
    let threads: Vec<_> = fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let read = |thread: &std::path::PathBuf, name: &str| {
        fs::read_to_string(thread.join(name)).unwrap_or_default()
    };
    let switches = |thread| -> u64 {
        let status = read(thread, "status");
        status
            .lines()
            .filter(|line| line.contains("ctxt_switches"))
            .map(number)
            .sum()
    };
    let running = |thread| {
        number(
            read(thread, "schedstat")
                .split(' ')
                .next()
                .unwrap_or_default(),
        )
    };
    Counted {
        at: Instant::now(),
        switches: threads.iter().map(switches).sum(),
        nanoseconds: threads.iter().map(running).sum(),
    }
}

/// A line of the memory's sums, in KiB.
pub fn memory(pid: i32, name: &str) -> f64 {
    let sums = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    sums.lines()
        .find(|line| line.starts_with(name))
        .map_or(0.0, |line| number(line) as f64)
}

fn number(text: &str) -> u64 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}
