//! A real Prometheus of a test's own: it reads rules, scrapes pages and answers queries.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;

use crate::cache::prometheus;
use crate::http::Client;
use crate::launch::{Process, bare};
use crate::lines::Lines;
use crate::ports;
use crate::wait::eventually;

/// A running server. Dropped, it is killed, and its samples are gone.
pub struct Prometheus {
    _process: Process,
    client: Client,
    said: Lines,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts one with this configuration, and waits until it serves.
    ///
    /// # Panics
    /// When it does not come up; the message shows its log.
    #[must_use]
    pub fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let port = ports::free();
        let mut process = spawn(folder.path(), port);
        let said = Lines::default();
        said.collect(process.child().stderr.take().unwrap());
        let server = Self {
            _process: process,
            client: Client::new(port),
            said,
            _folder: folder,
        };
        let ready = eventually(Duration::from_secs(60), || {
            let answer = server.client.try_get("/-/ready").ok()?;
            (answer.status == 200).then_some(())
        });
        assert!(ready.is_some(), "no Prometheus:\n{}", server.log());
        server
    }

    /// What an instant query finds now: series with their labels and values.
    ///
    /// # Panics
    /// When Prometheus refuses the query; the message shows why.
    #[must_use]
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(expression)));
        answer["data"]["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{expression}\n{answer}"))
            .clone()
    }

    /// Every alert rule, as Prometheus read it.
    #[must_use]
    pub fn alerts(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/rules?type=alert");
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap());
        rules.cloned().collect()
    }

    /// The targets that it scrapes.
    #[must_use]
    pub fn targets(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/targets?state=active");
        answer["data"]["activeTargets"].as_array().unwrap().clone()
    }

    /// What it said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.said.all().join("\n")
    }

    fn get(&self, path: &str) -> Value {
        self.client.get(path).json()
    }
}

fn spawn(folder: &Path, port: u16) -> Process {
    let mut command = bare(prometheus());
    command
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--config.file=prometheus.yml")
        .arg("--storage.tsdb.path=samples")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Process::spawn(&mut command)
}

/// Percent encoding of everything but letters and digits.
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}
