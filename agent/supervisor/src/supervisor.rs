//! The supervisor as its caller sees it: settings and commands in, status out.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::console::{Console, Shown};
use crate::life::Life;
use crate::{Command, Error, Settings, State, Status};

/// How long we wait for our stdout at the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A cheap view of the child.
#[derive(Debug, Clone)]
pub struct Handle {
    status: watch::Receiver<Status>,
}

impl Handle {
    /// What is known of the child; the latest wins.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

/// The parent of one child.
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    status: watch::Sender<Status>,
}

impl Supervisor {
    /// A supervisor that has not done anything yet.
    pub fn new(settings: Settings) -> Supervisor {
        let (status, _) = watch::channel(Status {
            state: State::Held,
            starts: 0,
            exits: 0,
            last_exit: None,
            group: None,
            protection: None,
        });
        Supervisor { settings, status }
    }

    /// A view of the child that outlasts [`Supervisor::run`].
    pub fn handle(&self) -> Handle {
        Handle {
            status: self.status.subscribe(),
        }
    }

    /// Adopts a child that a predecessor has left, or waits for [`Command::Start`]; then lives as
    /// its parent until it is drained. Closing the channel is a drain. An adopted child that ends
    /// is followed by one of our own only if a start was asked for by then. A command that cannot be
    /// executed at the very first start is an error; later it is tried again and again.
    ///
    /// While it runs it makes this process the one that inherits orphans, and collects those: a
    /// child that some other part of this process starts must be waited for at once when it ends.
    pub async fn run(self, commands: mpsc::Receiver<Command>) -> Result<(), Error> {
        self.settings.check()?;
        let console = Console::open(self.settings.console.clone(), self.settings.run_as)?;
        let mut shown = Shown::from_now(&console);
        let mut life = Life::new(&self.settings, &self.status, &console, commands)?;
        let outcome = tokio::select! {
            outcome = life.live() => outcome,
            () = console.tend(&mut shown) => Ok(()),
        };
        shown.finish(&console, LAST_WORDS).await;
        outcome
    }
}
