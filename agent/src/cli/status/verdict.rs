//! The verdict, its causes, what the agent does about them, and the last death.

use agent_api::{
    CauseView, CureMode, CureOutcome, CureView, CuresView, DeathView, GatewayState, HealthResponse,
    Severity, StatusResponse, Verdict,
};

use super::Pen;
use crate::cli::figures::{age, short, word, words};
use crate::cli::page::Page;
use crate::cli::paint::plain;
use crate::cli::sentence;

/// More causes than this are counted.
const MOST_CAUSES: usize = 20;
/// More cures than this are not shown.
const MOST_CURES: usize = 5;
/// More lines of evidence than this are not shown.
const MOST_EVIDENCE: usize = 8;

/// Whether somebody should look: what `status` ends with 1 for.
pub(super) fn is_broken(status: &StatusResponse, health: Option<&HealthResponse>) -> bool {
    match health.map(|health| health.verdict) {
        Some(Verdict::Healthy | Verdict::Starting | Verdict::Draining | Verdict::Suspended) => {
            false
        }
        Some(Verdict::Degraded | Verdict::Failing | Verdict::Unknown) => true,
        None => status.gateway.state != GatewayState::Up,
    }
}

/// The verdict and its age.
pub(super) fn head(
    page: &mut Page,
    status: &StatusResponse,
    health: Option<&HealthResponse>,
    pen: Pen,
) {
    let sign = match pen.screen.unicode {
        true => "●",
        false => "*",
    };
    let Some(health) = health else {
        let version = plain(&status.version);
        page.line(&format!(
            "{sign} no verdict: this agent ({version}) is older than that"
        ));
        return;
    };
    let text = format!("{sign} {}", word(&health.verdict));
    let text = match health.verdict {
        Verdict::Healthy => pen.paint.good(&text),
        Verdict::Failing => pen.paint.error(&text),
        Verdict::Degraded | Verdict::Starting | Verdict::Draining | Verdict::Suspended => {
            pen.paint.warning(&text)
        }
        Verdict::Unknown => format!("{sign} in a state that this version does not know"),
    };
    page.line(&format!("{text} for {}", age(&health.since, pen.now)));
}

/// Everything that is not as it should be, the gravest first.
pub(super) fn causes(page: &mut Page, causes: &[CauseView], pen: Pen) {
    if causes.is_empty() {
        return;
    }
    page.gap();
    page.line(&pen.paint.strong("causes"));
    let mut sorted: Vec<&CauseView> = causes.iter().collect();
    sorted.sort_by_key(|cause| rank(cause.severity));
    for cause in sorted.iter().take(MOST_CAUSES) {
        self::cause(page, cause, pen);
    }
    if let Some(rest) = causes.len().checked_sub(MOST_CAUSES + 1) {
        page.row("", &format!("and {} more; --json has them all", rest + 1));
    }
}

fn rank(severity: Severity) -> u8 {
    match severity {
        Severity::Failing => 0,
        Severity::Degraded => 1,
        Severity::Unknown => 2,
        Severity::Notice => 3,
    }
}

fn cause(page: &mut Page, cause: &CauseView, pen: Pen) {
    let label = match cause.severity {
        Severity::Failing => pen.paint.error("failing"),
        Severity::Degraded => pen.paint.warning("degraded"),
        Severity::Notice => pen.paint.faint("notice"),
        Severity::Unknown => "unknown".to_owned(),
    };
    let subject = cause.subject.as_deref().map(plain);
    let subject = subject.map(|name| format!(" {name}")).unwrap_or_default();
    let what = pen
        .paint
        .strong(&format!("{}{subject}", words(&cause.component)));
    let since = age(&cause.since, pen.now);
    let evidence = plain(&cause.evidence);
    page.row(
        &format!("  {label}"),
        &format!("{what} for {since}: {evidence}"),
    );
    if let Some(remedy) = &cause.remedy {
        let remedy = format!("the agent: {}", plain(remedy));
        page.row("", &pen.paint.faint(&remedy));
    }
}

/// What the agent did lately, and which budgets are not full any more.
pub(super) fn cures(page: &mut Page, cures: &CuresView, pen: Pen) {
    let spent = cures.budgets.iter().filter(|one| one.left < one.per_hour);
    let spent: Vec<String> = spent
        .map(|one| {
            let left = format!("{} of {} left", one.left, one.per_hour);
            let left = match one.left {
                0 => pen.paint.error(&left),
                _ => left,
            };
            format!("{} {left} in this hour", words(&one.cure))
        })
        .collect();
    let mode = match cures.mode {
        CureMode::Act => None,
        CureMode::Observe => Some("only observes: nothing is done by itself"),
        CureMode::Unknown => Some("in a mode that this version does not know"),
    };
    let head: Vec<String> = mode
        .map(ToOwned::to_owned)
        .into_iter()
        .chain(spent)
        .collect();
    if head.is_empty() && cures.recent.is_empty() {
        return;
    }
    page.gap();
    page.row("cures", &head.join("; "));
    for cure in cures.recent.iter().take(MOST_CURES) {
        page.row(&format!("  {}", age(&cure.at, pen.now)), &given(cure, pen));
    }
}

fn given(cure: &CureView, pen: Pen) -> String {
    let what = sentence::cure(cure.cure, cure.subject.as_deref());
    let outcome = sentence::outcome(cure.outcome);
    let outcome = match cure.outcome {
        CureOutcome::Helped => pen.paint.good(outcome),
        CureOutcome::NoHelp | CureOutcome::Worse | CureOutcome::Failed => pen.paint.error(outcome),
        CureOutcome::Pending | CureOutcome::Observed | CureOutcome::Unknown => outcome.to_owned(),
    };
    format!("{what}: {outcome} ({})", plain(&cure.reason))
}

/// How the gateway last ended.
pub(super) fn death(page: &mut Page, death: &DeathView, pen: Pen) {
    page.gap();
    let since = age(&death.at, pen.now);
    page.row(
        "last death",
        &format!("{since} ago: {}", sentence::death(death)),
    );
    let lived = death
        .lived_seconds
        .map(|lived| format!("it had lived {}", short(lived)));
    let was = death
        .last_verdict
        .map(|verdict| format!("the verdict before was {}", word(&verdict)));
    let before: Vec<String> = lived.into_iter().chain(was).collect();
    if !before.is_empty() {
        page.row("", &before.join("; "));
    }
    for line in death.evidence.iter().take(MOST_EVIDENCE) {
        page.row("", &pen.paint.faint(&plain(line)));
    }
}
