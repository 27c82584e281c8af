//! Signals to this very process; alone in its binary because they reach all of it.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use service::{Drain, Signals};

fn send(signal: Signal) {
    kill(Pid::this(), signal).unwrap();
}

#[tokio::test]
async fn the_first_drains_and_the_second_hurries() {
    let signals = Signals::bind().unwrap();
    // Sent before anybody waits: it must not be lost.
    send(Signal::SIGTERM);
    let drain = Drain::new(Duration::from_secs(300));
    let running = tokio::spawn(signals.run(drain.clone()));
    tokio::time::timeout(Duration::from_secs(5), drain.signalled())
        .await
        .unwrap();
    assert!(drain.remaining() > Duration::from_secs(290));

    let hurried = Instant::now();
    send(Signal::SIGINT);
    while drain.remaining() > Duration::from_secs(5) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(hurried.elapsed() < Duration::from_secs(5));
    }
    running.await.unwrap();
    let lasted = hurried.elapsed();
    assert!((4..8).contains(&lasted.as_secs()), "{lasted:?}");
}
