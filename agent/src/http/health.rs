//! How the pod is, for callers.

use agent_api::HealthResponse;
use axum::Json;
use axum::extract::State;
use tokio::sync::watch;

use crate::health::{View, wire};

/// Answers `GET /v1/health`.
pub(super) async fn get(State(view): State<watch::Receiver<View>>) -> Json<HealthResponse> {
    Json(wire::response(&view.borrow()))
}
