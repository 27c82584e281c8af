//! What operators may change.

use std::time::Duration;

use agent_api::{
    LayerStatus, LayerView, Outcome, PauseRequest, PauseResponse, PutUserQuery, PutUserResponse,
    RollbackRequest, RollbackResponse,
};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use service::Caller;

use super::decode::{self, Body};
use super::error::Error;
use super::etag;
use super::outcome::{Patience, carried, judged};
use crate::config::{Edited, Handle};

/// A longer pause is somebody who forgot it.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Fields of the body of a rollback.
pub(super) const ROLLBACK: &[&str] = &["generation", "wait", "timeout_seconds"];
/// Fields of the body of a pause.
pub(super) const PAUSE: &[&str] = &["duration_seconds"];

/// Replaces the user layer, and answers with what became of it.
pub(super) async fn put_user(
    State(handle): State<Handle>,
    Extension(caller): Extension<Caller>,
    query: Result<Query<PutUserQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Error> {
    let Query(query) = query?;
    let patience = Patience::new(query.wait, query.timeout_seconds)?;
    let if_match = etag::required(&headers)?;
    let text = decode::user_text(&headers, body)?;
    let until = Some(patience.until());
    let edited = handle
        .put_user(text, if_match, caller.actor.clone(), until)
        .await?;
    edit(edited, patience, &handle, caller.actor).await
}

/// Brings the layers of an earlier generation back, and answers with what became of that.
pub(super) async fn rollback(
    State(handle): State<Handle>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<(StatusCode, Json<RollbackResponse>), Error> {
    let request: RollbackRequest = decode::json(body, ROLLBACK)?;
    let patience = Patience::new(request.wait, request.timeout_seconds)?;
    let until = Some(patience.until());
    let report = handle
        .rollback(request.generation, caller.actor.clone(), until)
        .await?;
    let generation = handle.view().generation;
    let report = patience.report(report, generation, caller.actor).await?;
    let (status, report) = judged(report)?;
    Ok((status, Json(RollbackResponse { report })))
}

/// Leaves the document alone for a while.
pub(super) async fn pause(
    State(handle): State<Handle>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<PauseResponse>, Error> {
    let request: PauseRequest = decode::json(body, PAUSE)?;
    let lasts = Duration::from_secs(request.duration_seconds);
    if lasts > MAX_PAUSE {
        return Err(Error::Pause { max: MAX_PAUSE });
    }
    let until = handle.pause(lasts, caller.actor).await?;
    let until = until.map(|until| until.to_string());
    Ok(Json(PauseResponse { until }))
}

/// The answer to an edit. One that is not in force may have changed the user layer twice, so its
/// error carries the tag as it is now.
async fn edit(
    edited: Edited,
    patience: Patience,
    handle: &Handle,
    actor: String,
) -> Result<Response, Error> {
    let generation = handle.view().generation;
    let mut report = patience.report(edited.report, generation, actor).await?;
    if report.outcome == Outcome::Superseded && is_held(handle, &edited.etag) {
        report = carried(report);
    }
    match judged(report) {
        Ok((status, report)) => {
            let tag = edited.etag.clone();
            let body = PutUserResponse {
                revision: edited.revision,
                etag: edited.etag,
                report,
            };
            Ok((status, [(ETAG, tag)], Json(body)).into_response())
        }
        Err(error) => {
            let now = handle.user().await.ok();
            Err(error.with_etag(now.map(|user| user.etag)))
        }
    }
}

/// Whether the newest change is made with the user layer of this tag.
fn is_held(handle: &Handle, tag: &str) -> bool {
    let held =
        |layer: &LayerView| layer.etag.as_deref() == Some(tag) && layer.status == LayerStatus::Ok;
    handle.view().layers.iter().any(held)
}
