//! Channels. What is dead is said by the gateway's own status, never by silence of its users.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::facts::{Account, Channels, Issue, IssueKind};
use crate::judge::NAMED;
use crate::{Facts, Finding, Kind, words};

/// The gateway's own grace for a channel that starts.
const GRACE: Duration = Duration::from_secs(120);
/// Words of its judgement for an account that is down. `not-running` is not among them: somebody may have stopped it.
const DOWN: [&str; 6] = [
    "disconnected",
    "stale-socket",
    "stuck",
    "terminal-disconnect",
    "ingress-unavailable",
    "blocked",
];

pub(super) fn judge(facts: &Facts, found: &mut Vec<Finding>) {
    let none = Channels::default();
    let channels = facts.channels.as_ref().unwrap_or(&none);
    let mut dead = BTreeMap::new();
    let mut notices = BTreeMap::new();
    for account in channels
        .accounts
        .iter()
        .filter(|account| account.enabled != Some(false))
    {
        if let Some((kind, evidence)) = look(account, &channels.issues) {
            let list = if kind == Kind::ChannelDead {
                &mut dead
            } else {
                &mut notices
            };
            list.insert(name(&account.channel, &account.account), (kind, evidence));
        }
    }
    named_by_readyz(facts, channels, &mut dead);
    tell(dead, found);
    notices
        .into_iter()
        .take(NAMED)
        .for_each(|(subject, (kind, evidence))| {
            found.push(Finding::about(kind, &subject, evidence));
        });
}

fn name(channel: &str, account: &str) -> String {
    format!("{channel}/{account}")
}

/// What is to say of an account that is switched on.
fn look(account: &Account, issues: &[Issue]) -> Option<(Kind, String)> {
    if account.configured == Some(false) {
        return Some((
            Kind::ChannelUnconfigured,
            "switched on and not configured".to_owned(),
        ));
    }
    if account.linked == Some(false) {
        return Some((Kind::ChannelUnlinked, "nobody has linked it".to_owned()));
    }
    let own = || {
        issues
            .iter()
            .filter(|issue| issue.channel == account.channel && issue.account == account.account)
    };
    let grave = own().find(|issue| issue.kind != IssueKind::Advice && !on_its_way(account));
    if let Some(why) = down(account).or_else(|| grave.map(|issue| words(&issue.message))) {
        return Some((Kind::ChannelDead, with_history(account, why)));
    }
    if account.running == Some(false) && !on_its_way(account) {
        return Some((
            Kind::ChannelStopped,
            "it does not run, and no error is known".to_owned(),
        ));
    }
    own()
        .next()
        .map(|issue| (Kind::ChannelAdvice, words(&issue.message)))
}

/// Why it is dead, by the gateway's own status.
fn down(account: &Account) -> Option<String> {
    let judged = account
        .health_state
        .as_deref()
        .filter(|state| DOWN.contains(state));
    if let Some(state) = judged {
        return Some(format!("the gateway calls it {state}"));
    }
    if on_its_way(account) {
        return None;
    }
    match (account.running, account.connected) {
        (Some(false), _) if account.last_error.is_some() => Some("it does not run".to_owned()),
        (Some(true) | None, Some(false)) => Some("it is not connected".to_owned()),
        _ => None,
    }
}

/// Starting, and not for longer than the gateway itself gives it.
fn on_its_way(account: &Account) -> bool {
    let starting = matches!(
        account.lifecycle.as_deref(),
        Some("starting" | "recovering")
    );
    starting && account.started.is_none_or(|age| age < GRACE)
}

fn with_history(account: &Account, why: String) -> String {
    let mut seen = vec![why];
    if let Some(error) = account
        .last_error
        .as_deref()
        .filter(|error| !error.is_empty())
    {
        seen.push(format!("last error: {}", words(error)));
    }
    if let Some(count) = account.reconnects.filter(|count| *count > 0) {
        seen.push(format!("{count} attempts to connect"));
    }
    if let Some(age) = account.last_inbound {
        seen.push(format!("something last came in {} s ago", age.as_secs()));
    }
    seen.join("; ")
}

type Told = BTreeMap<String, (Kind, String)>;

/// `/readyz` names channels, not accounts: it counts for one that has accounts that could be up, none dead or starting: it
/// names one that starts anew, too.
fn named_by_readyz(facts: &Facts, channels: &Channels, dead: &mut Told) {
    for name in &facts.gateway.ready_failing {
        let mut accounts = channels
            .accounts
            .iter()
            .filter(|account| account.channel == *name && could_be_up(account))
            .peekable();
        let known = accounts.peek().is_some();
        let starts = accounts.any(|account| account.started.is_some() && on_its_way(account));
        let told = dead.keys().any(|subject| channel_of(subject) == name);
        if known && !starts && !told {
            let evidence = "the gateway's `/readyz` names it".to_owned();
            dead.insert(name.clone(), (Kind::ChannelDead, evidence));
        }
    }
}

/// Switched on, configured and linked, as far as is known.
fn could_be_up(account: &Account) -> bool {
    let told = [account.enabled, account.configured, account.linked];
    !told.contains(&Some(false))
}

fn channel_of(subject: &str) -> &str {
    subject.split('/').next().unwrap_or(subject)
}

fn tell(dead: Told, found: &mut Vec<Finding>) {
    let mut more: BTreeMap<String, usize> = BTreeMap::new();
    for (place, (subject, (kind, evidence))) in dead.into_iter().enumerate() {
        if place < NAMED {
            found.push(Finding::about(kind, &subject, evidence));
        } else {
            *more.entry(channel_of(&subject).to_owned()).or_default() += 1;
        }
    }
    for (channel, count) in more.into_iter().take(NAMED) {
        found.push(Finding::about(
            Kind::ChannelsDead,
            &channel,
            format!("{count} more accounts are dead"),
        ));
    }
}
