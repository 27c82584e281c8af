//! Carries removals out: bounded in flight and in rate, each with a deadline, each after one more look at its life.

mod folders;
mod rate;
mod stuck;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(crate) use self::folders::Folders;
use self::rate::Rate;
pub(crate) use self::stuck::Stuck;
use crate::{
    Activity, Claim, Clock, Disk, Engine, EngineError, Found, Id, Limits, Meaning, Moment, Reason,
    Removal, Running, Step, Target, Why, next,
};

/// How removals are carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrunerSettings {
    /// The most removals at the same time (16).
    pub in_flight: usize,
    /// The most removals a second (200), after a pause so many at once.
    pub rate: u32,
    /// How long one attempt may take, its grace not counted (30 s).
    pub deadline: Duration,
    /// How long a sandbox that runs may take to end by itself (10 s); zero ends it at once.
    pub grace: Duration,
}

impl Default for PrunerSettings {
    fn default() -> Self {
        Self {
            in_flight: 16,
            rate: 200,
            deadline: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

/// Whether what runs in a sandbox is ended with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// A live sandbox stays.
    No,
    /// Whoever asks named the sandbox, and knows that something may run in it.
    ByName,
}

/// Who knows whether a sandbox is live.
#[async_trait]
pub trait Life: Send + Sync {
    /// Why a sandbox may not go after all. `found` is what the daemon showed of it when it was asked.
    async fn spares(&self, removal: &Removal, asked: Moment, found: Option<Found>) -> Option<Why>;
}

/// What became of a removal.
#[derive(Debug)]
pub enum Fate {
    /// It is gone, and so many bytes with it, as far as the daemon tells.
    Removed(u64),
    /// It was gone already, or somebody is removing it.
    Gone,
    /// It is live.
    Live(Why),
    /// Somebody uses it.
    InUse,
    /// The disk has room again.
    NotNeeded,
    /// It did not go.
    Failed(EngineError),
}

/// A removal, and what became of it.
#[derive(Debug)]
pub struct Attempt {
    /// What was to go.
    pub removal: Removal,
    /// What became of it.
    pub fate: Fate,
}

/// Carries removals out.
pub struct Pruner {
    engine: Arc<dyn Engine>,
    life: Arc<dyn Life>,
    activity: Option<Activity>,
    folders: Option<Folders>,
    data_root: Option<PathBuf>,
    limits: Arc<Limits>,
    settings: PrunerSettings,
    clock: Clock,
    slots: Semaphore,
    rate: Rate,
}

impl Pruner {
    /// A pruner that asks `life` right before each removal, and claims in `activity` where there is an exact account.
    #[must_use]
    pub fn new(
        engine: Arc<dyn Engine>,
        life: Arc<dyn Life>,
        activity: Option<Activity>,
        limits: Arc<Limits>,
        settings: PrunerSettings,
        clock: Clock,
    ) -> Self {
        Self {
            slots: Semaphore::new(settings.in_flight.max(1)),
            rate: Rate::new(settings.rate),
            folders: None,
            data_root: None,
            engine,
            life,
            activity,
            limits,
            settings,
            clock,
        }
    }

    /// The gateway's folder `sandbox/skills-workspaces`; without it no folder is removed.
    #[must_use]
    pub fn with_folders(mut self, folders: Option<PathBuf>) -> Self {
        self.folders = folders.map(Folders::new);
        self
    }

    /// The daemon's data root; without it nobody knows when the disk has room again.
    #[must_use]
    pub fn with_data_root(mut self, data_root: Option<PathBuf>) -> Self {
        self.data_root = data_root;
        self
    }

    /// Carries out all of it in its order. What only the disk makes necessary is left once there is room again.
    pub async fn carry_out(&self, removals: Vec<Removal>, step: Step) -> Vec<Attempt> {
        let mut step = step;
        let mut attempts = Vec::with_capacity(removals.len());
        for batch in batches(removals, self.settings.in_flight.max(1)) {
            let (due, left): (Vec<_>, Vec<_>) =
                batch.into_iter().partition(|removal| removal.needs <= step);
            attempts.extend(left.into_iter().map(|removal| Attempt {
                removal,
                fate: Fate::NotNeeded,
            }));
            let weigh = due.len() <= self.settings.in_flight.max(1);
            let tried = stream::iter(due)
                .map(|removal| self.tried(removal, Force::No, weigh))
                .buffer_unordered(self.settings.in_flight.max(1));
            attempts.extend(tried.collect::<Vec<_>>().await);
            step = self.look_at_disk(step).await;
        }
        attempts
    }

    /// Carries one removal out.
    pub async fn attempt(&self, removal: Removal, force: Force) -> Attempt {
        self.tried(removal, force, true).await
    }

    async fn tried(&self, removal: Removal, force: Force, weigh: bool) -> Attempt {
        // It is never closed.
        let _slot = self.slots.acquire().await;
        self.rate.turn().await;
        let time = self.settings.deadline + self.settings.grace;
        let fate = match timeout(time, self.remove(&removal, force, weigh)).await {
            Ok(Ok(fate)) => fate,
            Ok(Err(error)) => meant(error),
            Err(_) => Fate::Failed(EngineError {
                action: format!("remove a {}", removal.target.kind()),
                meaning: Meaning::Timeout,
                source: "it did not go in time".into(),
            }),
        };
        Attempt { removal, fate }
    }

    async fn remove(
        &self,
        removal: &Removal,
        force: Force,
        weigh: bool,
    ) -> Result<Fate, EngineError> {
        match &removal.target {
            Target::Container(id) => {
                let bytes = self.written(*id, weigh).await;
                let fate = self.remove_sandbox(*id, removal, force).await?;
                Ok(match fate {
                    Fate::Removed(more) => Fate::Removed(bytes + more),
                    other => other,
                })
            }
            Target::Folder(name) => self.remove_folder(name).await,
            target => {
                let bytes = self.engine.remove(target, Running::Stays).await?;
                Ok(Fate::Removed(bytes))
            }
        }
    }

    /// What goes with a sandbox. Many that go at once are not weighed: for the daemon that is work.
    async fn written(&self, id: Id, weigh: bool) -> u64 {
        if !weigh {
            return 0;
        }
        // One that cannot be weighed goes all the same.
        self.engine.written(id).await.unwrap_or_default()
    }

    async fn remove_sandbox(
        &self,
        id: Id,
        removal: &Removal,
        force: Force,
    ) -> Result<Fate, EngineError> {
        // Held to the end: while it lives, nothing begins in the sandbox.
        let claim = self.claim(id, removal.reason, force);
        if claim.is_none() && self.activity.is_some() {
            return Ok(Fate::Live(Why::Exec));
        }
        if force == Force::ByName {
            return self.take(id, Running::Ends).await;
        }
        if removal.reason == Reason::Exited {
            // The daemon itself refuses where it was started again: no look is needed.
            if let Some(why) = self.life.spares(removal, self.clock.now(), None).await {
                return Ok(Fate::Live(why));
            }
            return self.take(id, Running::Stays).await;
        }
        let asked = self.clock.now();
        let mut found = None;
        if claim.is_none() {
            // Nobody else tells what began a moment ago.
            found = self.engine.inspect(id).await?;
            if found.is_none() {
                return Ok(Fate::Gone);
            }
        }
        if let Some(why) = self.life.spares(removal, asked, found).await {
            return Ok(Fate::Live(why));
        }
        if self.settings.grace.is_zero() {
            return self.take(id, Running::Ends).await;
        }
        // One that has ended already is no error.
        self.engine.stop(id, self.settings.grace).await?;
        self.take(id, Running::Stays).await
    }

    async fn take(&self, id: Id, running: Running) -> Result<Fate, EngineError> {
        let bytes = self.engine.remove(&Target::Container(id), running).await?;
        Ok(Fate::Removed(bytes))
    }

    fn claim(&self, id: Id, reason: Reason, force: Force) -> Option<Claim> {
        let activity = self.activity.as_ref()?;
        match (force, reason) {
            (Force::ByName, _) => activity.claim_by_force(id),
            // Who asks for it does not wait for it to become quiet.
            (Force::No, Reason::Asked) => {
                let live_after = Duration::ZERO;
                let limits = Limits::clone(&self.limits);
                activity.claim(
                    id,
                    &Limits {
                        live_after,
                        ..limits
                    },
                )
            }
            (Force::No, _) => activity.claim(id, &self.limits),
        }
    }

    async fn remove_folder(&self, name: &str) -> Result<Fate, EngineError> {
        let Some(folders) = self.folders.clone() else {
            return Ok(Fate::NotNeeded);
        };
        let name = name.to_owned();
        let removed = tokio::task::spawn_blocking(move || folders.remove(&name)).await;
        let error = match removed {
            Ok(Ok(())) => return Ok(Fate::Removed(0)),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Fate::Gone);
            }
            Ok(Err(error)) => error,
            Err(error) => error.into(),
        };
        Err(EngineError {
            action: "remove a folder of skills".to_owned(),
            meaning: Meaning::Failed,
            source: error.into(),
        })
    }

    /// The step of the disk now; the same where nothing was made necessary by it, or nobody can tell.
    async fn look_at_disk(&self, step: Step) -> Step {
        let Some(root) = self.data_root.clone().filter(|_| step > Step::Normal) else {
            return step;
        };
        let disk = tokio::task::spawn_blocking(move || Disk::read(&root)).await;
        match disk {
            Ok(Ok(disk)) => next(step, &disk, &self.limits.watermarks),
            _ => step,
        }
    }
}

/// What a refusal means for a removal.
fn meant(error: EngineError) -> Fate {
    match error.meaning {
        Meaning::Gone | Meaning::InProgress => Fate::Gone,
        Meaning::InUse => Fate::InUse,
        Meaning::Failed | Meaning::Timeout | Meaning::Unreachable | Meaning::Refused => {
            Fate::Failed(error)
        }
    }
}

/// Removals in groups, between which the disk is looked at: each kind for itself, ended sandboxes before the others,
/// and few at a time of those that only the disk makes necessary.
fn batches(removals: Vec<Removal>, size: usize) -> Vec<Vec<Removal>> {
    let group = |removal: &Removal| {
        let ended = removal.reason == Reason::Exited;
        (removal.target.kind(), ended, removal.needs > Step::Normal)
    };
    let mut batches: Vec<Vec<Removal>> = Vec::new();
    for removal in removals {
        let fits = |batch: &&mut Vec<Removal>| {
            batch
                .first()
                .is_some_and(|first| group(first) == group(&removal))
                && (removal.needs == Step::Normal || batch.len() < size)
        };
        match batches.last_mut().filter(fits) {
            Some(batch) => batch.push(removal),
            None => batches.push(vec![removal]),
        }
    }
    batches
}
