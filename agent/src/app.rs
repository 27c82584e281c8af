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
        let registry = Registry::new();
        let readiness = Readiness::new();
        let gate = readiness.gate("document");
        let health_gate = readiness.gate("health");
        // First of all: a second agent on the same state directory changes nothing.
        let store = Store::open(&settings.config.state)?;
        let api = listener(&settings).await?;
        let probes = Listener::bind(settings.probe_listen, ListenerSettings::default()).await?;
        let mut tasks = JoinSet::new();
        let (scribe, journal) = journal::open(&settings.config.state, &registry)?;
        let scribe = Scribe::start(scribe);

        let (token_file, pair) = token_file(&settings)?;
        let tokens = Arc::new(Tokens::new(pair));
        let (aim, link) = linked(&tokens, &drain, &mut tasks);
        let (presence, presences) = watch::channel(Presence::Absent {
            reason: "not_tried".to_owned(),
        });
        let (child, commands, child_status) = supervised(settings.child.clone(), &mut tasks);
        let gateway = OpenClaw::new(
            link.clone(),
            presences.clone(),
            aim,
            gateway::Settings {
                protection: settings.protection,
                patience: settings.patience,
                document: settings.config.document.clone(),
            },
            child.clone(),
            Arc::clone(&tokens),
        );
        let gateway: Arc<dyn Gateway> = Arc::new(Arc::new(gateway));
        tasks.spawn(done(follow(link.clone(), Arc::clone(&tokens), presence)));

        let metrics = config::Metrics::register(&registry)?;
        let read_only = settings.protection == Protection::Mount;
        let document = config::Settings {
            read_only,
            ..settings.config.clone()
        };
        let (engine, handle) = Engine::new(document, store, Arc::clone(&gateway), metrics, gate);
        let secrets = secrets_of(
            &settings, gateway, token_file, &tokens, &registry, &drain, &mut tasks,
        )?;
        let engine_drain = drain.clone();
        tasks.spawn(async move {
            engine
                .run(engine_drain)
                .await
                .context("the document's owner ended")
        });

        let exporter = settings
            .gateway_metrics
            .then(|| Exporter::new(link.clone()));
        let sandboxes = match settings.sandbox.clone() {
            Some(settings) => {
                let joined =
                    sandbox::bind(settings, link.clone(), handle.clone(), &registry, &drain);
                let (running, owner) = joined.await?;
                kept(running, &drain, commands.clone(), &mut tasks);
                Some(owner)
            }
            None => None,
        };
        let operations = operated(
            operations::Parts {
                gateway: Arc::new(operations::Linked::new(link.clone())),
                presence: presences,
                document: handle.clone(),
                sandboxes: sandboxes.clone(),
                child: child.clone(),
                tokens: Arc::clone(&tokens),
            },
            &drain,
            &mut tasks,
        );
        tasks.spawn(done(journal::tell(
            journal.clone(),
            handle.clone(),
            sandboxes.clone(),
            operations.clone(),
            drain.clone(),
        )));
        let (observer, health) = Observer::new(
            settings.health.clone(),
            health::Parts {
                link: link.clone(),
                child: child.clone(),
                tokens,
                document: handle.clone(),
                secrets: secrets.clone(),
                sandboxes: sandboxes.as_ref().map(|owner| owner.handle.view()),
                suspended: operations.suspension(),
                journal: journal.clone(),
                metrics: health::Metrics::register(&registry)?,
                gate: health_gate,
            },
        );
        tasks.spawn(done(observer.run(drain.clone())));
        let page = used(
            &settings,
            &link,
            child_status,
            journal.clone(),
            health.clone(),
            registry.clone(),
            &drain,
            &mut tasks,
        )?;
        let status = Status::new(handle.clone(), secrets, child, settings.protection);
        let bearer = Bearer::new(settings.tokens.clone(), agent_api::ACTOR_HEADER);
        let rooms = Rooms {
            document: handle,
            status,
            sandboxes,
            health,
            journal: journal.clone(),
            operations,
        };
        Ok(Self {
            drain,
            tasks,
            api,
            probes,
            api_routes: http::api(rooms, &bearer),
            probe_routes: http::probes(readiness, page, exporter),
            child: commands,
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
                Some(ended) = self.tasks.join_next() => ended,
                ended = &mut self.scribe.writing => return ended.context("a task panicked")?,
                else => break,
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

fn linked(
    tokens: &Tokens,
    drain: &Drain,
    tasks: &mut JoinSet<Result<()>>,
) -> (watch::Sender<Option<openclaw::Endpoint>>, LinkHandle) {
    let (aim, endpoint) = watch::channel(None);
    let (link, handle) = Link::new(endpoint, tokens.tried(), openclaw::Settings::default());
    let drain = drain.clone();
    tasks.spawn(done(async move {
        link.run(async move { drain.signalled().await }).await
    }));
    (aim, handle)
}

/// The child, the way to tell it something, and what is known of it.
type Supervised = (
    Option<Child>,
    Option<mpsc::Sender<Command>>,
    Option<watch::Receiver<supervisor::Status>>,
);

fn supervised(
    settings: Option<supervisor::Settings>,
    tasks: &mut JoinSet<Result<()>>,
) -> Supervised {
    let Some(settings) = settings else {
        return (None, None, None);
    };
    let drain = settings.drain;
    let supervisor = Supervisor::new(settings);
    let (sender, commands) = mpsc::channel(16);
    let status = supervisor.handle().status();
    let child = Child::new(sender.clone(), status.clone(), drain);
    tasks.spawn(async move {
        supervisor
            .run(commands)
            .await
            .context("the gateway's supervisor ended")
    });
    (Some(child), Some(sender), Some(status))
}

fn secrets_of(
    settings: &Settings,
    gateway: Arc<dyn Gateway>,
    token: TokenFile,
    tokens: &Tokens,
    registry: &Registry,
    drain: &Drain,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<Option<watch::Receiver<secrets::View>>> {
    let metrics = secrets::Metrics::register(registry)?;
    let Some(settings) = settings.secrets.clone() else {
        return Ok(None);
    };
    let (secrets, view) = Secrets::new(settings, gateway, token, tokens.accepted(), metrics);
    let drain = drain.clone();
    tasks.spawn(done(secrets.run(drain)));
    Ok(Some(view))
}

/// What the instance uses, and the page that shows it with everything else.
fn used(
    settings: &Settings,
    link: &LinkHandle,
    child: Option<watch::Receiver<supervisor::Status>>,
    journal: Journal,
    watched: watch::Receiver<health::View>,
    registry: Registry,
    drain: &Drain,
    tasks: &mut JoinSet<Result<()>>,
) -> Result<Page> {
    ProcessMetrics::register(&registry)?;
    let metrics = usage::Metrics::register(&registry)?;
    // Where this agent owns no daemon, the families of the sandboxes are named all the same.
    let sandboxes = ::sandbox::Metrics::register(&Registry::new())?.platform()?;
    let mut declared = metrics.declared().to_vec();
    declared.push(&sandboxes);
    let page = Page::new(registry, &declared);
    let guard = settings
        .sandbox
        .as_ref()
        .map(|sandbox| sandbox.guard.is_some());
    let room = usage::room(guard.is_some(), guard == Some(true));
    let tell = Box::new(move |sample| journal.record(&sample));
    let usage = Usage::new(
        settings.usage.clone(),
        room,
        link.clone(),
        child,
        watched,
        metrics,
        tell,
    );
    tasks.spawn(done(usage.run(drain.clone())));
    Ok(page)
}

/// One task for each part. Nothing waits for the daemon: an instance without sandboxes can serve.
fn kept(
    running: sandbox::Running,
    drain: &Drain,
    child: Option<mpsc::Sender<Command>>,
    tasks: &mut JoinSet<Result<()>>,
) {
    tasks.spawn(done(running.keeper.run(drain.clone())));
    if let Some(guard) = running.guard {
        let guarded = match child {
            Some(child) => gone_after(child, drain.clone(), tasks),
            None => drain.clone(),
        };
        tasks.spawn(done(guard.run(guarded)));
    }
}

/// One task for each part of the gateway's life.
fn operated(
    parts: operations::Parts,
    drain: &Drain,
    tasks: &mut JoinSet<Result<()>>,
) -> operations::Handle {
    let (running, handle) = operations::new(parts);
    tasks.spawn(done(running.suspension.run(drain.clone())));
    tasks.spawn(done(running.observer.run(drain.clone())));
    handle
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
