//! The one task that owns the document.
//!
//! In: layers that change, callers' commands, what becomes of the gateway, edits by others.
//! Out: documents on disk, a view that anybody may watch. It does one thing at a time: a change
//! is checked, written, proved and watched, or undone; a newer change supersedes it.

use std::pin::Pin;
use std::sync::Arc;

use agent_api::{ConfigState, Outcome, ProblemView};
use config_merge::LayerName;
use durable::Digest;
use jiff::Timestamp;
use service::{Drain, Gate};
use tokio::sync::{broadcast, mpsc, watch as channel};
use tokio::time::{Instant, sleep_until};
use watch::{Change, Watcher};

use super::Error;
use super::attempt::{Attempt, Step, Waiter};
use super::choose::{Candidate, Choice, choose};
use super::document::{Document, DocumentFile};
use super::fights::Fights;
use super::gateway::{Gateway, Presence};
use super::handle::{Command, Handle};
use super::ledger::LayerSet;
use super::metrics::Metrics;
use super::resolve::{Resolved, views};
use super::settings::Settings;
use super::source::Readings;
use super::store::Store;
use super::verdicts::{self, Verdict};
use super::view::View;

/// The document's index among the watched paths.
const DOCUMENT: usize = 0;
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
    pub(super) verdicts: broadcast::Sender<Verdict>,
    pub(super) gate: Gate,
    pub(super) written: Option<Written>,
    pub(super) attempt: Option<Attempt>,
    pub(super) work: Option<Pin<Box<dyn Future<Output = Step> + Send>>>,
    pub(super) fights: Fights,
    /// Layers that the gateway's last refusal speaks of.
    pub(super) blamed: Vec<LayerName>,
    /// Problems that were told already.
    pub(super) complaints: Vec<ProblemView>,
    /// What the gateway did not take, as long as a layer of it is left out for that.
    pub(super) refusals: Vec<ProblemView>,
    /// When a layer that is not whole is given up on.
    pub(super) quiet_until: Option<Instant>,
    /// The gateway is absent.
    pub(super) waiting: Option<Waiting>,
    /// Something could not be read or written: when it is tried again.
    pub(super) retry_at: Option<Instant>,
    /// The gateway was allowed to start.
    pub(super) released: bool,
    /// The gateway is writing the document for us.
    pub(super) handing: bool,
    /// The gateway may be dead of the last document: the next one has to bring it back.
    pub(super) revive: bool,
    /// The life of the gateway in which the very first document failed.
    pub(super) failed_in: Option<Presence>,
}

/// A gateway that does not answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// Since when.
    pub since: Instant,
    /// It lasted so long that it was told, and that a change is written all the same.
    pub over: bool,
}

/// What woke the engine.
enum Wake {
    Drained,
    Files(Change),
    Command(Option<Command>),
    Gateway,
    Step(Step),
    Timer,
}

impl Engine {
    /// Nothing happens before `run`.
    pub fn new(
        settings: Settings,
        store: Store,
        gateway: Arc<dyn Gateway>,
        metrics: Metrics,
        gate: Gate,
    ) -> (Self, Handle) {
        let presence = gateway.presence();
        let (sender, commands) = mpsc::channel(COMMANDS);
        let first = View::new(&settings, presence.borrow().clone());
        let (view, views) = channel::channel(first);
        let (verdicts, _) = broadcast::channel(verdicts::WAITING);
        let handle = Handle::new(sender, views, verdicts.clone(), Arc::clone(&gateway));
        let engine = Self {
            file: DocumentFile::new(&settings),
            settings,
            store,
            gateway,
            presence,
            commands,
            view,
            metrics,
            verdicts,
            gate,
            written: None,
            attempt: None,
            work: None,
            fights: Fights::default(),
            blamed: Vec::new(),
            complaints: Vec::new(),
            refusals: Vec::new(),
            quiet_until: None,
            waiting: Some(Waiting {
                since: Instant::now(),
                over: false,
            }),
            retry_at: None,
            released: false,
            handing: false,
            revive: false,
            failed_in: None,
        };
        (engine, handle)
    }

    /// Lives until told to end. Writes the first document before it does anything else.
    pub async fn run(mut self, drain: Drain) -> Result<(), Error> {
        let mut watcher = self.watcher();
        let names = self.watched();
        if let Err(error) = self.boot().await {
            self.stumble(&error);
            self.release_as_it_is();
        }
        loop {
            let modes = watcher.modes();
            self.view
                .send_if_modified(|view| view.watch(&names, &modes));
            let timer = self.next_timer();
            // What the gateway was asked to write cannot be taken back: until it has answered, nothing takes its place.
            let free = !self.handing;
            let wake = tokio::select! {
                () = drain.signalled() => Wake::Drained,
                step = working(&mut self.work) => Wake::Step(step),
                command = self.commands.recv(), if free => Wake::Command(command),
                change = watcher.changed(), if free => Wake::Files(change),
                Ok(()) = self.presence.changed(), if free => Wake::Gateway,
                () = sleep_until(timer.unwrap_or_else(far)), if free && timer.is_some() => Wake::Timer,
            };
            match self.wake(wake) {
                Ok(true) => self.tidy(),
                Ok(false) => return Ok(()),
                Err(error) => self.stumble(&error),
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
            Wake::Files(change) => self.files_changed(&change)?,
            Wake::Gateway => self.gateway_changed()?,
            Wake::Timer => self.timer()?,
        }
        Ok(true)
    }

    /// One watcher for everything, the document first: a node has few inotify instances.
    fn watcher(&self) -> Watcher {
        let document = std::iter::once(&self.settings.document);
        let paths = document
            .chain(self.settings.layers.values())
            .chain(&self.settings.locks)
            .cloned()
            .collect();
        Watcher::start(
            paths,
            watch::Settings {
                poll_interval: self.settings.poll,
                ..watch::Settings::default()
            },
        )
    }

    /// The names of what is watched, in the watcher's order.
    fn watched(&self) -> Vec<String> {
        let layers = self.settings.layers.keys().map(ToString::to_string);
        let locks = self.settings.locks.iter().map(|_| "locks".to_owned());
        std::iter::once("document".to_owned())
            .chain(layers)
            .chain(locks)
            .collect()
    }

    fn files_changed(&mut self, change: &Change) -> Result<(), Error> {
        if change.contains(DOCUMENT) {
            self.drifted()?;
        }
        if change.indices().any(|index| index != DOCUMENT) {
            self.consider()
        } else {
            Ok(())
        }
    }

    /// The next moment at which something is due.
    fn next_timer(&self) -> Option<Instant> {
        let absent = self
            .waiting
            .filter(|waiting| !waiting.over)
            .map(|waiting| waiting.since + self.settings.absent);
        let pause = self.store.ledger().paused_until.map(in_that_time);
        let due = [
            self.quiet_until,
            absent,
            pause,
            self.fights.due(),
            self.retry_at,
        ];
        due.into_iter().flatten().min()
    }

    /// Between changes nothing is at hand that the ledger does not name, but what the document on
    /// disk is made of.
    fn tidy(&mut self) {
        if self.attempt.is_none() && self.work.is_none() {
            let in_force = self.written.as_ref().map(|written| &written.set);
            self.store.tidy(in_force);
        }
    }

    fn timer(&mut self) -> Result<(), Error> {
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            self.retry_at = None;
        }
        if self.store.ledger().paused_until.is_some() && !self.is_paused() {
            self.end_pause()?;
        }
        self.tell_absence();
        self.drifted()?;
        self.consider()
    }

    /// An absent gateway is no reason to undo anything; after a while it is one to tell.
    fn tell_absence(&mut self) {
        let patience = self.settings.absent;
        let Some(waiting) = self
            .waiting
            .as_mut()
            .filter(|waiting| !waiting.over && waiting.since.elapsed() >= patience)
        else {
            return;
        };
        waiting.over = true;
        tracing::error!("the gateway has been absent for {} s", patience.as_secs());
        self.metrics.absent();
        if let Some(attempt) = &self.attempt {
            let mut report = attempt.report(
                Outcome::Pending,
                Some("the gateway does not answer".to_owned()),
            );
            report.waiting_for = Some("the gateway".to_owned());
            self.publish(&report);
            self.state(ConfigState::Pending);
        }
    }

    fn gateway_changed(&mut self) -> Result<(), Error> {
        let presence = self.presence.borrow_and_update().clone();
        self.view
            .send_modify(|view| view.presence = presence.clone());
        if presence.version().is_none() {
            self.waiting.get_or_insert(Waiting {
                since: Instant::now(),
                over: false,
            });
            self.tell_undo();
            return Ok(());
        }
        self.waiting = None;
        self.tell_undo();
        if self.attempt.is_none() {
            self.consider()
        } else {
            Ok(())
        }
    }

    /// Looks at the layers and starts what they ask for, if it is new.
    pub(super) fn consider(&mut self) -> Result<(), Error> {
        let readings = Readings::read(&self.settings);
        let resolved = Resolved::of(&self.settings, &self.store, &readings)?;
        if !resolved.is_whole() && self.still_moving() {
            return Ok(());
        }
        self.quiet_until = None;
        let before = self.written.as_ref().map(|written| &written.set);
        let actor = resolved.author(&self.store, before);
        self.pursue(resolved, &actor, None)
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
    pub(super) fn pursue(
        &mut self,
        mut resolved: Resolved,
        actor: &str,
        waiter: Option<Waiter>,
    ) -> Result<(), Error> {
        self.yield_to_user(&mut resolved)?;
        if !resolved.fatal.is_empty() {
            let layers: Vec<_> = resolved.views.values().cloned().collect();
            self.view.send_modify(|view| view.layers = layers);
        }
        let version = self.version();
        match choose(&self.store, resolved, version.as_deref(), &self.blamed)? {
            Choice::Nothing(mut problems) => {
                problems.extend(self.refusals.clone());
                self.complain(&problems);
                self.state(ConfigState::Refused);
                if self.written.is_none() {
                    self.gate
                        .close("there is no valid document: the layers have problems");
                }
                self.answer_refused(waiter, actor, problems);
                Ok(())
            }
            Choice::Candidate(candidate) => self.take(*candidate, actor, waiter),
        }
    }

    fn take(
        &mut self,
        mut candidate: Candidate,
        actor: &str,
        mut waiter: Option<Waiter>,
    ) -> Result<(), Error> {
        if candidate.reverted.is_empty() {
            self.refusals.clear();
        } else {
            self.answer_refused(waiter.take(), actor, self.refusals.clone());
        }
        let mut problems: Vec<ProblemView> = candidate
            .layers
            .iter()
            .flat_map(|layer| layer.problems.clone())
            .collect();
        problems.extend(self.refusals.clone());
        problems.extend(views(&candidate.evaluation.left_out));
        self.complain(&problems);
        candidate.explain(&self.refusals);
        self.view.send_modify(|view| view.layers(&candidate));
        self.start(candidate, actor, waiter)
    }

    /// Says what stands in the way, once.
    fn complain(&mut self, problems: &[ProblemView]) {
        let known = std::mem::replace(&mut self.complaints, problems.to_vec());
        let news: Vec<&ProblemView> = problems
            .iter()
            .filter(|problem| !known.contains(problem) && !self.refusals.contains(problem))
            .collect();
        if !news.is_empty() {
            self.ended(Outcome::Refused);
        }
        for problem in news {
            tracing::warn!("refused: {}", super::view::text(problem));
        }
        let problems = problems.to_vec();
        self.view.send_if_modified(|view| {
            std::mem::replace(&mut view.problems, problems.clone()) != problems
        });
    }

    pub(super) fn version(&self) -> Option<String> {
        self.presence.borrow().version().map(ToOwned::to_owned)
    }

    pub(super) fn is_up(&self) -> bool {
        self.presence.borrow().version().is_some()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.store
            .ledger()
            .paused_until
            .is_some_and(|until| until > Timestamp::now())
    }

    pub(super) fn state(&mut self, state: ConfigState) {
        self.view
            .send_if_modified(|view| std::mem::replace(&mut view.state, state) != state);
    }

    /// What is on disk, as a document.
    pub(super) fn current(&self) -> Option<Document> {
        let written = self.written.as_ref()?;
        let value = serde_json::from_slice(&written.bytes).ok()?;
        Some(Document {
            value,
            bytes: written.bytes.to_vec(),
            sha256: written.sha256,
        })
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
