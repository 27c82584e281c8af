//! Events that are late, doubled, out of order, cut or lost: the inventory comes out right.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sandbox::Past;

use crate::proxy::{Spoil, begin};
use crate::stage::{Stage, containers, quiet, sandbox};
use crate::support::{Daemon, IMAGE, Version};

/// Sandboxes come, are used, end and go while events are spoiled; what there is in the end is known.
async fn comes_out_right(version: Version, spoil: Spoil, resync: Duration) {
    let daemon = Daemon::start(version);
    daemon.import(IMAGE);
    let proxy = begin(daemon.folder(), daemon.socket(), spoil);
    let mut settings = quiet();
    settings.resync_every = resync;
    let stage = Stage::with(&proxy.socket, settings, None, Past::none());
    stage.up().await;
    let mut execs = Vec::new();
    for name in ["one", "two", "three", "four"] {
        sandbox(&daemon, name, &[]).await;
        execs.push(daemon.exec(name).await.unwrap());
    }
    daemon.docker(&["rm", "-f", "one"]).await;
    daemon.docker(&["kill", "two"]).await;
    daemon.docker(&["restart", "-t", "0", "three"]).await;
    let ids = containers(&daemon).await;
    stage.until_ids(&ids).await;
    // What comes late must not bring anything back.
    let last = match spoil {
        Spoil::Delay(time) => time + Duration::from_secs(2),
        _ => Duration::from_secs(2),
    };
    tokio::time::sleep(last).await;
    stage.until_ids(&ids).await;
    let is_right = |view: &sandbox::View| {
        let of = |name: &str| {
            let mut shown = view.sandboxes.iter();
            let shown = shown.find(|shown| shown.sandbox.facts.name == name);
            shown.map(|shown| {
                let up = shown.sandbox.state.is_up();
                (up, shown.sandbox.execs.len())
            })
        };
        of("two") == Some((false, 0))
            && of("three") == Some((true, 0))
            && of("four") == Some((true, 1))
    };
    stage.until("states and execs are right", is_right).await;
    assert!(daemon.runs(&execs[3]).await);
    let streams = proxy.streams.load(Ordering::SeqCst);
    match spoil {
        Spoil::Cut => assert!(streams > 1, "it was never cut"),
        _ => assert_eq!(streams, 1, "it broke off"),
    }
    stage.end().await;
}

const NEVER: Duration = Duration::from_secs(60 * 60);

async fn late_events(version: Version) {
    let late = Spoil::Delay(Duration::from_secs(10));
    comes_out_right(version, late, NEVER).await;
}

async fn late_events_between_listings(version: Version) {
    let late = Spoil::Delay(Duration::from_secs(10));
    comes_out_right(version, late, Duration::from_secs(1)).await;
}

async fn repeated_events(version: Version) {
    comes_out_right(version, Spoil::Repeat, NEVER).await;
}

async fn events_out_of_order(version: Version) {
    comes_out_right(version, Spoil::Reverse, NEVER).await;
}

async fn a_stream_that_is_cut(version: Version) {
    comes_out_right(version, Spoil::Cut, NEVER).await;
}

async fn events_that_never_come(version: Version) {
    comes_out_right(version, Spoil::Swallow, Duration::from_secs(1)).await;
}

crate::on_both!(
    late_events,
    late_events_between_listings,
    repeated_events,
    events_out_of_order,
    a_stream_that_is_cut,
    events_that_never_come,
);
