//! Every path, who may call it, and who answers.

use agent_api::{
    PATH_ACTIVITY, PATH_CONFIG, PATH_CONFIG_DIFF, PATH_CONFIG_EXPLAIN, PATH_CONFIG_HISTORY,
    PATH_CONFIG_PAUSE, PATH_CONFIG_ROLLBACK, PATH_CONFIG_USER, PATH_GATEWAY_RESTART,
    PATH_GATEWAY_RESUME, PATH_GATEWAY_SUSPEND, PATH_HEALTH, PATH_JOURNAL, PATH_JOURNAL_ACK,
    PATH_LIVEZ, PATH_METRICS, PATH_METRICS_GATEWAY, PATH_READYZ, PATH_SANDBOX, PATH_SANDBOXES,
    PATH_SANDBOXES_EVENTS, PATH_SANDBOXES_PRUNE, PATH_STARTUPZ, PATH_STATUS, WIRE_VERSION,
};
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header::CACHE_CONTROL};
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use service::{Bearer, Page, Readiness, Role};
use tokio::sync::watch;

use super::decode::{BodyTime, MAX_BODY_BYTES, query};
use super::error::Error;
use super::sandboxes::{self, Sandboxes};
use super::{
    Status, activity, change, config, health, journal, operations, probes as probe, sandbox_events,
    status,
};
use crate::config::Handle;
use crate::gateway::Exporter;
use crate::health::View;
use crate::journal::Journal;
use crate::operations::Handle as Operations;
use crate::sandbox::Owner;

/// Says on every answer which wire it speaks.
const WIRE_HEADER: HeaderName = HeaderName::from_static("pilotfish-wire");

/// What the API shows and reaches.
pub(crate) struct Rooms {
    /// The document.
    pub document: Handle,
    /// The agent in one picture.
    pub status: Status,
    /// The sandboxes, where this agent owns some.
    pub sandboxes: Option<Owner>,
    /// How the pod is.
    pub health: watch::Receiver<View>,
    /// The journal.
    pub journal: Journal,
    /// The gateway's life.
    pub operations: Operations,
}

/// The API. Whoever reads sees redacted values only; the user layer's text is not redacted, so it
/// takes a token that could replace it.
pub(crate) fn api(rooms: Rooms, bearer: &Bearer) -> Router {
    api_within(BodyTime::default(), rooms, bearer)
}

/// The same, with a limit of its own for the time that a body takes.
pub(super) fn api_within(body_time: BodyTime, rooms: Rooms, bearer: &Bearer) -> Router {
    let sandboxes = Sandboxes::new(rooms.sandboxes.clone());
    let reads = known(reads(&rooms, &sandboxes));
    let operates = known(operates(rooms, sandboxes));
    let routes = bearer
        .guard(reads, Role::Read)
        .merge(bearer.guard(operates, Role::Operate));
    refusing(routes)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(Extension(body_time))
        .layer(map_response(marked))
}

/// What whoever may read may call.
fn reads(rooms: &Rooms, sandboxes: &Sandboxes) -> Router {
    let status = Router::new()
        .route(PATH_STATUS, get(status::get))
        .with_state(rooms.status.clone());
    let health = Router::new()
        .route(PATH_HEALTH, get(health::get))
        .with_state(rooms.health.clone());
    let activity = Router::new()
        .route(PATH_ACTIVITY, get(activity::get))
        .with_state(rooms.operations.clone());
    let journal = Router::new()
        .route(PATH_JOURNAL, get(journal::page))
        .with_state(rooms.journal.clone());
    let looks = Router::new()
        .route(PATH_SANDBOXES, get(sandboxes::list))
        .route(PATH_SANDBOXES_EVENTS, get(sandbox_events::follow))
        .with_state(sandboxes.clone());
    Router::new()
        .route(PATH_CONFIG, get(config::document))
        .route(PATH_CONFIG_EXPLAIN, get(config::explain))
        .route(PATH_CONFIG_HISTORY, get(config::history))
        .route(PATH_CONFIG_DIFF, post(config::diff))
        .with_state(rooms.document.clone())
        .merge(status)
        .merge(health)
        .merge(activity)
        .merge(journal)
        .merge(looks)
}

/// What only operators may call.
fn operates(rooms: Rooms, sandboxes: Sandboxes) -> Router {
    let gateway = Router::new()
        .route(PATH_GATEWAY_RESTART, post(operations::restart))
        .route(PATH_GATEWAY_SUSPEND, post(operations::suspend))
        .route(PATH_GATEWAY_RESUME, post(operations::resume))
        .with_state(rooms.operations);
    let collects = Router::new()
        .route(PATH_JOURNAL_ACK, post(journal::ack))
        .with_state(rooms.journal);
    let removes = Router::new()
        .route(PATH_SANDBOXES_PRUNE, post(sandboxes::prune))
        .route(PATH_SANDBOX, delete(sandboxes::remove))
        .with_state(sandboxes);
    Router::new()
        .route(PATH_CONFIG_USER, get(config::user).put(change::put_user))
        .route(PATH_CONFIG_ROLLBACK, post(change::rollback))
        .route(PATH_CONFIG_PAUSE, post(change::pause))
        .with_state(rooms.document)
        .merge(gateway)
        .merge(collects)
        .merge(removes)
}

fn known(routes: Router) -> Router {
    routes.route_layer(from_fn(query))
}

/// Probes and metrics: open to everybody who reaches the socket, so nothing private is in them.
pub(crate) fn probes(readiness: Readiness, page: Page, exporter: Option<Exporter>) -> Router {
    let gates = Router::new()
        .route(PATH_STARTUPZ, get(probe::startup))
        .route(PATH_READYZ, get(probe::ready))
        .with_state(readiness);
    let metrics = Router::new()
        .route(PATH_METRICS, get(probe::metrics))
        .with_state(page);
    let passed_on = exporter.map_or_else(Router::new, |exporter| {
        Router::new()
            .route(PATH_METRICS_GATEWAY, get(probe::gateway))
            .with_state(exporter)
    });
    let metrics = metrics.merge(passed_on);
    let routes = gates.merge(metrics).route(PATH_LIVEZ, get(probe::live));
    refusing(routes).layer(map_response(fresh))
}

/// Unknown paths and methods are answered as every other error is.
fn refusing(routes: Router) -> Router {
    routes
        .fallback(|| async { Error::NoPath })
        .method_not_allowed_fallback(|| async { Error::NoMethod })
}

async fn marked(response: Response) -> Response {
    let mut response = fresh(response).await;
    let headers = response.headers_mut();
    headers.insert(WIRE_HEADER, HeaderValue::from(WIRE_VERSION));
    response
}

async fn fresh(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
