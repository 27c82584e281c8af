//! The sandboxes for callers: what there is, what goes, and one that is removed by name.

use std::sync::Arc;

use agent_api::{
    DaemonState, DaemonView, PruneRequest, PruneResponse, RemovalKind, RemovalOutcome,
    RemovalReason, RemovalView, RemoveQuery, RemoveResponse, SandboxesQuery, SandboxesResponse,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use sandbox::{Force, Id, KeeperError, Mode, PassReport, Request, View};
use tokio::sync::Semaphore;

use super::decode::{self, Body};
use super::error::Error;
use super::sandbox_passes::pass_view;
use super::sandbox_views::{daemon_view, disk_view, image_view, sandbox_views};
use crate::sandbox::Owner;

/// The fields of a request to prune.
pub(super) const PRUNE: &[&str] = &["dry_run", "stale_hash"];

/// More readers of the stream than these wait elsewhere.
pub(super) const READERS: usize = 32;

/// The owner of the sandboxes, where there is one, and the seats of those who follow it.
#[derive(Clone)]
pub(super) struct Sandboxes {
    owner: Option<Owner>,
    pub(super) seats: Arc<Semaphore>,
}

impl Sandboxes {
    pub(super) fn new(owner: Option<Owner>) -> Self {
        Self {
            owner,
            seats: Arc::new(Semaphore::new(READERS)),
        }
    }

    pub(super) fn owner(&self) -> Result<&Owner, Error> {
        self.owner.as_ref().ok_or(Error::NoDaemon)
    }
}

/// What there is. Who wants it measured or decided, waits for that.
pub(super) async fn list(
    State(sandboxes): State<Sandboxes>,
    query: Result<Query<SandboxesQuery>, QueryRejection>,
) -> Result<Json<SandboxesResponse>, Error> {
    let Query(query) = query?;
    let Ok(owner) = sandboxes.owner() else {
        return Ok(Json(nobody()));
    };
    if query.measure {
        unless_down(owner.handle.measure().await)?;
    }
    let plan = match query.plan {
        true => unless_down(owner.handle.pass(Mode::Dry, Request::default()).await)?,
        false => None,
    };
    let view = owner.handle.view().borrow().clone();
    Ok(Json(response(&view, owner, plan.as_ref())))
}

/// Removes what the limits say, or tells what that would be.
pub(super) async fn prune(
    State(sandboxes): State<Sandboxes>,
    body: Body,
) -> Result<Json<PruneResponse>, Error> {
    let request: PruneRequest = decode::json_or_default(body, PRUNE)?;
    let owner = sandboxes.owner()?;
    let report = owner.handle.pass(mode(request), asked(request)).await?;
    let pass = pass_view(&report, &owner.clock);
    Ok(Json(PruneResponse { pass }))
}

/// Removes one sandbox; one in which something runs only where its name is given too.
pub(super) async fn remove(
    State(sandboxes): State<Sandboxes>,
    Path(id): Path<String>,
    query: Result<Query<RemoveQuery>, QueryRejection>,
) -> Result<Json<RemoveResponse>, Error> {
    let Query(query) = query?;
    let owner = sandboxes.owner()?;
    let id = Id::parse(&id).ok_or(Error::BadId)?;
    let name = name_of(owner, id).ok_or(KeeperError::Unknown(id))?;
    let force = match query.force {
        Some(force) if force != name => return Err(Error::WrongName),
        Some(_) => Force::ByName,
        None => Force::No,
    };
    owner.handle.remove(id, force).await?;
    let removal = removed(id, name);
    Ok(Json(RemoveResponse { removal }))
}

/// What an agent without a daemon answers.
fn nobody() -> SandboxesResponse {
    SandboxesResponse {
        daemon: DaemonView {
            state: DaemonState::Off,
            version: None,
            api: None,
            since: None,
            reason: Some("no --docker-socket is set".to_owned()),
        },
        disk: None,
        images: Vec::new(),
        sandboxes: Vec::new(),
        last_pass: None,
    }
}

/// How things stand, and what would go.
fn response(view: &View, owner: &Owner, plan: Option<&PassReport>) -> SandboxesResponse {
    SandboxesResponse {
        daemon: daemon_view(&view.daemon, &owner.clock),
        disk: view.disk.map(|disk| disk_view(disk, view, owner)),
        images: view.images.iter().map(image_view).collect(),
        sandboxes: sandbox_views(view, owner, plan),
        last_pass: view
            .last_pass
            .as_ref()
            .map(|pass| pass_view(pass, &owner.clock)),
    }
}

/// A daemon that is down is told by the answer itself.
fn unless_down<T>(result: Result<T, KeeperError>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(KeeperError::DaemonDown { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn mode(request: PruneRequest) -> Mode {
    match request.dry_run {
        true => Mode::Dry,
        false => Mode::Real,
    }
}

fn asked(request: PruneRequest) -> Request {
    Request {
        stale_hash: request.stale_hash,
    }
}

/// The name of a sandbox as it was last shown.
fn name_of(owner: &Owner, id: Id) -> Option<String> {
    let view = owner.handle.view();
    let sandboxes = view.borrow().sandboxes.clone();
    let shown = sandboxes
        .iter()
        .find(|shown| shown.sandbox.facts.id == id)?;
    Some(shown.sandbox.facts.name.clone())
}

fn removed(id: Id, name: String) -> RemovalView {
    RemovalView {
        kind: RemovalKind::Container,
        name,
        id: Some(id.to_string()),
        reason: RemovalReason::Asked,
        outcome: RemovalOutcome::Removed,
        bytes_freed: None,
    }
}
