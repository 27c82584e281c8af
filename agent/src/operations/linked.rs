//! The real gateway, asked over connections that last no longer than the question.

use std::fmt::Display;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use openclaw::{
    ActiveWork, Channels, Connection, LinkHandle, Preflight, Resume, Scope, SessionCounts, Suspend,
};
use tokio::time::timeout;

use super::Error;
use super::gateway::{Deferral, Gateway, Lease, Scheduled, Sessions, Told, Work, Working};

/// How long one question may take, with the connection that it is asked over.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name under which leases are asked for. It is always the same: a successor that asks gets the lease of its
/// predecessor.
const REQUEST: &str = "pilotfish-agent";

/// The gateway behind the link.
pub struct Linked(LinkHandle);

impl Linked {
    /// Asks over short connections of this link.
    pub fn new(link: LinkHandle) -> Self {
        Self(link)
    }

    async fn admin<T>(
        &self,
        ask: impl AsyncFnOnce(&Connection) -> Result<T, openclaw::Error>,
    ) -> Result<T, Error> {
        let asked = async { ask(&self.0.admin().await?).await };
        let answer = timeout(PATIENCE, asked).await;
        answer.map_err(|_| Error::Silent)?.map_err(meaning)
    }
}

#[async_trait]
impl Gateway for Linked {
    async fn look(&self) -> Told {
        let looked = async {
            let scopes = [Scope::Read, Scope::Approvals, Scope::Pairing];
            match self.0.open(&scopes).await {
                Ok(connection) => look(&connection).await,
                Err(error) => nothing(format!("the gateway does not answer: {error}")),
            }
        };
        let told = timeout(PATIENCE, looked).await;
        told.unwrap_or_else(|_| nothing("the gateway does not answer in time".to_owned()))
    }

    async fn suspend(&self, work: Work) -> Result<Lease, Error> {
        let drain = match work {
            Work::Keep => openclaw::Drain::Refuse,
            Work::Finish => openclaw::Drain::Wait,
        };
        let answer = self
            .admin(async |gateway| gateway.suspend(REQUEST, drain).await)
            .await?;
        lease(answer)
    }

    async fn resume(&self, lease: &str) -> Result<(), Error> {
        match self
            .admin(async |gateway| gateway.resume(lease).await)
            .await?
        {
            Resume::Resumed | Resume::WasRunning | Resume::NotOurs => Ok(()),
        }
    }

    async fn preflight(&self) -> Result<(), Error> {
        let Preflight {
            safe,
            work,
            blockers,
        } = self
            .admin(async |gateway| gateway.restart_preflight().await)
            .await?;
        match safe {
            true => Ok(()),
            false => Err(Error::Busy {
                active: work.total,
                work: blockers,
            }),
        }
    }

    async fn restart(&self, work: Deferral) -> Result<Scheduled, Error> {
        let deferral = match work {
            Deferral::Wait => openclaw::Deferral::Wait,
            Deferral::Skip => openclaw::Deferral::Skip,
        };
        let restart = self
            .admin(async |gateway| gateway.restart_request(deferral).await)
            .await?;
        Ok(Scheduled {
            delay: restart.delay,
            waits_for: restart.preflight.blockers,
        })
    }
}

fn lease(answer: Suspend) -> Result<Lease, Error> {
    match answer {
        Suspend::Ready { suspension_id, .. } => Ok(Lease {
            id: suspension_id,
            active: 0,
            rests: true,
        }),
        Suspend::Draining {
            suspension_id,
            active,
            ..
        } => Ok(Lease {
            id: suspension_id,
            active,
            rests: false,
        }),
        Suspend::Busy { active, blockers } => Err(Error::Busy {
            active,
            work: blockers,
        }),
        Suspend::Conflict { expires_at_ms } => Err(Error::Elsewhere {
            until: expires_at_ms.and_then(time),
        }),
    }
}

fn meaning(error: openclaw::Error) -> Error {
    if error.is_suspended() {
        return Error::Suspended;
    }
    match error {
        openclaw::Error::Unsupported { method } => Error::Unsupported { what: method },
        openclaw::Error::Timeout { .. } => Error::Silent,
        openclaw::Error::Absent
        | openclaw::Error::Reach { .. }
        | openclaw::Error::NotReady(_)
        | openclaw::Error::Tls { .. }
        | openclaw::Error::Refused(_)
        | openclaw::Error::Upgrade { .. }
        | openclaw::Error::Greeting => Error::Absent {
            reason: error.to_string(),
        },
        // It may have heard the question.
        openclaw::Error::Closed(_) => Error::Silent,
        other => Error::Refused {
            why: other.to_string(),
        },
    }
}

fn nothing(why: String) -> Told {
    Told {
        unknown: vec![why],
        ..Told::default()
    }
}

/// One question after the other: what is under way must not be our own questions.
async fn look(gateway: &Connection) -> Told {
    let work = gateway.restart_preflight().await;
    if work.as_ref().is_err_and(openclaw::Error::is_suspended) {
        return nothing("the gateway is suspended and answers no questions".to_owned());
    }
    let mut told = Told::default();
    told.work = told.known("work under way", work.map(|found| working(found.work)));
    let counts = gateway.session_counts().await;
    if let Some(counts) = told.known("sessions", counts) {
        told.sessions(counts);
    }
    let jobs = next_job(gateway).await;
    told.next_job = told.known("scheduled jobs", jobs);
    let channels = gateway.channels().await;
    if let Some(channels) = told.known("channels", channels) {
        told.channels(&channels);
    }
    let approvals = gateway.approvals().await;
    told.approvals = told.known("approvals", approvals).map(|count| count as u64);
    let pairings = gateway.pairing_pending().await;
    let pairings = told.known("pairings", pairings);
    told.pairings = pairings.map(|waiting| (waiting.senders + waiting.devices) as u64);
    told
}

impl Told {
    fn known<T>(&mut self, what: &str, answer: Result<T, openclaw::Error>) -> Option<T> {
        answer.map_err(|error| self.lacks(what, &error)).ok()
    }

    fn lacks(&mut self, what: &str, why: &dyn Display) {
        self.unknown.push(format!("{what}: {why}"));
    }

    fn sessions(&mut self, counts: SessionCounts) {
        self.sessions = sessions(counts);
        if self.sessions.is_none() {
            self.lacks("sessions", &"this release does not tell which are active");
        }
    }

    fn channels(&mut self, channels: &Channels) {
        match channels.more {
            0 => self.traffic = Some(traffic(channels)),
            more => self.lacks("channels", &format!("{more} accounts could not be read")),
        }
    }
}

async fn next_job(gateway: &Connection) -> Result<Option<Timestamp>, openclaw::Error> {
    if !gateway.cron_status().await?.enabled {
        return Ok(None);
    }
    Ok(gateway.cron_next_job().await?.and_then(time))
}

fn sessions(counts: SessionCounts) -> Option<Sessions> {
    Some(Sessions {
        total: counts.total as u64,
        active: counts.active? as u64,
        last: counts.last_active_ms.and_then(time),
    })
}

fn working(work: ActiveWork) -> Working {
    Working {
        runs: work.runs,
        jobs: work.cron_runs,
        queued: work.queued,
        replies: work.pending_replies,
        commands: work.background_commands,
        other: work
            .requests
            .saturating_add(work.tasks)
            .saturating_add(work.other),
        total: work.total,
    }
}

/// The last message of any account, in or out.
fn traffic(channels: &Channels) -> Option<Timestamp> {
    let times = channels
        .accounts
        .iter()
        .flat_map(|account| [account.last_inbound_ms, account.last_outbound_ms]);
    times.flatten().filter_map(time).max()
}

fn time(millis: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}
