//! From a swap of `..data` to the gateway's proof, against the same edit by hand, in turns on one gateway.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Instance, Pod, newest};

use crate::figure::Figure;
use crate::hand::{self, Applied, FILE, LONG};
use crate::renames::Renames;
use crate::rounds::Rounds;
use crate::series::Series;
use crate::swap::Swap;

/// Between two looks at the gateway while it applies an edit by hand.
const LOOK: Duration = Duration::from_millis(5);

/// Measures the rows.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let instance = Instance::sidecar(Pod::new(), newest(), &["--probation", "1s"]);
    hand::begin(&instance, &layer(0));
    let renames = Renames::into_folder(&instance.pod.path("doc"));
    let (mut written, mut proved, mut floor) = <(Series, Series, Series)>::default();
    let mut asked = Series::default();
    for number in 1..=rounds.gateway() as u64 {
        asked.push(question(&instance));
        let (write, proof) = ours(&instance, &renames, number);
        written.push(write);
        proved.push(proof);
        floor.push(by_hand(&instance, number));
        instance.settled(LONG);
    }
    vec![
        Figure::new(
            "layer change to document renamed, with the gateway's own check",
            written.p50() * 1e3,
            "ms",
        )
        .at_most(25.0)
        .note(format!(
            "p95 {:.1} ms; {} rounds; of that the check by itself, asked from outside: {:.1} ms",
            written.p95() * 1e3,
            written.len(),
            asked.p50() * 1e3
        )),
        Figure::new("layer change to proof, hot key", proved.p50(), "s")
            .beside("edit by hand", floor.p50())
            .at_most_more(0.15)
            .note(format!(
                "p95 {:.2} s, by hand {:.2} s; {} rounds each",
                proved.p95(),
                floor.p95(),
                proved.len()
            )),
    ]
}

/// A hot key: a list that takes any number.
fn layer(number: u64) -> String {
    json!({ "gateway": { "controlUi": { "allowedOrigins": [origin(number, "layer")] } } })
        .to_string()
}

fn origin(number: u64, by: &str) -> String {
    format!("https://{by}-{number}.example.org")
}

fn ours(instance: &Instance, renames: &Renames, number: u64) -> (Duration, Duration) {
    let swap = Swap::prepare(&instance.pod.layers.base, FILE, &layer(number));
    std::thread::sleep(Duration::from_millis(100));
    renames.forget();
    let from = instance.said();
    let started = swap.rename();
    let _ = instance.says(from, "applied generation", LONG);
    let proved = started.elapsed();
    let written = renames
        .wait("openclaw.json", Duration::ZERO, || true)
        .expect("the document was renamed");
    swap.clean();
    instance.settled(LONG);
    (written - started, proved)
}

/// The two calls of a check, as anybody could make them.
fn question(instance: &Instance) -> Duration {
    let mut rpc = instance.rpc();
    let raw = std::fs::read_to_string(instance.pod.document()).unwrap();
    let started = Instant::now();
    let base = rpc.call("config.get", &json!({})).unwrap()["hash"].clone();
    let answer = rpc.call("config.set", &json!({ "raw": raw, "baseHash": base }));
    assert!(answer.is_err(), "a gateway that may not write wrote");
    started.elapsed()
}

/// The same key by hand.
pub fn by_hand(instance: &Instance, number: u64) -> Duration {
    let change = |document: &mut Value| {
        document["gateway"]["controlUi"]["allowedOrigins"] = json!([origin(number, "hand")])
    };
    hand::floor(instance, change, |applied: &mut Applied<'_>| {
        applied.hot(LOOK)
    })
}
