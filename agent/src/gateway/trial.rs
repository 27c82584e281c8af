//! The proof that a gateway runs with a document.
//!
//! Proof is that the revision in the file is the one that runs *and* the listener answers where
//! the document says. The gateway's log speeds a no up; deadlines decide where it says nothing.
//! Absence is no verdict: a gateway that is gone for another reason is waited for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agent_api::Proof;
use async_trait::async_trait;
use openclaw::{ConfigSnapshot, Endpoint, Event, Events, Parsed, Received, probe};
use tokio::time::{Instant, sleep_until, timeout};

use super::OpenClaw;
use super::aim::{endpoint, why_nowhere, wrong_reach};
use super::child::Ended;
use super::evidence::Evidence;
use super::said::Said;
use crate::config::gateway::{Change, Health, Issue, Presence, Trial, Verdict};

/// How often we look while nothing tells us to.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The gateway's view of its file may be this far behind it.
const BEHIND: Duration = Duration::from_millis(1500);
/// An accepted document whose listener does not answer for so long has failed.
const LISTENER: Duration = Duration::from_secs(4);
/// A restart is announced in the log within this time.
const ANNOUNCED: Duration = Duration::from_secs(3);
/// How long one address is dialled before the other one is tried.
const DIAL: Duration = Duration::from_secs(2);
/// How long a release without hashes is listened to.
const NO_HASHES: Duration = Duration::from_secs(3);
/// A gateway that was told to start anew inside its process is given this long to answer.
const REVIVED: Duration = Duration::from_secs(20);
/// A new process is given this long: on half a core a start takes minutes, and ending it in the middle would go on for ever.
const STARTED: Duration = Duration::from_secs(300);

/// What has to stay as it is, or come true.
pub struct OpenClawTrial {
    pub(super) gateway: Arc<OpenClaw>,
    pub(super) change: Change,
    pub(super) boot_before: Option<String>,
    pub(super) failing_before: BTreeSet<String>,
    pub(super) degraded_before: BTreeSet<String>,
    pub(super) exits: u64,
    pub(super) evidence: Evidence,
    events: Events,
    endpoint_before: Option<Endpoint>,
    revision_before: Option<String>,
    was_up: bool,
    crashes: u32,
    said_applied: bool,
    restarting: bool,
    went_away: bool,
    touched: bool,
    moving: bool,
}

/// Clocks of one proof.
struct Clocks {
    written: Instant,
    /// The deadlines count from here; work in the gateway moves it.
    patience_from: Instant,
    mismatch_since: Option<Instant>,
    dialled: Instant,
    /// When a gateway that was told to come back is given up.
    revived_by: Option<Instant>,
}

impl OpenClawTrial {
    /// Looks at the gateway before the document is written.
    pub async fn begin(gateway: Arc<OpenClaw>, change: Change) -> Self {
        let presence = gateway.presence.borrow().clone();
        let was_up = presence.version().is_some();
        let revision_before = match gateway.asking.confirmed() {
            Some(revision) => Some(revision),
            None => revision(&gateway).await,
        };
        Self {
            boot_before: boot_id(&presence),
            failing_before: BTreeSet::new(),
            degraded_before: BTreeSet::new(),
            exits: gateway.child.as_ref().map_or(0, super::Child::exits),
            evidence: Evidence::from_now(&change.document.value),
            events: gateway.link.events(),
            endpoint_before: gateway.link.endpoint(),
            revision_before,
            was_up,
            crashes: 0,
            said_applied: false,
            restarting: false,
            touched: false,
            moving: false,
            went_away: false,
            gateway,
            change,
        }
    }

    async fn look(&mut self, clocks: &mut Clocks) -> Option<Verdict> {
        if let Some(verdict) = self.hear() {
            return Some(verdict);
        }
        if let Some(verdict) = self.child_ended() {
            return Some(verdict);
        }
        match self.snapshot().await {
            Some(snapshot) => self.judge(&snapshot, clocks).await,
            None => self.absent(clocks).await,
        }
    }

    /// What the log says.
    fn hear(&mut self) -> Option<Verdict> {
        for said in self.evidence.look() {
            match said {
                Said::Skipped(reason) => {
                    return Some(Verdict::Refused {
                        issues: issues(&reason),
                        reason,
                    });
                }
                Said::ReloadFailed(reason) => return Some(Verdict::Failed { reason }),
                Said::StartupFailed(reason) => {
                    return Some(Verdict::Failed {
                        reason: format!("the gateway cannot start with it: {reason}"),
                    });
                }
                Said::Applied => self.said_applied = true,
                Said::Restarting => self.restarting = true,
            }
        }
        None
    }

    /// A child that ends because of the document says so, or ends twice.
    fn child_ended(&mut self) -> Option<Verdict> {
        let child = self.gateway.child.as_ref()?;
        let exits = child.exits();
        if exits == self.exits {
            return None;
        }
        self.exits = exits;
        match child.ended() {
            Ended::Refused(reason) => Some(Verdict::Failed { reason }),
            Ended::Otherwise => None,
            Ended::Crashed(reason) => {
                self.crashes += 1;
                (self.crashes >= 2).then_some(Verdict::Failed { reason })
            }
        }
    }

    async fn snapshot(&self) -> Option<ConfigSnapshot> {
        let connection = self.gateway.link.connection().ok()?;
        let snapshot = connection.config_get(Parsed::Skip).await.ok()?;
        self.gateway.asking.saw(&snapshot);
        Some(snapshot)
    }

    async fn judge(&mut self, snapshot: &ConfigSnapshot, clocks: &mut Clocks) -> Option<Verdict> {
        let age = clocks.written.elapsed();
        if !snapshot.valid && age > BEHIND {
            let issues: Vec<Issue> = snapshot
                .issues
                .iter()
                .map(|i| Issue {
                    path: i.path.clone(),
                    message: i.message.clone(),
                })
                .collect();
            return Some(Verdict::Refused {
                reason: first(&issues),
                issues,
            });
        }
        match snapshot.proved() {
            Some(true) if self.awaits_restart(age) => self.overdue(clocks).await,
            Some(true) if snapshot.revision != self.revision_before || age > BEHIND => {
                self.listener(Proof::Hash, clocks).await
            }
            Some(false) if self.change.hollow && age > BEHIND => {
                self.listener(Proof::Listener, clocks).await
            }
            None if self.said_applied => self.listener(Proof::Log, clocks).await,
            None if self.lives_on(age) || self.is_late(clocks) => {
                self.listener(Proof::Listener, clocks).await
            }
            _ => self.overdue(clocks).await,
        }
    }

    /// The gateway names the new revision as applied before it restarts for it.
    fn awaits_restart(&self, age: Duration) -> bool {
        let announced = self.restarting || (self.change.requires_restart && age < ANNOUNCED);
        self.was_up && announced && !self.booted_anew()
    }

    /// A release without hashes and boot ids: what can be seen is that it is there, after its restart if one was announced.
    fn lives_on(&self, age: Duration) -> bool {
        self.booted_anew() || self.went_away || (age > NO_HASHES && !self.restarting)
    }

    /// Whether another life of the gateway answers than before.
    fn booted_anew(&self) -> bool {
        let now = boot_id(&self.gateway.presence.borrow());
        now.is_some() && now != self.boot_before
    }

    /// The listener has to answer where the document says.
    async fn listener(&mut self, proof: Proof, clocks: &mut Clocks) -> Option<Verdict> {
        let Some(expected) = endpoint(&self.change.document.value) else {
            return Some(silently(&why_nowhere(&self.change.document.value)));
        };
        let wrong = if self.gateway.link.endpoint().as_ref() == Some(&expected) {
            wrong_reach(&self.change.document.value, &expected)
        } else {
            match probe::get(&expected, probe::Page::Startupz, Duration::from_secs(1)).await {
                probe::Probe::Ready { .. }
                | probe::Probe::NoPage
                | probe::Probe::NotReady { .. } => {
                    self.gateway.aim(&self.change.document);
                    return None;
                }
                _ => Some(format!(
                    "it does not answer at {}:{}",
                    expected.host, expected.port
                )),
            }
        };
        let Some(wrong) = wrong else {
            let restarted = self.booted_anew() && self.was_up;
            return Some(match proof {
                Proof::Hash => Verdict::Proved { proof, restarted },
                _ => Verdict::NotProvable { proof },
            });
        };
        let since = *clocks.mismatch_since.get_or_insert_with(Instant::now);
        if since.elapsed() <= LISTENER || self.moves(&expected, clocks) {
            return None;
        }
        Some(silently(&wrong))
    }

    /// A gateway that starts anew inside its process keeps its port; a child gets a new process for another, once.
    fn moves(&mut self, expected: &Endpoint, clocks: &mut Clocks) -> bool {
        let port = |endpoint: &Endpoint| endpoint.port;
        let (Some(child), false) = (&self.gateway.child, self.moving) else {
            return false;
        };
        if self.endpoint_before.as_ref().map(port) == Some(expected.port) {
            return false;
        }
        tracing::info!(
            port = expected.port,
            "the gateway takes another port only as a new process: starting one"
        );
        child.restart("its port changes");
        self.moving = true;
        self.restarting = true;
        clocks.mismatch_since = None;
        clocks.patience_from = Instant::now();
        true
    }

    /// The gateway answers and does not run with the document yet.
    async fn overdue(&mut self, clocks: &mut Clocks) -> Option<Verdict> {
        if !self.touched && !self.restarts() && clocks.patience_from.elapsed() > self.patience() / 2
        {
            tracing::warn!("the gateway has not noticed the document: touching its file");
            self.touched = true;
            self.gateway.touch();
        }
        if !self.is_late(clocks) {
            return None;
        }
        if self.restarts() && self.is_working().await {
            clocks.patience_from = Instant::now();
            return None;
        }
        Some(Verdict::Failed {
            reason: format!(
                "the gateway did not apply it within {} s",
                self.patience().as_secs()
            ),
        })
    }

    fn restarts(&self) -> bool {
        self.change.requires_restart || self.restarting
    }

    fn patience(&self) -> Duration {
        if self.restarts() {
            self.gateway.settings.patience.restart
        } else {
            self.gateway.settings.patience.hot
        }
    }

    fn is_late(&self, clocks: &Clocks) -> bool {
        clocks.patience_from.elapsed() >= self.patience()
    }

    /// Whether runs are under way that a restart waits for.
    async fn is_working(&self) -> bool {
        let Ok(connection) = self.gateway.link.connection() else {
            return false;
        };
        connection
            .status()
            .await
            .is_ok_and(|status| status.active > 0)
    }

    /// The gateway does not answer.
    async fn absent(&mut self, clocks: &mut Clocks) -> Option<Verdict> {
        self.redial(clocks);
        self.went_away |= self.gateway.link.connection().is_err();
        if self.change.revive {
            // One that restarts by itself needs nobody.
            if !self.restarting || clocks.patience_from.elapsed() > REVIVED {
                self.revive(clocks).await;
            }
            return None;
        }
        if !(self.was_up && self.restarts() && self.is_late(clocks)) {
            return None;
        }
        let patience = self.gateway.settings.patience.restart.as_secs();
        Some(Verdict::Failed {
            reason: format!(
                "the gateway restarted for it and did not come back within {patience} s"
            ),
        })
    }

    /// It may listen where the new document says, or still where it did before.
    fn redial(&self, clocks: &mut Clocks) {
        let new = endpoint(&self.change.document.value);
        if new == self.endpoint_before || clocks.dialled.elapsed() < DIAL {
            return;
        }
        clocks.dialled = Instant::now();
        self.gateway.endpoint.send_modify(|now| {
            *now = if *now == new {
                self.endpoint_before.clone()
            } else {
                new
            };
        });
    }

    /// Brings a dead gateway back: it starts anew inside its process, else in a new one.
    async fn revive(&self, clocks: &mut Clocks) {
        let Some(child) = &self.gateway.child else {
            return;
        };
        let patience = match clocks.revived_by {
            None if child.is_running() && self.gateway.restarts_inside() => {
                tracing::warn!("the gateway's port is closed: telling it to start anew (SIGUSR2)");
                child.restart_inside();
                REVIVED
            }
            None if child.is_running() => {
                child.restart("its port is closed");
                STARTED
            }
            None => {
                child.start();
                STARTED
            }
            Some(end) if Instant::now() > end => {
                tracing::warn!("the gateway did not come back: ending it, and starting another");
                child.restart("its port stayed closed");
                STARTED
            }
            Some(_) => return,
        };
        clocks.revived_by = Some(Instant::now() + patience);
        self.gateway.link.nudge();
    }

    /// How the gateway was, as long as it cannot have applied the document yet.
    async fn remember(&mut self) {
        if let Some((failing, degraded)) = self.gateway.condition().await {
            self.failing_before = failing;
            self.degraded_before = degraded;
        }
    }

    async fn wait(&mut self, until: Instant) {
        let mut presence = self.gateway.presence.clone();
        presence.mark_unchanged();
        let mut child = self.gateway.child.as_ref().map(super::Child::watching);
        loop {
            tokio::select! {
                () = sleep_until(until) => return,
                event = self.events.next() => match event {
                    Some(Received::Event(Event::Shutdown { .. })) => self.restarting = true,
                    Some(_) => return,
                    None => return sleep_until(until).await,
                },
                Ok(()) = presence.changed() => return,
                () = child_changed(&mut child) => return,
            }
        }
    }
}

#[async_trait]
impl Trial for OpenClawTrial {
    async fn prove(&mut self) -> Verdict {
        let now = Instant::now();
        let mut clocks = Clocks {
            written: now,
            patience_from: now,
            mismatch_since: None,
            dialled: now,
            revived_by: None,
        };
        if self.was_up && !self.change.revive {
            let _ = timeout(Duration::from_millis(400), self.remember()).await;
        }
        if self.change.revive || !self.was_up {
            self.gateway.aim(&self.change.document);
            self.gateway.link.nudge();
        }
        loop {
            if let Some(verdict) = self.look(&mut clocks).await {
                self.gateway.aim(&self.change.document);
                return verdict;
            }
            self.wait(Instant::now() + LOOK_EVERY).await;
        }
    }

    async fn probation(&mut self, lasts: Duration) -> Health {
        super::probation::probation(self, lasts).await
    }
}

/// The revision in the file, of a gateway that is there and not busy.
async fn revision(gateway: &OpenClaw) -> Option<String> {
    let connection = gateway.link.connection().ok()?;
    let snapshot = timeout(Duration::from_secs(1), connection.config_get(Parsed::Skip))
        .await
        .ok()?;
    snapshot.ok()?.revision
}

async fn child_changed(child: &mut Option<super::Child>) {
    match child {
        Some(child) => child.changed().await,
        None => std::future::pending().await,
    }
}

fn boot_id(presence: &Presence) -> Option<String> {
    match presence {
        Presence::Up { boot_id, .. } => boot_id.clone(),
        _ => None,
    }
}

/// Accepted, and yet not so.
fn silently(wrong: &str) -> Verdict {
    Verdict::Failed {
        reason: format!("the gateway took the document without a word, but {wrong}"),
    }
}

/// The log names a path and a message.
fn issues(reason: &str) -> Vec<Issue> {
    let (path, message) = reason.split_once(": ").unwrap_or(("", reason));
    vec![Issue {
        path: path.to_owned(),
        message: message.to_owned(),
    }]
}

fn first(issues: &[Issue]) -> String {
    match issues.first() {
        Some(issue) => format!("{}: {}", issue.path, issue.message),
        None => "the gateway calls the document invalid".to_owned(),
    }
}
