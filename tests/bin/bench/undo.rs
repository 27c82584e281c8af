//! From a bad document of the hot kind to the last good one proved, on a gateway that is not asked beforehand: where it
//! can be asked, such a document is not written at all.

use std::time::Duration;

use serde_json::json;
use support::{GatewayOptions, Instance, Pod, newest};

use crate::figure::Figure;
use crate::hand::{self, FILE, LONG};
use crate::proof::by_hand;
use crate::rounds::Rounds;
use crate::series::Series;
use crate::swap::Swap;

/// Measures the row.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let options = GatewayOptions {
        read_only_mount: false,
        ..newest()
    };
    let instance = Instance::sidecar(Pod::new(), options, &["--probation", "1s"]);
    hand::begin(
        &instance,
        "{ gateway: { controlUi: { allowedOrigins: [\"https://a.example.org\"] } } }",
    );
    let (mut undone, mut floor) = <(Series, Series)>::default();
    let restarts = boot(&instance);
    for number in 1..=rounds.gateway() as u64 / 2 {
        undone.push(ours(&instance, number));
        floor.push(by_hand(&instance, number));
        instance.settled(LONG);
    }
    let note = if boot(&instance) == restarts {
        "no restart"
    } else {
        "the gateway RESTARTED"
    };
    vec![
        Figure::new(
            "bad config (token reference) to last good proved",
            undone.p50(),
            "s",
        )
        .beside("edit by hand", floor.p50())
        .at_most_times(3.0)
        .note(format!(
            "{note}; p95 {:.2} s; {} rounds each",
            undone.p95(),
            undone.len()
        )),
    ]
}

fn boot(instance: &Instance) -> String {
    instance.rpc().hello()["server"]["bootId"].to_string()
}

fn ours(instance: &Instance, number: u64) -> Duration {
    let bad = json!({ "gateway": { "auth": { "token": { "id": format!("/no-such-secret-{number}") } } } });
    let swap = Swap::prepare(&instance.pod.layers.base, FILE, &bad.to_string());
    std::thread::sleep(Duration::from_millis(100));
    let from = instance.said();
    let started = swap.rename();
    let _ = instance.says(from, "undid generation", LONG);
    let took = started.elapsed();
    swap.clean();
    hand::begin(
        instance,
        "{ gateway: { controlUi: { allowedOrigins: [\"https://a.example.org\"] } } }",
    );
    took
}
