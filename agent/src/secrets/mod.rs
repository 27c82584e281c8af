//! Secrets on their way from a mounted Secret to the gateway.
//!
//! In: a directory as Kubernetes mounts it. Out: one regular 0600 file on tmpfs that the gateway's
//! file provider reads, and a reload when it changes. A rotated gateway token keeps its
//! predecessor, in a file beside that one, until the gateway has taken the new one. Values are
//! never logged, never shown, and written nowhere else.

mod bundle;
mod metrics;
mod predecessor;
#[cfg(test)]
mod tests;
mod token;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::watch::{Settings as Watching, Watcher};
use jiff::Timestamp;
use service::Drain;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use crate::config::gateway::{Gateway, Reloaded};

pub use bundle::{Bundle, Error};
pub use metrics::Metrics;
pub use token::{Pair, TokenFile};

/// Name of the gateway's token among the secrets, where no other file is told.
pub const GATEWAY_TOKEN: &str = "gateway-token";

/// The gateway's token before the newest one, where it is kept beside the secrets file.
pub fn kept_token(out: &Path) -> Option<Zeroizing<String>> {
    predecessor::Predecessor::beside(out)?.read()
}

/// A reload that did not succeed is tried again after this, then ever later.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// The longest time between two tries.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Where secrets come from and go to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The mounted Secret.
    pub source: PathBuf,
    /// The one file for the gateway.
    pub out: PathBuf,
    /// Its owner, when not our own user.
    pub owner: Option<(u32, u32)>,
    /// How often the source is looked at where inotify does not work.
    pub poll: Duration,
}

/// What is shown of the secrets: never a value, never a hash of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// How often the file was written.
    pub generation: u64,
    /// Who in the gateway lacks a secret.
    pub degraded: Vec<String>,
    /// When the gateway last read them without complaint.
    pub last_reload: Option<Timestamp>,
    /// What stands in the way.
    pub problem: Option<String>,
}

/// Keeps the gateway's secrets current.
pub struct Secrets {
    settings: Settings,
    bundle: Bundle,
    gateway: Arc<dyn Gateway>,
    token: TokenFile,
    accepted: watch::Receiver<bool>,
    view: watch::Sender<View>,
    metrics: Metrics,
    retry: Option<(Instant, Duration)>,
}

impl Secrets {
    /// A keeper of secrets whose file was written already. Does no IO. Where the gateway may not have
    /// read that file yet, it is told to.
    pub fn new(
        settings: Settings,
        gateway: Arc<dyn Gateway>,
        token: TokenFile,
        accepted: watch::Receiver<bool>,
        metrics: Metrics,
    ) -> (Self, watch::Receiver<View>) {
        let (view, views) = watch::channel(View {
            generation: 1,
            ..View::default()
        });
        (
            Self {
                bundle: Bundle::new(&settings).with_token(token.path()),
                retry: token
                    .is_unproved()
                    .then(|| (Instant::now() + FIRST_RETRY, FIRST_RETRY)),
                settings,
                gateway,
                token,
                accepted,
                view,
                metrics,
            },
            views,
        )
    }

    /// Follows the source until told to end.
    pub async fn run(mut self, drain: Drain) {
        let watching = Watching {
            poll_interval: self.settings.poll,
            ..Watching::default()
        };
        let mut source = Watcher::start(vec![self.settings.source.clone()], watching);
        loop {
            let retry = self.retry.map(|(at, _)| at);
            tokio::select! {
                () = drain.signalled() => return,
                _ = source.changed() => self.refresh().await,
                Ok(()) = self.accepted.changed() => self.accepted(),
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => self.reload().await,
            }
        }
    }

    /// The gateway lets us in with the newest token: its predecessor is forgotten.
    fn accepted(&mut self) {
        if *self.accepted.borrow_and_update() {
            self.token.proved();
        }
    }

    async fn refresh(&mut self) {
        match self.bundle.write() {
            Ok(durable::Written::Same) => {}
            Ok(durable::Written::Changed) => {
                self.view.send_modify(|view| view.generation += 1);
                self.retry = None;
                self.reload().await;
            }
            Err(error) => {
                tracing::error!("the secrets could not be taken over, the old ones stay: {error}");
                self.metrics.reloaded("failed");
                self.view
                    .send_modify(|view| view.problem = Some(error.to_string()));
            }
        }
    }

    async fn reload(&mut self) {
        let mut reloaded = self.gateway.reload_secrets().await;
        if reloaded == Reloaded::All {
            self.token.renew();
            reloaded = self.gateway.secrets_taken().await;
        } else if matches!(&reloaded, Reloaded::Unasked { why } if why == "refused") {
            // A gateway that started anew has read the new token already.
            self.token.renew();
        }
        let (label, degraded, problem) = match reloaded {
            Reloaded::All => ("all", Vec::new(), None),
            Reloaded::Degraded(owners) => ("degraded", owners, None),
            Reloaded::Unasked { why } => ("unasked", Vec::new(), Some(why)),
        };
        self.metrics.reloaded(label);
        if label == "all" {
            tracing::info!("the gateway has read its secrets again");
            self.retry = None;
        } else {
            tracing::warn!(
                degraded = degraded.join(", "),
                problem,
                "the gateway has not taken its secrets over yet"
            );
            let pause = self
                .retry
                .map_or(FIRST_RETRY, |(_, pause)| (pause * 2).min(LAST_RETRY));
            self.retry = Some((Instant::now() + pause, pause));
        }
        self.view.send_modify(|view| {
            view.degraded = degraded;
            view.problem = problem;
            if label == "all" {
                view.last_reload = Some(Timestamp::now());
            }
        });
    }
}
