//! The real gateway, for the config component.
//!
//! In: the link of the `openclaw` crate, the gateway's own log, and (as supervisor) the child's
//! life. Out: what `config::gateway::Gateway` asks for: presence, checks, proofs. It decides
//! nothing about documents.

mod aim;
mod asking;
mod child;
mod evidence;
mod exporter;
mod kinds;
mod presence;
mod probation;
mod said;
mod secrets;
mod trial;

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use agent_api::Reload;
use async_trait::async_trait;
use config_merge::KeyPath;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use openclaw::{Endpoint, LinkHandle, probe};
use tokio::sync::watch;

use crate::config::Document;
use crate::config::gateway::{
    Change, Check, Gateway, Handed, Presence, Purpose, Reloaded, Still, Trial,
};

pub use aim::endpoint;
pub use child::Child;
pub use exporter::Exporter;
pub use presence::{Tokens, follow};
pub use said::{Refusal, refusal};

use asking::Asking;
use kinds::Kinds;

/// What is known to keep the gateway from writing the document itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// Nothing: the gateway is never asked to check, since asking might write.
    #[default]
    None,
    /// `OPENCLAW_CONFIG_READONLY=1` is in its environment.
    Switch,
    /// The document's directory is mounted read-only into it.
    Mount,
}

/// How patient we are with a gateway.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a change that it applies while it runs.
    pub hot: Duration,
    /// For a restart: its own cool-down of 30 s, and a minute.
    pub restart: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            hot: Duration::from_secs(10),
            restart: Duration::from_secs(90),
        }
    }
}

/// What is known of the gateway beforehand.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What keeps it from writing its document.
    pub protection: Protection,
    /// How patient we are with it.
    pub patience: Patience,
    /// Its document's file.
    pub document: PathBuf,
}

/// The gateway beside us.
pub struct OpenClaw {
    link: LinkHandle,
    presence: watch::Receiver<Presence>,
    endpoint: watch::Sender<Option<Endpoint>>,
    settings: Settings,
    child: Option<Child>,
    tokens: Arc<Tokens>,
    asking: Asking,
    kinds: Kinds,
}

impl OpenClaw {
    /// A view of the gateway that `link` speaks to. Does no IO.
    pub fn new(
        link: LinkHandle,
        presence: watch::Receiver<Presence>,
        endpoint: watch::Sender<Option<Endpoint>>,
        settings: Settings,
        child: Option<Child>,
        tokens: Arc<Tokens>,
    ) -> Self {
        let asking = Asking::new(link.clone());
        Self {
            link,
            presence,
            endpoint,
            settings,
            child,
            tokens,
            asking,
            kinds: Kinds::default(),
        }
    }

    /// Whether SIGUSR2 makes this release start anew inside its process.
    fn restarts_inside(&self) -> bool {
        self.tokens.restarts_inside()
    }

    /// Gives the document's file another time of change: a gateway whose watcher was not armed yet
    /// when the file was renamed into place looks again.
    fn touch(&self) {
        let file = File::options()
            .read(true)
            .custom_flags(O_NOFOLLOW | O_NONBLOCK)
            .open(&self.settings.document);
        if let Err(error) = file.and_then(|file| file.set_modified(SystemTime::now())) {
            tracing::warn!("the document's file cannot be touched: {error}");
        }
    }

    /// From now on the gateway is dialled here.
    fn aim(&self, document: &Document) {
        let new = endpoint(&document.value);
        self.endpoint.send_if_modified(|old| {
            let moved = *old != new;
            *old = new;
            moved
        });
    }
}

#[async_trait]
impl Gateway for Arc<OpenClaw> {
    fn presence(&self) -> watch::Receiver<Presence> {
        self.presence.clone()
    }

    fn release(&self, document: &Document) {
        self.aim(document);
        if let Some(child) = &self.child {
            child.start();
        }
    }

    async fn is_alive(&self, document: &Document) -> bool {
        let Some(endpoint) = endpoint(&document.value) else {
            return false;
        };
        !matches!(
            probe::get(&endpoint, probe::Page::Healthz, Duration::from_secs(2)).await,
            probe::Probe::Closed | probe::Probe::Foreign { .. }
        )
    }

    fn can_revive(&self) -> bool {
        self.child.is_some()
    }

    async fn check(&self, document: &Document, purpose: Purpose) -> Check {
        if self.settings.protection == Protection::None {
            return Check::Unasked {
                why: "nothing keeps this gateway from writing, so it is not asked".to_owned(),
            };
        }
        self.asking.check(document, purpose).await
    }

    async fn reload_kinds(&self, paths: &[KeyPath]) -> Vec<Reload> {
        self.kinds.of(&self.link, paths).await
    }

    async fn begin(&self, change: Change) -> Box<dyn Trial> {
        Box::new(trial::OpenClawTrial::begin(Arc::clone(self), change).await)
    }

    async fn hand(&self, document: &Document, still: Still) -> Handed {
        self.asking.hand(document, still).await
    }

    async fn reload_secrets(&self) -> Reloaded {
        let mut reloaded = self.asking.reload_secrets().await;
        if matches!(&reloaded, Reloaded::Unasked { why } if why == "refused") && self.tokens.swap()
        {
            reloaded = self.asking.reload_secrets().await;
        }
        reloaded
    }

    async fn secrets_taken(&self) -> Reloaded {
        secrets::taken(&self.link).await
    }
}
