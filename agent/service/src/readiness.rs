//! Ready is said by each part of the process, never implied.

use std::sync::Arc;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::sync::watch;

const NOT_YET: &str = "not ready yet";
const GAVE_UP: &str = "ended before it was ready";

/// The gates of the process; it is ready when there are some and all are open.
#[derive(Clone, Debug)]
pub struct Readiness {
    gates: Arc<watch::Sender<Vec<Entry>>>,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    closed: Option<String>,
}

/// One part's say in whether the process is ready. Starts closed.
///
/// Dropped while closed it stays closed and named; dropped while open it stays open.
#[derive(Debug)]
pub struct Gate {
    gates: Arc<watch::Sender<Vec<Entry>>>,
    index: usize,
}

/// Whether the process is ready, and what it waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessReport {
    /// Whether there are gates and all are open.
    pub ready: bool,
    /// The closed gates, in the order in which they were made.
    pub closed: Vec<ClosedGate>,
}

/// A gate that is not open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClosedGate {
    /// The gate's name.
    pub gate: &'static str,
    /// Why it is closed, for people.
    pub reason: String,
}

impl Readiness {
    /// No gates yet, so not ready.
    pub fn new() -> Self {
        Self {
            gates: Arc::new(watch::Sender::new(Vec::new())),
        }
    }

    /// Adds a closed gate.
    pub fn gate(&self, name: &'static str) -> Gate {
        let mut index = 0;
        self.gates.send_modify(|gates| {
            index = gates.len();
            gates.push(Entry {
                name,
                closed: Some(NOT_YET.to_owned()),
            });
        });
        Gate {
            gates: Arc::clone(&self.gates),
            index,
        }
    }

    /// How it stands now.
    pub fn report(&self) -> ReadinessReport {
        let gates = self.gates.borrow();
        let closed = gates.iter().filter_map(Entry::closed).collect::<Vec<_>>();
        ReadinessReport {
            ready: closed.is_empty() && !gates.is_empty(),
            closed,
        }
    }

    /// Ends when the process is ready.
    pub async fn ready(&self) {
        let mut gates = self.gates.subscribe();
        while !self.report().ready {
            if gates.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// Says that this part is ready.
    pub fn open(&self) {
        self.set(None);
    }

    /// Says that this part is not ready, and why.
    pub fn close(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    fn set(&self, closed: Option<String>) {
        self.gates.send_if_modified(|gates| {
            let changed = gates[self.index].closed != closed;
            gates[self.index].closed = closed;
            changed
        });
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.gates.send_if_modified(|gates| {
            let entry = &mut gates[self.index];
            let gave_up = entry.closed.as_deref() == Some(NOT_YET);
            if gave_up {
                entry.closed = Some(GAVE_UP.to_owned());
            }
            gave_up
        });
    }
}

impl Entry {
    fn closed(&self) -> Option<ClosedGate> {
        self.closed.as_ref().map(|reason| ClosedGate {
            gate: self.name,
            reason: reason.clone(),
        })
    }
}

/// 200 when ready, else 503; the body names the closed gates.
impl IntoResponse for ReadinessReport {
    fn into_response(self) -> Response {
        let status = if self.ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, Json(self)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(readiness: &Readiness) -> Vec<(&'static str, String)> {
        let report = readiness.report();
        assert_eq!(report.ready, report.closed.is_empty());
        let gates = report.closed.into_iter();
        gates.map(|gate| (gate.gate, gate.reason)).collect()
    }

    #[test]
    fn nothing_said_is_not_ready() {
        let report = Readiness::new().report();
        assert!(!report.ready && report.closed.is_empty());
        assert_eq!(report.into_response().status(), 503);
    }

    #[test]
    fn every_gate_has_to_open() {
        let readiness = Readiness::new();
        let (config, socket) = (readiness.gate("config"), readiness.gate("socket"));
        socket.open();
        assert_eq!(closed(&readiness), [("config", NOT_YET.to_owned())]);
        config.open();
        assert_eq!(closed(&readiness), []);
        assert_eq!(readiness.report().into_response().status(), 200);
        socket.close("gone");
        assert_eq!(closed(&readiness), [("socket", "gone".to_owned())]);
    }

    #[test]
    fn a_dropped_gate_keeps_what_it_said() {
        let readiness = Readiness::new();
        readiness.gate("opened").open();
        drop(readiness.gate("unopened"));
        readiness.gate("closed").close("no disk");
        let expected = [
            ("unopened", GAVE_UP.to_owned()),
            ("closed", "no disk".to_owned()),
        ];
        assert_eq!(closed(&readiness), expected);
    }

    #[tokio::test]
    async fn ready_can_be_waited_for() {
        let readiness = Readiness::new();
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.ready().await }
        });
        let gate = readiness.gate("config");
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        gate.open();
        waiting.await.unwrap();
    }
}
