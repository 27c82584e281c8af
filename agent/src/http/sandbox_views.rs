//! The sandbox component's domain as wire types.

use std::collections::{BTreeMap, HashMap};

use agent_api::{
    DaemonState, DaemonView, DiskStep, DiskView, ImageState, ImageView, LiveView, PassView,
    RemovalKind, RemovalOutcome, RemovalReason, RemovalView, SandboxKind, SandboxState,
    SandboxView, SandboxesResponse, ScopeKind, UsageView,
};
use jiff::Timestamp;
use sandbox::{
    Clock, Daemon, Disk, Id, Kind, Limits, Meaning, Mode, Moment, PassReport, Presence, Reason,
    Removal, Scope, Shown, State, Step, Target, Usage, View, Why,
};

use crate::sandbox::Owner;

/// What an agent without a daemon answers.
pub(super) fn nobody() -> SandboxesResponse {
    SandboxesResponse {
        daemon: DaemonView {
            state: DaemonState::Off,
            version: None,
            api: None,
            since: None,
            reason: Some("no --docker-socket is set".to_owned()),
        },
        disk: None,
        images: Vec::new(),
        sandboxes: Vec::new(),
        last_pass: None,
    }
}

/// How things stand, and what would go.
pub(super) fn response(view: &View, owner: &Owner, plan: Option<&PassReport>) -> SandboxesResponse {
    SandboxesResponse {
        daemon: daemon_view(&view.daemon, &owner.clock),
        disk: view.disk.map(|disk| disk_view(disk, view, owner)),
        images: view.images.iter().map(image_view).collect(),
        sandboxes: sandbox_views(view, owner, plan),
        last_pass: view
            .last_pass
            .as_ref()
            .map(|pass| pass_view(pass, &owner.clock)),
    }
}

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
        Target::Container(id) => Some((id, reason(removal.reason))),
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

fn daemon_view(daemon: &Daemon, clock: &Clock) -> DaemonView {
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

fn disk_view(disk: Disk, view: &View, owner: &Owner) -> DiskView {
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

fn image_view((name, presence): (&String, &Presence)) -> ImageView {
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

/// A pass with every removal that it decided.
pub(super) fn pass_view(report: &PassReport, clock: &Clock) -> PassView {
    let failed: HashMap<&Target, &str> = report
        .failed
        .iter()
        .map(|failure| (&failure.target, failure.message.as_str()))
        .collect();
    let removal = |removal: &Removal| RemovalView {
        outcome: outcome(removal, report, &failed),
        ..removal_view(&removal.target, removal.reason, &report.names)
    };
    PassView {
        at: time(clock, report.began),
        dry_run: report.mode == Mode::Dry,
        seen: number(report.seen),
        kept: number(report.kept),
        removals: report.decided.iter().map(removal).collect(),
        failed: number(report.failures),
        bytes_freed: report.bytes_freed,
        duration_seconds: report.took.as_secs_f64(),
    }
}

fn outcome(
    removal: &Removal,
    report: &PassReport,
    failed: &HashMap<&Target, &str>,
) -> RemovalOutcome {
    if report.mode == Mode::Dry {
        return RemovalOutcome::Planned;
    }
    if let Some(why) = report.stayed.get(&removal.target) {
        return RemovalOutcome::Kept {
            why: (*why).to_owned(),
        };
    }
    match failed.get(&removal.target) {
        Some(why) => RemovalOutcome::Failed {
            why: (*why).to_owned(),
        },
        None => RemovalOutcome::Removed,
    }
}

/// A thing that goes, as it is when it is gone.
pub(super) fn removal_view(
    target: &Target,
    why: Reason,
    names: &BTreeMap<Id, String>,
) -> RemovalView {
    let (kind, name, id) = match target {
        Target::Container(id) => {
            let name = names.get(id).cloned().unwrap_or_default();
            (RemovalKind::Container, name, Some(id.to_string()))
        }
        Target::Image(id) => (RemovalKind::Image, String::new(), Some(id.clone())),
        Target::Network(id) => (RemovalKind::Network, String::new(), Some(id.clone())),
        Target::Volume(name) => (RemovalKind::Volume, name.clone(), None),
        Target::Folder(name) => (RemovalKind::Folder, name.clone(), None),
        Target::Layers => (RemovalKind::Layers, String::new(), None),
        Target::BuildCache { .. } => (RemovalKind::BuildCache, String::new(), None),
    };
    RemovalView {
        kind,
        name,
        id,
        reason: reason(why),
        outcome: RemovalOutcome::Removed,
        bytes_freed: None,
    }
}

/// A thing that did not go.
pub(super) fn failed_view(target: &Target, why: Reason, meaning: Meaning) -> RemovalView {
    RemovalView {
        outcome: RemovalOutcome::Failed {
            why: meaning.as_str().to_owned(),
        },
        ..removal_view(target, why, &BTreeMap::new())
    }
}

/// Why something goes.
pub(super) fn reason(reason: Reason) -> RemovalReason {
    match reason {
        Reason::Exited => RemovalReason::Exited,
        Reason::Orphan => RemovalReason::Orphan,
        Reason::Age => RemovalReason::Age,
        Reason::Count => RemovalReason::Count,
        Reason::Idle => RemovalReason::Idle,
        Reason::Stale => RemovalReason::Stale,
        Reason::Unused => RemovalReason::Unused,
        Reason::Asked => RemovalReason::Asked,
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

    use sandbox::{Change, EngineVersion, Facts, Failure, Found, ImageRef, Inventory};

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

    fn report(mode: Mode) -> PassReport {
        let removal = |target| Removal {
            target,
            reason: Reason::Idle,
            needs: Step::Normal,
        };
        let (gone, live, stuck) = (id(1), id(2), id(3));
        PassReport {
            mode,
            began: Moment::default(),
            took: MINUTE / 2,
            step: Step::Normal,
            seen: 3,
            kept: 2,
            decided: [gone, live, stuck]
                .map(|id| removal(Target::Container(id)))
                .to_vec(),
            names: BTreeMap::from([(gone, "gone".to_owned()), (live, "live".to_owned())]),
            removed: BTreeMap::from([(("container", Reason::Idle), 1)]),
            spared: 1,
            stayed: BTreeMap::from([(Target::Container(live), "it is live")]),
            failed: vec![Failure {
                target: Target::Container(stuck),
                reason: Reason::Idle,
                meaning: Meaning::Timeout,
                message: "no answer".to_owned(),
            }],
            failures: 1,
            bytes_freed: 5,
            full_of_live: false,
        }
    }

    #[test]
    fn each_removal_tells_what_became_of_it() {
        let clock = Clock::start();
        let pass = pass_view(&report(Mode::Real), &clock);
        let outcomes: Vec<_> = pass
            .removals
            .iter()
            .map(|one| one.outcome.clone())
            .collect();
        let (kept, failed) = ("it is live".to_owned(), "no answer".to_owned());
        let expected = [
            RemovalOutcome::Removed,
            RemovalOutcome::Kept { why: kept },
            RemovalOutcome::Failed { why: failed },
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(pass.removals[0].name, "gone");
        assert_eq!((pass.seen, pass.kept, pass.failed), (3, 2, 1));
        let dry = pass_view(&report(Mode::Dry), &clock);
        let planned = |one: &RemovalView| one.outcome == RemovalOutcome::Planned;
        assert!(dry.dry_run && dry.removals.iter().all(planned));
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
        assert_eq!(nobody().daemon.state, DaemonState::Off);
    }
}
