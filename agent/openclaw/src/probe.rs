//! What the gateway's HTTP probes say, judged by their bodies.
//!
//! A release that does not know a path answers it with 200 and a page of HTML, so the status
//! alone proves nothing.

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::Response;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use crate::calls::event_loop::{WireLoop, millis};
use crate::clip::{NAME, clip};
use crate::exchange::{self, exchange};
use crate::lenient::Maybe;
use crate::stream::{reach, secure};
use crate::{Endpoint, EventLoop};

/// Largest body that is read.
const BODY: usize = 64 * 1024;
/// More names than these are dropped.
const NAMES: usize = 32;

/// One of the three pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Does it live? Never says no: a gateway that does not live has its port closed.
    Healthz,
    /// Has it started? For traffic.
    Startupz,
    /// Is all of it well? For alerts: one broken channel turns it to no.
    Readyz,
}

impl Page {
    fn path(self) -> &'static str {
        match self {
            Self::Healthz => "/healthz",
            Self::Startupz => "/startupz",
            Self::Readyz => "/readyz",
        }
    }
}

/// What a page says.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// Yes.
    Ready {
        /// The release, where the page tells.
        version: Option<String>,
        /// Time since it started, also since an in-process restart, where the page tells.
        uptime: Option<Duration>,
        /// How its event loop is, where the page tells.
        event_loop: Option<EventLoop>,
    },
    /// No.
    NotReady {
        /// What holds it back: `startup-sidecars`, `gateway-draining`, `plugin-reload`, ids
        /// of channels. Claims of the gateway, cut to bounds.
        failing: Vec<String>,
        /// How its event loop is, where the page tells.
        event_loop: Option<EventLoop>,
    },
    /// The release has no such page: it answers with its page for people, or with 404 where
    /// that lies elsewhere.
    NoPage,
    /// Nothing listens.
    Closed,
    /// It listens but did not answer in time: its event loop is busy.
    Blocked,
    /// Something answers, but not as a gateway does.
    Foreign {
        /// Its HTTP status, where there was one.
        status: Option<u16>,
    },
}

impl Probe {
    /// Whether the page said yes.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }

    /// What [`Page::Startupz`] says of the start; `None` where it says nothing of it.
    pub fn startup(&self) -> Option<Startup> {
        let Self::NotReady { failing, .. } = self else {
            return self.is_ready().then_some(Startup::Started);
        };
        let draining = |name: &String| matches!(name.as_str(), "draining" | "gateway-draining");
        Some(if failing.iter().any(draining) {
            Startup::Draining
        } else {
            Startup::Starting {
                reason: failing.first().cloned(),
            }
        })
    }
}

/// How far a gateway is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Startup {
    /// It has started.
    Started,
    /// It is about to.
    Starting {
        /// What it waits for, such as `startup-sidecars`.
        reason: Option<String>,
    },
    /// It ends, restarts or is suspended.
    Draining,
}

/// Asks for a page. The gateway blocks for 3 s at times: do not wait for less than 5. It costs
/// the gateway 1.2 to 1.3 ms of CPU (2026.9.6).
pub async fn get(endpoint: &Endpoint, page: Page, patience: Duration) -> Probe {
    tracing::trace!(what = page.path(), "the gateway is asked");
    let deadline = Instant::now() + patience;
    let tcp = match timeout_at(deadline, reach(endpoint)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(_)) => return Probe::Closed,
        Err(_) => return Probe::Blocked,
    };
    let asked = async {
        let stream = secure(endpoint, tcp).await?;
        exchange(stream, exchange::get(endpoint, page.path()), judge).await
    };
    match timeout_at(deadline, asked).await {
        Ok(Ok(probe)) => probe,
        Ok(Err(_)) => Probe::Foreign { status: None },
        Err(_) => Probe::Blocked,
    }
}

async fn judge(answer: Response<Incoming>) -> Probe {
    let status = answer.status().as_u16();
    let kind = answer
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok());
    let html = kind.is_some_and(|kind| kind.starts_with("text/html"));
    if status == 404 || (status == 200 && html) {
        return Probe::NoPage;
    }
    let body = Limited::new(answer.into_body(), BODY).collect().await;
    let page = body
        .ok()
        .and_then(|body| serde_json::from_slice::<Body>(&body.to_bytes()).ok());
    page.and_then(|page| page.judge(status))
        .unwrap_or(Probe::Foreign {
            status: Some(status),
        })
}

/// The union of the three pages.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    ok: Option<bool>,
    ready: Option<bool>,
    status: Option<String>,
    pending_reason: Option<String>,
    #[serde(default)]
    failing: Vec<String>,
    version: Option<String>,
    uptime_ms: Option<f64>,
    #[serde(default)]
    event_loop: Maybe<WireLoop>,
}

impl Body {
    /// `None` when it is JSON of somebody else.
    fn judge(mut self, code: u16) -> Option<Probe> {
        let event_loop = std::mem::take(&mut self.event_loop).0.map(EventLoop::from);
        let says = self.ready.or(self.ok);
        match (code, says) {
            (200, Some(true)) => Some(Probe::Ready {
                version: self.version.map(|version| clip(&version, NAME)),
                uptime: millis(self.uptime_ms),
                event_loop,
            }),
            (503, Some(_)) => Some(Probe::NotReady {
                failing: self.why(),
                event_loop,
            }),
            _ => None,
        }
    }

    fn why(self) -> Vec<String> {
        let names = if self.failing.is_empty() {
            self.pending_reason.or(self.status).into_iter().collect()
        } else {
            self.failing
        };
        names
            .iter()
            .take(NAMES)
            .map(|name| clip(name, NAME))
            .collect()
    }
}
