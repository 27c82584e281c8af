//! The way in for callers.

use std::sync::Arc;
use std::time::Duration;

use agent_api::{ActivityResponse, RestartResponse, SuspensionView};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::gateway::Work;
use super::observer::{Asked, under_way};
use super::restart::{Force, Restarts};
use super::suspension::Command;
use super::{Error, Happened};
use crate::config;

/// A cheap way to activity, suspension and restart.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) asked: mpsc::Sender<Asked>,
    pub(super) suspension: watch::Receiver<Option<SuspensionView>>,
    pub(super) document: config::Handle,
    pub(super) restarts: Arc<Restarts>,
    pub(super) happened: broadcast::Sender<Happened>,
}

impl Handle {
    /// Whether the instance is idle, and what a stop would cost.
    pub async fn activity(&self) -> Result<ActivityResponse, Error> {
        let (reply, answer) = oneshot::channel();
        self.asked.send(reply).await.map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)
    }

    /// Suspends the gateway, or holds it for longer.
    pub async fn suspend(
        &self,
        work: Work,
        hold: Duration,
        actor: String,
    ) -> Result<SuspensionView, Error> {
        if self.suspension.borrow().is_none() {
            self.undisturbed()?;
        }
        self.ask(|reply| Command::Suspend {
            work,
            hold,
            actor,
            reply,
        })
        .await
    }

    /// Lets it take work again. Says whether there was a suspension.
    pub async fn resume(&self, actor: String) -> Result<bool, Error> {
        self.ask(|reply| Command::Resume { actor, reply }).await
    }

    /// Restarts it, and waits for its next life as long as told.
    pub async fn restart(
        &self,
        force: Force,
        patience: Duration,
        actor: String,
    ) -> Result<RestartResponse, Error> {
        if self.suspension.borrow().is_some() {
            return Err(Error::Suspended);
        }
        if force == Force::No {
            self.undisturbed()?;
        }
        self.restarts.restart(force, patience, actor).await
    }

    /// The suspension that is in force, to look at or to wait on.
    pub fn suspension(&self) -> watch::Receiver<Option<SuspensionView>> {
        self.suspension.clone()
    }

    /// What callers do from now on. Who is slow misses the oldest, and is told how much.
    pub fn happenings(&self) -> broadcast::Receiver<Happened> {
        self.happened.subscribe()
    }

    /// A change that is being proved would be taken for one that the gateway cannot live with.
    fn undisturbed(&self) -> Result<(), Error> {
        let state = under_way(self.document.view().state);
        state.map_or(Ok(()), |state| Err(Error::ConfigBusy { state }))
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)?
    }
}
