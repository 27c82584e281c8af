//! A real engine on a directory of its own, a gateway that does as the document says, and callers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agent_api::{ACTOR_HEADER, PROBLEM_CONTENT_TYPE, ProblemDocument, Proof, Reload};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use config_merge::{KeyPath, LayerName};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use prometheus::Registry;
use serde::de::DeserializeOwned;
use service::{Bearer, Drain, Page, ProcessMetrics, Readiness, TokenFiles};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::gateway::{
    Change, Check, Gateway, Handed, Health, Issue, Presence, Purpose, Reloaded, Still, Trial,
    Verdict,
};
use crate::config::{self, Document, Engine, Metrics, Settings, Store};
use crate::gateway::{Protection, Tokens};
use crate::http::Rooms;
use crate::http::decode::BodyTime;
use crate::http::routes::api_within;
use crate::http::{Status, probes};
use crate::operations;
use crate::operations::tests::Fake;
use crate::sandbox::Owner;
use crate::secrets::TokenFile;

/// The document's key `mood` says what the gateway makes of it.
struct Moody(watch::Sender<Presence>);

struct Mood(String, watch::Sender<Presence>);

fn mood(document: &Document) -> String {
    document.value["mood"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[async_trait]
impl Gateway for Moody {
    fn presence(&self) -> watch::Receiver<Presence> {
        self.0.subscribe()
    }

    fn release(&self, _: &Document) {}

    async fn is_alive(&self, _: &Document) -> bool {
        true
    }

    fn can_revive(&self) -> bool {
        false
    }

    async fn check(&self, document: &Document, _: Purpose) -> Check {
        if mood(document) != "refuses" {
            return Check::Accepted;
        }
        Check::Refused(vec![Issue {
            path: "mood".to_owned(),
            message: "no such mood".to_owned(),
        }])
    }

    async fn reload_kinds(&self, paths: &[KeyPath]) -> Vec<Reload> {
        let restarts = |path: &KeyPath| path.to_string() == "port";
        let kind = |path| {
            if restarts(path) {
                Reload::Restart
            } else {
                Reload::Hot
            }
        };
        paths.iter().map(kind).collect()
    }

    async fn begin(&self, change: Change) -> Box<dyn Trial> {
        Box::new(Mood(mood(&change.document), self.0.clone()))
    }

    async fn hand(&self, _: &Document, _: Still) -> Handed {
        Handed::Written
    }

    async fn secrets_taken(&self) -> Reloaded {
        Reloaded::All
    }

    async fn reload_secrets(&self) -> Reloaded {
        Reloaded::All
    }
}

#[async_trait]
impl Trial for Mood {
    async fn prove(&mut self) -> Verdict {
        match self.0.as_str() {
            "dies" => Verdict::Failed {
                reason: "its port stays closed".to_owned(),
            },
            "goes" => {
                self.1.send_replace(Presence::Absent {
                    reason: "its port is closed".to_owned(),
                });
                Verdict::Failed {
                    reason: "it did not come back".to_owned(),
                }
            }
            "sleeps" => std::future::pending().await,
            _ => {
                let mut presence = self.1.subscribe();
                let up = presence.wait_for(|presence| presence.version().is_some());
                drop(up.await);
                Verdict::Proved {
                    proof: Proof::Hash,
                    restarted: false,
                }
            }
        }
    }

    async fn probation(&mut self, _: Duration) -> Health {
        Health::Held
    }
}

fn up() -> Presence {
    Presence::Up {
        version: "2026.9.6".to_owned(),
        boot_id: Some("b1".to_owned()),
    }
}

/// How long a body may take here.
const BODY_TIME: BodyTime = BodyTime(Duration::from_millis(50));

/// Everything that the routes stand on.
pub(super) struct Stage {
    api: Router,
    probes: Router,
    drain: Drain,
    readiness: Readiness,
    presence: watch::Sender<Presence>,
    life: Arc<Fake>,
    engine: Option<Engine>,
    running: Option<JoinHandle<Result<(), config::Error>>>,
    dir: TempDir,
}

/// An answer, read.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Stage {
    /// A base layer, an empty user layer, a lock on `locked`; the engine does not run yet.
    pub(super) fn new() -> Self {
        Self::owning(None)
    }

    /// The same, with an owner of sandboxes.
    pub(super) fn owning(owner: Option<Owner>) -> Self {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(
            path("base.json5"),
            "{ level: 'info', locked: 1, token: { source: 'env', id: 'T_BASE' } }",
        )
        .unwrap();
        std::fs::write(
            path("locks.json5"),
            "{ locks: [{ path: 'locked', why: 'ours' }] }",
        )
        .unwrap();
        std::fs::write(path("read"), "reader\n").unwrap();
        std::fs::write(path("operate"), "operator\n").unwrap();
        Self::on(dir, owner)
    }

    /// The same, on what lies in a directory already.
    fn on(dir: TempDir, owner: Option<Owner>) -> Self {
        let path = |name: &str| dir.path().join(name);
        let settings = Settings {
            layers: BTreeMap::from([
                (LayerName::Base, path("base.json5")),
                (LayerName::User, path("user.json5")),
            ]),
            locks: Some(path("locks.json5")),
            probation: Duration::from_millis(10),
            absent: Duration::from_secs(300),
            quiet: Duration::from_millis(10),
            poll: Duration::from_secs(30),
            ..Settings::beneath(dir.path())
        };
        let registry = Registry::new();
        ProcessMetrics::register(&registry).unwrap();
        let readiness = Readiness::new();
        let presence = watch::Sender::new(up());
        let gateway = Arc::new(Moody(presence.clone()));
        let metrics = Metrics::register(&registry).unwrap();
        let gate = readiness.gate("document");
        let store = Store::open(&settings.state).unwrap();
        let (engine, handle) = Engine::new(settings, store, gateway, metrics, gate);
        let status = Status::new(handle.clone(), None, None, Protection::Switch);
        let life = Arc::new(Fake::default());
        let (running, operations) = operations::new(operations::Parts {
            gateway: life.clone(),
            presence: presence.subscribe(),
            document: handle.clone(),
            sandboxes: owner.clone(),
            child: None,
            tokens: Arc::new(Tokens::new(TokenFile::read(None, None).1)),
        });
        let drain = Drain::new(Duration::from_secs(1));
        tokio::spawn(running.suspension.run(drain.clone()));
        tokio::spawn(running.observer.run(drain.clone()));
        let files = TokenFiles {
            read: Some(path("read")),
            operate: Some(path("operate")),
        };
        let (scribe, journal) = crate::journal::open(&path("state"), &registry).unwrap();
        tokio::spawn(scribe.run(std::future::pending()));
        let told = crate::journal::tell(
            journal.clone(),
            handle.clone(),
            owner.clone(),
            operations.clone(),
            Drain::new(Duration::ZERO),
        );
        tokio::spawn(told);
        let rooms = Rooms {
            document: handle,
            status,
            sandboxes: owner,
            health: watch::channel(crate::health::View::new(Default::default())).1,
            journal,
            operations,
        };
        Self {
            api: api_within(BODY_TIME, rooms, &Bearer::new(files, ACTOR_HEADER)),
            probes: probes(readiness.clone(), Page::new(registry, &[]), None),
            drain,
            life,
            readiness,
            presence,
            engine: Some(engine),
            running: None,
            dir,
        }
    }

    /// Ends the engine, and makes another on what is on disk then.
    pub(super) async fn reborn(self, meanwhile: impl FnOnce(&Path)) -> Self {
        self.end();
        if let Some(running) = self.running {
            running.await.unwrap().unwrap();
        }
        meanwhile(self.dir.path());
        Self::on(self.dir, None)
    }

    /// Lets the engine run until its first document is in place and proved.
    pub(super) async fn started() -> Self {
        let mut stage = Self::new();
        stage.start().await;
        stage
    }

    pub(super) async fn start(&mut self) {
        self.run();
        self.readiness.ready().await;
        self.until_state(agent_api::ConfigState::Settled).await;
    }

    /// Waits for a state of the document.
    pub(super) async fn until_state(&self, state: agent_api::ConfigState) {
        loop {
            let config = self.read("/v1/config").await;
            if config.json::<agent_api::ConfigView>().state == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Lets the engine run, whether or not it gets a document in place.
    pub(super) fn run(&mut self) {
        let engine = self.engine.take().unwrap();
        self.running = Some(tokio::spawn(engine.run(self.drain.clone())));
    }

    /// Ends the engine.
    pub(super) fn end(&self) {
        self.drain.start();
    }

    pub(super) async fn read(&self, path: &str) -> Answer {
        self.call(Method::GET, path, "reader", &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &str) -> Answer {
        self.call(Method::POST, path, "operator", &[], body).await
    }

    /// Replaces the user layer, whatever it is.
    pub(super) async fn put(&self, query: &str, text: &str) -> Answer {
        let path = format!("/v1/config/user{query}");
        let headers = [("if-match", "*"), (ACTOR_HEADER, "alice")];
        self.call(Method::PUT, &path, "operator", &headers, text)
            .await
    }

    /// Puts a file in place, whole.
    pub(super) fn write(&self, name: &str, text: &str) {
        let new = self.dir.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.dir.path().join(name)).unwrap();
    }

    pub(super) fn read_text(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    /// The gateway as its life is held and begun anew.
    pub(super) fn life(&self) -> &Fake {
        &self.life
    }

    /// Another life of the gateway answers.
    pub(super) fn boots(&self, boot_id: &str) {
        self.presence.send_replace(Presence::Up {
            version: "2026.9.6".to_owned(),
            boot_id: Some(boot_id.to_owned()),
        });
    }

    /// The gateway is there again.
    pub(super) fn comes_back(&self) {
        self.presence.send_replace(up());
    }

    /// A call with a body of any kind, as an operator.
    pub(super) async fn send(&self, method: Method, path: &str, body: Body) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header(header::AUTHORIZATION, "Bearer operator")
            .header(header::IF_MATCH, "*");
        answer(&self.api, request.body(body).unwrap()).await
    }

    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header(header::AUTHORIZATION, bearer);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let answer = answer(&self.api, request).await;
        assert_eq!(answer.header("pilotfish-wire"), "1", "{path}");
        answer
    }

    /// A stream's body, as long as it lasts.
    pub(super) async fn follow(&self, path: &str) -> Body {
        let request = Request::builder().uri(path);
        let request = request.header(header::AUTHORIZATION, "Bearer reader");
        let service = TowerToHyperService::new(self.api.clone());
        let answer = service.call(request.body(Body::empty()).unwrap()).await;
        answer.unwrap().into_body()
    }

    pub(super) async fn probe(&self, method: Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        answer(&self.probes, request.body(Body::empty()).unwrap()).await
    }
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The status and code of an error; every error is a whole problem document.
    pub(super) fn refusal(&self) -> (u16, String) {
        assert_eq!(
            self.header("content-type"),
            PROBLEM_CONTENT_TYPE,
            "{:?}",
            self.body
        );
        let problem: ProblemDocument = self.json();
        assert_eq!(problem.status, self.status.as_u16());
        assert!(problem.detail.is_some_and(|detail| !detail.is_empty()));
        (problem.status, problem.code)
    }
}

async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let service = TowerToHyperService::new(router.clone());
    let (parts, body) = service.call(request).await.unwrap().into_parts();
    let answer = Answer {
        status: parts.status,
        headers: parts.headers,
        body: to_bytes(body, usize::MAX).await.unwrap(),
    };
    assert_eq!(answer.header("cache-control"), "no-store");
    answer
}
