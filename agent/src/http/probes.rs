//! What kubelet and Prometheus ask.

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use prometheus::TEXT_FORMAT;
use serde_json::{Value, json};
use service::{Page, Readiness, ReadinessReport, metrics_page};

use super::error::Error;
use crate::gateway::Exporter;

/// The gate of the document's owner: the gateway may start when it is open.
const DOCUMENT: &str = "document";

/// Whether the document is in place.
pub(super) async fn startup(State(readiness): State<Readiness>) -> ReadinessReport {
    started(readiness.report())
}

/// Whether the instance can serve.
pub(super) async fn ready(State(readiness): State<Readiness>) -> ReadinessReport {
    readiness.report()
}

/// Whoever answers is alive.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// The page that Prometheus reads.
pub(super) async fn metrics(State(page): State<Page>) -> Response {
    metrics_page(&page)
}

/// The page of the gateway's own plugin, as it is.
pub(super) async fn gateway(State(exporter): State<Exporter>) -> Result<Response, Error> {
    let page = exporter.page().await.map_err(Error::NoGatewayPage)?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], page).into_response())
}

/// The other gates say nothing about the document. With no gate at all, nobody has spoken yet.
fn started(mut report: ReadinessReport) -> ReadinessReport {
    let spoken = report.ready || !report.closed.is_empty();
    report.closed.retain(|gate| gate.gate == DOCUMENT);
    report.ready = spoken && report.closed.is_empty();
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documents_gate_holds_the_gateway_back() {
        let readiness = Readiness::new();
        let is_started = || started(readiness.report()).ready;
        assert!(!is_started());
        let (document, other) = (readiness.gate(DOCUMENT), readiness.gate("other"));
        assert!(!is_started());
        document.open();
        assert!(is_started() && !readiness.report().ready);
        other.open();
        assert!(is_started());
        document.close("no valid document");
        let report = started(readiness.report());
        assert_eq!(report.closed[0].reason, "no valid document");
        assert!(!report.ready);
    }
}
