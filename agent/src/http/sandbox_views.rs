//! The sandbox component's domain as wire types.

use std::collections::HashMap;

use agent_api::{
    DaemonState, DaemonView, DiskStep, DiskView, ImageState, ImageView, LiveView, RemovalReason,
    SandboxKind, SandboxState, SandboxView, ScopeKind, UsageView,
};
use jiff::Timestamp;
use sandbox::{
    Clock, Daemon, Disk, Id, Kind, Limits, Moment, PassReport, Presence, Removal, Scope, Shown,
    State, Step, Target, Usage, View, Why,
};

use crate::sandbox::{Owner, reason_view};

/// Every sandbox, the newest first.
pub(super) fn sandbox_views(
    view: &View,
    owner: &Owner,
    plan: Option<&PassReport>,
) -> Vec<SandboxView> {
    let planned = planned(plan);
    let mut shown: Vec<&Shown> = view.sandboxes.iter().collect();
    shown.sort_by_key(|shown| std::cmp::Reverse(shown.sandbox.created));
    let now = owner.clock.now();
    let each = |shown: &Shown| SandboxView {
        planned: planned.get(&shown.sandbox.facts.id).copied(),
        live: live(shown, &owner.limits, now).map(live_view),
        ..sandbox_view(shown, &owner.clock, now)
    };
    shown.into_iter().map(each).collect()
}

fn planned(plan: Option<&PassReport>) -> HashMap<Id, RemovalReason> {
    let decided = plan.map(|plan| plan.decided.iter());
    let container = |removal: &Removal| match removal.target {
        Target::Container(id) => Some((id, reason_view(removal.reason))),
        _ => None,
    };
    decided
        .into_iter()
        .flatten()
        .filter_map(container)
        .collect()
}

fn sandbox_view(shown: &Shown, clock: &Clock, now: Moment) -> SandboxView {
    let sandbox = &shown.sandbox;
    let facts = &sandbox.facts;
    SandboxView {
        id: facts.id.to_string(),
        name: facts.name.clone(),
        scope: scope_kind(&facts.scope),
        session: facts.scope.session().map(ToOwned::to_owned),
        kind: match facts.kind {
            Kind::Tool => SandboxKind::Tool,
            Kind::Browser => SandboxKind::Browser,
        },
        state: state(sandbox.state),
        created_at: time(clock, sandbox.created),
        last_active_at: time(clock, sandbox.last_active),
        idle_seconds: now.since(sandbox.last_active).as_secs(),
        live: None,
        execs: number(sandbox.execs.len()),
        config_hash: facts.config_hash.clone(),
        image: facts.image.name.clone(),
        memory_limit_bytes: facts.memory_limit,
        cpus: facts.cpus,
        usage: sandbox.usage.map(usage_view),
        planned: None,
    }
}

/// Why it is live now: a view may be older than what passes by itself.
fn live(shown: &Shown, limits: &Limits, now: Moment) -> Option<Why> {
    let ago = now.since(shown.sandbox.last_active);
    let age = now.since(shown.sandbox.created);
    match shown.live? {
        why @ (Why::Exec | Why::Run) => Some(why),
        Why::Recent { .. } | Why::Creating if ago < limits.live_after => Some(Why::Recent { ago }),
        Why::Recent { .. } | Why::Creating => {
            (age < limits.creating_grace).then_some(Why::Creating)
        }
    }
}

fn scope_kind(scope: &Scope) -> ScopeKind {
    match scope {
        Scope::Session { .. } => ScopeKind::Session,
        Scope::Agent { .. } => ScopeKind::Agent,
        Scope::Shared { .. } => ScopeKind::Shared,
        Scope::Unknown => ScopeKind::Unknown,
    }
}

fn usage_view(usage: Usage) -> UsageView {
    UsageView {
        memory_bytes: usage.memory_bytes,
        cpu_seconds: usage.cpu_seconds,
        written_bytes: usage.written_bytes,
    }
}

fn live_view(why: Why) -> LiveView {
    match why {
        Why::Exec => LiveView::Exec,
        Why::Run => LiveView::Run,
        Why::Recent { ago } => LiveView::Recent {
            ago_seconds: ago.as_secs(),
        },
        Why::Creating => LiveView::Creating,
    }
}

/// The daemon as it was last seen.
pub(super) fn daemon_view(daemon: &Daemon, clock: &Clock) -> DaemonView {
    let (version, api, since, reason) = match daemon {
        Daemon::Unknown => (None, None, None, None),
        Daemon::Up(version) => (
            Some(version.version.clone()),
            Some(version.api.clone()),
            None,
            None,
        ),
        Daemon::Down { since, why } => (None, None, Some(time(clock, *since)), Some(why.clone())),
    };
    DaemonView {
        state: daemon_state(daemon),
        version,
        api,
        since,
        reason,
    }
}

/// Whether the daemon answers.
pub(super) fn daemon_state(daemon: &Daemon) -> DaemonState {
    match daemon {
        Daemon::Unknown => DaemonState::Starting,
        Daemon::Up(_) => DaemonState::Up,
        Daemon::Down { .. } => DaemonState::Down,
    }
}

/// How full its disk is, and what that means.
pub(super) fn disk_view(disk: Disk, view: &View, owner: &Owner) -> DiskView {
    DiskView {
        used_bytes: disk.bytes.used,
        total_bytes: disk.bytes.total,
        used_inodes: disk.inodes.used,
        total_inodes: disk.inodes.total,
        step: step(view.step),
        budget_bytes: owner.limits.watermarks.budget_bytes,
        full_of_live: view.full_of_live,
    }
}

/// An image that is needed.
pub(super) fn image_view((name, presence): (&String, &Presence)) -> ImageView {
    let (state, id, problems) = match presence {
        Presence::Present { id } => (ImageState::Present, Some(id), Vec::new()),
        Presence::Unfit { id, lacks } => {
            let lacks = lacks
                .iter()
                .map(|lack| format!("it lacks: {}", lack.as_str()));
            (ImageState::Unfit, Some(id), lacks.collect())
        }
        Presence::Mismatch { id } => {
            let why = "it is not the pinned one".to_owned();
            (ImageState::Mismatch, Some(id), vec![why])
        }
        Presence::Missing { why } => (ImageState::Missing, None, vec![why.clone()]),
    };
    ImageView {
        name: name.clone(),
        id: id.cloned(),
        state,
        problems,
    }
}

/// The state of a sandbox.
pub(super) fn state(state: State) -> SandboxState {
    match state {
        State::Created => SandboxState::Created,
        State::Running => SandboxState::Running,
        State::Paused => SandboxState::Paused,
        State::Restarting => SandboxState::Restarting,
        State::Removing => SandboxState::Removing,
        State::Exited => SandboxState::Exited,
        State::Dead => SandboxState::Dead,
    }
}

/// How strict the disk makes the rules.
pub(super) fn step(step: Step) -> DiskStep {
    match step {
        Step::Normal => DiskStep::Normal,
        Step::Tight => DiskStep::Tight,
        Step::Strict => DiskStep::Strict,
        Step::Critical => DiskStep::Critical,
    }
}

/// A moment as the wire has times.
pub(super) fn time(clock: &Clock, moment: Moment) -> String {
    let time = Timestamp::from_millisecond(clock.unix_ms(moment));
    time.unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sandbox::{Change, EngineVersion, Facts, Found, ImageRef, Inventory};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn id(n: u64) -> Id {
        Id::parse(&format!("{n:064x}")).unwrap()
    }

    fn made(at: Moment) -> Shown {
        let facts = Facts {
            id: id(7),
            name: "openclaw-sbx-a".to_owned(),
            scope: Scope::parse("agent:main:t2:workspace:00000000000000000000000000000000"),
            kind: Kind::Tool,
            config_hash: None,
            image: ImageRef {
                id: "sha256:0f".to_owned(),
                name: "openclaw-sandbox:bookworm-slim".to_owned(),
            },
            memory_limit: Some(1 << 29),
            cpus: Some(0.5),
            volumes: Vec::new(),
            networks: Vec::new(),
            skills: None,
        };
        let found = Box::new(Found {
            facts,
            state: State::Running,
            created: at,
            ended: None,
            execs: Vec::new(),
        });
        let mut inventory = Inventory::default();
        inventory.apply(Change::Seen { asked: at, found }, at);
        Shown {
            sandbox: inventory.sandboxes[&id(7)].clone(),
            live: Some(Why::Recent {
                ago: Duration::ZERO,
            }),
        }
    }

    #[test]
    fn a_sandbox_is_shown_with_its_session_and_its_age() {
        let clock = Clock::start();
        let view = sandbox_view(&made(clock.now()), &clock, clock.now().plus(MINUTE));
        assert_eq!(view.id, id(7).to_string());
        assert_eq!(view.session.as_deref(), Some("agent:main:t2"));
        assert_eq!(
            (view.scope, view.state),
            (ScopeKind::Session, SandboxState::Running)
        );
        assert_eq!((view.idle_seconds, view.cpus), (60, Some(0.5)));
        assert!(view.created_at.parse::<Timestamp>().is_ok());
    }

    #[test]
    fn what_passes_by_itself_passes_also_in_an_old_view() {
        let at = Moment::from_millis(1_000_000);
        let (mut shown, limits) = (made(at), Limits::default());
        let live = |shown: &Shown, after: Duration| live(shown, &limits, at.plus(after));
        assert_eq!(
            live(&shown, MINUTE / 2),
            Some(Why::Recent { ago: MINUTE / 2 })
        );
        assert_eq!(live(&shown, MINUTE), Some(Why::Creating));
        assert_eq!(live(&shown, 2 * MINUTE), None);
        for why in [Why::Exec, Why::Run] {
            shown.live = Some(why);
            assert_eq!(live(&shown, 10 * MINUTE), Some(why));
        }
        shown.live = None;
        assert_eq!(live(&shown, Duration::ZERO), None);
    }

    #[test]
    fn a_daemon_is_shown_as_it_was_last_seen() {
        let clock = Clock::start();
        let version = EngineVersion {
            version: "29".to_owned(),
            api: "1.52".to_owned(),
        };
        let up = daemon_view(&Daemon::Up(version), &clock);
        assert_eq!(
            (up.state, up.api.as_deref()),
            (DaemonState::Up, Some("1.52"))
        );
        let (since, why) = (clock.now(), "refused".to_owned());
        let down = daemon_view(&Daemon::Down { since, why }, &clock);
        assert_eq!(
            (down.state, down.reason.as_deref()),
            (DaemonState::Down, Some("refused"))
        );
        assert!(down.since.is_some());
        assert_eq!(
            daemon_view(&Daemon::Unknown, &clock).state,
            DaemonState::Starting
        );
    }
}
