//! How many entries a second: `appends DIR` records one by one, each waited for, and then 1,000 in a burst.

use std::time::{Duration, Instant};

use journal::{Handle, Journal, Metrics, Settings};
use prometheus::Registry;
use tokio::sync::oneshot;

/// What an entry may look like.
const PAYLOAD: &str = "a removal: container 0123456789ab, idle for 2 h 3 min, the session agent:main:telegram:42 is closed";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: appends DIR")?;
    let registry = Registry::new();
    let settings = Settings::new(std::path::Path::new(&dir).join("journal"));
    let metrics = Metrics::register(&registry)?;
    let (journal, handle) = Journal::open(settings, metrics)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(journal.run(async {
        drop(stopped.await);
    }));
    report(
        "one by one",
        2_000,
        one_by_one(&handle, 2_000).await?,
        &registry,
    );
    report("in a burst", 1_000, burst(&handle, 1_000).await?, &registry);
    drop(stop);
    running.await??;
    Ok(())
}

async fn one_by_one(handle: &Handle<String>, count: usize) -> Result<Duration, journal::Error> {
    let began = Instant::now();
    for _ in 0..count {
        handle.record(&PAYLOAD.to_owned());
        handle.flushed().await?;
    }
    Ok(began.elapsed())
}

async fn burst(handle: &Handle<String>, count: usize) -> Result<Duration, journal::Error> {
    let began = Instant::now();
    for _ in 0..count {
        handle.record(&PAYLOAD.to_owned());
    }
    handle.flushed().await?;
    Ok(began.elapsed())
}

/// One line, with the writes since the beginning, each of which is one fsync.
#[expect(clippy::print_stdout, reason = "this is its output")]
fn report(what: &str, count: u32, took: Duration, registry: &Registry) {
    let families = registry.gather();
    let writes = families
        .iter()
        .find(|family| family.name() == "pilotfish_journal_writes_total")
        .and_then(|family| family.get_metric().first())
        .map_or(0.0, |metric| metric.get_counter().get_value());
    let rate = f64::from(count) / took.as_secs_f64();
    println!("{what}: {count} entries in {took:?}, {rate:.0}/s, {writes} fsyncs so far");
}
