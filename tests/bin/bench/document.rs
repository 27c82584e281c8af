//! From a swap of `..data` to the document in its place, without a gateway: ours, the peers', and the disk alone.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Instance, Pod};

use crate::figure::Figure;
use crate::peers::Peer;
use crate::renames::Renames;
use crate::rounds::Rounds;
use crate::series::Series;
use crate::swap::Swap;

const FILE: &str = "layer.json5";
const DOCUMENT: &str = "openclaw.json";
/// Each tool is started so often, in turns, so that a noisy minute hits all of them.
const BLOCKS: usize = 4;
/// Before each swap. Chokidar passes over what changes again within 50 ms.
const REST: Duration = Duration::from_millis(120);
/// Rounds of a block that do not count.
const WARM: usize = 3;

/// Measures the row.
pub fn measure(rounds: Rounds) -> Vec<Figure> {
    let (mut ours, mut script, mut node, mut disk) = <(Series, Series, Series, Series)>::default();
    let count = rounds.disk().div_ceil(BLOCKS);
    for _ in 0..BLOCKS {
        ours.extend(block(
            count,
            |pod| Instance::alone(pod, &[]),
            |instance| &instance.pod,
        ));
        script.extend(block(
            count,
            |pod| (Peer::inotifywait(&pod), pod),
            |(_, pod)| pod,
        ));
        node.extend(block(
            count,
            |pod| (Peer::chokidar(&pod), pod),
            |(_, pod)| pod,
        ));
        disk.extend(by_hand(count));
    }
    let name = "layer change (16 KB, 3 layers, ..data swap) to document renamed, fsync";
    let note = format!(
        "p95 {:.2} ms; {} rounds; fsync and rename alone {:.2} ms",
        ours.p95() * 1e3,
        ours.len(),
        disk.p50() * 1e3
    );
    let figure = || Figure::new(name, ours.p50() * 1e3, "ms");
    vec![
        figure()
            .beside("inotifywait + jq", script.p50() * 1e3)
            .at_most(4.0)
            .at_most_times(1.0 / 3.0)
            .note(note),
        figure()
            .beside("chokidar", node.p50() * 1e3)
            .at_most_times(1.0 / 3.0)
            .note(format!("chokidar's p95 {:.2} ms", node.p95() * 1e3)),
    ]
}

/// Starts a tool on a fresh pod, and times its rounds.
fn block<T>(count: usize, start: impl FnOnce(Pod) -> T, pod: impl Fn(&T) -> &Pod) -> Vec<Duration> {
    let tool = start(scene());
    let pod = pod(&tool);
    let renames = Renames::into_folder(&pod.path("doc"));
    let awake =
        (1..=40).find(|number| round(pod, &renames, *number, Duration::from_millis(500)).is_some());
    let first = awake.expect("the watcher never wrote a document") + 1;
    let times = (first..).take(WARM + count).map(|number| {
        round(pod, &renames, number, Duration::from_secs(10)).expect("the watcher missed a swap")
    });
    times.skip(WARM).collect()
}

/// One swap, until the document holds it.
fn round(pod: &Pod, renames: &Renames, number: u64, within: Duration) -> Option<Duration> {
    let swap = Swap::prepare(&pod.layers.base, FILE, &layer(pod, 0, number));
    std::thread::sleep(REST);
    renames.forget();
    let started = swap.rename();
    let at = renames.wait(DOCUMENT, within, || holds(pod, number));
    swap.clean();
    at.map(|at| at - started)
}

fn holds(pod: &Pod, number: u64) -> bool {
    let bytes = fs::read(pod.document()).unwrap_or_default();
    serde_json::from_slice::<Value>(&bytes).is_ok_and(|document| document["round"] == number)
}

/// A pod with three layers of one file each, plain JSON, that make a document of 16 KB.
fn scene() -> Pod {
    let pod = Pod::new();
    for (from, volume) in [&pod.layers.base, &pod.layers.plan, &pod.layers.policy]
        .into_iter()
        .enumerate()
    {
        volume.publish(&[(FILE, layer(&pod, from * 100, 0))]);
    }
    pod
}

/// 200 settings from one number on; the first layer has the port and the round besides.
fn layer(pod: &Pod, from: usize, round: u64) -> String {
    let mut text = String::from("{\n");
    if from == 0 {
        let gateway = json!({ "mode": "local", "bind": "loopback", "port": pod.ports.gateway });
        let _ = writeln!(text, "\"round\": {round},\n\"gateway\": {gateway},");
    }
    for group in (from..from + 200).step_by(20) {
        let settings: Vec<_> = (group..group + 20)
            .map(|n| format!("\"setting{n}\": \"{}\"", "v".repeat(20)))
            .collect();
        let comma = if group == from { "" } else { ",\n" };
        let _ = write!(
            text,
            "{comma}\"group{group}\": {{\n{}\n}}",
            settings.join(",\n")
        );
    }
    text.push_str("\n}\n");
    text
}

/// What the disk takes: the same document written, synced and renamed by us.
fn by_hand(count: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let (part, place) = (folder.path().join("part"), folder.path().join(DOCUMENT));
    let bytes = vec![b'v'; 16 << 10];
    let write = || {
        let started = Instant::now();
        let mut file = File::create(&part).unwrap();
        file.write_all(&bytes).unwrap();
        file.sync_all().unwrap();
        fs::rename(&part, &place).unwrap();
        started.elapsed()
    };
    (0..count).map(|_| write()).collect()
}
