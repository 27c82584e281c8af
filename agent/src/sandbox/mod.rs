//! The owner of the sandbox daemon, joined to the gateway beside it.
//!
//! In: what the gateway says of its sessions, what its document says of sandboxes, and every exec that passes the guard.
//! Out: what the crate `sandbox` needs to decide, the guard's ceilings, and one account of activity for both. It decides
//! nothing itself.

mod account;
mod asked;
mod ceilings;
mod guarded;
mod removal;
mod settings;
mod watched;

use std::sync::Arc;

use anyhow::{Context, Result};
use openclaw::LinkHandle;
use prometheus::Registry;
use service::Drain;
use tokio::sync::watch;

use account::Account;
use asked::Asked;
use guard::{Ceilings, Guard};
use sandbox::{Activity, Clock, Docker, Handle, Keeper, Limits, Parts, Past};
use watched::Watched;

pub use guarded::Guarded;
pub use removal::{reason_view, removal_view};
pub use settings::{Pruning, Settings};

use crate::config;

/// What others need of the owner: the way to it, its clock, and when to let go.
#[derive(Clone)]
pub struct Owner {
    /// Views, events and commands.
    pub handle: Handle,
    /// What its moments are told by.
    pub clock: Clock,
    /// What it decides by.
    pub limits: Arc<Limits>,
    /// Streams end with it.
    pub drain: Drain,
    /// What passes through the guard, where there is one.
    pub guarded: Option<guard::Metrics>,
}

impl Owner {
    /// The streams that are open through the guard, where there is one.
    pub fn streams(&self) -> Option<u64> {
        self.guarded.as_ref().map(guard::Metrics::open_streams)
    }
}

/// The parts that run.
pub struct Running {
    /// Keeps the sandboxes.
    pub keeper: Keeper,
    /// Serves the gateway's Docker socket, where that is switched on.
    pub guard: Option<Guarded>,
}

/// Makes owner and guard, with the guard's socket open. The daemon need not be there yet.
pub async fn bind(
    settings: Settings,
    link: LinkHandle,
    document: config::Handle,
    registry: &Registry,
    drain: &Drain,
) -> Result<(Running, Owner)> {
    let past = Past::read(&settings.state);
    let clock = past.clock();
    let watched = Arc::new(Watched::new(document));
    let exact = settings.guard.is_some();
    let activity = exact.then(|| Activity::new(move || clock.now()));
    let mut guarded = None;
    let guard = match (settings.guard, &activity) {
        (Some(settings), Some(activity)) => {
            let metrics = guard::Metrics::register(registry)?;
            guarded = Some(metrics.clone());
            let account = Arc::new(Account::new(activity.clone()));
            let (ceilings, newest) = watch::channel(Ceilings::default());
            let guard = Guard::bind(settings, account, metrics, newest).await;
            let guard = guard.context("the guard of the sandbox daemon cannot start")?;
            Some(Guarded::new(guard, Arc::clone(&watched), ceilings))
        }
        _ => None,
    };
    let limits = Arc::new(settings.keeper.limits.clone());
    let parts = Parts {
        engine: Arc::new(Docker::new(settings.docker, clock)),
        gateway: Arc::new(Asked::new(link, watched, clock)),
        activity,
        past,
        metrics: sandbox::Metrics::register(registry)?,
    };
    let (keeper, handle) = Keeper::new(settings.keeper, parts);
    let owner = Owner {
        handle,
        clock,
        limits,
        drain: drain.clone(),
        guarded,
    };
    Ok((Running { keeper, guard }, owner))
}
