//! The agent in one picture: gateway, document, secrets, watches, child.

use std::time::SystemTime;

use agent_api::{
    ChildState, ChildView, ConfigSummary, ExitView, GatewayState, GatewayView, KillerView,
    SecretsView, StatusResponse, WIRE_VERSION,
};
use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use supervisor::{Exit, How, Killer, State as Doing};
use tokio::sync::watch;

use crate::config::gateway::Presence;
use crate::config::{Handle, View};
use crate::gateway::{Child, Protection};
use crate::secrets;

/// Where the picture is taken from: what the components publish.
#[derive(Clone)]
pub(crate) struct Status {
    handle: Handle,
    secrets: Option<watch::Receiver<secrets::View>>,
    child: Option<Child>,
    protection: Protection,
    started: Timestamp,
}

impl Status {
    /// A picture of these; the agent starts now.
    pub(crate) fn new(
        handle: Handle,
        secrets: Option<watch::Receiver<secrets::View>>,
        child: Option<Child>,
        protection: Protection,
    ) -> Self {
        let started = Timestamp::now();
        Self {
            handle,
            secrets,
            child,
            protection,
            started,
        }
    }

    /// How things stand.
    pub(crate) fn response(&self) -> StatusResponse {
        let view = self.handle.view();
        let secrets = self.secrets.as_ref();
        StatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            wire: WIRE_VERSION,
            started_at: self.started.to_string(),
            gateway: gateway(&view.presence, self.protection),
            config: summary(&view),
            secrets: secrets_view(
                secrets
                    .map(|view| view.borrow().clone())
                    .unwrap_or_default(),
            ),
            watches: view.watches,
            supervisor: self.child.as_ref().map(|child| child_view(child.status())),
            drift: view.drift,
        }
    }
}

/// Answers `GET /v1/status`.
pub(super) async fn get(State(status): State<Status>) -> Json<StatusResponse> {
    Json(status.response())
}

fn gateway(presence: &Presence, protection: Protection) -> GatewayView {
    let (state, version, boot_id, reason) = match presence.clone() {
        Presence::Absent { reason } => (GatewayState::Absent, None, None, Some(reason)),
        Presence::Refused { reason } => (GatewayState::Refused, None, None, Some(reason)),
        Presence::Up { version, boot_id } => (GatewayState::Up, Some(version), boot_id, None),
    };
    GatewayView {
        state,
        version,
        boot_id,
        since: None,
        reason,
        protection: protection_view(protection),
    }
}

fn protection_view(protection: Protection) -> agent_api::Protection {
    match protection {
        Protection::Mount => agent_api::Protection::Mount,
        Protection::Switch => agent_api::Protection::Switch,
        Protection::None => agent_api::Protection::None {
            why: "no setting says that a mount or its own switch keeps it from writing".to_owned(),
        },
    }
}

fn summary(view: &View) -> ConfigSummary {
    ConfigSummary {
        generation: view.generation,
        document_sha256: view.sha256.clone(),
        state: view.state,
        proved_generation: view.proved,
        problems: u64::try_from(view.problems.len()).unwrap_or(u64::MAX),
        quarantined: view.quarantined,
        paused_until: view.paused_until.clone(),
    }
}

fn secrets_view(view: secrets::View) -> SecretsView {
    SecretsView {
        generation: view.generation,
        degraded: view.degraded,
        last_reload: view.last_reload.map(|at| at.to_string()),
    }
}

/// A child that is told to end still runs. Its console stays out of this: it is a stranger's text.
fn child_view(status: supervisor::Status) -> ChildView {
    let (state, pid, since, adopted) = match status.state {
        Doing::Held => (ChildState::Held, None, None, false),
        Doing::Starting => (ChildState::Starting, None, None, false),
        Doing::Running {
            pid,
            since,
            adopted,
        } => (ChildState::Running, Some(pid), Some(since), adopted),
        Doing::Ending { pid, .. } => (ChildState::Running, Some(pid), None, false),
        Doing::BackingOff { .. } => (ChildState::BackingOff, None, None, false),
        Doing::Stopped => (ChildState::Stopped, None, None, false),
    };
    ChildView {
        state,
        pid: pid.and_then(|pid| u32::try_from(pid).ok()),
        since: since.and_then(text),
        adopted,
        starts: status.starts,
        last_exit: status.last_exit.as_ref().map(exit_view),
    }
}

fn exit_view(exit: &Exit) -> ExitView {
    match exit.how {
        How::Code(code) => ExitView::Code { code },
        How::Signal(signal) => ExitView::Signal {
            signal,
            killer: exit.killer.map(killer_view),
        },
        How::Unknown | How::NotStarted { .. } => ExitView::Unknown,
    }
}

fn killer_view(killer: Killer) -> KillerView {
    match killer {
        Killer::Supervisor => KillerView::Supervisor,
        Killer::Oom(kill) => KillerView::Oom {
            limit_bytes: kill.limit_bytes,
            used_bytes: kill.used_bytes,
        },
        Killer::Fault => KillerView::Fault,
        Killer::Foreign => KillerView::Foreign,
        Killer::Unknown => KillerView::Unknown,
    }
}

fn text(time: SystemTime) -> Option<String> {
    let time = Timestamp::try_from(time).ok()?;
    Some(time.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use supervisor::OomKill;

    use super::*;

    fn exit(how: How, killer: Option<Killer>) -> Exit {
        Exit {
            how,
            killer,
            pid: 7,
            at: SystemTime::UNIX_EPOCH,
            lived: Duration::ZERO,
            asked: false,
            console_tail: "s3cret".to_owned(),
        }
    }

    fn status(state: Doing, last_exit: Option<Exit>) -> supervisor::Status {
        supervisor::Status {
            state,
            starts: 2,
            exits: 1,
            last_exit,
            group: None,
            protection: None,
        }
    }

    #[test]
    fn a_child_is_shown_without_its_console() {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        let (pid, why) = (7, "s3cret".to_owned());
        let running = Doing::Running {
            pid,
            since,
            adopted: true,
        };
        let until = since;
        let cases = [
            (Doing::Held, ChildState::Held, None),
            (Doing::Starting, ChildState::Starting, None),
            (running, ChildState::Running, Some(7)),
            (Doing::Ending { pid, why }, ChildState::Running, Some(7)),
            (Doing::BackingOff { until }, ChildState::BackingOff, None),
            (Doing::Stopped, ChildState::Stopped, None),
        ];
        for (doing, state, pid) in cases {
            let view = child_view(status(doing, Some(exit(How::Code(78), None))));
            assert_eq!((view.state, view.pid, view.starts), (state, pid, 2));
            assert_eq!(view.last_exit, Some(ExitView::Code { code: 78 }));
            assert_eq!(view.adopted, view.since.is_some());
            assert!(!format!("{view:?}").contains("s3cret"));
        }
    }

    #[test]
    fn an_end_is_told_as_far_as_it_is_known() {
        let why = "no such file".to_owned();
        let cases = [
            (How::Code(0), ExitView::Code { code: 0 }),
            (How::Unknown, ExitView::Unknown),
            (How::NotStarted { why }, ExitView::Unknown),
        ];
        for (how, expected) in cases {
            assert_eq!(exit_view(&exit(how, None)), expected);
        }
        assert_eq!(child_view(status(Doing::Held, None)).last_exit, None);
    }

    #[test]
    fn a_killer_is_told() {
        let (limit_bytes, used_bytes) = (Some(64), None);
        let kill = OomKill {
            limit_bytes,
            used_bytes,
        };
        let want = KillerView::Oom {
            limit_bytes,
            used_bytes,
        };
        let cases = [
            (None, None),
            (Some(Killer::Supervisor), Some(KillerView::Supervisor)),
            (Some(Killer::Oom(kill)), Some(want)),
            (Some(Killer::Fault), Some(KillerView::Fault)),
            (Some(Killer::Foreign), Some(KillerView::Foreign)),
            (Some(Killer::Unknown), Some(KillerView::Unknown)),
        ];
        for (by, killer) in cases {
            let expected = ExitView::Signal { signal: 9, killer };
            assert_eq!(exit_view(&exit(How::Signal(9), by)), expected);
        }
    }

    #[test]
    fn a_gateway_is_shown_as_it_was_last_seen() {
        let reason = "refused the connection".to_owned();
        let view = gateway(
            &Presence::Absent {
                reason: reason.clone(),
            },
            Protection::None,
        );
        assert_eq!(
            (view.state, view.reason),
            (GatewayState::Absent, Some(reason.clone()))
        );
        assert!(matches!(view.protection, agent_api::Protection::None { why } if !why.is_empty()));
        let view = gateway(&Presence::Refused { reason }, Protection::Mount);
        assert_eq!(view.state, GatewayState::Refused);
        assert_eq!(view.protection, agent_api::Protection::Mount);
        let (version, boot_id) = ("2026.9.6".to_owned(), None);
        let view = gateway(&Presence::Up { version, boot_id }, Protection::Switch);
        assert_eq!(view.version.as_deref(), Some("2026.9.6"));
        assert_eq!((view.state, view.reason), (GatewayState::Up, None));
    }
}
