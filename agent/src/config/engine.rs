//! The one task that owns the document.
//!
//! In: layers that change, callers' commands, what becomes of the gateway, edits by others.
//! Out: documents on disk, a view that anybody may watch. It does one thing at a time: a change
//! is checked, written, proved and watched, or undone; a newer change supersedes it.

use std::pin::Pin;
use std::sync::Arc;

use agent_api::{ConfigState, Outcome};
use config_merge::LayerName;
use durable::Digest;
use jiff::Timestamp;
use service::{Drain, Gate};
use tokio::sync::{mpsc, watch as channel};
use tokio::time::{Instant, sleep_until};
use watch::Watcher;

use super::Error;
use super::attempt::{Attempt, Step};
use super::choose::{Choice, choose};
use super::document::{Document, DocumentFile};
use super::fights::Fights;
use super::gateway::{Gateway, Presence};
use super::handle::{Command, Handle};
use super::ledger::LayerSet;
use super::metrics::Metrics;
use super::resolve::Resolved;
use super::settings::Settings;
use super::source::Readings;
use super::store::Store;
use super::view::View;

/// Callers that wait for the engine at one time.
const COMMANDS: usize = 32;

/// What is on disk by our hand.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Its generation.
    pub number: u64,
    /// What it is made of.
    pub set: LayerSet,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// Their hash.
    pub sha256: Digest,
}

/// Owner of the document.
pub struct Engine {
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) file: DocumentFile,
    pub(super) gateway: Arc<dyn Gateway>,
    pub(super) presence: channel::Receiver<Presence>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) view: channel::Sender<View>,
    pub(super) metrics: Metrics,
    pub(super) gate: Gate,
    pub(super) written: Option<Written>,
    pub(super) attempt: Option<Attempt>,
    pub(super) work: Option<Pin<Box<dyn Future<Output = Step> + Send>>>,
    pub(super) fights: Fights,
    /// Layers that the gateway's last refusal speaks of.
    pub(super) blamed: Vec<LayerName>,
    /// When a layer that is not whole is given up on.
    pub(super) quiet_until: Option<Instant>,
    /// Since when a change waits for an absent gateway.
    pub(super) waiting_since: Option<Instant>,
    /// The gateway may be dead of the last document: the next one has to bring it back.
    pub(super) revive: bool,
}

/// What woke the engine.
enum Wake {
    Drained,
    Layers,
    Document,
    Command(Option<Command>),
    Gateway,
    Step(Step),
    Timer,
}

impl Engine {
    /// Opens the state directory and becomes its owner; nothing else happens before `run`.
    pub fn open(settings: Settings, gateway: Arc<dyn Gateway>, metrics: Metrics, gate: Gate) -> Result<(Self, Handle), Error> {
        let store = Store::open(&settings.state)?;
        let presence = gateway.presence();
        let (sender, commands) = mpsc::channel(COMMANDS);
        let first = View::new(&settings, presence.borrow().clone());
        let (view, views) = channel::channel(first);
        let handle = Handle::new(sender, views, Arc::clone(&gateway));
        let engine = Self {
            file: DocumentFile::new(&settings),
            settings,
            store,
            gateway,
            presence,
            commands,
            view,
            metrics,
            gate,
            written: None,
            attempt: None,
            work: None,
            fights: Fights::default(),
            blamed: Vec::new(),
            quiet_until: None,
            waiting_since: None,
            revive: false,
        };
        Ok((engine, handle))
    }

    /// Lives until told to end. Writes the first document before it does anything else.
    pub async fn run(mut self, drain: Drain) -> Result<(), Error> {
        let mut layers = self.layers_watcher();
        let mut document = Watcher::start(vec![self.settings.document.clone()], self.watching());
        self.boot().await?;
        loop {
            let modes = layers.modes();
            self.view.send_if_modified(|view| view.watch(&modes));
            let timer = self.next_timer();
            let wake = tokio::select! {
                () = drain.signalled() => Wake::Drained,
                step = working(&mut self.work) => Wake::Step(step),
                command = self.commands.recv() => Wake::Command(command),
                _ = document.changed() => Wake::Document,
                _ = layers.changed() => Wake::Layers,
                Ok(()) = self.presence.changed() => Wake::Gateway,
                () = sleep_until(timer.unwrap_or_else(far)), if timer.is_some() => Wake::Timer,
            };
            if !self.wake(wake)? {
                return Ok(());
            }
        }
    }

    fn wake(&mut self, wake: Wake) -> Result<bool, Error> {
        match wake {
            Wake::Drained | Wake::Command(None) => return Ok(false),
            Wake::Step(step) => {
                self.work = None;
                self.step(step)?;
            }
            Wake::Command(Some(command)) => self.command(command),
            Wake::Document => self.drifted()?,
            Wake::Layers => self.consider()?,
            Wake::Gateway => self.gateway_changed()?,
            Wake::Timer => self.timer()?,
        }
        Ok(true)
    }

    fn layers_watcher(&self) -> Watcher {
        let paths = self.settings.layers.values().chain(&self.settings.locks).cloned().collect();
        Watcher::start(paths, self.watching())
    }

    fn watching(&self) -> watch::Settings {
        watch::Settings { poll_interval: self.settings.poll, ..watch::Settings::default() }
    }

    /// The next moment at which something is due.
    fn next_timer(&self) -> Option<Instant> {
        let absent = self.waiting_since.map(|since| since + self.settings.absent);
        let pause = self.store.ledger().paused_until.map(in_that_time);
        [self.quiet_until, absent, pause, self.fights.due()].into_iter().flatten().min()
    }

    fn timer(&mut self) -> Result<(), Error> {
        if self.store.ledger().paused_until.is_some() && !self.is_paused() {
            self.end_pause()?;
        }
        self.drifted()?;
        self.consider()
    }

    fn gateway_changed(&mut self) -> Result<(), Error> {
        let presence = self.presence.borrow_and_update().clone();
        self.view.send_modify(|view| view.presence = presence.clone());
        if presence.version().is_some() && self.attempt.is_none() {
            self.waiting_since = None;
            return self.consider();
        }
        Ok(())
    }

    /// Looks at the layers and starts what they ask for, if it is new.
    pub(super) fn consider(&mut self) -> Result<(), Error> {
        let readings = Readings::read(&self.settings);
        let resolved = Resolved::of(&self.settings, &self.store, &readings)?;
        if !resolved.is_whole() && self.still_moving() {
            return Ok(());
        }
        self.quiet_until = None;
        self.pursue(resolved, "layers", None)
    }

    /// A layer that is not whole may be in the middle of a change: quiet is waited for, once.
    fn still_moving(&mut self) -> bool {
        let now = Instant::now();
        match self.quiet_until {
            Some(until) if until > now => true,
            Some(_) => false,
            None => {
                self.quiet_until = Some(now + self.settings.quiet);
                true
            }
        }
    }

    /// Starts the best candidate that these layers give.
    pub(super) fn pursue(&mut self, resolved: Resolved, actor: &str, waiter: Option<super::attempt::Waiter>) -> Result<(), Error> {
        let problems = resolved.problems();
        let version = self.version();
        match choose(&self.store, resolved, version.as_deref(), &self.blamed)? {
            Choice::Nothing(problems) => {
                self.nothing(&problems);
                self.answer_refused(waiter, actor, problems);
            }
            Choice::Candidate(candidate) => {
                self.view.send_modify(|view| view.layers(&candidate, &problems));
                self.start(*candidate, actor, waiter)?;
            }
        }
        Ok(())
    }

    /// Nothing can be written: say why, once, and go on with what is there.
    fn nothing(&mut self, problems: &[agent_api::ProblemView]) {
        let news = self.view.send_if_modified(|view| view.refused(problems));
        if news {
            self.metrics.applied(Outcome::Refused);
            for problem in problems {
                tracing::error!("{}", super::view::text(problem));
            }
        }
        if self.written.is_none() {
            self.gate.close("no valid document: the layers have problems");
        }
    }

    pub(super) fn version(&self) -> Option<String> {
        self.presence.borrow().version().map(ToOwned::to_owned)
    }

    pub(super) fn is_up(&self) -> bool {
        self.presence.borrow().version().is_some()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.store.ledger().paused_until.is_some_and(|until| until > Timestamp::now())
    }

    pub(super) fn state(&mut self, state: ConfigState) {
        self.view.send_if_modified(|view| std::mem::replace(&mut view.state, state) != state);
    }

    /// What is on disk, as a document.
    pub(super) fn current(&self) -> Option<Document> {
        let written = self.written.as_ref()?;
        let value = serde_json::from_slice(&written.bytes).ok()?;
        Some(Document { value, bytes: written.bytes.to_vec(), sha256: written.sha256 })
    }
}

/// Waits for the work in hand; for ever when there is none.
async fn working(work: &mut Option<Pin<Box<dyn Future<Output = Step> + Send>>>) -> Step {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

fn far() -> Instant {
    Instant::now() + std::time::Duration::from_secs(86_400)
}

fn in_that_time(until: Timestamp) -> Instant {
    let left = until.duration_since(Timestamp::now());
    Instant::now() + left.try_into().unwrap_or_default()
}
