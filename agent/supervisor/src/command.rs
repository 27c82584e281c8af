//! What the caller may ask of the supervisor.

use std::future;
use std::time::Duration;

use tokio::sync::mpsc;

/// What the caller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Let the child run; now, if it is held or backs off.
    Start,
    /// Do not start the child again until told to. One that runs goes on.
    Hold,
    /// End the child with SIGTERM, by force when the budget is used up, and start it at once.
    /// Where no child runs this is a [`Command::Start`].
    Restart {
        /// Why, for the status.
        why: String,
        /// How long it may take to end.
        budget: Duration,
    },
    /// Send the child a signal and expect nothing: an end that follows is one that nobody asked
    /// for. A program that has not yet installed its handlers is ended by SIGUSR2 as well.
    Signal(Signal),
    /// End the child within the drain budget, and the supervisor with it.
    Drain,
    /// Let a drain or a restart that is under way take 5 s more at most. Starts a drain that is
    /// not under way.
    Hurry,
}

/// The signals that are passed on. There is no SIGHUP and no SIGUSR1 among them: the one ends many
/// servers, the other opens a debugger in some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: end in good order.
    Terminate,
    /// SIGUSR2: what it means is between the caller and the child.
    User2,
}

/// The commands as they come. A closed channel is one last drain.
#[derive(Debug)]
pub(crate) struct Commands {
    channel: Option<mpsc::Receiver<Command>>,
}

impl Commands {
    /// What comes through this channel.
    pub(crate) fn new(channel: mpsc::Receiver<Command>) -> Commands {
        Commands {
            channel: Some(channel),
        }
    }

    /// The next command. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Command {
        let Some(channel) = &mut self.channel else {
            return future::pending().await;
        };
        let command = channel.recv().await;
        command.unwrap_or_else(|| {
            self.channel = None;
            Command::Drain
        })
    }
}
