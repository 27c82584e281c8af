//! How the fake behaves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the fake behaves. The default is a quick and faithful gateway of the newest release.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// What it says its release is.
    pub version: String,
    /// The token that it takes.
    pub token: String,
    /// Whether the token is what the document refers to instead of `token`: read at the start, at each change and at
    /// `secrets.reload`.
    pub resolve_token: bool,
    /// Whether `config.get` and hello tell hashes, and `/startupz` is known: false for the older release.
    pub hashes: bool,
    /// Whether it knows the read-only switch and has it: otherwise `config.set` writes.
    pub read_only: bool,
    /// From a changed file to the decision (the real one: 0.5 to 0.9 s).
    pub detect: Duration,
    /// From the decision to the running configuration (the real one: 0 to 1 s).
    pub apply: Duration,
    /// How long the port is closed over a restart (the real one: 2 to 10 s).
    pub restart_takes: Duration,
    /// How old a snapshot `config.get` may answer from (the real one: 0.2 s).
    pub snapshot_age: Duration,
    /// Paths whose change restarts it. Everything else is hot.
    pub restart_paths: Vec<String>,
    /// Documents that its validation refuses.
    pub refuse: Vec<Refusal>,
    /// Valid documents are never applied: the hash never comes.
    pub never_applied: bool,
    /// With a document that has one of these paths a restart fails: the process lives, the port stays closed.
    pub unlivable: Vec<String>,
    /// While the running document has one of these paths, `/readyz` is 503 and names it.
    pub sick_with: Vec<String>,
    /// Always failing, whatever the document says; `/readyz` is 503 and names these.
    pub failing: Vec<String>,
    /// Owners that `status` lists as degraded.
    pub degraded_secrets: Vec<Value>,
    /// Runs that are under way: what `status` and the restart preflight count.
    pub active_runs: u32,
    /// The accounts of each channel, as `channels.status` tells them: any JSON.
    pub channels: BTreeMap<String, Vec<Value>>,
    /// What `channels.status` complains about.
    pub channel_issues: Vec<Value>,
    /// Starting a dead account leaves it dead.
    pub incurable: bool,
    /// Starting a dead account kills the gateway.
    pub deadly: bool,
    /// Plugins that `health` lists as failed.
    pub plugin_errors: Vec<Value>,
    /// How late its event loop says that it is.
    pub event_loop_delay: Duration,
    /// Its resident memory.
    pub rss_bytes: u64,
    /// The size of the filesystem of its state.
    pub disk_total_bytes: u64,
    /// What is free there.
    pub disk_available_bytes: u64,
    /// Of the process; a new one is a new process.
    pub process_instance_id: String,
    /// The records of `diagnostics.stability`, from the first on; the ring holds the last 1,000.
    pub diagnostics: Vec<Value>,
    /// The rows of `sessions.usage` by model.
    pub usage: Vec<Value>,
    /// Whether these are complete.
    pub usage_fresh: bool,
    /// How many sessions it has. The first ones have the active runs.
    pub sessions: usize,
    /// The rows of `cron.list`.
    pub cron_jobs: Vec<Value>,
    /// Commands that wait for an approval.
    pub approvals: usize,
    /// Senders that wait to be paired.
    pub pairings: usize,
    /// How long the lease of a suspension lasts.
    pub lease: Duration,
    /// The page of its plugin for Prometheus, where it has that.
    pub exporter: Option<String>,
    /// Every page is the one for people, with 200.
    pub html: bool,
    /// Answers come out of order: every other one waits until after the next.
    pub unordered: bool,
    /// Each answer waits for so long.
    pub answer_delay: Duration,
    /// Methods that are answered so much later.
    pub late: BTreeMap<String, Duration>,
    /// Methods that are never answered.
    pub silent: BTreeSet<String>,
    /// Methods that do not exist, in hello nor when called.
    pub absent: BTreeSet<String>,
    /// Payloads of methods, instead of the fake's own.
    pub answers: BTreeMap<String, Value>,
    /// Closes the connection after so many answers; once.
    pub close_after: Option<Close>,
    /// After hello: binary frames and text that is no JSON, before anything else.
    pub garbage: bool,
    /// After hello: one event of so many bytes.
    pub flood: usize,
    /// Writing calls that it takes in a minute.
    pub writes_per_minute: usize,
}

/// A document that is refused: when it has a value at `path`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// Dotted path.
    pub path: String,
    /// What the gateway says about it.
    pub message: String,
}

/// How a connection is closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Close {
    /// After how many answers.
    pub after_calls: usize,
    /// Such as 1012 or 4001.
    pub code: u16,
    /// The words.
    pub reason: String,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            version: "2026.9.6".to_owned(),
            token: "fake-token".to_owned(),
            resolve_token: false,
            hashes: true,
            read_only: true,
            detect: Duration::from_millis(60),
            apply: Duration::from_millis(20),
            restart_takes: Duration::from_millis(200),
            snapshot_age: Duration::from_millis(50),
            restart_paths: ["gateway", "env", "memory.search"]
                .map(str::to_owned)
                .into(),
            refuse: Vec::new(),
            never_applied: false,
            unlivable: Vec::new(),
            sick_with: Vec::new(),
            failing: Vec::new(),
            degraded_secrets: Vec::new(),
            active_runs: 0,
            channels: BTreeMap::new(),
            channel_issues: Vec::new(),
            incurable: false,
            deadly: false,
            plugin_errors: Vec::new(),
            event_loop_delay: Duration::from_millis(20),
            rss_bytes: 600_000_000,
            disk_total_bytes: 100_000_000_000,
            disk_available_bytes: 60_000_000_000,
            process_instance_id: "00000000-0000-4000-9000-000000000001".to_owned(),
            diagnostics: Vec::new(),
            usage: Vec::new(),
            usage_fresh: true,
            sessions: 0,
            cron_jobs: Vec::new(),
            approvals: 0,
            pairings: 0,
            lease: Duration::from_secs(120),
            exporter: None,
            html: false,
            unordered: false,
            answer_delay: Duration::ZERO,
            late: BTreeMap::new(),
            silent: BTreeSet::new(),
            absent: BTreeSet::new(),
            answers: BTreeMap::new(),
            close_after: None,
            garbage: false,
            flood: 0,
            writes_per_minute: 30,
        }
    }
}

impl Knobs {
    /// The release before the hashes: no proof, no read-only switch, no `/startupz`, no suspension.
    #[must_use]
    pub fn older() -> Self {
        Self {
            version: "2026.7.35".to_owned(),
            hashes: false,
            read_only: false,
            absent: [
                "channels.pairing.list",
                "gateway.suspend.prepare",
                "gateway.suspend.resume",
                "gateway.suspend.status",
            ]
            .map(str::to_owned)
            .into(),
            ..Self::default()
        }
    }
}
