//! The queries of the shipped dashboards.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use support::shipped;

use super::expression::series;
use super::families::{documented, without_source};

/// One query of one panel.
#[derive(Clone, Debug)]
pub struct Query {
    /// Dashboard, panel, and its place in that.
    pub place: String,
    pub expression: String,
}

impl Query {
    /// What Grafana would ask for with these variables.
    pub fn asked(&self, instance: &str) -> String {
        self.expression
            .replace("$__rate_interval", "1m")
            .replace("$namespace", ".*")
            .replace("$instance", instance)
    }
}

fn dashboards() -> BTreeMap<String, Value> {
    let entries = fs::read_dir(shipped("dashboards")).unwrap();
    let found = entries.map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (
            name,
            serde_json::from_slice(&fs::read(path).unwrap()).unwrap(),
        )
    });
    found.collect()
}

/// Every query of every dashboard.
pub fn queries() -> Vec<Query> {
    let mut found = Vec::new();
    for (name, dashboard) in dashboards() {
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                found.push(Query {
                    place: format!("{name}: {} {}", panel["title"], target["refId"]),
                    expression: target["expr"].as_str().unwrap().to_owned(),
                });
            }
        }
    }
    found
}

#[test]
fn every_panel_asks_for_families_that_have_a_source() {
    let families = documented();
    for query in queries() {
        let named = series(&query.expression);
        assert!(!named.is_empty(), "{query:?}");
        assert_eq!(without_source(&families, &named), [""; 0], "{query:?}");
    }
}

#[test]
fn what_a_dashboard_has_to_show_is_there() {
    let dashboards = dashboards();
    assert_eq!(dashboards.keys().collect::<Vec<_>>(), ["fleet", "instance"]);
    let shown = |name: &str| {
        let all = queries()
            .into_iter()
            .filter(|query| query.place.starts_with(name));
        all.flat_map(|query| series(&query.expression))
            .collect::<BTreeSet<_>>()
    };
    let fleet = shown("fleet:");
    let instance = shown("instance:");
    for (board, name) in [
        (&fleet, "pilotfish_gateway_up"),
        (&fleet, "pilotfish_health_verdict"),
        (&fleet, "openclaw_pod_cpu_usage"),
        (&fleet, "openclaw_llm_api_calls_total"),
        (&fleet, "openclaw_llm_tokens_total"),
        (&fleet, "openclaw_llm_cost_usd_total"),
        (&fleet, "openclaw_webhook_requests_total"),
        (&fleet, "openclaw_webhook_duration_seconds_bucket"),
        (&instance, "openclaw_pod_memory_usage_bytes"),
        (&instance, "pilotfish_memory_limit_bytes"),
        (&instance, "openclaw_sandbox_container_count"),
        (
            &instance,
            "openclaw_sandbox_container_lifecycle_seconds_bucket",
        ),
        (&instance, "openclaw_channel_up"),
        (&instance, "pilotfish_config_generation"),
        (&instance, "pilotfish_config_rollbacks_total"),
        (&instance, "pilotfish_cures_total"),
        (&instance, "pilotfish_gateway_deaths_total"),
        (&instance, "pilotfish_gateway_event_loop_delay_seconds"),
        (&instance, "pilotfish_journal_entries_total"),
    ] {
        assert!(board.contains(name), "no panel shows {name}");
    }
}

#[test]
fn a_dashboard_is_bound_to_no_server_and_its_panels_have_places_of_their_own() {
    for (name, dashboard) in dashboards() {
        assert_eq!(dashboard["schemaVersion"], 41, "{name}");
        assert_eq!(dashboard["id"], Value::Null, "{name}");
        let variable = &dashboard["templating"]["list"][0];
        assert_eq!(variable["type"], "datasource", "{name}");
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64()), "{name}: {panel}");
            if panel["type"] != "row" {
                assert_eq!(
                    panel["datasource"]["uid"], "${datasource}",
                    "{name}: {panel}"
                );
            }
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            for x in place("x")..place("x") + place("w") {
                assert!(x < 24, "{name}: {panel}");
                for y in place("y")..place("y") + place("h") {
                    assert!(
                        taken.insert((x, y)),
                        "{name}: two panels at {x},{y}: {panel}"
                    );
                }
            }
        }
    }
}
