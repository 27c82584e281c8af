use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::change::Change;
use crate::events::Events;
use crate::rounds::Rounds;

/// How long an event may trail the change that it tells of.
const GRACE: Duration = Duration::from_secs(1);

/// How often to look where inotify cannot be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Between two looks at a path that is polled.
    pub poll_interval: Duration,
    /// Between two looks at everything, in case inotify kept something back.
    pub resync_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_secs(5),
            resync_interval: Duration::from_secs(60),
        }
    }
}

/// How changes of a path are noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The kernel tells, at once.
    Inotify,
    /// We look, every poll interval.
    Polling {
        /// Why the kernel cannot be relied on, for people.
        why: String,
    },
}

/// Watches directories and files. It works while [`changed`](Self::changed) is awaited and spawns no task.
#[derive(Debug)]
pub struct Watcher {
    settings: Settings,
    events: Events,
    rounds: Rounds,
    poll_at: Instant,
    resync_at: Instant,
    condemn_at: Option<Instant>,
}

impl Watcher {
    /// Begins to watch. What changes from now on is told by [`changed`](Self::changed), so read the paths after this.
    ///
    /// A path that is missing is waited for. Where inotify is not to be had, the path is polled.
    #[must_use]
    pub fn start(paths: Vec<PathBuf>, settings: Settings) -> Self {
        let events = Events::new();
        let now = Instant::now();
        Self {
            settings,
            rounds: Rounds::start(paths, events.sender()),
            events,
            poll_at: now + settings.poll_interval,
            resync_at: now + settings.resync_interval,
            condemn_at: None,
        }
    }

    /// Waits until some of the paths may have changed. Nothing is lost when the wait is given up.
    pub async fn changed(&mut self) -> Change {
        loop {
            let change = self.rounds.take_changes();
            if !change.is_empty() {
                return change;
            }
            let due_at = self.due_at();
            tokio::select! {
                batch = self.events.next() => self.rounds.hear(batch),
                () = sleep_until(due_at) => self.due(Instant::now()),
            }
        }
    }

    /// How each path is watched at the moment, in the order in which they were given, and made absolute.
    #[must_use]
    pub fn modes(&self) -> Vec<(PathBuf, Mode)> {
        self.rounds.modes()
    }

    /// The next time to look by ourselves. While inotify serves all paths, that is the resync alone.
    fn due_at(&self) -> Instant {
        let poll = self.rounds.is_polling().then_some(self.poll_at);
        [poll, self.condemn_at]
            .into_iter()
            .flatten()
            .fold(self.resync_at, Instant::min)
    }

    fn due(&mut self, now: Instant) {
        if self.condemn_at.is_some_and(|at| at <= now) {
            self.condemn_at = None;
            self.rounds.condemn_suspects();
        }
        if self.poll_at <= now {
            self.poll_at = now + self.settings.poll_interval;
            self.rounds.poll();
        }
        if self.resync_at <= now {
            self.rounds.resync();
            // An event may still be on its way: silence is proved a little later, and before the next resync.
            self.condemn_at = self.rounds.has_suspects().then(|| now + GRACE);
            let next = now + self.settings.resync_interval;
            self.resync_at = self.condemn_at.map_or(next, |at| next.max(at));
        }
    }
}
