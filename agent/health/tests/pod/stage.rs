//! Pods to judge.

use std::time::Duration;

use health::cure::{Hands, Mode, Situation};
use health::facts::{Account, Channels, Gateway, Healthz, Link, Memory, Startup};
use health::{Cause, Damper, Facts, Finding, Key, Kind, Verdict};

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const MINUTE: Duration = seconds(60);
pub const HOUR: Duration = seconds(3_600);
pub const DAY: Duration = seconds(24 * 3_600);

/// A gateway that is up, started, and answers.
pub fn gateway(at: Duration) -> Gateway {
    Gateway {
        link: Some(Link::Up {
            boot_id: Some("boot-1".to_owned()),
        }),
        healthz: Some(Healthz::Live),
        startup: Some(Startup::Started),
        last_answer: Some(at),
        ..Gateway::default()
    }
}

/// A pod in which all that is known is well.
pub fn well(at: Duration) -> Facts {
    let channels = Channels {
        accounts: vec![account("telegram", "default")],
        ..Channels::default()
    };
    Facts {
        at,
        gateway: gateway(at),
        channels: Some(channels),
        ..Facts::default()
    }
}

/// A connected account.
pub fn account(channel: &str, name: &str) -> Account {
    Account {
        channel: channel.to_owned(),
        account: name.to_owned(),
        enabled: Some(true),
        configured: Some(true),
        running: Some(true),
        connected: Some(true),
        lifecycle: Some("ready".to_owned()),
        ..Account::default()
    }
}

/// What the real gateway says of a Telegram account that polls and has no network.
pub fn dead(channel: &str, name: &str) -> Account {
    Account {
        connected: Some(false),
        lifecycle: Some("starting".to_owned()),
        health_state: Some("disconnected".to_owned()),
        started: Some(seconds(130)),
        ..account(channel, name)
    }
}

pub fn with(at: Duration, accounts: Vec<Account>) -> Facts {
    Facts {
        channels: Some(Channels {
            accounts,
            ..Channels::default()
        }),
        ..well(at)
    }
}

pub fn memory(percent: u64) -> Memory {
    Memory {
        used: percent << 20,
        limit: Some(100 << 20),
    }
}

/// The kinds and subjects of findings.
pub fn kinds(found: &[Finding]) -> Vec<(Kind, &str)> {
    found
        .iter()
        .map(|finding| (finding.key.kind, finding.key.subject.as_str()))
        .collect()
}

/// A look at a pod through a damper.
pub fn look(damper: &mut Damper, facts: &Facts) -> (Verdict, Vec<Cause>) {
    let causes = damper.update(health::judge(facts), facts.at);
    (health::verdict(facts, &causes), causes)
}

pub fn cause(kind: Kind, subject: &str, since: Duration) -> Cause {
    let evidence = "seen".to_owned();
    let remedy = kind.row().remedy.to_owned();
    Cause {
        key: Key::of(kind, subject),
        since,
        gone: None,
        flaps: 0,
        evidence,
        remedy,
    }
}

/// A sidecar of an idle gateway that answers.
pub fn situation(verdict: Verdict) -> Situation {
    Situation {
        mode: Mode::Act,
        hands: Hands::Sidecar,
        verdict,
        rpc: true,
        active_runs: Some(0),
        config_busy: false,
        started: None,
    }
}

/// Parent of a gateway that answers nothing.
pub fn parent_of_a_deaf_one() -> Situation {
    let hands = Hands::Supervisor {
        restarts_inside: true,
    };
    Situation {
        hands,
        rpc: false,
        active_runs: None,
        ..situation(Verdict::Failing)
    }
}
