//! The task that watches the pod.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::health::cure::Book;
use ::health::death::{Death, Seen};
use ::health::facts::{Agent, Clock, Facts, Memory};
use ::health::{Damper, Key, judge, verdict};
use agent_api::{JournalEvent, SuspensionState, SuspensionView};
use jiff::Timestamp;
use openclaw::{Event, LinkHandle, Received};
use service::{BEAT, Drain, Gate};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::asked::{self, Answers, Question};
use super::clocks::{Changed, Wall};
use super::deaths::{Deaths, Moment};
use super::given::Cures;
use super::heard::Heard;
use super::metrics::Metrics;
use super::view::{Resources, View};
use super::{Settings, disks, translated, wire};
use crate::config::Handle;
use crate::gateway::{Child, Tokens};
use crate::journal::Journal;
use crate::secrets;

/// What the observer looks at, and where it tells.
pub struct Parts {
    /// The gateway.
    pub link: LinkHandle,
    /// Its process, where it is our child.
    pub child: Option<Child>,
    /// What the release of the gateway can do.
    pub tokens: Arc<Tokens>,
    /// The document.
    pub document: Handle,
    /// The secrets, where there are some.
    pub secrets: Option<watch::Receiver<secrets::View>>,
    /// The sandboxes, where this agent owns some.
    pub sandboxes: Option<watch::Receiver<sandbox::View>>,
    /// Our suspension of the gateway, where there is one.
    pub suspended: watch::Receiver<Option<SuspensionView>>,
    /// Where it tells what must not be missed.
    pub journal: Journal,
    /// Where it counts.
    pub metrics: Metrics,
    /// Closed while the pod cannot serve.
    pub gate: Gate,
}

/// Watches the pod, and does what it can about what is wrong.
pub struct Observer {
    pub(super) parts: Parts,
    pub(super) settings: Settings,
    pub(super) view: watch::Sender<View>,
    pub(super) began: Instant,
    pub(super) heard: Heard,
    deaths: Deaths,
    damper: Damper,
    pub(super) book: Book,
    pub(super) cures: Cures,
    /// What is asked of the gateway now.
    asking: Option<Pin<Box<dyn Future<Output = Answers> + Send>>>,
    pub(super) ask_at: Instant,
    round: u32,
    pub(super) curing: Option<Curing>,
    pub(super) resources: Resources,
    pub(super) runs: Option<u32>,
    documented: Changed,
    edited: Changed,
    sandboxed: Changed,
    wall: Wall,
    draining: bool,
}

pub(super) type Curing = Pin<Box<dyn Future<Output = (Key, Result<(), String>)> + Send>>;

/// What woke the observer.
enum Wake {
    Drained,
    Link,
    Told(Option<Received>),
    Child,
    Answered(Box<Answers>),
    Cured(Key, Result<(), String>),
    Looked,
}

impl Observer {
    /// A watch, and what it sees. Nothing happens before [`run`](Self::run).
    pub fn new(settings: Settings, parts: Parts) -> (Self, watch::Receiver<View>) {
        let (view, views) = watch::channel(View::new(settings.cures.into()));
        parts.gate.close("nothing is known of the gateway yet");
        let now = Instant::now();
        let observer = Self {
            deaths: Deaths::new(parts.child.as_ref()),
            parts,
            settings,
            view,
            began: now,
            heard: Heard::default(),
            damper: Damper::default(),
            book: Book::default(),
            cures: Cures::default(),
            asking: None,
            ask_at: now,
            round: 0,
            curing: None,
            resources: Resources::default(),
            runs: None,
            documented: Changed::default(),
            edited: Changed::default(),
            sandboxed: Changed::default(),
            wall: Wall::new(),
            draining: false,
        };
        (observer, views)
    }

    /// Watches until the agent ends; as the gateway's parent, until that has ended too.
    pub async fn run(mut self, drain: Drain) {
        let mut link = self.parts.link.state();
        let mut events = self.parts.link.events();
        let mut child = self.parts.child.clone();
        let mut document = self.parts.document.news();
        let mut secrets = self.parts.secrets.clone();
        let mut sandboxes = self.parts.sandboxes.clone();
        let mut suspended = self.parts.suspended.clone();
        link.mark_changed();
        loop {
            let due = self.due();
            let wake = tokio::select! {
                () = drain.signalled(), if !self.draining => Wake::Drained,
                Ok(()) = link.changed() => Wake::Link,
                received = events.next() => Wake::Told(received),
                () = changed(&mut child) => Wake::Child,
                answers = doing(&mut self.asking) => Wake::Answered(Box::new(answers)),
                (key, given) = doing(&mut self.curing) => Wake::Cured(key, given),
                Ok(()) = document.changed() => Wake::Looked,
                () = renewed(&mut secrets) => Wake::Looked,
                () = renewed(&mut sandboxes) => Wake::Looked,
                Ok(()) = suspended.changed() => Wake::Looked,
                () = sleep_until(due) => Wake::Looked,
            };
            let now = self.began.elapsed();
            if self.woken(wake, now) {
                self.pass(now);
            }
            if self.draining && child.as_ref().is_none_or(Child::is_gone) {
                return;
            }
        }
    }

    /// When to look again though nothing happens.
    fn due(&self) -> Instant {
        let ask = self.asking.is_none().then_some(self.ask_at);
        let damper = self.damper.due().map(|due| self.began + due);
        let due = ask.into_iter().chain(damper).min();
        due.unwrap_or_else(|| Instant::now() + BEAT)
    }

    /// Takes over what happened. True when it may change what is thought of the pod.
    fn woken(&mut self, wake: Wake, now: Duration) -> bool {
        match wake {
            Wake::Drained => {
                self.draining = true;
                self.see(Seen::OwnDrain, now);
            }
            Wake::Link => self.linked(now),
            Wake::Told(Some(Received::Event(event))) => return self.told(&event, now),
            Wake::Told(_) => return false,
            Wake::Child => self.child(now),
            Wake::Answered(answers) => self.answered(*answers, now),
            Wake::Cured(key, given) => self.given(&key, given, now),
            Wake::Looked => {}
        }
        if self.asking.is_none() && Instant::now() >= self.ask_at {
            self.ask();
        }
        true
    }

    fn moment(&self, now: Duration) -> Moment {
        Moment {
            now,
            verdict: self.view.borrow().verdict,
            draining: self.draining,
        }
    }

    fn linked(&mut self, now: Duration) {
        let state = self.parts.link.state().borrow().clone();
        let was_up = self.heard.is_up();
        if self.heard.linked(&state, now) {
            let hello = state.hello();
            self.parts.journal.record(&JournalEvent::GatewayUp {
                version: hello.map(|hello| hello.version.clone()).unwrap_or_default(),
                boot_id: hello.and_then(|hello| hello.boot_id.clone()),
            });
            self.round = 0;
        }
        if self.heard.is_up() {
            let boot_id = self.heard.boot_id().map(ToOwned::to_owned);
            self.see(
                Seen::Up {
                    boot_id,
                    process: None,
                },
                now,
            );
        } else if was_up {
            self.see(Seen::Lost, now);
        }
        if self.heard.is_up() != was_up {
            // Whatever is asked belongs to the connection before.
            self.asking = None;
            self.ask_at = Instant::now();
        }
    }

    fn told(&mut self, event: &Event, now: Duration) -> bool {
        match event {
            Event::Shutdown { reason } => {
                let restart = reason.contains("restart").then_some(true);
                self.see(Seen::Shutdown { restart }, now);
            }
            Event::Suspension { .. } => {}
            _ => return self.heard.told(event, now),
        }
        self.heard.told(event, now);
        self.see(Seen::Suspended(self.heard.is_suspended()), now);
        true
    }

    fn child(&mut self, now: Duration) {
        let Some(child) = self.parts.child.clone() else {
            return;
        };
        if let Some(death) = self.deaths.exited(&child, self.moment(now)) {
            self.heard.ended();
            self.died(death);
        }
        if child.is_running() && !self.heard.is_up() && self.heard.starting_since.is_none() {
            self.heard.starting_since = Some(now);
        }
    }

    /// From beside only: its parent knows better.
    pub(super) fn see(&mut self, seen: Seen, now: Duration) {
        if self.parts.child.is_some() {
            return;
        }
        if let Some(death) = self.deaths.see(seen, self.moment(now)) {
            self.died(death);
        }
    }

    fn died(&mut self, death: Death) {
        let view = self.view.borrow();
        let at = match self.began.elapsed().saturating_sub(death.at) {
            Duration::ZERO => Timestamp::now(),
            ago => Timestamp::now() - jiff::SignedDuration::try_from(ago).unwrap_or_default(),
        };
        drop(view);
        tracing::warn!(
            cause = death.cause.word(),
            inferred = !death.certain,
            evidence = death.evidence.join("; "),
            "the gateway ended: {}",
            death.meaning
        );
        self.parts.metrics.died(death.cause);
        let told = wire::death(&death, at);
        self.parts
            .journal
            .record(&JournalEvent::GatewayDied { death: told });
        self.view
            .send_modify(|view| view.last_death = Some(Arc::new((death, at))));
    }

    fn ask(&mut self) {
        let question = Question {
            up: self.heard.is_up(),
            round: self.round,
            beside: self.parts.child.is_none(),
            runs: !self.view.borrow().causes.is_empty(),
        };
        self.round = self.round.wrapping_add(1);
        let link = self.parts.link.clone();
        self.asking = Some(Box::pin(asked::ask(link, question)));
    }

    fn answered(&mut self, answers: Answers, now: Duration) {
        self.asking = None;
        self.ask_at = answers.next(self.heard.is_up());
        if answers.spoke {
            self.heard.last_answer = Some(now);
        }
        if let Some(probe) = &answers.healthz {
            self.heard.healthz = translated::healthz(probe);
            let open = !matches!(probe, openclaw::probe::Probe::Closed);
            self.see(Seen::Port { open }, now);
        }
        if let Some(probe) = &answers.startup {
            self.heard.startup = translated::startup(probe);
        }
        if let Some(failing) = answers.failing {
            self.heard.ready_failing = failing;
        }
        if let Some(suspended) = answers.suspended {
            self.heard.suspended(suspended);
        }
        if let Some(health) = answers.health {
            self.heard.health(&health);
        }
        if let Some(channels) = answers.channels {
            let said = channels.event_loop.as_ref();
            self.resources.cpu = said.and_then(|said| said.cpu_core_ratio);
            self.resources.event_loop = said.cloned();
            self.heard.channels(channels);
        }
        if let Some(owners) = answers.degraded {
            self.heard.secrets_degraded = Some(owners);
        }
        self.runs = answers.runs;
        if let Some(info) = answers.system {
            self.resources.memory = info.rss_bytes;
            self.resources.memory_limit = self.settings.memory_limit;
        }
    }

    /// The child's control group says more than its own word.
    fn measure(&mut self, now: Duration) {
        if let Some(child) = &self.parts.child
            && let Some(group) = child.status().group
        {
            let memory = group.memory();
            self.resources.memory = memory.working_set_bytes;
            self.resources.memory_limit = self.settings.memory_limit.or(memory.limit_bytes);
        }
        self.resources.disks = disks::read(&self.settings);
        if let Some(memory) = self.memory() {
            self.deaths.memory = Some(memory);
            self.see(Seen::Memory(memory), now);
        }
    }

    fn memory(&self) -> Option<Memory> {
        let used = self.resources.memory?;
        Some(Memory {
            used,
            limit: self.resources.memory_limit,
        })
    }

    /// What is thought of the pod now, and what is done about it.
    fn pass(&mut self, now: Duration) {
        self.measure(now);
        if self.parts.child.is_none()
            && let Some(death) = self.deaths.pass(now)
        {
            self.died(death);
        }
        let facts = self.facts(now);
        let mut causes = self.damper.update(judge(&facts), now);
        let verdict = verdict(&facts, &causes);
        let situation = self.situation(verdict);
        self.settle(&causes, &situation, now);
        self.cure(&causes, &situation, now);
        self.book.explain(&mut causes, &situation, now);
        self.publish(verdict, causes, now);
    }

    fn facts(&mut self, now: Duration) -> Facts {
        let document = self.parts.document.view();
        let state = (document.state, document.generation);
        let since = self.documented.since(&format!("{state:?}"), now);
        let edits = document.drift.count;
        let edited = self.edited.since(&edits.to_string(), now);
        let edited = (edits > 0).then(|| now.saturating_sub(edited));
        let rests = |held: &SuspensionView| held.state != SuspensionState::Interrupted;
        let ours = self.parts.suspended.borrow().as_ref().is_some_and(rests);
        let mut gateway = self.heard.gateway(ours);
        gateway.unasked_ends = Some(self.deaths.unasked(now));
        let in_a_row = self.deaths.in_a_row();
        let child = self.parts.child.as_ref();
        gateway.child = child.map(|child| translated::child(&child.status(), in_a_row));
        Facts {
            at: now,
            gateway,
            event_loop: self.heard.event_loop.clone(),
            channels: self
                .heard
                .channels
                .as_ref()
                .map(|said| translated::channels(said, unix_ms())),
            plugins_failed: self.heard.plugins_failed.clone(),
            secrets_degraded: self.degraded(),
            sandbox: self.sandbox(now),
            disks: self.resources.disks.clone(),
            memory: self.memory(),
            config: Some(translated::document(&document, since, edited)),
            clock: Clock {
                jumped: self.wall.jumped(now),
            },
            agent: Agent {
                journal_writable: Some(self.parts.journal.view().borrow().writable.is_ok()),
                draining: self.draining,
                document: Some(document.generation > 0),
            },
        }
    }

    /// The newest word on who lacks a secret: of the gateway's own status, or of our last reload.
    fn degraded(&self) -> Option<Vec<String>> {
        let reloaded = self
            .parts
            .secrets
            .as_ref()
            .map(|view| view.borrow().degraded.clone());
        let said = self.heard.secrets_degraded.clone();
        match (said, reloaded) {
            (Some(said), Some(reloaded)) if said.is_empty() => Some(reloaded),
            (Some(said), _) => Some(said),
            (None, reloaded) => reloaded,
        }
    }

    fn sandbox(&mut self, now: Duration) -> Option<::health::facts::Sandbox> {
        let view = self.parts.sandboxes.as_ref()?.borrow().clone();
        let up = matches!(view.daemon, sandbox::Daemon::Up(_));
        let since = self.sandboxed.since(&up.to_string(), now);
        Some(translated::sandbox(&view, since))
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What is done now; never, when nothing is.
async fn doing<T>(work: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

async fn changed(child: &mut Option<Child>) {
    match child {
        Some(child) => child.changed().await,
        None => std::future::pending().await,
    }
}

async fn renewed<T>(view: &mut Option<watch::Receiver<T>>) {
    if let Some(receiver) = view
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *view = None;
    std::future::pending().await
}
