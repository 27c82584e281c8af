//! What the agent costs beside a gateway, when nothing happens.

use std::fs;
use std::time::{Duration, Instant};

use support::{Instance, Pod, newest};

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
    let private = memory(pid, "Private_Clean") + memory(pid, "Private_Dirty");
    vec![
        Figure::new(
            "agent idle beside the gateway: private memory",
            private / 1024.0,
            "MiB",
        )
        .at_most(4.5),
        Figure::new(
            "agent idle beside the gateway: anonymous memory",
            memory(pid, "Anonymous") / 1024.0,
            "MiB",
        )
        .at_most(1.5),
        Figure::new("agent idle beside the gateway: wakeups", wakeups, "/s")
            .at_most(1.0)
            .note(format!("over {seconds:.0} s, all threads")),
        Figure::new("agent idle beside the gateway: CPU", share * 1e6, "ppm")
            .at_most(50.0)
            .note("of one core"),
    ]
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
