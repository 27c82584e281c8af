//! A daemon with one sandbox, and its owner.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use prometheus::Registry;
use sandbox::{
    Clock, Daemon, Engine, EngineError, EngineVersion, Event, ExecId, Facts, Found, Gateway, Id,
    ImageFacts, ImageRef, Keeper, KeeperSettings, Kind, Limits, Listing, Meaning, Metrics, Parts,
    Past, Running, Scope, Sessions, State, Target, Usage,
};
use service::Drain;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;

use crate::sandbox::Owner;

pub(super) const NAME: &str = "openclaw-sbx-agent-main-t2";

/// A daemon that has one sandbox until it is removed.
struct Fake {
    clock: Clock,
    execs: Vec<ExecId>,
    gone: AtomicBool,
    news: Mutex<Option<Receiver<Event>>>,
}

/// Everything that a test holds of it.
pub(super) struct Stand {
    pub(super) owner: Owner,
    pub(super) news: Sender<Event>,
    _runs: tokio_util::sync::DropGuard,
}

pub(super) fn id() -> Id {
    Id::parse(&"7f".repeat(32)).unwrap()
}

pub(super) fn exec(n: usize) -> ExecId {
    ExecId::parse(&format!("{n:064x}")).unwrap()
}

impl Fake {
    fn found(&self) -> Found {
        let facts = Facts {
            id: id(),
            name: NAME.to_owned(),
            scope: Scope::parse("agent:main:t2"),
            kind: Kind::Tool,
            config_hash: None,
            image: ImageRef {
                id: "sha256:0f".to_owned(),
                name: "openclaw-sandbox:bookworm-slim".to_owned(),
            },
            memory_limit: None,
            cpus: None,
            volumes: Vec::new(),
            networks: Vec::new(),
            skills: None,
        };
        Found {
            facts,
            state: State::Running,
            created: self.clock.now(),
            ended: None,
            execs: self.execs.clone(),
        }
    }

    fn there(&self) -> Option<Found> {
        (!self.gone.load(Ordering::SeqCst)).then(|| self.found())
    }
}

fn refused() -> EngineError {
    EngineError {
        action: "do that".to_owned(),
        meaning: Meaning::Refused,
        source: "not here".into(),
    }
}

#[async_trait]
impl Engine for Fake {
    async fn ping(&self) -> Result<(), EngineError> {
        Ok(())
    }

    async fn version(&self) -> Result<EngineVersion, EngineError> {
        Ok(EngineVersion {
            version: "29.0.0".to_owned(),
            api: "1.52".to_owned(),
        })
    }

    async fn events(&self) -> Result<BoxStream<'static, Result<Event, EngineError>>, EngineError> {
        let news = self.news.lock().await.take().ok_or_else(refused)?;
        let next = |mut news: Receiver<Event>| async move {
            let event = news.recv().await?;
            Some((Ok(event), news))
        };
        Ok(futures_util::stream::unfold(news, next).boxed())
    }

    async fn list(&self) -> Result<Listing, EngineError> {
        Ok(Listing {
            began: self.clock.now(),
            sandboxes: self.there().into_iter().collect(),
            ..Listing::default()
        })
    }

    async fn inspect(&self, _: Id) -> Result<Option<Found>, EngineError> {
        Ok(self.there())
    }

    async fn stats(&self, _: Id) -> Result<Usage, EngineError> {
        Ok(Usage {
            memory_bytes: 4096,
            ..Usage::default()
        })
    }

    async fn written(&self, _: Id) -> Result<u64, EngineError> {
        Ok(0)
    }

    async fn stop(&self, _: Id, _: Duration) -> Result<(), EngineError> {
        Ok(())
    }

    async fn remove(&self, target: &Target, _: Running) -> Result<u64, EngineError> {
        assert_eq!(*target, Target::Container(id()));
        self.gone.store(true, Ordering::SeqCst);
        Ok(10)
    }

    async fn image(&self, _: &str) -> Result<Option<ImageFacts>, EngineError> {
        Ok(None)
    }

    async fn trial(&self, _: &str, _: &str) -> Result<i64, EngineError> {
        Err(refused())
    }

    async fn load_image(&self, _: &Path) -> Result<(), EngineError> {
        Err(refused())
    }

    async fn pull(&self, _: &str) -> Result<(), EngineError> {
        Err(refused())
    }
}

/// A gateway that cannot be asked.
struct Absent;

#[async_trait]
impl Gateway for Absent {
    async fn sessions(&self) -> Option<Sessions> {
        None
    }

    async fn images(&self) -> Option<BTreeSet<String>> {
        Some(BTreeSet::new())
    }
}

impl Stand {
    /// An owner whose daemon is up; in its one sandbox so many execs run.
    pub(super) async fn with_execs(count: usize) -> Self {
        let clock = Clock::start();
        let (news, heard) = mpsc::channel(1024);
        let daemon = Fake {
            clock,
            execs: (0..count).map(exec).collect(),
            gone: AtomicBool::new(false),
            news: Mutex::new(Some(heard)),
        };
        let parts = Parts {
            engine: Arc::new(daemon),
            gateway: Arc::new(Absent),
            activity: None,
            past: Past::none(),
            metrics: Metrics::register(&Registry::new()).unwrap(),
        };
        let (keeper, handle) = Keeper::new(KeeperSettings::default(), parts);
        let (drain, runs) = (Drain::new(Duration::from_secs(1)), CancellationToken::new());
        let end = runs.clone();
        let run = keeper.run(drain.clone());
        tokio::spawn(async move { end.run_until_cancelled(run).await });
        let mut view = handle.view();
        let is_up = |view: &sandbox::View| matches!(view.daemon, Daemon::Up(_));
        view.wait_for(is_up).await.unwrap();
        let owner = Owner {
            handle,
            clock,
            limits: Arc::new(Limits::default()),
            drain,
            guarded: None,
        };
        Self {
            owner,
            news,
            _runs: runs.drop_guard(),
        }
    }
}
