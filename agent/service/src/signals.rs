//! The two signals that end a process.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Drain, Error};

/// SIGTERM and SIGINT of this process, caught from the moment of `bind`.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches both signals, so that none that comes during the start is lost.
    pub fn bind() -> Result<Self, Error> {
        let catch = |kind| signal(kind).map_err(|source| Error::Signals { source });
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    /// The first signal starts the drain, every later one hurries it. Lasts until the drain is over.
    pub async fn run(mut self, drain: Drain) {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                () = drain.expired() => return,
            };
            if drain.is_signalled() {
                tracing::warn!(signal = name, "a second signal: hurrying");
                drain.hurry();
            } else {
                tracing::info!(signal = name, budget = ?drain.remaining(), "draining");
                drain.start();
            }
        }
    }
}
