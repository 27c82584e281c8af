//! What happens among the sandboxes, as lines of JSON for as long as the reader stays.
//!
//! A reader has no queue of its own: it has a place in one that all share. One that falls out of it is told how much it
//! missed, and gets a snapshot.

use std::convert::Infallible;
use std::time::Duration;

use agent_api::{DaemonState, STREAM_CONTENT_TYPE, SandboxEvent};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use jiff::Timestamp;
use sandbox::{Happening, SandboxChange};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};

use super::error::Error;
use super::sandbox_passes as passes;
use super::sandbox_views as views;
use super::sandboxes::{READERS, Sandboxes};
use crate::sandbox::{Owner, removal_view};

/// A stream on which nothing happens says at least so often that it lives.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A view is this old at most: what happened before a reader came is in the snapshot after this time.
const SETTLE: Duration = Duration::from_millis(200);

/// Follows the sandboxes.
pub(super) async fn follow(State(sandboxes): State<Sandboxes>) -> Result<Response, Error> {
    let owner = sandboxes.owner()?.clone();
    let seat = sandboxes.seats.clone().try_acquire_owned();
    let seat = seat.map_err(|_| Error::TooManyReaders { max: READERS })?;
    let reader = Reader {
        happenings: owner.handle.events(),
        owner,
        next: Next::Snapshot,
        _seat: seat,
    };
    let lines = stream::unfold(reader, |mut reader| async move {
        let event = reader.event().await?;
        Some((Ok::<_, Infallible>(line(&event)), reader))
    });
    let kind = [(CONTENT_TYPE, STREAM_CONTENT_TYPE)];
    Ok((kind, Body::from_stream(lines)).into_response())
}

/// What a reader gets next.
enum Next {
    Snapshot,
    Happening,
}

/// One who follows.
struct Reader {
    owner: Owner,
    happenings: Receiver<Happening>,
    next: Next,
    _seat: OwnedSemaphorePermit,
}

impl Reader {
    /// The next event; nothing once the agent ends.
    async fn event(&mut self) -> Option<SandboxEvent> {
        let drain = self.owner.drain.clone();
        tokio::select! {
            biased;
            () = drain.signalled() => None,
            event = self.told() => event,
        }
    }

    async fn told(&mut self) -> Option<SandboxEvent> {
        if matches!(self.next, Next::Snapshot) {
            sleep(SETTLE).await;
            self.next = Next::Happening;
            return Some(self.snapshot());
        }
        let got = timeout(HEARTBEAT, self.happenings.recv()).await;
        let at = Timestamp::now().to_string();
        match got {
            Err(_) => Some(SandboxEvent::Heartbeat { at }),
            Ok(Ok(happening)) => Some(self.event_of(happening)),
            Ok(Err(RecvError::Lagged(count))) => {
                self.next = Next::Snapshot;
                Some(SandboxEvent::Missed { at, count })
            }
            Ok(Err(RecvError::Closed)) => None,
        }
    }

    fn snapshot(&self) -> SandboxEvent {
        let view = self.owner.handle.view().borrow().clone();
        SandboxEvent::Snapshot {
            at: Timestamp::now().to_string(),
            daemon: views::daemon_state(&view.daemon),
            step: views::step(view.step),
            sandboxes: views::sandbox_views(&view, &self.owner, None),
        }
    }

    fn event_of(&self, happening: Happening) -> SandboxEvent {
        let at = Timestamp::now().to_string();
        match happening {
            Happening::DaemonUp(_) => SandboxEvent::Daemon {
                at,
                state: DaemonState::Up,
                reason: None,
            },
            Happening::DaemonDown(why) => SandboxEvent::Daemon {
                at,
                state: DaemonState::Down,
                reason: Some(why),
            },
            Happening::Sandbox { id, name, change } => changed(at, id.to_string(), name, change),
            Happening::Removed {
                target,
                name,
                reason,
            } => SandboxEvent::Removal {
                at,
                removal: removal_view(&target, reason, &name),
            },
            Happening::Failed {
                target,
                name,
                reason,
                meaning,
            } => SandboxEvent::Removal {
                at,
                removal: passes::failed_view(&target, reason, meaning, &name),
            },
            Happening::Step(step) => SandboxEvent::Step {
                at,
                step: views::step(step),
            },
            Happening::Pass(report) => SandboxEvent::Pass {
                at,
                pass: passes::pass_view(&report, &self.owner.clock),
            },
        }
    }
}

fn changed(at: String, id: String, name: String, change: SandboxChange) -> SandboxEvent {
    match change {
        SandboxChange::Appeared(state) => SandboxEvent::Appeared {
            at,
            id,
            name,
            state: views::state(state),
        },
        SandboxChange::State(state) => SandboxEvent::State {
            at,
            id,
            name,
            state: views::state(state),
        },
        SandboxChange::Execs(count) => SandboxEvent::Execs {
            at,
            id,
            name,
            count: views::number(count),
        },
        SandboxChange::Gone => SandboxEvent::Gone { at, id, name },
    }
}

fn line(event: &SandboxEvent) -> Bytes {
    // It has no map with other keys than strings, so it cannot fail.
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    line.into()
}
