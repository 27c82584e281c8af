//! The gateway, the document, the agent and the sandboxes: a row each.

use agent_api::{
    ChildState, ChildView, ConfigState, ConfigSummary, DaemonState, ExitView, GatewayState,
    KillerView, SandboxState, SandboxesResponse, SecretsView, StatusResponse,
};

use super::Pen;
use crate::cli::figures::{age, moment, words};
use crate::cli::page::Page;
use crate::cli::paint::plain;

/// Gateway, config, secrets where there are some, agent.
pub(super) fn rows(page: &mut Page, status: &StatusResponse, pen: Pen) {
    page.row("gateway", &gateway(status, pen));
    page.row("config", &config(&status.config, pen));
    page.row_if("secrets", secrets(&status.secrets, pen));
    let (version, up) = (plain(&status.version), age(&status.started_at, pen.now));
    page.row("agent", &format!("{version} for {up}"));
}

fn gateway(status: &StatusResponse, pen: Pen) -> String {
    let view = &status.gateway;
    let state = match view.state {
        GatewayState::Up => pen.paint.good("up"),
        GatewayState::Absent => pen.paint.error("absent"),
        GatewayState::Refused => pen.paint.error("refuses our token"),
        GatewayState::Unknown => "in a state that this version does not know".to_owned(),
    };
    let version = view.version.as_deref().map(plain);
    let version = version.map(|name| format!(" {name}")).unwrap_or_default();
    let since = view.since.as_deref().map(|since| age(since, pen.now));
    let since = since.map(|since| format!(" for {since}"));
    let child = status.supervisor.as_ref().map(child);
    let child = child.map(|child| format!(", {child}")).unwrap_or_default();
    let reason = view
        .reason
        .as_deref()
        .filter(|_| view.state != GatewayState::Up);
    let reason = reason.map(|why| format!(": {}", plain(why)));
    let since = since.unwrap_or_default();
    format!(
        "{state}{version}{since}{child}{}",
        reason.unwrap_or_default()
    )
}

fn child(view: &ChildView) -> String {
    match (view.state, view.pid) {
        (ChildState::Running, Some(pid)) => format!("pid {pid}"),
        (state, _) => {
            let exit = view.last_exit.as_ref().map(exit);
            let exit = exit.map(|exit| format!(" after {exit}"));
            format!("its process {}{}", words(&state), exit.unwrap_or_default())
        }
    }
}

fn exit(exit: &ExitView) -> String {
    match exit {
        ExitView::Code { code } => format!("exit code {code}"),
        ExitView::Signal { signal, killer } => {
            let killer = killer
                .as_ref()
                .map(|killer| format!(" ({})", self::killer(killer)));
            format!("signal {signal}{}", killer.unwrap_or_default())
        }
        ExitView::Unknown => "an end that nobody saw".to_owned(),
    }
}

fn killer(killer: &KillerView) -> &'static str {
    match killer {
        KillerView::Supervisor => "from the agent",
        KillerView::Oom { .. } => "out of memory",
        KillerView::Fault => "its own fault",
        KillerView::Foreign => "from somebody else",
        KillerView::Unknown => "from where is not known",
    }
}

fn config(config: &ConfigSummary, pen: Pen) -> String {
    let proved = match config.proved_generation {
        Some(proved) if proved == config.generation => pen.paint.good("proved"),
        Some(proved) => pen.paint.warning(&format!("not proved, {proved} was")),
        None => pen.paint.warning("not proved"),
    };
    let state = match config.state {
        ConfigState::Settled => None,
        ConfigState::Refused => Some(pen.paint.error("a newer change is refused")),
        ConfigState::Unknown => Some("in a state that this version does not know".to_owned()),
        other => Some(words(&other)),
    };
    let some = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let problems = some(config.problems, "problem(s)").map(|text| pen.paint.warning(&text));
    let paused = config.paused_until.as_deref().map(moment);
    let paused = paused.map(|until| pen.paint.warning(&format!("paused until {until}")));
    let parts = [
        Some(format!("generation {}", config.generation)),
        Some(proved),
        state,
        problems,
        some(config.quarantined, "in quarantine"),
        paused,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn secrets(view: &SecretsView, pen: Pen) -> Option<String> {
    let degraded: Vec<String> = view.degraded.iter().map(|owner| plain(owner)).collect();
    if degraded.is_empty() {
        return None;
    }
    let lack = pen.paint.error("degraded");
    Some(format!("{lack}: {}", degraded.join(", ")))
}

/// Count and daemon, where there is one.
pub(super) fn sandboxes(page: &mut Page, answer: &SandboxesResponse, pen: Pen) {
    let daemon = &answer.daemon;
    let version = daemon.version.as_deref().map(plain);
    let why = daemon.reason.as_deref().map(plain);
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let state = match daemon.state {
        DaemonState::Off => return,
        DaemonState::Up => format!("{} {}", pen.paint.good("up"), version.unwrap_or_default()),
        DaemonState::Down => format!("{}{why}", pen.paint.error("down")),
        DaemonState::Starting => "not reached yet".to_owned(),
        DaemonState::Unknown => "in a state that this version does not know".to_owned(),
    };
    let all = answer.sandboxes.len();
    let running = answer.sandboxes.iter();
    let running = running.filter(|one| one.state == SandboxState::Running);
    let running = running.count();
    page.row(
        "sandboxes",
        &format!("{all}, {running} running; daemon {state}"),
    );
}
