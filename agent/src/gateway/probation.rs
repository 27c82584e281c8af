//! The time after a proof in which what the change touches must not get worse.
//!
//! It sees: the process, its port, its boot, readiness by name, owners of secrets. It cannot see
//! whether a model answers or a message arrives; that is documented.

use std::collections::BTreeSet;
use std::time::Duration;

use openclaw::probe;
use tokio::time::{Instant, sleep};

use super::OpenClaw;
use super::child::Ended;
use super::said::Said;
use super::trial::OpenClawTrial;
use crate::config::gateway::Health;

/// How often the gateway is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Something is worse when so many looks in a row say so.
const IN_A_ROW: u32 = 2;
/// Reasons of not being ready that pass by themselves.
const PASSING: [&str; 3] = ["startup-sidecars", "gateway-draining", "plugin-reload"];

/// Watches until the time is over or something got worse.
pub async fn probation(trial: &mut OpenClawTrial, lasts: Duration) -> Health {
    let until = Instant::now() + lasts;
    let mut worse_in_a_row = 0;
    while Instant::now() < until {
        let left = until.saturating_duration_since(Instant::now());
        sleep(LOOK_EVERY.min(left)).await;
        if let Some(reason) = dead(trial) {
            return Health::Worse { reason };
        }
        match worse(trial).await {
            None => worse_in_a_row = 0,
            Some(reason) => {
                worse_in_a_row += 1;
                if worse_in_a_row >= IN_A_ROW {
                    return Health::Worse { reason };
                }
            }
        }
    }
    Health::Held
}

/// The process died of the document, or cannot start with it.
fn dead(trial: &mut OpenClawTrial) -> Option<String> {
    for said in trial.evidence.look() {
        if let Said::StartupFailed(reason) = said {
            return Some(format!("the gateway cannot start with it: {reason}"));
        }
    }
    let child = trial.gateway.child.as_ref()?;
    let exits = child.exits();
    if exits == trial.exits {
        return None;
    }
    trial.exits = exits;
    match child.ended() {
        Ended::Refused(reason) | Ended::Crashed(reason) => {
            Some(format!("the gateway ended during the probation: {reason}"))
        }
        Ended::Otherwise => None,
    }
}

/// Something that the change touches is worse than before. An absent gateway says nothing.
async fn worse(trial: &OpenClawTrial) -> Option<String> {
    let (failing, degraded) = trial.gateway.condition().await?;
    let touched: Vec<String> = trial.change.paths.iter().map(ToString::to_string).collect();
    let new =
        |name: &&String| !trial.failing_before.contains(*name) && !PASSING.contains(&name.as_str());
    if let Some(name) = failing
        .iter()
        .filter(new)
        .find(|name| touches(&touched, name))
    {
        return Some(format!("the gateway is not ready any more: {name}"));
    }
    degraded
        .difference(&trial.degraded_before)
        .find(|path| {
            touched.iter().any(|touched| {
                path.starts_with(touched.as_str())
                    || touched.starts_with(path.as_str())
                    || touched.starts_with("secrets")
            })
        })
        .map(|path| format!("{path} has lost its secret"))
}

/// A channel that fails counts when its own settings, or plugins, were changed.
fn touches(touched: &[String], failing: &str) -> bool {
    let channel = format!("channels.{failing}");
    let own = |path: &String| {
        path.starts_with(&channel) || path.starts_with("plugins") || path == "channels"
    };
    failing.starts_with("agent-database") || touched.iter().any(own)
}

impl OpenClaw {
    /// What is not ready, and which keys lack their secret; none when it cannot be asked.
    pub(super) async fn condition(&self) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
        let connection = self.link.connection().ok()?;
        let endpoint = self.link.endpoint()?;
        let (page, status) = tokio::join!(
            probe::get(&endpoint, probe::Page::Readyz, Duration::from_secs(5)),
            connection.status()
        );
        let failing = match page {
            probe::Probe::NotReady { failing, .. } => failing.into_iter().collect(),
            probe::Probe::Ready { .. } | probe::Probe::NoPage => BTreeSet::new(),
            _ => return None,
        };
        let owners = status.ok()?.degraded_secret_owners.unwrap_or_default();
        Some((
            failing,
            owners.into_iter().flat_map(|owner| owner.paths).collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::touches;

    #[test]
    fn a_failing_channel_counts_only_when_the_change_touches_it() {
        let path = |text: &str| vec![text.to_owned()];
        for (touched, failing, counts) in [
            ("channels.telegram.botToken", "telegram", true),
            ("logging.level", "telegram", false),
            ("plugins.entries.x", "telegram", true),
            ("channels.discord.token", "telegram", false),
            ("logging.level", "agent-database:main", true),
        ] {
            assert_eq!(
                touches(&path(touched), failing),
                counts,
                "{touched} {failing}"
            );
        }
    }
}
