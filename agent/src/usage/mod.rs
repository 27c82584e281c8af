//! What the instance uses, as the gateway tells: calls, tokens, cost, webhooks, sessions, channels, memory, processor.
//!
//! In: the gateway's own records and totals, and the control group of a supervised one. Out: the platform's families on the
//! page of metrics, and samples of use for whoever collects them. Names of strangers become few labels, counters go back
//! over no restart, and what is not known is not shown. It decides nothing, and nothing of what users write passes here.

mod budget;
mod calls;
mod channels;
mod counters;
mod labels;
mod metrics;
mod pace;
mod passes;
mod pod;
mod remembered;
mod sample;
mod settings;

use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agent_api::JournalEvent;
use openclaw::{Connection, Event, LinkHandle, Received};
use service::{Drain, next_beat};
use supervisor::Status;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub use budget::room;
pub use metrics::Metrics;
pub use settings::{Plan, Settings};

use calls::Follower;
use counters::Book;
use labels::Labels;
use pace::Pace;
use pod::Pod;
use remembered::Remembered;
use sample::Clock;

use crate::health::View;

/// Takes a sample of use.
pub type Tell = Box<dyn Fn(JournalEvent) + Send + Sync>;

/// The one task of this room.
pub struct Usage {
    link: LinkHandle,
    pod: Option<Pod>,
    /// Who watches the pod asks for its channels often enough for both.
    watched: watch::Receiver<View>,
    metrics: Metrics,
    labels: Labels,
    book: Book,
    remembered: Remembered,
    follower: Follower,
    settings: Settings,
    tell: Tell,
    began: Instant,
    /// The connection whose gateway is known.
    met: Weak<Connection>,
    paces: Paces,
    samples: Clock,
    seen: Seen,
    /// When something last happened.
    stirred: SystemTime,
    /// Whether something happened before the totals were asked for that are not there yet.
    is_asked_after_events: bool,
    /// Whether the last totals had nothing of a day that was used.
    is_gone: bool,
}

/// When what is asked.
struct Paces {
    records: Pace,
    totals: Pace,
    sessions: Pace,
    /// How long to wait for totals that are not complete.
    patience: Duration,
}

impl Paces {
    fn new() -> Self {
        let pace = |busy, idle| Pace::new(Duration::from_secs(busy), Duration::from_secs(idle));
        Self {
            records: pace(5, 60),
            totals: pace(60, 600),
            sessions: pace(15, 300),
            patience: passes::IMPATIENT,
        }
    }

    fn stir(&mut self) {
        self.records.stir();
        self.totals.stir();
        self.sessions.stir();
    }
}

/// What was last seen, for samples.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    sessions: Option<u64>,
    memory_bytes: Option<u64>,
}

impl Usage {
    /// Reads the counters of before. `room` is how many series strangers' names may take.
    pub fn new(
        settings: Settings,
        room: usize,
        link: LinkHandle,
        child: Option<watch::Receiver<Status>>,
        watched: watch::Receiver<View>,
        metrics: Metrics,
        tell: Tell,
    ) -> Self {
        let remembered = Remembered::new(&settings.state);
        let mut labels = Labels::new(room);
        let label = |model: &counters::Model| labels.model(&model.provider, &model.model);
        let book = Book::restored(remembered.read(), label);
        metrics.used(&book.totals);
        metrics.memory_limit(settings.memory_limit);
        for (resource, limit) in settings.plan.limits() {
            metrics.plan(resource, limit);
        }
        Self {
            link,
            pod: child.map(Pod::new),
            watched,
            metrics,
            labels,
            book,
            remembered,
            follower: Follower::default(),
            settings,
            tell,
            began: Instant::now(),
            met: Weak::new(),
            paces: Paces::new(),
            samples: Clock::default(),
            seen: Seen::default(),
            stirred: UNIX_EPOCH,
            is_asked_after_events: false,
            is_gone: false,
        }
    }

    /// Follows the gateway until the drain.
    pub async fn run(mut self, drain: Drain) {
        let mut events = self.link.events();
        // At the beat of the watch: a wakeup that is there costs nothing more.
        let mut beat = next_beat(Duration::ZERO);
        loop {
            tokio::select! {
                () = drain.signalled() => break,
                received = events.next() => match received {
                    Some(received) => self.note(received),
                    None => break,
                },
                Ok(()) = self.watched.changed() => self.show_watched(),
                () = sleep_until(beat) => tokio::select! {
                    () = drain.signalled() => break,
                    () = self.pass() => beat = next_beat(Duration::ZERO),
                },
            }
        }
        if self.book.has_news() {
            self.sample();
        }
    }

    /// What was asked of a gateway that answers: the channels that should be up, and whether they are; of one that is not
    /// our child also what it uses.
    fn show_watched(&mut self) {
        let view = self.watched.borrow_and_update();
        let (channels, resources) = (Arc::clone(&view.channels), view.resources.clone());
        drop(view);
        if self.link.connection().is_err() {
            return;
        }
        let up = channels::up(&channels, &mut self.labels);
        self.metrics.channels(&up);
        if self.pod.is_none() {
            self.metrics.pod(resources.cpu, resources.memory);
            self.seen.memory_bytes = resources.memory;
        }
    }

    fn note(&mut self, received: Received) {
        match received {
            Received::Event(Event::Activity) | Received::Lagged(_) => {
                self.stirred = SystemTime::now();
                self.paces.stir();
            }
            Received::Event(_) => {}
        }
    }
}
