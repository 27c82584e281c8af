//! How soon the truth is told: a gateway that was killed, and a channel that died by the gateway's own word.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Client, Fake, Instance, Knobs, Pod, dead_account, live_account, newest, until};

use crate::figure::Figure;
use crate::rounds::Rounds;
use crate::series::Series;

/// Longer than anything takes.
const LONG: Duration = Duration::from_secs(300);

/// A third end within a quarter of an hour is a cause of its own that stays.
const ENDS: usize = 2;

const CHANNEL: &str = "telegram";

/// Measures the row of a gateway that is the agent's child.
pub fn supervised(rounds: Rounds) -> Vec<Figure> {
    let one = |series: &mut Series| {
        let instance = Instance::supervised(Pod::new(), newest(), &[]);
        for _ in 0..ENDS {
            well(&instance);
            let pid = i32::try_from(instance.gateway_pid()).unwrap();
            series.push(told(&instance, || {
                kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
            }));
        }
    };
    vec![killed("as its parent", rounds, one)]
}

/// Measures the row of a gateway beside the agent.
pub fn beside(rounds: Rounds) -> Vec<Figure> {
    let one = |series: &mut Series| {
        let mut instance = Instance::sidecar(Pod::new(), newest(), &[]);
        for end in 0..ENDS {
            if end > 0 {
                instance.gateway = Some(support::Gateway::launch(&instance.pod, newest()));
            }
            well(&instance);
            let mut gateway = instance.gateway.take().unwrap();
            series.push(told(&instance, || gateway.signal(Signal::SIGKILL)));
        }
    };
    vec![killed("from beside", rounds, one)]
}

fn killed(how: &str, rounds: Rounds, one: impl Fn(&mut Series)) -> Figure {
    let mut series = Series::default();
    for _ in 0..rounds.restart() {
        one(&mut series);
    }
    Figure::new(
        format!("gateway killed to the verdict `failing`, {how}: longest"),
        series.longest(),
        "s",
    )
    .at_most(1.0)
    .note(format!(
        "p50 {:.3} s; {} rounds; asked every 5 ms over /v1/health",
        series.p50(),
        series.len()
    ))
}

fn well(instance: &Instance) {
    let api = instance.api();
    until("the verdict is healthy", LONG, || {
        verdict(&api) == "healthy"
    });
}

fn told(instance: &Instance, act: impl FnOnce()) -> Duration {
    let api = instance.api();
    let began = Instant::now();
    act();
    while verdict(&api) != "failing" {
        assert!(began.elapsed() < LONG, "it is never said");
        std::thread::sleep(Duration::from_millis(5));
    }
    began.elapsed()
}

fn verdict(api: &Client) -> String {
    let health = api.get("/v1/health").json();
    health["verdict"].as_str().unwrap_or_default().to_owned()
}

/// Measures the row of a channel. The real gateway takes minutes to call one dead: the fake says so at once.
pub fn channel(rounds: Rounds) -> Vec<Figure> {
    let more = [
        "--probation",
        "500ms",
        "--protection",
        "switch",
        "--cures",
        "observe",
    ];
    let instance = Instance::alone(Pod::new(), &more);
    instance.document_in_place();
    // Each dies once: one that comes back is called up again only after a while.
    let count = rounds.restart() * ENDS;
    let ids: Vec<String> = (0..count).map(|number| format!("bot{number}")).collect();
    let accounts = ids.iter().map(|id| live_account(id)).collect();
    let knobs = Knobs {
        token: instance.pod.gateway_token(),
        channels: [(CHANNEL.to_owned(), accounts)].into(),
        ..Knobs::default()
    };
    let fake = Fake::start(&instance.pod.document(), instance.pod.ports.gateway, knobs);
    well(&instance);
    let mut series = Series::default();
    for (number, id) in ids.iter().enumerate() {
        // Somewhere in the beat.
        std::thread::sleep(Duration::from_millis(1_700 * (number as u64 % 6)));
        fake.set(|knobs| {
            let accounts = knobs.channels.get_mut(CHANNEL).unwrap();
            accounts[number] = dead_account(id, "getUpdates: 502");
        });
        let named = until("the channel is named", LONG, || is_named(&instance, id));
        series.push(named);
    }
    vec![
        Figure::new(
            "channel dead by the gateway's word to its being named: longest",
            series.longest(),
            "s",
        )
        .at_most(10.1)
        .note(format!(
            "p50 {:.1} s; {} rounds at any time of the poll of 10 s, with the call's own time",
            series.p50(),
            series.len()
        )),
    ]
}

fn is_named(instance: &Instance, id: &str) -> bool {
    let health = instance.api().get("/v1/health").json();
    let subject = format!("{CHANNEL}/{id}");
    let causes = health["causes"].as_array().unwrap();
    causes.iter().any(|cause| cause["subject"] == *subject)
}
