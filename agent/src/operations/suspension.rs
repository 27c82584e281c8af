//! The suspension: a lease of the gateway's, renewed for as long as a caller wants it.
//!
//! One task owns it. The caller's hold ends by itself, and the gateway's lease ends by itself two minutes after its last
//! renewal: whoever dies in between leaves no gateway suspended for longer.

use std::sync::Arc;
use std::time::Duration;

use agent_api::{SuspensionState, SuspensionView};
use jiff::Timestamp;
use service::Drain;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::gateway::{Gateway, Lease, Work};
use super::{Error, Happened, What};
use crate::config::gateway::Presence;

/// How often a lease is renewed.
const RENEW: Duration = Duration::from_secs(45);
/// How long a lease lasts without a renewal.
const LEASE: Duration = Duration::from_secs(120);
/// How often is looked while something is on its way: work that ends, a gateway that comes back.
const LOOK: Duration = Duration::from_secs(5);
/// How long the end of the agent waits for a lease to be given back.
const GOODBYE: Duration = Duration::from_secs(5);
/// Who acts when nobody asked.
const AGENT: &str = "agent";

/// A wish of a caller, with the way back.
pub enum Command {
    /// Suspend, or hold for longer.
    Suspend {
        /// What happens to work that is under way.
        work: Work,
        /// How long it holds without another call.
        hold: Duration,
        /// Who asks.
        actor: String,
        /// The way back.
        reply: oneshot::Sender<Result<SuspensionView, Error>>,
    },
    /// Let it take work again.
    Resume {
        /// Who asks.
        actor: String,
        /// The way back: whether there was a suspension.
        reply: oneshot::Sender<Result<bool, Error>>,
    },
}

/// Whether a lease is given back when the agent ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtEnd {
    /// The gateway may live on beside our successor: it takes work again.
    GiveBack,
    /// The gateway ends with us: it begins nothing new for its last moments.
    Keep,
}

/// A gateway that is our child ends with us.
pub fn at_end(is_child: bool) -> AtEnd {
    match is_child {
        true => AtEnd::Keep,
        false => AtEnd::GiveBack,
    }
}

/// A hold that somebody has, and the lease behind it.
struct Held {
    /// Absent while it is not known whether the gateway gave one.
    lease: Option<String>,
    work: Work,
    since: Timestamp,
    until: Instant,
    /// The same for people.
    until_at: Timestamp,
    actor: String,
    state: SuspensionState,
    active: u64,
    /// When the gateway last said that it holds, or may have begun to.
    renewed: Instant,
    /// When to look next.
    next: Instant,
}

/// The owner of the suspension.
pub struct Suspension {
    gateway: Arc<dyn Gateway>,
    presence: watch::Receiver<Presence>,
    commands: mpsc::Receiver<Command>,
    view: watch::Sender<Option<SuspensionView>>,
    happened: broadcast::Sender<Happened>,
    at_end: AtEnd,
    held: Option<Held>,
}

impl Held {
    fn new(work: Work, hold: Duration, actor: String) -> Self {
        let now = Instant::now();
        Self {
            lease: None,
            work,
            since: Timestamp::now(),
            until: now + hold,
            until_at: after(hold),
            actor,
            state: SuspensionState::Interrupted,
            active: 0,
            renewed: now,
            next: now,
        }
    }

    fn granted(&mut self, lease: Lease) {
        let now = Instant::now();
        let (state, next) = match lease.rests {
            true => (SuspensionState::Suspended, now + RENEW),
            false => (SuspensionState::Draining, now + LOOK),
        };
        (self.state, self.next) = (state, next.min(self.until));
        self.active = lease.active;
        self.lease = Some(lease.id);
        self.renewed = now;
    }

    fn interrupted(&mut self) {
        self.state = SuspensionState::Interrupted;
        self.next = Instant::now() + LOOK;
    }

    /// A later call never makes an earlier caller's hold shorter.
    fn extend(&mut self, hold: Duration, actor: String) {
        let until = Instant::now() + hold;
        if until > self.until {
            (self.until, self.until_at) = (until, after(hold));
        }
        self.actor = actor;
    }

    /// Nobody wants it any longer, and the gateway could not be told yet.
    fn abandoned(mut self) -> Self {
        (self.until, self.until_at) = (Instant::now(), Timestamp::now());
        self.interrupted();
        self
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    fn view(&self) -> SuspensionView {
        SuspensionView {
            state: self.state,
            since: self.since.to_string(),
            until: self.until_at.to_string(),
            actor: self.actor.clone(),
            active: self.active,
        }
    }
}

impl Suspension {
    /// Nothing is suspended yet.
    pub fn new(
        gateway: Arc<dyn Gateway>,
        presence: watch::Receiver<Presence>,
        commands: mpsc::Receiver<Command>,
        view: watch::Sender<Option<SuspensionView>>,
        happened: broadcast::Sender<Happened>,
        at_end: AtEnd,
    ) -> Self {
        Self {
            gateway,
            presence,
            commands,
            view,
            happened,
            at_end,
            held: None,
        }
    }

    /// Does what callers ask and keeps what they have, until the drain.
    pub async fn run(mut self, drain: Drain) {
        loop {
            tokio::select! {
                () = drain.signalled() => return self.end().await,
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return self.end().await,
                },
                () = due(self.held.as_ref()) => self.pass().await,
                Ok(()) = self.presence.changed() => self.seen().await,
            }
            self.publish();
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Suspend {
                work,
                hold,
                actor,
                reply,
            } => {
                let answer = self.suspend(work, hold, actor).await;
                self.publish();
                let _ = reply.send(answer);
            }
            Command::Resume { actor, reply } => {
                let answer = self.resume(actor).await;
                self.publish();
                let _ = reply.send(answer);
            }
        }
    }

    async fn suspend(
        &mut self,
        work: Work,
        hold: Duration,
        actor: String,
    ) -> Result<SuspensionView, Error> {
        let fresh = self.held.as_ref().is_none_or(Held::is_over);
        if fresh {
            self.begin(work, hold, actor).await?;
        } else {
            self.hold_on(hold, actor).await?;
        }
        let held = self.held.as_ref().ok_or(Error::Ended)?;
        Ok(held.view())
    }

    /// A gateway that may have begun to rest without our knowing is one that we have to resume.
    async fn begin(&mut self, work: Work, hold: Duration, actor: String) -> Result<(), Error> {
        let mut held = Held::new(work, hold, actor);
        match self.ask(&mut held).await {
            Ok(()) => {
                tracing::info!(actor = held.actor, "the gateway is suspended");
                self.tell(What::Suspend, &held.actor);
                self.held = Some(held);
                Ok(())
            }
            Err(Error::Silent) => {
                self.held = Some(held.abandoned());
                Err(Error::Silent)
            }
            Err(error) => Err(error),
        }
    }

    /// The same name gets the same lease, from a predecessor of ours too; but the gateway takes one that was made with the
    /// other wish for work to be somebody else's.
    async fn ask(&self, held: &mut Held) -> Result<(), Error> {
        let lease = match self.gateway.suspend(held.work).await {
            Err(Error::Elsewhere { .. }) => {
                held.work = match held.work {
                    Work::Keep => Work::Finish,
                    Work::Finish => Work::Keep,
                };
                self.gateway.suspend(held.work).await?
            }
            answer => answer?,
        };
        held.granted(lease);
        Ok(())
    }

    async fn hold_on(&mut self, hold: Duration, actor: String) -> Result<(), Error> {
        let Some(mut held) = self.held.take() else {
            return Err(Error::Ended);
        };
        held.extend(hold, actor);
        self.renew(held).await;
        match self.held {
            Some(_) => Ok(()),
            None => Err(Error::Elsewhere { until: None }),
        }
    }

    /// What lasts is suspended again, whatever became of the gateway meanwhile. Work that it began in between comes to its
    /// end.
    async fn renew(&mut self, mut held: Held) {
        let mut answer = self.gateway.suspend(held.work).await;
        if let Err(Error::Busy { .. }) = answer {
            held.work = Work::Finish;
            answer = self.gateway.suspend(held.work).await;
        }
        match answer {
            Ok(lease) => {
                if held.lease.as_ref().is_some_and(|old| *old != lease.id) {
                    tracing::warn!("the gateway took work again by itself: it is suspended anew");
                }
                held.granted(lease);
            }
            Err(error @ (Error::Elsewhere { .. } | Error::Unsupported { .. })) => {
                return self.lost(&held, &error);
            }
            Err(error) => {
                if held.state != SuspensionState::Interrupted {
                    tracing::warn!("the suspension cannot be renewed: {error}");
                }
                held.interrupted();
            }
        }
        self.held = Some(held);
    }

    fn lost(&self, held: &Held, error: &Error) {
        tracing::warn!("the suspension is lost: {error}");
        self.tell(What::SuspensionExpired, &held.actor);
    }

    async fn resume(&mut self, actor: String) -> Result<bool, Error> {
        let Some(held) = self.held.take() else {
            return Ok(false);
        };
        match self.give_back(&held).await {
            Ok(()) => {
                tracing::info!(actor, "the gateway takes work again");
                self.tell(What::Resume, &actor);
                Ok(true)
            }
            Err(error) => {
                self.held = Some(held.abandoned());
                Err(error)
            }
        }
    }

    /// One that nobody knows the name of is asked for again, to learn it.
    async fn give_back(&self, held: &Held) -> Result<(), Error> {
        let lease = match &held.lease {
            Some(lease) => lease.clone(),
            None => match self.gateway.suspend(held.work).await {
                Ok(lease) => lease.id,
                Err(Error::Busy { .. } | Error::Elsewhere { .. }) => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        self.gateway.resume(&lease).await
    }

    /// The lease is renewed, or the hold has ended.
    async fn pass(&mut self) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        if !held.is_over() {
            return self.renew(held).await;
        }
        match self.give_back(&held).await {
            Ok(()) => self.expired(&held),
            Err(_) if held.renewed.elapsed() >= LEASE => self.expired(&held),
            Err(error) => {
                tracing::warn!("the gateway cannot be resumed yet: {error}");
                held.interrupted();
                self.held = Some(held);
            }
        }
    }

    fn expired(&self, held: &Held) {
        tracing::info!(
            actor = held.actor,
            "nobody held the suspension any longer: the gateway takes work again"
        );
        self.tell(What::SuspensionExpired, &held.actor);
    }

    /// A gateway that is back, or begun anew, is looked at at once.
    async fn seen(&mut self) {
        let up = matches!(*self.presence.borrow_and_update(), Presence::Up { .. });
        match &mut self.held {
            Some(_) if up => self.pass().await,
            Some(held) => held.interrupted(),
            None => {}
        }
    }

    async fn end(mut self) {
        let Some(held) = self.held.take() else {
            return;
        };
        if self.at_end == AtEnd::Keep {
            return;
        }
        match timeout(GOODBYE, self.give_back(&held)).await {
            Ok(Ok(())) => {
                tracing::info!("the agent ends: the gateway takes work again");
                self.tell(What::Resume, AGENT);
            }
            Ok(Err(error)) => tracing::warn!("the suspension ends by itself: {error}"),
            Err(_) => tracing::warn!("the suspension ends by itself: the gateway does not answer"),
        }
    }

    fn tell(&self, what: What, actor: &str) {
        let actor = actor.to_owned();
        // Nobody listening is fine.
        let _ = self.happened.send(Happened { what, actor });
    }

    fn publish(&self) {
        let view = self.held.as_ref().map(Held::view);
        self.view.send_if_modified(|old| {
            let changed = *old != view;
            *old = view;
            changed
        });
    }
}

fn after(hold: Duration) -> Timestamp {
    let until = Timestamp::now().checked_add(hold);
    until.unwrap_or(Timestamp::MAX)
}

/// Lasts until the lease or the hold wants something.
async fn due(held: Option<&Held>) {
    match held {
        Some(held) => sleep_until(held.next).await,
        None => std::future::pending().await,
    }
}
