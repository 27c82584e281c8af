//! A cure, carried out: over RPC with admin scope for as long as it takes, or by the child's parent.

use std::time::Duration;

use ::health::Verdict;
use ::health::cure::Cure;
use openclaw::{Connection, Error, LinkHandle};
use tokio::time::timeout;

use crate::config::chain;
use crate::gateway::Child;

/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What cures are given with.
#[derive(Clone)]
pub(super) struct Remedies {
    pub link: LinkHandle,
    pub child: Option<Child>,
}

impl Remedies {
    /// Gives it. An error says why it could not be given; whether it helps is seen later.
    pub(super) async fn give(self, cure: Cure, verdict: Verdict) -> Result<(), String> {
        match cure {
            Cure::RestartChannel { channel, account } => self.channel(&channel, account).await,
            Cure::ReloadSecrets => {
                let admin = self.admin().await?;
                within(admin.secrets_reload()).await.map(drop)
            }
            Cure::RestartGateway => self.restart(verdict).await,
            Cure::RestartInside => self.child().map(Child::restart_inside),
            Cure::EndGateway => self.child().map(|child| child.end("it answers nothing")),
            Cure::LeaveToKubelet => Ok(()),
        }
    }

    async fn channel(&self, channel: &str, account: Option<String>) -> Result<(), String> {
        let admin = self.admin().await?;
        let account = account.as_deref().unwrap_or("default");
        within(admin.channel_stop(channel, account)).await?;
        let started = within(admin.channel_start(channel, account)).await?;
        match started.started {
            true => Ok(()),
            false => Err(started
                .reason
                .unwrap_or_else(|| "the gateway did not start it".to_owned())),
        }
    }

    /// It looks first: work that came meanwhile is not lost for something that a restart may not even heal.
    async fn restart(&self, verdict: Verdict) -> Result<(), String> {
        let admin = self.admin().await?;
        let preflight = within(admin.restart_preflight()).await?;
        if !preflight.safe && verdict != Verdict::Failing {
            return Err(format!("work is active: {}", preflight.blockers.join("; ")));
        }
        within(admin.restart_request(openclaw::Deferral::Wait))
            .await
            .map(drop)
    }

    async fn admin(&self) -> Result<Connection, String> {
        within(self.link.admin()).await
    }

    fn child(&self) -> Result<&Child, String> {
        let child = self.child.as_ref();
        child.ok_or_else(|| "the gateway is not our child".to_owned())
    }
}

async fn within<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match timeout(PATIENCE, call).await {
        Ok(answer) => answer.map_err(|error| chain(&error)),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
