//! What operators do to the gateway's life.

use std::ops::RangeInclusive;
use std::time::Duration;

use agent_api::{
    RestartRequest, RestartResponse, RestartState, ResumeResponse, SuspendRequest, SuspendResponse,
    SuspensionState,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use service::Caller;

use super::decode::{self, Body};
use super::error::Error;
use crate::operations::{Force, Handle, Work};

/// Fields of the body of a suspension.
pub(super) const SUSPEND: &[&str] = &["drain", "hold_seconds"];
/// Fields of the body of a restart.
pub(super) const RESTART: &[&str] = &["force", "timeout_seconds"];
/// The body of a resume has none.
const RESUME: &[&str] = &[];

/// How long a suspension holds when the caller says nothing.
const DEFAULT_HOLD: u64 = 120;
/// A shorter hold is over before it is known; a longer one is one that somebody forgot.
const HOLD: RangeInclusive<u64> = 10..=3600;
/// How long a restart is waited for when the caller says nothing.
const DEFAULT_WAIT: u64 = 120;
/// The longest such wait.
const WAIT: RangeInclusive<u64> = 0..=140;

/// Lets the gateway take no new work.
pub(super) async fn suspend(
    State(handle): State<Handle>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<(StatusCode, Json<SuspendResponse>), Error> {
    let request: SuspendRequest = decode::json_or_default(body, SUSPEND)?;
    let asked = request.hold_seconds.unwrap_or(DEFAULT_HOLD);
    let hold = within("hold_seconds", asked, HOLD)?;
    let work = match request.drain {
        true => Work::Finish,
        false => Work::Keep,
    };
    let suspension = handle.suspend(work, hold, caller.actor).await?;
    let status = match suspension.state {
        SuspensionState::Suspended => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    Ok((status, Json(SuspendResponse { suspension })))
}

/// Lets it take work again.
pub(super) async fn resume(
    State(handle): State<Handle>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<ResumeResponse>, Error> {
    let _: Nothing = decode::json_or_default(body, RESUME)?;
    let resumed = handle.resume(caller.actor).await?;
    Ok(Json(ResumeResponse { resumed }))
}

/// Starts it anew.
pub(super) async fn restart(
    State(handle): State<Handle>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<(StatusCode, Json<RestartResponse>), Error> {
    let request: RestartRequest = decode::json_or_default(body, RESTART)?;
    let asked = request.timeout_seconds.unwrap_or(DEFAULT_WAIT);
    let patience = within("timeout_seconds", asked, WAIT)?;
    let force = match request.force {
        true => Force::Yes,
        false => Force::No,
    };
    let response = handle.restart(force, patience, caller.actor).await?;
    let status = match response.state {
        RestartState::Restarted => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    Ok((status, Json(response)))
}

/// A body without a field.
#[derive(Default, serde::Deserialize)]
struct Nothing {}

fn within(name: &'static str, seconds: u64, range: RangeInclusive<u64>) -> Result<Duration, Error> {
    match range.contains(&seconds) {
        true => Ok(Duration::from_secs(seconds)),
        false => Err(Error::Range { name, range }),
    }
}
