//! The page that Prometheus reads.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus::{Encoder, Registry, TextEncoder};

/// All metrics of `registry` in text format 0.0.4.
pub fn metrics_page(registry: &Registry) -> Response {
    let mut page = Vec::new();
    match TextEncoder::new().encode(&registry.gather(), &mut page) {
        Ok(()) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], page).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write the metrics page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
