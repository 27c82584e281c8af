//! A page with every family of docs/metrics.md and values that move, for what a real agent cannot be made to show at once.
//!
//! It is no agent: it shows that rules and panels find what the tables promise. What a real agent serves is asked of one in
//! `queries.rs`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;

use super::families::{Family, Kind};

/// What is to be seen on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong.
    Well,
    /// Everything is wrong, and the gateway answers.
    Ill,
    /// The gateway is gone.
    Down,
    /// Suspended: the gateway is away, and so are its channels.
    Asleep,
}

impl State {
    fn troubled(self) -> bool {
        matches!(self, Self::Ill | Self::Down)
    }

    fn verdict(self) -> &'static str {
        match self {
            Self::Well => "healthy",
            Self::Ill | Self::Down => "failing",
            Self::Asleep => "suspended",
        }
    }
}

/// A server of one page. Dropped, it ends.
pub struct StandIn {
    pub port: u16,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Serves `families` on a free port, in this state.
    pub fn serve(families: Vec<Family>, state: State) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let over = Arc::new(AtomicBool::new(false));
        let ending = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let rounds = AtomicU32::new(1);
            for stream in listener.incoming().flatten() {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let round = rounds.fetch_add(1, Ordering::Relaxed);
                let _ = answer(stream, &page(&families, state, round));
            }
        });
        Self {
            port,
            over,
            thread: Some(thread),
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let woken = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, page: &str) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut some = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut some)? {
            0 => return Ok(()),
            length => head.extend_from_slice(&some[..length]),
        }
    }
    let kind = "text/plain; version=0.0.4";
    let length = page.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
    )
}

/// The whole page at its `round`th reading.
pub fn page(families: &[Family], state: State, round: u32) -> String {
    let mut page = String::new();
    for family in families {
        let name = &family.name;
        let kind = format!("{:?}", family.kind).to_lowercase();
        page += &format!("# HELP {name} Stand-in.\n# TYPE {name} {kind}\n");
        for labels in combinations(family) {
            let value = match family.kind {
                Kind::Histogram => {
                    page += &histogram(name, &labels, state, round);
                    continue;
                }
                Kind::Counter => counter(name, &labels, state, round),
                Kind::Gauge => gauge(name, &labels, state, round),
            };
            page += &format!("{name}{} {value}\n", braced(&labels, None));
        }
    }
    page
}

type Labels<'l> = Vec<(&'l str, &'static str)>;

/// Every combination of the words that the labels of a family may have.
fn combinations(family: &Family) -> Vec<Labels<'_>> {
    let mut all: Vec<Labels<'_>> = vec![Vec::new()];
    for label in &family.labels {
        let words = words(&family.name, label);
        all = all
            .iter()
            .flat_map(|labels| {
                let longer = |word: &&'static str| {
                    let mut labels = labels.clone();
                    labels.push((label.as_str(), *word));
                    labels
                };
                words.iter().map(longer).collect::<Vec<_>>()
            })
            .collect();
    }
    all
}

/// Some words of a label, those that alerts and panels ask for among them.
fn words(family: &str, label: &str) -> &'static [&'static str] {
    match (family, label) {
        ("pilotfish_plan_limit", _) => &[
            "tokens_per_day",
            "cost_usd_per_day",
            "memory_bytes",
            "disk_bytes",
        ],
        ("pilotfish_cures_total", "outcome") => &["helped", "no_help"],
        ("pilotfish_sandbox_removal_failures_total", _) => &["failed", "timeout"],
        ("pilotfish_guard_requests_total", "verdict") => &["passed", "refused"],
        (_, "outcome") => &["proved", "failed"],
        (_, "resource") => &["bytes", "inodes"],
        (_, "reason") => &["idle", "age"],
        (_, "verdict") => &["healthy", "failing", "suspended"],
        (_, "provider") => &["anthropic", "openai"],
        (_, "model") => &["large", "small"],
        (_, "status") => &["ok", "error"],
        (_, "type") => &["input", "output"],
        (_, "platform" | "channel") => &["telegram", "slack"],
        (_, "version") => &["0.1.0"],
        (_, "component") => &["channel", "disk"],
        (_, "severity") => &["degraded", "failing"],
        (_, "cause") => &["crashed", "oom", "restart"],
        (_, "cure") => &["channel_restart", "gateway_restart"],
        (_, "volume") => &["state", "daemon"],
        (_, "state") => &["running", "exited"],
        (_, "up_to") => &["60", "+Inf"],
        (_, "kind") => &["container", "image"],
        (_, "route") => &["create", "exec"],
        (_, "action") => &["put_back", "fight"],
        _ => panic!("no words for the label {label} of {family}: add some to stand_in.rs"),
    }
}

/// Counters that move only where something is wrong: the family, and the word that makes it so.
const TROUBLES: [(&str, &str); 8] = [
    ("openclaw_llm_api_calls_total", "error"),
    ("openclaw_webhook_requests_total", "error"),
    ("pilotfish_config_rollbacks_total", ""),
    ("pilotfish_config_applies_total", "failed"),
    ("pilotfish_config_drift_total", "fight"),
    ("pilotfish_gateway_deaths_total", ""),
    ("pilotfish_journal_lost_total", ""),
    ("pilotfish_sandbox_removal_failures_total", ""),
];

/// Gauges that say it when something is wrong: the family, well, and ill.
const SIGNS: [(&str, f64, f64); 10] = [
    ("openclaw_llm_consecutive_errors", 0.0, 7.0),
    ("openclaw_pod_memory_usage", 1e8, 9.5e8),
    ("openclaw_pod_memory_usage_bytes", 1e8, 9.5e8),
    ("pilotfish_memory_limit_bytes", 1e9, 1e9),
    ("pilotfish_health_causes", 0.0, 1.0),
    ("pilotfish_disk_used_ratio", 0.4, 0.97),
    ("pilotfish_sandbox_disk_full_of_live", 0.0, 1.0),
    ("pilotfish_sandbox_daemon_up", 1.0, 0.0),
    ("pilotfish_cures_left", 3.0, 0.0),
    ("pilotfish_plan_limit", 1e12, 1.0),
];

fn counter(name: &str, labels: &Labels<'_>, state: State, round: u32) -> f64 {
    let trouble = TROUBLES.iter().any(|(family, word)| {
        *family == name && (word.is_empty() || labels.iter().any(|(_, found)| found == word))
    });
    if trouble && !state.troubled() {
        return 0.0;
    }
    f64::from(round) * 10.0
}

fn gauge(name: &str, labels: &Labels<'_>, state: State, round: u32) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match name {
        "pilotfish_gateway_up" => truth(matches!(state, State::Well | State::Ill)),
        "openclaw_channel_up" => truth(state == State::Well),
        "pilotfish_health_verdict" => truth(labels[0].1 == state.verdict()),
        _ => match SIGNS.iter().find(|(family, ..)| *family == name) {
            Some((_, _, ill)) if state.troubled() => *ill,
            Some((_, well, _)) => *well,
            None => f64::from(5 + round % 3),
        },
    }
}

/// Everything is fast where all is well; where it is not, everything takes between five and ten seconds.
fn histogram(name: &str, labels: &Labels<'_>, state: State, round: u32) -> String {
    let all = f64::from(round) * 10.0;
    let fast = if state.troubled() { 0.0 } else { all };
    let bounds = [("0.1", fast), ("5", fast), ("10", all), ("+Inf", all)];
    let mut lines = String::new();
    for (bound, value) in bounds {
        lines += &format!("{name}_bucket{} {value}\n", braced(labels, Some(bound)));
    }
    let plain = braced(labels, None);
    lines + &format!("{name}_sum{plain} {all}\n{name}_count{plain} {all}\n")
}

fn braced(labels: &Labels<'_>, bound: Option<&'static str>) -> String {
    let all = labels
        .iter()
        .copied()
        .chain(bound.map(|bound| ("le", bound)));
    let pairs: Vec<String> = all
        .map(|(name, word)| format!("{name}=\"{word}\""))
        .collect();
    if pairs.is_empty() {
        return String::new();
    }
    format!("{{{}}}", pairs.join(","))
}
