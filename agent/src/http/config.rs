//! What callers may know of the document.

use agent_api::{
    ChangeView, CheckView, ConfigView, DiffRequest, DiffResponse, ExplainQuery, ExplainResponse,
    HistoryResponse, ProblemView, Reload,
};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use config_merge::KeyPath;
use durable::Digest;

use super::decode::{self, Body};
use super::error::Error;
use super::etag;
use crate::config::gateway::{Check, Issue};
use crate::config::{Handle, Inspection, Preview, View};

/// Fields of the body of a diff.
pub(super) const DIFF: &[&str] = &["user"];

/// How often the document is looked at while it changes under the look.
const LOOKS: usize = 3;

/// The document with its reasons. The tag is that of the whole answer, so that a reader who hears
/// "as before" has missed no change of state either.
pub(super) async fn document(
    State(handle): State<Handle>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let body = serde_json::to_vec(&look(&handle).await?)?;
    let tag = format!("\"{}\"", Digest::of(&body));
    if etag::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response());
    }
    let kind = "application/json".to_owned();
    Ok(([(CONTENT_TYPE, kind), (ETAG, tag)], body).into_response())
}

/// The user layer's text as it is, so that an operator can change it.
pub(super) async fn user(State(handle): State<Handle>) -> Result<Response, Error> {
    let user = handle.user().await?;
    let kind = "application/json5; charset=utf-8".to_owned();
    Ok(([(CONTENT_TYPE, kind), (ETAG, user.etag)], user.text).into_response())
}

/// Everything about one key.
pub(super) async fn explain(
    State(handle): State<Handle>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
) -> Result<Json<ExplainResponse>, Error> {
    let Query(query) = query?;
    let path: KeyPath = query.path.parse()?;
    Ok(Json(handle.explain(path).await?))
}

/// Past generations.
pub(super) async fn history(State(handle): State<Handle>) -> Result<Json<HistoryResponse>, Error> {
    Ok(Json(handle.history().await?))
}

/// What a user layer would change.
pub(super) async fn diff(
    State(handle): State<Handle>,
    body: Body,
) -> Result<Json<DiffResponse>, Error> {
    let request: DiffRequest = decode::json_or_default(body, DIFF)?;
    let (preview, check) = handle.diff(request.user.map(String::into_bytes)).await?;
    let layers = handle.view().layers.into_iter();
    let warnings = layers.flat_map(|layer| layer.warnings).collect();
    let answer = difference(preview, check);
    Ok(Json(DiffResponse { warnings, ..answer }))
}

/// The document and the view of it. The view may be newer than the document, so both are taken
/// again until they speak of the same one.
async fn look(handle: &Handle) -> Result<ConfigView, Error> {
    let mut before = handle.view();
    let mut looks = 0;
    loop {
        let inspection = handle.inspect().await?;
        let after = handle.view();
        looks += 1;
        if after.sha256 == before.sha256 || looks == LOOKS {
            return Ok(config_view(after, inspection));
        }
        before = after;
    }
}

fn config_view(view: View, inspection: Inspection) -> ConfigView {
    ConfigView {
        generation: view.generation,
        document: inspection.document,
        document_sha256: view.sha256,
        provenance: inspection.provenance,
        state: view.state,
        layers: view.layers,
        left_out: view.left_out,
        last_report: view.last_report,
        quarantine: inspection.quarantine,
        drift: view.drift,
        paused_until: view.paused_until,
    }
}

fn difference(preview: Preview, check: Check) -> DiffResponse {
    let Preview {
        changes,
        mut problems,
        ..
    } = preview;
    let check = match check {
        Check::Accepted => CheckView::GatewayValid,
        Check::Unasked { why } => CheckView::Unchecked { why },
        Check::Refused(issues) => {
            problems.extend(issues.into_iter().map(|issue| located(issue, &changes)));
            CheckView::GatewayInvalid
        }
    };
    DiffResponse {
        requires_restart: changes
            .iter()
            .any(|change| change.reload == Reload::Restart),
        changes,
        problems,
        warnings: Vec::new(),
        check,
    }
}

/// What the gateway does not like, with the place of the change that it is about.
fn located(issue: Issue, changes: &[ChangeView]) -> ProblemView {
    let change = blamed(&issue.path, changes);
    let origin = change.and_then(|change| change.origin.as_ref());
    ProblemView {
        layer: origin.map(|origin| origin.layer.clone()),
        file: origin.map_or_else(String::new, |origin| origin.file.clone()),
        line: origin.map_or(0, |origin| origin.line),
        column: origin.map_or(0, |origin| origin.column),
        path: issue.path,
        kind: "gateway".to_owned(),
        message: issue.message,
        cure: "correct the value before you put this layer".to_owned(),
    }
}

/// The change at or above a path. An unknown key is reported with its parent as path, so the only
/// change below it is meant too; of several none is named, since that would be a guess.
fn blamed<'a>(path: &str, changes: &'a [ChangeView]) -> Option<&'a ChangeView> {
    let path: KeyPath = path.parse().ok()?;
    let parsed = |change: &&ChangeView| change.path.parse::<KeyPath>().ok();
    let above = |change: &&ChangeView| parsed(change).is_some_and(|at| at.covers(&path));
    let below = |change: &&ChangeView| parsed(change).is_some_and(|at| path.covers(&at));
    changes.iter().find(above).or_else(|| {
        let mut below = changes.iter().filter(below);
        below.next().filter(|_| below.next().is_none())
    })
}
