//! What the parts of the fake share.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, broadcast, watch};

use super::knobs::{Close, Knobs};
use super::suspend::Lease;

/// What every session is told.
#[derive(Clone, Debug)]
pub(crate) enum Signal {
    /// Pass this event on.
    Event(&'static str, Value),
    /// Close with these words.
    Close(Close),
    /// Break, without a word.
    Break,
}

/// Where it is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not yet, or not again, serving.
    Starting,
    /// Serving.
    Up,
    /// Over and done with until it is started again: killed, or its restart failed.
    Down,
}

/// What it knows of its document and of itself.
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// The file as it was last looked at.
    pub(crate) seen: Vec<u8>,
    /// The last valid or invalid document of the file.
    pub(crate) found: Found,
    pub(crate) running: Value,
    pub(crate) applied: Option<String>,
    pub(crate) applies: usize,
    pub(crate) boot: u64,
    pub(crate) started: Instant,
    pub(crate) snapshot: Option<(Instant, Value)>,
    pub(crate) writes: VecDeque<Instant>,
    pub(crate) calls: Vec<String>,
    pub(crate) connections: usize,
    pub(crate) log: Vec<String>,
    pub(crate) lease: Option<Lease>,
}

/// The document of the file after validation.
#[derive(Clone, Default)]
pub(crate) struct Found {
    pub(crate) document: Value,
    pub(crate) issues: Vec<Value>,
    pub(crate) revision: Option<String>,
}

/// Everything that the parts of the fake share.
pub(crate) struct World {
    pub(crate) document: PathBuf,
    pub(crate) port: u16,
    pub(crate) knobs: Mutex<Knobs>,
    pub(crate) state: Mutex<State>,
    pub(crate) block: Mutex<Option<Duration>>,
    pub(crate) open: watch::Sender<bool>,
    pub(crate) signals: broadcast::Sender<Signal>,
    pub(crate) restart: Notify,
    end: watch::Sender<bool>,
}

impl World {
    pub(crate) fn new(document: PathBuf, port: u16, knobs: Knobs) -> Self {
        let state = State {
            phase: Phase::Starting,
            seen: Vec::new(),
            found: Found::default(),
            running: Value::Null,
            applied: None,
            applies: 0,
            boot: 0,
            started: Instant::now(),
            snapshot: None,
            writes: VecDeque::new(),
            calls: Vec::new(),
            connections: 0,
            log: Vec::new(),
            lease: None,
        };
        Self {
            document,
            port,
            knobs: Mutex::new(knobs),
            state: Mutex::new(state),
            block: Mutex::new(None),
            open: watch::Sender::new(false),
            signals: broadcast::Sender::new(256),
            restart: Notify::new(),
            end: watch::Sender::new(false),
        }
    }

    pub(crate) fn knobs(&self) -> Knobs {
        self.knobs.lock().unwrap().clone()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.state.lock().unwrap().phase != Phase::Starting
    }

    pub(crate) fn ask_restart(&self) {
        self.state.lock().unwrap().phase = Phase::Starting;
        self.restart.notify_one();
    }

    pub(crate) fn die(&self) {
        self.state.lock().unwrap().phase = Phase::Down;
        self.open.send_replace(false);
        let _ = self.signals.send(Signal::Break);
    }

    pub(crate) fn close_all(&self, close: Close) {
        let _ = self.signals.send(Signal::Close(close));
    }

    pub(crate) fn tell(&self, event: &'static str, payload: Value) {
        let _ = self.signals.send(Signal::Event(event, payload));
    }

    /// A line for `logs.tail` and for the document's `logging.file`, in the real one's shape.
    pub(crate) fn log(&self, subsystem: &str, message: &str) {
        let name = json!({ "subsystem": subsystem }).to_string();
        let line = json!({ "0": name, "1": message, "_meta": { "logLevelName": "INFO" }, "message": message });
        let mut state = self.state.lock().unwrap();
        if let Some(file) = at(&state.running, "logging.file").and_then(Value::as_str) {
            let opened = File::options().create(true).append(true).open(file);
            let _ = opened.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        }
        state.log.push(line.to_string());
    }

    pub(crate) fn end(&self) {
        self.end.send_replace(true);
    }

    pub(crate) async fn ended(&self) {
        let _ = self.end.subscribe().wait_for(|ended| *ended).await;
    }
}

/// A hash that nobody else can compute, as the real one's.
pub(crate) fn hash(kind: &str, bytes: &[u8]) -> String {
    let digest = Sha256::new()
        .chain_update(kind)
        .chain_update(bytes)
        .finalize();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hmac-sha256:v1:{hex}")
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

/// The value at a dotted path.
pub(crate) fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(document, |value, key| value.get(key))
}
