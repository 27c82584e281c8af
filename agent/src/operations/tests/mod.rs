//! Suspension and restart on a gateway that does as it is told, with a clock that the tests turn.

mod restart;
mod suspension;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::gateway::{Deferral, Gateway, Lease, Scheduled, Told, Work};
use super::{Error, Happened, What};
use crate::config::gateway::Presence;

/// A gateway with one lease at most, as the real one has it, and with answers that tests put first.
#[derive(Default)]
pub(crate) struct Fake {
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    /// Answers to the next requests to suspend, in place of what it would say.
    pub said: VecDeque<Result<Lease, Error>>,
    /// Why it gives no lease back.
    pub stuck: bool,
    /// What it tells of its activity.
    pub told: Told,
    /// Its lease.
    pub lease: Option<String>,
    pub active: u64,
    /// Every request, in a word.
    pub asked: Vec<String>,
    /// The answer to a request for a restart.
    pub restart: Option<Result<Scheduled, Error>>,
    pub preflight: Option<Error>,
    given: u64,
}

impl Fake {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }
}

impl State {
    fn grant(&mut self, work: Work) -> Result<Lease, Error> {
        if self.lease.is_none() && self.active > 0 && work == Work::Keep {
            return Err(Error::Busy {
                active: self.active,
                work: Vec::new(),
            });
        }
        if self.lease.is_none() {
            self.given += 1;
            self.lease = Some(format!("lease-{}", self.given));
        }
        Ok(Lease {
            id: self.lease.clone().unwrap(),
            active: self.active,
            rests: self.active == 0,
        })
    }
}

#[async_trait]
impl Gateway for Fake {
    async fn look(&self) -> Told {
        self.lock().told.clone()
    }

    async fn suspend(&self, work: Work) -> Result<Lease, Error> {
        let mut state = self.lock();
        state.asked.push(format!("suspend {work:?}"));
        match state.said.pop_front() {
            Some(said) => said,
            None => state.grant(work),
        }
    }

    async fn resume(&self, lease: &str) -> Result<(), Error> {
        let mut state = self.lock();
        state.asked.push(format!("resume {lease}"));
        if state.stuck {
            return Err(Error::Silent);
        }
        if state.lease.as_deref() == Some(lease) {
            state.lease = None;
        }
        Ok(())
    }

    async fn preflight(&self) -> Result<(), Error> {
        let mut state = self.lock();
        state.asked.push("preflight".to_owned());
        state.preflight.take().map_or(Ok(()), Err)
    }

    async fn restart(&self, work: Deferral) -> Result<Scheduled, Error> {
        let mut state = self.lock();
        state.asked.push(format!("restart {work:?}"));
        state
            .restart
            .take()
            .unwrap_or_else(|| Ok(Scheduled::default()))
    }
}

pub(super) fn up(boot: &str) -> Presence {
    Presence::Up {
        version: "2026.9.6".to_owned(),
        boot_id: Some(boot.to_owned()),
    }
}

pub(super) fn gone() -> Presence {
    Presence::Absent {
        reason: "closed".to_owned(),
    }
}

/// What was told, in words.
pub(super) fn told(happened: &mut broadcast::Receiver<Happened>) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(Happened { what, actor }) = happened.try_recv() {
        all.push(format!("{} {actor}", what.as_str()));
    }
    all
}

#[test]
fn each_happening_has_its_word() {
    let words = [
        What::Restart,
        What::Suspend,
        What::Resume,
        What::SuspensionExpired,
    ]
    .map(What::as_str);
    assert_eq!(
        words,
        ["restart", "suspend", "resume", "suspension_expired"]
    );
}
