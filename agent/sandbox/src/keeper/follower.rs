//! The daemon's truth as a stream of news: subscribe, list, follow, and begin anew when it breaks.

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::done;
use crate::pruner::Folders;
use crate::{
    Clock, Engine, EngineError, EngineVersion, Event, Found, Id, Listing, Meaning, Moment,
};

/// The pause after the first loss.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause: short enough that a daemon which is back is known within five seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How many containers are looked at at once.
const LOOKS: usize = 8;

/// What is new.
pub(super) enum News {
    /// The daemon answers, and its events are followed. What it has is not known yet.
    Open(EngineVersion),
    /// Everything was listed.
    Listed(Box<Listing>),
    /// Something happened.
    Event(Event),
    /// A container was looked at; nothing where it is gone.
    Looked {
        id: Id,
        asked: Moment,
        found: Option<Box<Found>>,
    },
    /// The daemon is lost: what it has is not known any more.
    Lost(EngineError),
}

type Events = BoxStream<'static, Result<Event, EngineError>>;
type Look = (Id, Moment, Result<Option<Found>, EngineError>);

/// Follows a daemon.
pub(super) struct Follower {
    engine: Arc<dyn Engine>,
    folders: Option<Folders>,
    clock: Clock,
    resync_every: Duration,
    quiet: Duration,
    opening: Option<BoxFuture<'static, Result<(EngineVersion, Events), EngineError>>>,
    events: Option<Events>,
    listing: Option<BoxFuture<'static, Result<Listing, EngineError>>>,
    ping: Option<BoxFuture<'static, Result<(), EngineError>>>,
    looks: FuturesUnordered<BoxFuture<'static, Look>>,
    looking: BTreeSet<Id>,
    waiting: BTreeSet<Id>,
    /// Those that are being removed: what they go through on the way is not looked at.
    leaving: BTreeSet<Id>,
    retry_at: Instant,
    pause: Duration,
    resync_at: Instant,
    heard: Instant,
}

impl Follower {
    /// A follower that lists again after `resync_every`, and pings a daemon that said nothing for `quiet`.
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        folders: Option<Folders>,
        clock: Clock,
        resync_every: Duration,
        quiet: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            engine,
            folders,
            clock,
            resync_every,
            quiet,
            opening: None,
            events: None,
            listing: None,
            ping: None,
            looks: FuturesUnordered::new(),
            looking: BTreeSet::new(),
            waiting: BTreeSet::new(),
            leaving: BTreeSet::new(),
            retry_at: now,
            pause: FIRST_PAUSE,
            resync_at: now,
            heard: now,
        }
    }

    /// A container is about to be removed.
    pub(super) fn leaves(&mut self, id: Id) {
        self.leaving.insert(id);
    }

    /// It was removed.
    pub(super) fn gone(&mut self, id: Id) {
        self.leaving.remove(&id);
    }

    /// It was not removed, or not by us: what is left is looked at.
    pub(super) fn left(&mut self, id: Id) {
        if self.leaving.remove(&id) && self.events.is_some() {
            self.waiting.insert(id);
        }
    }

    /// The next news. Nothing is lost where the wait is given up.
    pub(super) async fn next(&mut self) -> News {
        loop {
            self.begin_looks();
            let deadline = self.deadline();
            let news = tokio::select! {
                opened = done(&mut self.opening) => Some(self.opened(opened)),
                event = following(&mut self.events) => Some(self.heard(event)),
                listing = done(&mut self.listing) => Some(self.listed(listing)),
                Some(look) = self.looks.next() => self.looked(look),
                ping = done(&mut self.ping) => self.pinged(ping),
                () = until(deadline) => {
                    self.tick();
                    None
                }
            };
            if let Some(news) = news {
                return news;
            }
        }
    }

    fn opened(&mut self, opened: Result<(EngineVersion, Events), EngineError>) -> News {
        match opened {
            Ok((version, events)) => {
                self.events = Some(events);
                self.heard = Instant::now();
                self.list();
                News::Open(version)
            }
            Err(error) => self.lose(error),
        }
    }

    fn heard(&mut self, event: Result<Event, EngineError>) -> News {
        match event {
            Ok(event) => {
                self.heard = Instant::now();
                if let Event::Changed(id) | Event::Started(id) = event
                    && !self.leaving.contains(&id)
                {
                    self.waiting.insert(id);
                }
                News::Event(event)
            }
            Err(error) => self.lose(error),
        }
    }

    fn listed(&mut self, listing: Result<Listing, EngineError>) -> News {
        match listing {
            Ok(listing) => {
                self.pause = FIRST_PAUSE;
                self.resync_at = Instant::now() + self.resync_every;
                News::Listed(Box::new(listing))
            }
            Err(error) => self.lose(error),
        }
    }

    fn looked(&mut self, (id, asked, look): Look) -> Option<News> {
        self.looking.remove(&id);
        match look {
            Ok(found) => {
                let found = found.map(Box::new);
                Some(News::Looked { id, asked, found })
            }
            Err(error) if error.meaning == Meaning::Unreachable => Some(self.lose(error)),
            Err(error) => {
                // The next event or listing shows it.
                warn!(%id, error = %error.source, "a container cannot be looked at");
                None
            }
        }
    }

    fn pinged(&mut self, ping: Result<(), EngineError>) -> Option<News> {
        match ping {
            Ok(()) => {
                self.heard = Instant::now();
                None
            }
            Err(error) => Some(self.lose(error)),
        }
    }

    /// Drops all that is under way, and waits before the next try.
    fn lose(&mut self, error: EngineError) -> News {
        self.opening = None;
        self.events = None;
        self.listing = None;
        self.ping = None;
        self.looks = FuturesUnordered::new();
        self.looking.clear();
        self.waiting.clear();
        self.leaving.clear();
        self.retry_at = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        News::Lost(error)
    }

    /// When there is something to do that nothing else wakes us for.
    fn deadline(&self) -> Option<Instant> {
        if self.events.is_none() {
            return self.opening.is_none().then_some(self.retry_at);
        }
        let resync = self.listing.is_none().then_some(self.resync_at);
        let ping = self.ping.is_none().then_some(self.heard + self.quiet);
        resync.into_iter().chain(ping).min()
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if self.events.is_none() {
            if self.opening.is_none() && now >= self.retry_at {
                self.opening = Some(open(self.engine.clone()).boxed());
            }
            return;
        }
        if self.listing.is_none() && now >= self.resync_at {
            self.list();
        }
        if self.ping.is_none() && now >= self.heard + self.quiet {
            let engine = self.engine.clone();
            self.ping = Some(async move { engine.ping().await }.boxed());
        }
    }

    fn list(&mut self) {
        self.listing = Some(self.lists());
    }

    /// Everything that the daemon has now, apart from what is followed.
    pub(super) fn lists(&self) -> BoxFuture<'static, Result<Listing, EngineError>> {
        list(self.engine.clone(), self.folders.clone()).boxed()
    }

    fn begin_looks(&mut self) {
        while self.looking.len() < LOOKS {
            let free = |id: &&Id| !self.looking.contains(id);
            let Some(id) = self.waiting.iter().find(free).copied() else {
                return;
            };
            self.waiting.remove(&id);
            self.looking.insert(id);
            let engine = self.engine.clone();
            let asked = self.clock.now();
            let look = async move { (id, asked, engine.inspect(id).await) };
            self.looks.push(look.boxed());
        }
    }
}

async fn open(engine: Arc<dyn Engine>) -> Result<(EngineVersion, Events), EngineError> {
    let version = engine.version().await?;
    let events = engine.events().await?;
    Ok((version, events))
}

async fn list(engine: Arc<dyn Engine>, folders: Option<Folders>) -> Result<Listing, EngineError> {
    let mut listing = engine.list().await?;
    if let Some(folders) = folders {
        let names = tokio::task::spawn_blocking(move || folders.names()).await;
        match names {
            Ok(Ok(names)) => listing.folders = names,
            Ok(Err(error)) => warn!(%error, "the folders of skills cannot be listed"),
            Err(error) => warn!(%error, "the folders of skills were not listed"),
        }
    }
    Ok(listing)
}

/// The next event. A stream that ends is broken.
async fn following(events: &mut Option<Events>) -> Result<Event, EngineError> {
    let Some(events) = events else {
        return pending().await;
    };
    events.next().await.unwrap_or_else(|| {
        Err(EngineError {
            action: "tell what happens".to_owned(),
            meaning: Meaning::Unreachable,
            source: "the stream ended".into(),
        })
    })
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
