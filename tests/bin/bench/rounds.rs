//! How often each thing is done.

use std::env;
use std::time::Duration;

/// The rounds of one run.
#[derive(Clone, Copy)]
pub struct Rounds(usize);

impl Rounds {
    /// As the environment says, else 200.
    pub fn from_environment() -> Self {
        let told = env::var("PILOTFISH_BENCH_ROUNDS").ok();
        Self(told.map_or(200, |text| {
            text.parse().expect("PILOTFISH_BENCH_ROUNDS is a number")
        }))
    }

    /// Of a change on disk.
    pub fn disk(self) -> usize {
        self.0
    }

    /// Of a change that a running gateway takes over.
    pub fn gateway(self) -> usize {
        (self.0 / 10).max(2)
    }

    /// Of a restart: the gateway rests 30 s between two.
    pub fn restart(self) -> usize {
        (self.0 / 40).max(1)
    }

    /// Of a removal: sandboxes have to be two minutes old.
    pub fn removal(self) -> usize {
        (self.0 / 40).clamp(1, 4)
    }

    /// How long an agent is looked at that watches a gateway.
    pub fn watched(self) -> Duration {
        Duration::from_secs(if self.0 < 100 { 20 } else { 120 })
    }

    /// How long its calls are counted: some are made once in ten minutes.
    pub fn counted(self) -> Duration {
        let whole = Duration::from_secs(600);
        if self.0 < 200 { self.watched() } else { whole }
    }

    /// How long an idle agent is looked at.
    pub fn idle(self) -> Duration {
        Duration::from_secs(if self.0 < 200 { 10 } else { 60 })
    }
}
