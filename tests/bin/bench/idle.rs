//! What the agent costs beside a gateway, when nothing happens.

use std::fs;
use std::time::Duration;

use support::{Daemon, DaemonVersion, Instance, Pod, agent_binary, newest};

use crate::figure::Figure;
use crate::process::{Count, memory, private};
use crate::rounds::Rounds;
use crate::sandboxes::{Fleet, OURS, Stage};

const ALONE: &str = "agent idle beside the gateway";

const SANDBOXES: usize = 20;

/// How long after the last change it may still tidy up.
const SETTLE: Duration = Duration::from_secs(15);

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
    let before = Count::of(pid);
    std::thread::sleep(rounds.idle());
    let work = before.work(pid);
    [
        figure(stage, "wakeups", work.wakeups, "/s")
            .at_most(1.0)
            .note(format!("over {:.0} s, all threads", work.seconds)),
        figure(stage, "CPU", work.ppm, "ppm")
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
