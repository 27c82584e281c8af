//! What an agent tells; where none answers, what its files tell.

use std::net::{IpAddr, SocketAddr};

use agent_api::{
    JournalQuery, PATH_ACTIVITY, PATH_CONFIG, PATH_CONFIG_HISTORY, PATH_HEALTH, PATH_METRICS,
    PATH_SANDBOXES, PATH_STATUS,
};
use clap::ArgMatches;
use serde_json::{Value, json};

use super::{Contents, files};
use crate::cli::agent::{self, Agent};
use crate::cli::{error::Error, journal, run, screen, way};
use crate::config;
use crate::settings::Given;

/// So many entries of the journal, the last ones.
const ENTRIES: u64 = 1000;

/// What an agent is asked for.
const ANSWERS: [(&str, &str); 6] = [
    ("status.json", PATH_STATUS),
    ("health.json", PATH_HEALTH),
    ("activity.json", PATH_ACTIVITY),
    ("config.json", PATH_CONFIG),
    ("history.json", PATH_CONFIG_HISTORY),
    ("sandboxes.json", PATH_SANDBOXES),
];

/// What later parts of the archive are made of.
#[derive(Default)]
pub(super) struct Seen {
    /// The document, redacted.
    pub(super) document: Value,
    /// `GET /v1/status`.
    pub(super) status: Value,
    /// `GET /v1/sandboxes`.
    pub(super) sandboxes: Value,
}

/// Everything that is no log.
pub(super) fn all(
    contents: &mut Contents,
    agent: &Agent,
    matches: &ArgMatches,
    given: &Given,
) -> Seen {
    let mut seen = Seen::default();
    match agent.get::<Value>(PATH_STATUS) {
        Ok(_) => answers(contents, agent, &mut seen),
        Err(error) => {
            let why = format!("{}; made of the files alone", config::chain(&error));
            contents.lacks("the agent", &why);
            seen.document = files::remembered(contents, given);
        }
    }
    metrics(contents, agent, matches, given);
    seen
}

fn answers(contents: &mut Contents, agent: &Agent, seen: &mut Seen) {
    for (name, path) in ANSWERS {
        match agent.get::<Value>(path) {
            Err(error) => lacks(contents, name, &error),
            Ok(answer) => {
                contents.add_json(name, &answer);
                match path {
                    PATH_STATUS => seen.status = answer,
                    PATH_SANDBOXES => seen.sandboxes = answer,
                    PATH_CONFIG => seen.document = answer["document"].clone(),
                    _ => {}
                }
            }
        }
    }
    match entries(agent) {
        Ok(entries) => {
            let clean = entries.iter().map(|entry| contents.blank.value(entry));
            let lines: Vec<u8> = clean.flat_map(|entry| screen::line(&entry)).collect();
            contents.add("journal.jsonl", &String::from_utf8_lossy(&lines));
        }
        Err(error) => contents.lacks("journal.jsonl", &config::chain(&error)),
    }
}

fn lacks(contents: &mut Contents, name: &str, error: &agent::Error) {
    match error.is_too_old() {
        true => contents.lacks(name, "this agent is older than that"),
        false => contents.lacks(name, &config::chain(error)),
    }
}

/// The newest entries of the journal.
fn entries(agent: &Agent) -> Result<Vec<Value>, Error> {
    let newest = JournalQuery {
        limit: Some(1),
        ..JournalQuery::default()
    };
    let newest = journal::page(agent, &newest)?.newest;
    let mut query = JournalQuery {
        after: Some(newest.saturating_sub(ENTRIES).to_string()),
        limit: Some(journal::PAGE),
    };
    let mut entries = Vec::new();
    loop {
        let page = journal::page(agent, &query)?;
        entries.extend(page.entries.iter().map(|entry| json!(entry)));
        if !page.more {
            return Ok(entries);
        }
        query.after = Some(page.next);
    }
}

/// The page of metrics: on the probe listener, where the agent is.
fn metrics(contents: &mut Contents, agent: &Agent, matches: &ArgMatches, given: &Given) {
    let address = way::reachable(run::address(given, "probe-listen"));
    let told = matches.contains_id("agent");
    let address = beside(address, agent.url.host().filter(|_| told));
    let page = Agent::page(&address, PATH_METRICS);
    match page {
        Ok(text) => {
            let text = contents.blank.figures(&text);
            contents.add("metrics.txt", &text);
        }
        Err(error) => contents.lacks("metrics.txt", &config::chain(&error)),
    }
}

/// The probe listener of an agent on another host; a name is looked up by whoever connects.
fn beside(address: SocketAddr, host: Option<&str>) -> String {
    let host = host.map(|host| host.trim_start_matches('[').trim_end_matches(']'));
    let named = host.filter(|_| address.ip().is_loopback());
    match named {
        None => address.to_string(),
        Some(host) => match host.parse::<IpAddr>() {
            Ok(ip) => SocketAddr::new(ip, address.port()).to_string(),
            Err(_) => format!("{host}:{}", address.port()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probes_are_where_the_agent_is() {
        let address = "127.0.0.1:18781".parse().unwrap();
        for (host, expected) in [
            (None, "127.0.0.1:18781"),
            (Some("10.0.0.7"), "10.0.0.7:18781"),
            (Some("[::1]"), "[::1]:18781"),
            (Some("pod.example"), "pod.example:18781"),
        ] {
            assert_eq!(beside(address, host), expected);
        }
        let told = "10.0.0.9:1".parse().unwrap();
        assert_eq!(beside(told, Some("10.0.0.7")), "10.0.0.9:1");
    }
}
