//! What the agent costs beside a gateway, when nothing happens.

use std::fs;
use std::time::{Duration, Instant};

use support::{Instance, Pod, agent_binary, newest};

use crate::figure::Figure;
use crate::rounds::Rounds;

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
    std::thread::sleep(SETTLE);
    let pid = instance.agent.pid();
    let before = count(pid);
    std::thread::sleep(rounds.idle());
    let after = count(pid);
    let seconds = (after.at - before.at).as_secs_f64();
    let wakeups = (after.switches - before.switches) as f64 / seconds;
    let share = (after.nanoseconds - before.nanoseconds) as f64 / 1e9 / seconds;
    let alone = private(pid);
    let _neighbour = neighbour(&instance);
    vec![
        figure("private memory", alone / 1024.0, "MiB")
            .at_most(4.5)
            .note(format!(
                "{:.2} MiB where another agent runs, with which it shares its text",
                private(pid) / 1024.0
            )),
        figure("anonymous memory", memory(pid, "Anonymous") / 1024.0, "MiB").at_most(1.5),
        figure("wakeups", wakeups, "/s")
            .at_most(1.0)
            .note(format!("over {seconds:.0} s, all threads")),
        figure("CPU", share * 1e6, "ppm")
            .at_most(50.0)
            .note("of one core"),
    ]
}

fn figure(what: &str, value: f64, unit: &'static str) -> Figure {
    Figure::new(
        format!("agent idle beside the gateway: {what}"),
        value,
        unit,
    )
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

fn private(pid: i32) -> f64 {
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
fn memory(pid: i32, name: &str) -> f64 {
    let sums = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    sums.lines()
        .find(|line| line.starts_with(name))
        .map_or(0.0, |line| number(line) as f64)
}

fn number(text: &str) -> u64 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_default()
}
