//! `gateway.restart.preflight` and `gateway.restart.request`: what a restart would cut off,
//! and a restart that lets running work end first.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event_loop::millis;
use crate::clip::{MESSAGE, NAME, clip};
use crate::lenient::{Entries, Few, Maybe};
use crate::{Connection, Error};

/// More blockers than these are dropped.
const BLOCKERS: usize = 16;
/// More counters than these are not read.
const COUNTERS: usize = 64;

/// What the gateway makes of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restart {
    /// Its word for what happens, such as `scheduled`.
    pub status: String,
    /// What it looked at first.
    pub preflight: Preflight,
    /// How long it holds the restart back: it keeps 30 s between two of them.
    pub delay: Duration,
}

/// Whether a restart lets running work end first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deferral {
    /// It waits until nothing is under way, however long that takes.
    Wait,
    /// It begins at once, and gives work no more than the time that a stop of the gateway gives it.
    Skip,
}

/// What a restart at this moment would cut off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preflight {
    /// Whether nothing is running that it would cut off.
    pub safe: bool,
    /// What is running.
    pub work: ActiveWork,
    /// What it waits for, in the gateway's words.
    pub blockers: Vec<String>,
}

/// What the gateway counts as work under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActiveWork {
    /// Runs of agents.
    pub runs: u64,
    /// Runs of scheduled jobs.
    pub cron_runs: u64,
    /// Operations in its queues.
    pub queued: u64,
    /// Answers that are not delivered yet.
    pub pending_replies: u64,
    /// Commands that run in the background.
    pub background_commands: u64,
    /// Requests that it works on.
    pub requests: u64,
    /// Tasks.
    pub tasks: u64,
    /// Everything that is not named here: other releases count other things.
    pub other: u64,
    /// Its own sum; the sum of the others where it gives none.
    pub total: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    status: Maybe<String>,
    preflight: Maybe<WirePreflight>,
    restart: Maybe<Scheduled>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Scheduled {
    delay_ms: Maybe<f64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skip_deferral: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WirePreflight {
    safe: Maybe<bool>,
    counts: Maybe<Entries<u64, COUNTERS>>,
    blockers: Maybe<Blockers>,
}

/// The blockers on the wire.
pub(crate) type Blockers = Few<Value, BLOCKERS>;

impl ActiveWork {
    fn sum(counts: Vec<(String, u64)>) -> Self {
        let mut work = Self::default();
        let mut sum = 0_u64;
        let mut total = None;
        for (name, count) in counts {
            let counter = match name.as_str() {
                "totalActive" => {
                    total = Some(count);
                    continue;
                }
                "embeddedRuns" => &mut work.runs,
                "cronRuns" => &mut work.cron_runs,
                "queueSize" => &mut work.queued,
                "pendingReplies" => &mut work.pending_replies,
                "backgroundExecSessions" => &mut work.background_commands,
                "rootRequests" => &mut work.requests,
                "activeTasks" => &mut work.tasks,
                _ => &mut work.other,
            };
            *counter = counter.saturating_add(count);
            sum = sum.saturating_add(count);
        }
        work.total = total.unwrap_or(sum);
        work
    }
}

impl From<WirePreflight> for Preflight {
    fn from(wire: WirePreflight) -> Self {
        Self {
            safe: wire.safe.or_default(),
            work: ActiveWork::sum(wire.counts.or_default().kept),
            blockers: words(wire.blockers),
        }
    }
}

impl From<Wire> for Restart {
    fn from(wire: Wire) -> Self {
        Self {
            status: wire.status.text(NAME).unwrap_or_default(),
            preflight: wire.preflight.or_default().into(),
            delay: millis(wire.restart.or_default().delay_ms.0).unwrap_or_default(),
        }
    }
}

/// The messages of blockers; those without one as they are.
pub(crate) fn words(blockers: Maybe<Blockers>) -> Vec<String> {
    blockers.or_default().kept.iter().map(word).collect()
}

fn word(blocker: &Value) -> String {
    let text = blocker
        .as_str()
        .or_else(|| blocker.get("message")?.as_str());
    text.map_or_else(
        || clip(&blocker.to_string(), MESSAGE),
        |text| clip(text, MESSAGE),
    )
}

impl Connection {
    /// `gateway.restart.preflight` (scope read), which newer releases keep for older clients. It
    /// is a look and no promise: only [`suspend`](Self::suspend) holds new work back. It costs
    /// the gateway 0.37 ms of CPU
    /// (2026.9.6), and counts the request that asks as none.
    pub async fn restart_preflight(&self) -> Result<Preflight, Error> {
        let wire: WirePreflight = self.call("gateway.restart.preflight", json!({})).await?;
        Ok(wire.into())
    }

    /// `gateway.restart.request` (scope admin). The connection closes with 1012 next.
    pub async fn restart_request(&self, work: Deferral) -> Result<Restart, Error> {
        let skip_deferral = work == Deferral::Skip;
        let params = Params { skip_deferral };
        let wire: Wire = self.call("gateway.restart.request", params).await?;
        Ok(wire.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(text: &str) -> Preflight {
        serde_json::from_str::<WirePreflight>(text).unwrap().into()
    }

    #[test]
    fn reads_what_a_busy_gateway_answers() {
        let found = preflight(
            r#"{"safe":false,"counts":{"queueSize":2,"pendingReplies":0,"embeddedRuns":1,"cronRuns":0,
            "backgroundExecSessions":0,"rootRequests":1,"activeTasks":1,"newer":3,"totalActive":8},
            "blockers":[{"kind":"root-request","count":1,"message":"1 active gateway request(s): ws:agent"},"x",{"y":1}],
            "summary":"restart deferred"}"#,
        );
        let work = ActiveWork {
            runs: 1,
            queued: 2,
            requests: 1,
            tasks: 1,
            other: 3,
            total: 8,
            ..ActiveWork::default()
        };
        assert_eq!((found.safe, found.work), (false, work));
        let said = ["1 active gateway request(s): ws:agent", "x", r#"{"y":1}"#];
        assert_eq!(found.blockers, said);
    }

    #[test]
    fn odd_counters_are_absent_and_do_not_make_it_safe() {
        let found = preflight(
            r#"{"safe":"yes","counts":{"embeddedRuns":"1","cronRuns":-1,"newer":{"a":1}},"blockers":7}"#,
        );
        assert_eq!(found, Preflight::default());
        let found = preflight(r#"{"counts":{"a":18446744073709551615,"b":1}}"#);
        assert_eq!((found.work.other, found.work.total), (u64::MAX, u64::MAX));
        let many = json!({"blockers": vec!["x".repeat(5000); 100]}).to_string();
        let found = preflight(&many);
        assert_eq!(
            (found.blockers.len(), found.blockers[0].len()),
            (BLOCKERS, MESSAGE)
        );
    }

    #[test]
    fn reads_what_becomes_of_a_request() {
        let wire: Wire = serde_json::from_str(
            r#"{"ok":true,"status":"scheduled","preflight":{"safe":true,"counts":{"totalActive":0},"blockers":[]},
            "restart":{"ok":true,"pid":4238,"signal":"SIGUSR2","mode":"emit","delayMs":21500.4}}"#,
        )
        .unwrap();
        let restart = Restart::from(wire);
        assert_eq!(restart.status, "scheduled");
        assert!(restart.preflight.safe);
        assert_eq!(restart.delay.as_millis(), 21_500);
        let odd: Wire = serde_json::from_str(r#"{"restart":{"delayMs":-1}}"#).unwrap();
        assert_eq!(Restart::from(odd).delay, Duration::ZERO);
    }
}
