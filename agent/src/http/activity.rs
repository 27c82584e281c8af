//! Whether the instance is idle.

use agent_api::ActivityResponse;
use axum::Json;
use axum::extract::State;

use super::error::Error;
use crate::operations::Handle;

/// Whether it is idle, and what a stop would cost.
pub(super) async fn get(State(handle): State<Handle>) -> Result<Json<ActivityResponse>, Error> {
    Ok(Json(handle.activity().await?))
}
