//! `sandboxes`: what there is, how old it is, and why it lives.

use agent_api::{
    DaemonState, DaemonView, DiskStep, DiskView, ImageState, ImageView, LiveView, PATH_SANDBOXES,
    SandboxKind, SandboxState, SandboxView, SandboxesResponse,
};
use clap::ArgMatches;
use jiff::Timestamp;

use super::answer::Answer;
use super::error::Error;
use super::figures::{age, amount, short, word};
use super::paint::{Paint, plain};
use super::table::table;
use super::{screen, way};

/// Lists the sandboxes, once or until somebody ends it.
pub(super) fn sandboxes(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let agent = way::agent(matches)?;
    let path = match matches.get_flag("measure") {
        true => format!("{PATH_SANDBOXES}?measure=true"),
        false => PATH_SANDBOXES.to_owned(),
    };
    let look = || Ok(agent.get::<SandboxesResponse>(&path)?);
    let text = |answer: &SandboxesResponse| text(answer, Timestamp::now(), paint);
    if matches.get_flag("watch") {
        return screen::watch(matches.get_flag("json"), look, text);
    }
    let answer = look()?;
    Ok(Answer::new(text(&answer), &answer))
}

fn text(answer: &SandboxesResponse, now: Timestamp, paint: Paint) -> String {
    let mut lines = vec![daemon(&answer.daemon, paint)];
    lines.extend(answer.disk.as_ref().map(|view| disk(view, paint)));
    lines.extend(answer.images.iter().filter_map(|view| image(view, paint)));
    let head = lines.iter().map(|line| format!("{line}\n"));
    let body = match answer.sandboxes.is_empty() {
        true => "no sandboxes\n".to_owned(),
        false => listed(&answer.sandboxes, now, paint),
    };
    head.chain([body]).collect()
}

fn daemon(view: &DaemonView, paint: Paint) -> String {
    let reason = view.reason.as_deref().map(plain);
    let why = reason.map(|why| format!(": {why}")).unwrap_or_default();
    let version = view.version.as_deref().map(plain).unwrap_or_default();
    match view.state {
        DaemonState::Up => format!("daemon {} {version}", paint.good("up")),
        DaemonState::Down => format!("daemon {}{why}", paint.error("down")),
        DaemonState::Off => format!("daemon off{why}"),
        DaemonState::Starting => "daemon not reached yet".to_owned(),
        DaemonState::Unknown => "daemon in a state that this version does not know".to_owned(),
    }
}

fn disk(view: &DiskView, paint: Paint) -> String {
    let step = match view.step {
        DiskStep::Normal => "normal".to_owned(),
        DiskStep::Tight => paint.warning("tight"),
        DiskStep::Strict => paint.warning("strict"),
        DiskStep::Critical => paint.error("critical"),
        DiskStep::Unknown => "unknown".to_owned(),
    };
    let live = match view.full_of_live {
        true => ": full of live sandboxes, somebody must act",
        false => "",
    };
    let (used, total) = (amount(view.used_bytes), amount(view.total_bytes));
    format!("disk {step}{live}, {used} of {total} used")
}

/// An image that is as it should be needs no line.
fn image(view: &ImageView, paint: Paint) -> Option<String> {
    let state = match view.state {
        ImageState::Present => return None,
        ImageState::Missing => "is missing",
        ImageState::Unfit => "is not fit for sandboxes",
        ImageState::Mismatch => "is another one",
        ImageState::Unknown => "is in a state that this version does not know",
    };
    let problems: Vec<String> = view.problems.iter().map(|why| plain(why)).collect();
    let why = problems.join(", ");
    Some(format!(
        "image {} {}: {why}",
        plain(&view.name),
        paint.error(state)
    ))
}

fn listed(sandboxes: &[SandboxView], now: Timestamp, paint: Paint) -> String {
    let head = [
        "NAME", "FOR", "KIND", "STATE", "AGE", "IDLE", "LIVE", "MEMORY", "IMAGE",
    ]
    .map(|word| paint.faint(word))
    .to_vec();
    let rows = sandboxes.iter().map(|view| row(view, now, paint));
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn row(view: &SandboxView, now: Timestamp, paint: Paint) -> Vec<String> {
    let kind = match view.kind {
        SandboxKind::Tool => "tool",
        SandboxKind::Browser => "browser",
        SandboxKind::Unknown => "unknown",
    };
    let memory = view.usage.as_ref().map(|usage| amount(usage.memory_bytes));
    vec![
        plain(&view.name),
        view.session
            .as_deref()
            .map_or_else(|| word(&view.scope), plain),
        kind.to_owned(),
        state(view.state, paint),
        age(&view.created_at, now),
        short(view.idle_seconds),
        view.live.as_ref().map(live).unwrap_or_default(),
        memory.unwrap_or_default(),
        plain(&view.image),
    ]
}

fn state(state: SandboxState, paint: Paint) -> String {
    match state {
        SandboxState::Running => paint.good("running"),
        SandboxState::Dead => paint.error("dead"),
        other => word(&other),
    }
}

fn live(live: &LiveView) -> String {
    match live {
        LiveView::Exec => "an exec runs".to_owned(),
        LiveView::Run => "its run is active".to_owned(),
        LiveView::Recent { ago_seconds } => format!("active {} ago", short(*ago_seconds)),
        LiveView::Creating => "just made".to_owned(),
        LiveView::Unknown => "yes".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> SandboxesResponse {
        let sample = include_str!("../../api/samples/sandboxes_response.json");
        serde_json::from_str(sample).unwrap()
    }

    #[test]
    fn a_sandbox_is_a_line_below_its_daemon() {
        let now = "2026-11-24T08:12:24Z".parse().unwrap();
        let shown = text(&answer(), now, Paint::PLAIN);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "daemon up 29.0.0");
        assert_eq!(lines[1], "disk tight, 160.0 GiB of 200.0 GiB used");
        assert_eq!(
            lines[2],
            "image openclaw-sandbox:bookworm-slim is not fit for sandboxes: it has no python3"
        );
        assert!(lines[3].starts_with("NAME"), "{shown}");
        for part in [
            "agent:main:t2",
            "tool",
            "running",
            "42m24s",
            "2m24s",
            "active 12s ago",
            "7.0 MiB",
        ] {
            assert!(lines[4].contains(part), "{part} in {shown}");
        }
        assert!(
            lines[5].contains("shared") && lines[5].contains("browser"),
            "{shown}"
        );
    }

    #[test]
    fn names_of_strangers_paint_nothing() {
        let mut answer = answer();
        answer.sandboxes[0].name = "a\x1b[2J".to_owned();
        answer.sandboxes[0].session = Some("b\nc".to_owned());
        let shown = text(&answer, Timestamp::UNIX_EPOCH, Paint::PLAIN);
        assert!(
            !shown.contains('\x1b') && shown.contains("b\\nc"),
            "{shown}"
        );
    }
}
