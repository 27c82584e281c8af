//! From a document with which the gateway cannot start to the last good one proved, as its supervisor, against a
//! restart that the gateway does by itself.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Instance, Pod, newest};

use crate::figure::Figure;
use crate::hand::{self, Applied, FILE, LONG};
use crate::rounds::Rounds;
use crate::series::Series;
use crate::swap::Swap;

/// The gateway does not restart twice within 30 s.
const REST: Duration = Duration::from_secs(32);

/// A key of the bench's file that changes nothing for the gateway.
const CALM: &str = "{ gateway: { controlUi: { enabled: true } } }";

/// Measures the row.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let instance = Instance::supervised(Pod::new(), newest(), &["--probation", "1s"]);
    hand::begin(&instance, CALM);
    let (mut undone, mut floor) = <(Series, Series)>::default();
    for number in 1..=rounds.restart() {
        std::thread::sleep(REST);
        undone.push(ours(&instance, number));
        std::thread::sleep(REST);
        floor.push(own(&instance, number));
        std::thread::sleep(REST);
        instance.settled(LONG);
    }
    vec![
        Figure::new(
            "bad config (TLS without its certificate) to last good proved, as supervisor",
            undone.p50(),
            "s",
        )
        .beside("its own restart", floor.p50())
        .at_most_times(3.0)
        .note(format!(
            "p95 {:.2} s, own {:.2} s; {} rounds each",
            undone.p95(),
            floor.p95(),
            undone.len()
        )),
    ]
}

fn ours(instance: &Instance, number: usize) -> Duration {
    let place = format!("/nowhere/{number}");
    let bad =
        json!({ "gateway": { "tls": { "enabled": true, "certPath": place, "keyPath": place } } });
    let swap = Swap::prepare(&instance.pod.layers.base, FILE, &bad.to_string());
    std::thread::sleep(Duration::from_millis(100));
    let from = instance.said();
    let started = swap.rename();
    let _ = instance.says(from, "undid generation", LONG);
    let took = started.elapsed();
    swap.clean();
    hand::begin(instance, CALM);
    took
}

/// A key for which the gateway restarts, edited by hand.
fn own(instance: &Instance, number: usize) -> Duration {
    let change = |document: &mut Value| {
        document["gateway"]["controlUi"]["basePath"] = json!(format!("/hand-{number}"))
    };
    hand::floor(instance, change, |applied: &mut Applied<'_>| {
        applied.restarted()
    })
}
