//! What happened, in sentences for people. The words of strangers in them are made harmless.

use agent_api::{
    CauseView, CureKind, CureOutcome, DeathCause, DeathView, JournalEvent, RemovalKind,
    RemovalOutcome, RemovalView, UsageSample,
};

use super::figures::{amount, word, words};
use super::history;
use super::paint::plain;

/// How the gateway ended.
pub(super) fn death(death: &DeathView) -> String {
    let what = match death.cause {
        DeathCause::Unknown => "for a reason that is not known".to_owned(),
        other => words(&other),
    };
    let inferred = match death.inferred {
        true => " (concluded, not seen)",
        false => "",
    };
    let with = match (death.code, death.signal) {
        (Some(code), _) => format!(", exit code {code}"),
        (None, Some(signal)) => format!(", signal {signal}"),
        (None, None) => String::new(),
    };
    let meaning = match plain(&death.meaning) {
        empty if empty.is_empty() => empty,
        meaning => format!(": {meaning}"),
    };
    format!("{what}{with}{inferred}{meaning}")
}

/// What a cure does.
pub(super) fn cure(cure: CureKind, subject: Option<&str>) -> String {
    let what = match cure {
        CureKind::ChannelRestart => "restart of the channel account",
        CureKind::SecretsReload => "reload of the secrets",
        CureKind::GatewayRestart => "restart of the gateway",
        CureKind::GatewaySignal => "signal to the gateway",
        CureKind::GatewayEnd => "end of the gateway's process",
        CureKind::LeftToKubelet => "left to the kubelet",
        CureKind::Unknown => "cure that this version does not know",
    };
    let subject = subject.map(|name| format!(" {}", plain(name)));
    format!("{what}{}", subject.unwrap_or_default())
}

/// What came of a cure.
pub(super) fn outcome(outcome: CureOutcome) -> &'static str {
    match outcome {
        CureOutcome::Pending => "its effect is not known yet",
        CureOutcome::Helped => "it helped",
        CureOutcome::NoHelp => "it did not help",
        CureOutcome::Worse => "it made things worse",
        CureOutcome::Failed => "it could not be given",
        CureOutcome::Observed => "only observed, not given",
        CureOutcome::Unknown => "unknown",
    }
}

/// An entry of the journal.
pub(super) fn event(event: &JournalEvent) -> String {
    match event {
        JournalEvent::AgentStarted {
            version,
            predecessor_lost,
        } => started(version, *predecessor_lost),
        JournalEvent::AgentEnding => "the agent ends".to_owned(),
        JournalEvent::GatewayUp { version, .. } => format!("the gateway {} is up", plain(version)),
        JournalEvent::GatewayDied { death } => format!("the gateway ended: {}", self::death(death)),
        JournalEvent::Verdict {
            verdict,
            was,
            causes,
        } => {
            format!("{}, was {}{}", word(verdict), word(was), why(causes))
        }
        JournalEvent::Cure {
            cure,
            subject,
            reason,
            outcome,
        } => {
            let (cure, outcome) = (
                self::cure(*cure, subject.as_deref()),
                self::outcome(*outcome),
            );
            format!("{cure}: {outcome} ({})", plain(reason))
        }
        JournalEvent::Config {
            outcome,
            generation,
            problems,
        } => {
            let problems = match problems {
                0 => String::new(),
                count => format!(", {count} problem(s)"),
            };
            format!(
                "document {generation}: {}{problems}",
                history::word(*outcome)
            )
        }
        JournalEvent::Removal { removal } => self::removal(removal),
        JournalEvent::Usage {
            models,
            sessions,
            memory_bytes,
            state_bytes,
        } => usage(models, *sessions, *memory_bytes, *state_bytes),
        JournalEvent::Operation { what, actor } => {
            format!("{} by {}", plain(what).replace('_', " "), plain(actor))
        }
        JournalEvent::Unknown => "something that this version does not know".to_owned(),
    }
}

fn started(version: &str, predecessor_lost: bool) -> String {
    let lost = match predecessor_lost {
        true => "; its predecessor ended without a word",
        false => "",
    };
    format!("the agent {} starts{lost}", plain(version))
}

fn why(causes: &[CauseView]) -> String {
    let cause = |cause: &CauseView| {
        let subject = cause.subject.as_deref().map(plain);
        let subject = subject.map(|name| format!(" {name}")).unwrap_or_default();
        format!(
            "{}{subject}: {}",
            words(&cause.component),
            plain(&cause.evidence)
        )
    };
    let causes: Vec<String> = causes.iter().map(cause).collect();
    match causes.is_empty() {
        true => String::new(),
        false => format!(" ({})", causes.join("; ")),
    }
}

fn removal(view: &RemovalView) -> String {
    let what = match view.kind {
        RemovalKind::Container => "sandbox".to_owned(),
        other => words(&other),
    };
    let name = match (view.name.as_str(), view.id.as_deref()) {
        ("", Some(id)) => plain(id),
        (name, _) => plain(name),
    };
    let became = match &view.outcome {
        RemovalOutcome::Removed => "removed".to_owned(),
        RemovalOutcome::Planned => "would be removed".to_owned(),
        RemovalOutcome::Kept { why } => format!("kept, {}", plain(why)),
        RemovalOutcome::Failed { why } => format!("could not be removed, {}", plain(why)),
        RemovalOutcome::Unknown => "in a state that this version does not know".to_owned(),
    };
    let freed = freed(view.bytes_freed.unwrap_or(0));
    format!("{what} {name}: {became} ({}){freed}", words(&view.reason))
}

fn freed(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        bytes => format!(", {} freed", amount(bytes)),
    }
}

fn usage(
    models: &[UsageSample],
    sessions: Option<u64>,
    memory: Option<u64>,
    state: Option<u64>,
) -> String {
    let model = |one: &UsageSample| {
        let name = format!("{}/{}", plain(&one.provider), plain(&one.model));
        let (input, output) = (one.input_tokens, one.output_tokens);
        let cost = match one.cost_usd {
            cost if cost > 0.0 => format!(", {cost:.4} USD"),
            _ => String::new(),
        };
        format!("{name} {input} tokens in, {output} out{cost}")
    };
    let sessions = sessions.map(|count| format!("{count} sessions"));
    let memory = memory.map(|bytes| format!("{} of memory", amount(bytes)));
    let state = state.map(|bytes| format!("{} of state", amount(bytes)));
    let parts = models.iter().map(model);
    let parts: Vec<String> = parts.chain(sessions).chain(memory).chain(state).collect();
    format!("used: {}", parts.join("; "))
}
