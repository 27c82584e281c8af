//! A keeper that runs beside a daemon.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus::Registry;
use sandbox::{
    Activity, Clock, Daemon as Seen, Docker, DockerSettings, Gateway, Handle, Id, ImageSettings,
    Keeper, KeeperSettings, Limits, Metrics, Mode, Parts, Past, PrunerSettings, Request, Sandbox,
    Sessions, View,
};
use service::Drain;
use tokio::task::JoinHandle;

use crate::support::{Daemon, IMAGE};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway that says what a test puts into it.
#[derive(Default)]
pub struct Told {
    pub sessions: Mutex<Option<(Vec<String>, Vec<String>)>>,
    pub images: Mutex<Option<BTreeSet<String>>>,
}

#[async_trait]
impl Gateway for Told {
    async fn sessions(&self) -> Option<Sessions> {
        let told = self.sessions.lock().unwrap().clone();
        let asked = Clock::start().now();
        told.map(|(known, active)| Sessions::new(known, active, asked))
    }

    async fn images(&self) -> Option<BTreeSet<String>> {
        self.images.lock().unwrap().clone()
    }
}

/// A keeper at work.
pub struct Stage {
    pub handle: Handle,
    pub gateway: Arc<Told>,
    drain: Drain,
    task: JoinHandle<()>,
}

/// No passes but those that are asked for, no images, no patience with what runs.
pub fn quiet() -> KeeperSettings {
    KeeperSettings {
        limits: Limits::default(),
        pruner: PrunerSettings {
            grace: Duration::ZERO,
            ..PrunerSettings::default()
        },
        images: ImageSettings {
            names: BTreeSet::new(),
            ..ImageSettings::default()
        },
        mode: Mode::Dry,
        ..KeeperSettings::default()
    }
}

/// Everything goes that is not live.
pub fn zero() -> Limits {
    Limits {
        idle: Duration::from_millis(1),
        max_age: Duration::from_millis(1),
        max_count: Some(0),
        max_per_scope: Some(0),
        exited_after: Duration::ZERO,
        orphan_grace: Duration::ZERO,
        creating_grace: Duration::ZERO,
        live_after: Duration::ZERO,
        ..Limits::default()
    }
}

impl Stage {
    pub fn begin(daemon: &Daemon, settings: KeeperSettings) -> Self {
        Self::with(&daemon.socket(), settings, None, Past::none())
    }

    pub fn with(
        socket: &Path,
        settings: KeeperSettings,
        activity: Option<Activity>,
        past: Past,
    ) -> Self {
        let docker = DockerSettings {
            skills: settings.skills.clone(),
            daemon_is_ours: settings.limits.daemon_is_ours,
            ..DockerSettings::new(socket)
        };
        let gateway = Arc::new(Told::default());
        let parts = Parts {
            engine: Arc::new(Docker::new(docker, past.clock())),
            gateway: gateway.clone(),
            activity,
            past,
            metrics: Metrics::register(&Registry::new()).unwrap(),
        };
        let (keeper, handle) = Keeper::new(settings, parts);
        let drain = Drain::new(Duration::from_secs(5));
        let task = tokio::spawn(keeper.run(drain.clone()));
        Self {
            handle,
            gateway,
            drain,
            task,
        }
    }

    pub async fn end(self) {
        self.drain.start();
        self.task.await.unwrap();
    }

    /// Waits until a view is as it should be, and tells how long that took.
    pub async fn until(&self, what: &str, is_so: impl Fn(&View) -> bool) -> Duration {
        let began = Instant::now();
        let mut view = self.handle.view();
        let waited = tokio::time::timeout(PATIENCE, view.wait_for(&is_so)).await;
        if waited.is_err() {
            panic!("{what} is not so: {:#?}", *self.handle.view().borrow());
        }
        began.elapsed()
    }

    pub async fn up(&self) {
        self.until("the daemon is up", |view| {
            matches!(view.daemon, Seen::Up(_))
        })
        .await;
    }

    /// Lets the keeper hear what the gateway says, and waits until it has looked at this image.
    pub async fn until_looked_at(&self, image: &str) {
        let dry = self.handle.pass(Mode::Dry, Request::default());
        dry.await.unwrap();
        let is_known = |view: &View| view.images.contains_key(image);
        self.until("the image is looked at", is_known).await;
    }

    pub fn sandbox(&self, id: Id) -> Option<Sandbox> {
        let view = self.handle.view();
        let view = view.borrow();
        let mut shown = view.sandboxes.iter();
        let shown = shown.find(|shown| shown.sandbox.facts.id == id);
        shown.map(|shown| shown.sandbox.clone())
    }

    /// Waits until just these sandboxes are there.
    pub async fn until_ids(&self, ids: &BTreeSet<Id>) -> Duration {
        let has = |view: &View| {
            let up = matches!(view.daemon, Seen::Up(_));
            let shown = view.sandboxes.iter().map(|shown| shown.sandbox.facts.id);
            up && shown.collect::<BTreeSet<_>>() == *ids
        };
        self.until(&format!("the sandboxes are {ids:?}"), has).await
    }
}

/// Starts a sandbox as the gateway does, of a scope of its own.
pub async fn sandbox(daemon: &Daemon, name: &str, more: &[&str]) -> Id {
    let key = format!("openclaw.sessionKey=agent:main:{name}");
    let fixed = ["run", "-d", "--stop-signal", "KILL"];
    let none = match more.contains(&"--network") {
        true => &[][..],
        false => &["--network", "none"],
    };
    let labels = ["--label", "openclaw.sandbox=1", "--label", &key];
    let args = [&fixed[..], &labels, none, &["--name", name], more, &[IMAGE]].concat();
    Id::parse(&daemon.docker(&args).await).unwrap()
}

/// Ids of all containers, ours and others'.
pub async fn containers(daemon: &Daemon) -> BTreeSet<Id> {
    let ids = daemon.docker(&["ps", "-aq", "--no-trunc"]).await;
    ids.split_whitespace()
        .map(|id| Id::parse(id).unwrap())
        .collect()
}
