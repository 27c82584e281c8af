//! What Prometheus' own checker says of a page of metrics.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::promtool;

/// The platform's names that the checker would have otherwise: `_count` is a histogram's, it says.
const PLATFORM: [&str; 3] = [
    "openclaw_sandbox_container_count ",
    "openclaw_session_active_count ",
    "openclaw_session_count ",
];

/// What is wrong with a page, but for those names: nothing in the best case.
#[must_use]
pub fn complaints(page: &str) -> Vec<String> {
    let mut checker = Command::new(promtool())
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Dropped at the end of the statement: that is the end of the page.
    checker
        .stdin
        .take()
        .unwrap()
        .write_all(page.as_bytes())
        .unwrap();
    let checked = checker.wait_with_output().unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let lines = said.lines().filter(|line| !line.trim().is_empty());
    let ours = lines.filter(|line| !PLATFORM.iter().any(|name| line.starts_with(name)));
    ours.map(ToOwned::to_owned).collect()
}
