//! The one file that knows all components: it makes them, joins them, and runs them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use agent_api::JournalEvent;
use anyhow::{Context, Result};
use openclaw::{Link, LinkHandle};
use prometheus::Registry;
use service::{
    Bearer, Certificates, Drain, Listener, ListenerSettings, Page, ProcessMetrics, Readiness,
    TokenFiles,
};
use supervisor::{Command, Supervisor};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::gateway::{Gateway, Presence};
use crate::config::{self, Engine, Store};
use crate::gateway::{self, Child, Exporter, OpenClaw, Patience, Protection, Tokens, follow};
use crate::health::{self, Observer};
use crate::http::{self, Rooms, Status};
use crate::journal::{self, Journal};
use crate::operations;
use crate::sandbox;
use crate::secrets::{self, Bundle, Secrets, TokenFile};
use crate::usage::{self, Usage};

/// How long a stream through the guard may outlive the gateway that it was for.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything that an operator sets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The document.
    pub config: config::Settings,
    /// The secrets, where there are some.
    pub secrets: Option<secrets::Settings>,
    /// The gateway's shared token.
    pub gateway_token: Option<std::path::PathBuf>,
    /// What keeps the gateway from writing its document.
    pub protection: Protection,
    /// How patient we are with the gateway.
    pub patience: Patience,
    /// The API.
    pub listen: SocketAddr,
    /// The probes and metrics.
    pub probe_listen: SocketAddr,
    /// Who may call the API.
    pub tokens: TokenFiles,
    /// Certificate and key of the API.
    pub tls: Option<std::path::PathBuf>,
    /// The gateway as our child.
    pub child: Option<supervisor::Settings>,
    /// The sandboxes and their daemon, where this agent owns one.
    pub sandbox: Option<sandbox::Settings>,
    /// The watch over the pod.
    pub health: health::Settings,
    /// What the instance uses, and may use.
    pub usage: usage::Settings,
    /// Whether the page of the gateway's own plugin is passed on.
    pub gateway_metrics: bool,
}

/// The agent, with its sockets open.
pub struct App {
    drain: Drain,
    tasks: JoinSet<Result<()>>,
    api: Listener,
    probes: Listener,
    api_routes: axum::Router,
    probe_routes: axum::Router,
    child: Option<mpsc::Sender<Command>>,
    journal: Journal,
    /// Writes the journal until everything else has ended.
    scribe: Scribe,
}

impl App {
    /// Opens the state directory and the sockets, and writes the secrets. Nothing runs yet.
    pub async fn bind(settings: Settings, drain: Drain) -> Result<Self> {
        // First of all: a second agent on the same state directory changes nothing.
        let store = Store::open(&settings.config.state)?;
        let api = listener(&settings).await?;
        let probes = Listener::bind(settings.probe_listen, ListenerSettings::default()).await?;
        let registry = Registry::new();
        let (scribe, journal) = journal::open(&settings.config.state, &registry)?;
        let scribe = Scribe::start(scribe);
        let (token_file, pair) = token_file(&settings)?;

        let (mut joining, aim) = Joining::new(&settings, &drain, registry, journal.clone(), pair);
        let gateway = joining.gateway(aim);
        let document = joining.document(store, &gateway)?;
        let secrets = joining.secrets(gateway, token_file)?;
        let sandboxes = joining.sandboxes(&document).await?;
        let operations = joining.operations(&document, sandboxes.clone());
        joining.tell(&document, sandboxes.clone(), &operations);
        let health = joining.health(&document, secrets.clone(), sandboxes.as_ref(), &operations)?;
        let page = joining.usage(&health)?;

        let exporter = settings
            .gateway_metrics
            .then(|| Exporter::new(joining.link.clone()));
        let child = joining.supervised.child.clone();
        let rooms = Rooms {
            status: Status::new(document.clone(), secrets, child, settings.protection),
            document,
            sandboxes,
            health,
            journal: journal.clone(),
            operations,
        };
        let bearer = Bearer::new(settings.tokens.clone(), agent_api::ACTOR_HEADER);
        let Joining {
            tasks,
            readiness,
            supervised,
            ..
        } = joining;
        Ok(Self {
            drain,
            tasks,
            api,
            probes,
            api_routes: http::api(rooms, &bearer),
            probe_routes: http::probes(readiness, page, exporter),
            child: supervised.commands,
            journal,
            scribe,
        })
    }

    /// Where the API listens.
    pub fn api_address(&self) -> SocketAddr {
        self.api.local_addr()
    }

    /// Where probes and metrics listen.
    pub fn probe_address(&self) -> SocketAddr {
        self.probes.local_addr()
    }

    /// Serves until the drain is over. A task that ends early ends the process with its error.
    pub async fn run(mut self) -> Result<()> {
        self.tasks
            .spawn(done(self.api.serve(self.api_routes, self.drain.clone())));
        self.tasks.spawn(done(
            self.probes.serve(self.probe_routes, self.drain.clone()),
        ));
        if let Some(commands) = self.child.take() {
            self.tasks
                .spawn(done(pass_drain_on(self.drain.clone(), commands)));
        }
        loop {
            let ended = tokio::select! {
                ended = self.tasks.join_next() => ended,
                ended = &mut self.scribe.writing => return ended.context("a task panicked")?,
            };
            let Some(ended) = ended else {
                break;
            };
            ended.context("a task panicked")??;
            if !self.drain.is_signalled() {
                anyhow::bail!("a part of the agent ended by itself");
            }
        }
        self.journal.record(&JournalEvent::AgentEnding);
        self.scribe.end().await
    }
}

/// The journal's task: the last of all to end.
struct Scribe {
    writing: JoinHandle<Result<()>>,
    end: CancellationToken,
}

impl Scribe {
    fn start(journal: ::journal::Journal) -> Self {
        let end = CancellationToken::new();
        let ended = end.clone().cancelled_owned();
        let writing = tokio::spawn(async move {
            let written = journal.run(ended).await;
            written.context("the journal's owner ended")
        });
        Self { writing, end }
    }

    /// Waits until everything that was recorded is on the disk.
    async fn end(self) -> Result<()> {
        self.end.cancel();
        self.writing.await.context("a task panicked")?
    }
}

async fn listener(settings: &Settings) -> Result<Listener> {
    let listener = Listener::bind(settings.listen, ListenerSettings::default()).await?;
    match &settings.tls {
        Some(dir) => Ok(listener.with_tls(Certificates::read(dir)?)),
        None => Ok(listener),
    }
}

/// The secrets are in place before anything reads the token or starts the gateway.
fn token_file(settings: &Settings) -> Result<(TokenFile, watch::Receiver<secrets::Pair>)> {
    let inside = settings
        .secrets
        .as_ref()
        .map(|secrets| secrets.source.join(secrets::GATEWAY_TOKEN));
    let path = settings.gateway_token.clone().or(inside);
    if let Some(secrets) = &settings.secrets {
        Bundle::new(secrets).with_token(path.as_deref()).write()?;
    }
    Ok(TokenFile::read(
        path,
        settings
            .secrets
            .as_ref()
            .map(|secrets| secrets.out.as_path()),
    ))
}

/// The parts while they are made and joined, one after the other.
struct Joining<'app> {
    settings: &'app Settings,
    drain: &'app Drain,
    registry: Registry,
    readiness: Readiness,
    tasks: JoinSet<Result<()>>,
    journal: Journal,
    link: LinkHandle,
    tokens: Arc<Tokens>,
    presence: watch::Receiver<Presence>,
    supervised: Supervised,
}

/// Says where the gateway is dialled.
type Aim = watch::Sender<Option<openclaw::Endpoint>>;

impl<'app> Joining<'app> {
    /// The link to the gateway, and its process where it is our child.
    fn new(
        settings: &'app Settings,
        drain: &'app Drain,
        registry: Registry,
        journal: Journal,
        pair: watch::Receiver<secrets::Pair>,
    ) -> (Self, Aim) {
        let mut tasks = JoinSet::new();
        let tokens = Arc::new(Tokens::new(pair));
        let (aim, endpoint) = watch::channel(None);
        let (running, link) = Link::new(endpoint, tokens.tried(), openclaw::Settings::default());
        let ended = drain.clone();
        tasks.spawn(done(async move {
            running.run(async move { ended.signalled().await }).await
        }));
        let (sender, presence) = watch::channel(Presence::Absent {
            reason: "not_tried".to_owned(),
        });
        tasks.spawn(done(follow(link.clone(), Arc::clone(&tokens), sender)));
        let supervised = Supervised::start(settings.child.clone(), &mut tasks);
        let joining = Self {
            settings,
            drain,
            registry,
            readiness: Readiness::new(),
            tasks,
            journal,
            link,
            tokens,
            presence,
            supervised,
        };
        (joining, aim)
    }

    fn gateway(&self, aim: Aim) -> Arc<dyn Gateway> {
        let settings = gateway::Settings {
            protection: self.settings.protection,
            patience: self.settings.patience,
            document: self.settings.config.document.clone(),
        };
        Arc::new(Arc::new(OpenClaw::new(
            self.link.clone(),
            self.presence.clone(),
            aim,
            settings,
            self.supervised.child.clone(),
            Arc::clone(&self.tokens),
        )))
    }

    fn document(&mut self, store: Store, gateway: &Arc<dyn Gateway>) -> Result<config::Handle> {
        let metrics = config::Metrics::register(&self.registry)?;
        let settings = config::Settings {
            read_only: self.settings.protection == Protection::Mount,
            ..self.settings.config.clone()
        };
        let gate = self.readiness.gate("document");
        let (engine, handle) = Engine::new(settings, store, Arc::clone(gateway), metrics, gate);
        let drain = self.drain.clone();
        self.tasks.spawn(async move {
            let ran = engine.run(drain).await;
            ran.context("the document's owner ended")
        });
        Ok(handle)
    }

    fn secrets(
        &mut self,
        gateway: Arc<dyn Gateway>,
        token: TokenFile,
    ) -> Result<Option<watch::Receiver<secrets::View>>> {
        let metrics = secrets::Metrics::register(&self.registry)?;
        let Some(settings) = self.settings.secrets.clone() else {
            return Ok(None);
        };
        let accepted = self.tokens.accepted();
        let (secrets, view) = Secrets::new(settings, gateway, token, accepted, metrics);
        self.tasks.spawn(done(secrets.run(self.drain.clone())));
        Ok(Some(view))
    }

    /// One task for each part. Nothing waits for the daemon: an instance without sandboxes can serve.
    async fn sandboxes(&mut self, document: &config::Handle) -> Result<Option<sandbox::Owner>> {
        let Some(settings) = self.settings.sandbox.clone() else {
            return Ok(None);
        };
        let (link, document) = (self.link.clone(), document.clone());
        let joined = sandbox::bind(settings, link, document, &self.registry, self.drain);
        let (running, owner) = joined.await?;
        self.tasks
            .spawn(done(running.keeper.run(self.drain.clone())));
        if let Some(guard) = running.guard {
            let guarded = match self.supervised.commands.clone() {
                Some(child) => gone_after(child, self.drain.clone(), &mut self.tasks),
                None => self.drain.clone(),
            };
            self.tasks.spawn(done(guard.run(guarded)));
        }
        Ok(Some(owner))
    }

    fn operations(
        &mut self,
        document: &config::Handle,
        sandboxes: Option<sandbox::Owner>,
    ) -> operations::Handle {
        let (running, handle) = operations::new(operations::Parts {
            gateway: Arc::new(operations::Linked::new(self.link.clone())),
            presence: self.presence.clone(),
            document: document.clone(),
            sandboxes,
            child: self.supervised.child.clone(),
            tokens: Arc::clone(&self.tokens),
        });
        self.tasks
            .spawn(done(running.suspension.run(self.drain.clone())));
        self.tasks
            .spawn(done(running.observer.run(self.drain.clone())));
        handle
    }

    fn tell(
        &mut self,
        document: &config::Handle,
        sandboxes: Option<sandbox::Owner>,
        operations: &operations::Handle,
    ) {
        self.tasks.spawn(done(journal::tell(
            self.journal.clone(),
            document.clone(),
            sandboxes,
            operations.clone(),
            self.drain.clone(),
        )));
    }

    fn health(
        &mut self,
        document: &config::Handle,
        secrets: Option<watch::Receiver<secrets::View>>,
        sandboxes: Option<&sandbox::Owner>,
        operations: &operations::Handle,
    ) -> Result<watch::Receiver<health::View>> {
        let parts = health::Parts {
            link: self.link.clone(),
            child: self.supervised.child.clone(),
            tokens: Arc::clone(&self.tokens),
            document: document.clone(),
            secrets,
            sandboxes: sandboxes.map(|owner| owner.handle.view()),
            suspended: operations.suspension(),
            journal: self.journal.clone(),
            metrics: health::Metrics::register(&self.registry)?,
            gate: self.readiness.gate("health"),
        };
        let (observer, view) = Observer::new(self.settings.health.clone(), parts);
        self.tasks.spawn(done(observer.run(self.drain.clone())));
        Ok(view)
    }

    /// What the instance uses, and the page that shows it with everything else.
    fn usage(&mut self, watched: &watch::Receiver<health::View>) -> Result<Page> {
        ProcessMetrics::register(&self.registry)?;
        let metrics = usage::Metrics::register(&self.registry)?;
        // Where this agent owns no daemon, the families of the sandboxes are named all the same.
        let sandboxes = ::sandbox::Metrics::register(&Registry::new())?.platform()?;
        let mut declared = metrics.declared().to_vec();
        declared.push(&sandboxes);
        let page = Page::new(self.registry.clone(), &declared);
        let sandbox = self.settings.sandbox.as_ref();
        let guarded = sandbox.is_some_and(|sandbox| sandbox.guard.is_some());
        let journal = self.journal.clone();
        let usage = Usage::new(
            self.settings.usage.clone(),
            usage::room(sandbox.is_some(), guarded),
            self.link.clone(),
            self.supervised.status.clone(),
            watched.clone(),
            metrics,
            Box::new(move |sample| journal.record(&sample)),
        );
        self.tasks.spawn(done(usage.run(self.drain.clone())));
        Ok(page)
    }
}

/// The gateway's process, where it is our child.
#[derive(Default)]
struct Supervised {
    child: Option<Child>,
    /// The way to tell it something.
    commands: Option<mpsc::Sender<Command>>,
    /// What is known of it.
    status: Option<watch::Receiver<supervisor::Status>>,
}

impl Supervised {
    fn start(settings: Option<supervisor::Settings>, tasks: &mut JoinSet<Result<()>>) -> Self {
        let Some(settings) = settings else {
            return Self::default();
        };
        let drain = settings.drain;
        let supervisor = Supervisor::new(settings);
        let (sender, commands) = mpsc::channel(16);
        let status = supervisor.handle().status();
        let child = Child::new(sender.clone(), status.clone(), drain);
        tasks.spawn(async move {
            let ran = supervisor.run(commands).await;
            ran.context("the gateway's supervisor ended")
        });
        Self {
            child: Some(child),
            commands: Some(sender),
            status: Some(status),
        }
    }
}

/// A drain that starts once the child has ended: until then its runs come to their end, and their tools with them.
fn gone_after(
    child: mpsc::Sender<Command>,
    drain: Drain,
    tasks: &mut JoinSet<Result<()>>,
) -> Drain {
    let last = Drain::new(LAST_WORDS);
    let started = last.clone();
    tasks.spawn(done(async move {
        drain.signalled().await;
        tokio::select! {
            () = child.closed() => {}
            () = drain.expired() => {}
        }
        started.start();
    }));
    last
}

/// The first signal drains the gateway, a second one hurries it.
async fn pass_drain_on(drain: Drain, commands: mpsc::Sender<Command>) {
    drain.signalled().await;
    let _ = commands.send(Command::Drain).await;
    tokio::select! {
        () = drain.expired() => {
            let _ = commands.send(Command::Hurry).await;
        }
        () = commands.closed() => {}
    }
}

async fn done(task: impl Future<Output = ()>) -> Result<()> {
    task.await;
    Ok(())
}
