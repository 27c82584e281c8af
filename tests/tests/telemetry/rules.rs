//! Alert rules, their tests and the scrape configs, as promtool reads them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use support::{promtool, repository, shipped};

fn files(folder: &str, kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(shipped(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|found| found == kind))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "nothing in config/{folder}");
    found
}

fn says_yes(words: &[&str], files: &[PathBuf]) {
    let done = Command::new(promtool())
        .args(words)
        .args(files)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "promtool {words:?}:\n{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The names of all alerts.
pub fn alerts() -> BTreeSet<String> {
    let files = files("alerts", "yml");
    let texts = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let lines = texts.collect::<String>();
    let found = lines
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let found: Vec<String> = found.map(ToOwned::to_owned).collect();
    let names: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(
        names.len(),
        found.len(),
        "two alerts of one name: {found:?}"
    );
    names
}

#[test]
fn promtool_takes_the_rules() {
    says_yes(&["check", "rules"], &files("alerts", "yml"));
}

#[test]
fn the_tests_of_the_rules_pass() {
    says_yes(&["test", "rules"], &files("alerts/tests", "yml"));
}

/// Debian builds Prometheus without Kubernetes: that config is run in `queries.rs`, with targets in place of discovery.
#[test]
fn promtool_takes_the_config_to_try_it_out() {
    says_yes(&["check", "config"], &[shipped("prometheus/local.yml")]);
}

#[test]
fn every_alert_is_tested_both_ways() {
    let mut fires = BTreeSet::new();
    let mut rests = BTreeSet::new();
    for file in files("alerts/tests", "yml") {
        let text = fs::read_to_string(file).unwrap();
        for check in text.split("eval_time: ").skip(1) {
            let name = check.split("alertname: ").nth(1).unwrap();
            let name = name.split([',', '\n']).next().unwrap().to_owned();
            let expected = check.split("exp_alerts:").nth(1).unwrap();
            let side = if expected.trim_start().starts_with("[]") {
                &mut rests
            } else {
                &mut fires
            };
            side.insert(name);
        }
    }
    assert_eq!(fires, alerts(), "each alert is seen to fire");
    assert_eq!(rests, alerts(), "each alert is seen not to fire");
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let pages: BTreeSet<String> = files("runbooks", "md")
        .iter()
        .map(|page| page.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(pages, alerts());
    for name in pages {
        let page = fs::read_to_string(shipped(&format!("runbooks/{name}.md"))).unwrap();
        for part in [
            &format!("# {name}\n"),
            "\n## What the user feels\n",
            "\n## Where to look\n",
            "\n## What to do\n",
            "\n## What the agent does by itself\n",
        ] {
            assert!(page.contains(part), "{name}.md lacks {part:?}");
        }
    }
}

/// The place of a page, as its alert has to name it.
pub fn runbook(alert: &str) -> String {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let line = manifest
        .lines()
        .find(|line| line.starts_with("repository = "));
    let address = line.unwrap().split('"').nth(1).unwrap();
    format!("{address}/blob/main/config/runbooks/{alert}.md")
}
