//! Every query of alerts and dashboards, asked of a real Prometheus.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use serde_json::Value;
use support::{Fake, Instance, Knobs, Pod, Prometheus, eventually};

use super::dashboards::queries;
use super::expression::series;
use super::families::{Kind, documented, family_of, sampled, without_source};
use super::fleet::{Target, watched};
use super::rules::{alerts, runbook};
use super::stand_in::{StandIn, State};

/// Longer than a few scrapes take on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// The stand-ins of a fleet, and a pod whose agent is gone.
struct Stage {
    prometheus: Prometheus,
    _pages: Vec<StandIn>,
    /// Its connections are never answered.
    _gone: TcpListener,
}

impl Stage {
    fn set() -> Self {
        let serve = |state| StandIn::serve(documented(), state);
        let pages = [State::Well, State::Ill, State::Down, State::Asleep].map(serve);
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let prometheus = watched(&[
            Target::running("well", pages[0].port),
            Target::running("ill", pages[1].port),
            Target::running("down", pages[2].port),
            Target::running("asleep", pages[3].port),
            Target::running("gone", gone.local_addr().unwrap().port()),
        ]);
        let scraped =
            || (prometheus.query("count(up)")[..].first()?["value"][1] == "5").then_some(());
        assert!(
            eventually(LONG, scraped).is_some(),
            "{:?}",
            prometheus.targets()
        );
        Self {
            prometheus,
            _pages: pages.into(),
            _gone: gone,
        }
    }
}

/// The values that a query finds, once it finds any.
fn found(prometheus: &Prometheus, expression: &str) -> Vec<Value> {
    let some = || Some(prometheus.query(expression)).filter(|found| !found.is_empty());
    eventually(LONG, some).unwrap_or_else(|| {
        panic!(
            "no data within {LONG:?}: {expression}\n{}",
            prometheus.log()
        )
    })
}

fn instances(found: &[Value]) -> BTreeSet<&str> {
    let names = found.iter().map(|one| &one["metric"]["instance_name"]);
    names.filter_map(Value::as_str).collect()
}

#[test]
fn every_rule_finds_what_is_wrong_and_nothing_else() {
    let stage = Stage::set();
    let families = documented();
    let rules = stage.prometheus.alerts();
    let names: BTreeSet<String> = rules.iter().map(|rule| text(rule, "/name")).collect();
    assert_eq!(names, alerts(), "Prometheus has read them all");
    for rule in &rules {
        let (name, expression) = (text(rule, "/name"), text(rule, "/query"));
        assert_eq!(
            without_source(&families, &series(&expression)),
            [""; 0],
            "{name}"
        );
        // While there are targets their absence cannot be seen; what it is the absence of can.
        let absence = expression.strip_prefix("absent(");
        let asked = absence.map_or(expression.as_str(), |rest| rest.trim_end_matches(')'));
        let expected = BTreeSet::from_iter(match name.as_str() {
            "OpenClawInstanceDown" => vec!["down"],
            "OpenClawVerdictFailing" | "OpenClawChannelDead" => vec!["ill"],
            "PilotfishAgentAbsent" => vec!["gone"],
            "PilotfishNoAgents" => vec!["asleep", "down", "gone", "ill", "well"],
            _ => vec!["down", "ill"],
        });
        let same = || {
            let wrong = stage.prometheus.query(asked);
            (instances(&wrong) == expected).then_some(())
        };
        assert!(
            eventually(LONG, same).is_some(),
            "{name}: {:?}",
            stage.prometheus.query(asked)
        );
    }
}

#[test]
fn every_rule_says_how_bad_it_is_and_where_its_page_lies() {
    let prometheus = watched(&[]);
    for rule in prometheus.alerts() {
        let name = text(&rule, "/name");
        let severity = text(&rule, "/labels/severity");
        assert!(
            ["critical", "warning"].contains(&severity.as_str()),
            "{name}: {severity}"
        );
        assert_eq!(text(&rule, "/annotations/runbook_url"), runbook(&name));
        let told = text(&rule, "/annotations/summary") + &text(&rule, "/annotations/description");
        let whose = told.contains("$labels.user_id") && told.contains("$labels.namespace");
        assert!(
            whose || name == "PilotfishNoAgents",
            "{name} does not say whose: {told}"
        );
    }
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

#[test]
fn every_panel_has_data() {
    let stage = Stage::set();
    for query in queries() {
        // With these a panel shows a zero where there is nothing; here something has to be there.
        let asked = query
            .asked("ill")
            .replace(" > 0 or on () vector(0)", " > 0");
        let asked = asked.replace(" or vector(0)", "");
        let found = found(&stage.prometheus, &asked);
        let known = |one: &Value| one["value"][1] != "NaN";
        let numbers = || {
            stage
                .prometheus
                .query(&asked)
                .iter()
                .any(known)
                .then_some(())
        };
        assert!(
            eventually(LONG, numbers).is_some(),
            "{}: {found:?}",
            query.place
        );
    }
}

#[test]
fn a_pod_is_scraped_at_its_probe_port_under_the_labels_of_its_user() {
    let page = StandIn::serve(documented(), State::Well);
    let other = Target {
        port_name: "api",
        ..Target::running("other", page.port)
    };
    let ended = Target {
        phase: "Succeeded",
        ..Target::running("ended", page.port)
    };
    let prometheus = watched(&[Target::running("ada", page.port), other, ended]);
    let targets = eventually(LONG, || {
        Some(prometheus.targets()).filter(|targets| !targets.is_empty())
    });
    let targets = targets.unwrap();
    assert_eq!(targets.len(), 1, "{targets:?}");
    let labels = &targets[0]["labels"];
    for (label, value) in [
        ("job", "openclaw"),
        ("namespace", "users"),
        ("pod", "ada-0"),
        ("instance_name", "ada"),
        ("user_id", "user-ada"),
        ("plan", "pro"),
    ] {
        assert_eq!(labels[label], value, "{labels}");
    }
    let found = found(&prometheus, "openclaw_pod_cpu_usage");
    assert_eq!(found[0]["metric"]["user_id"], "user-ada");
}

/// What a real agent serves is described as it is, and every panel that asks for nothing else has data of it. The more
/// families an agent beside a fake gateway has, the more panels are looked at here.
#[test]
fn the_panels_show_a_real_agent() {
    let instance = Instance::alone(Pod::new(), &["--protection", "switch"]);
    instance.document_in_place();
    let knobs = Knobs {
        token: instance.pod.gateway_token(),
        ..Knobs::default()
    };
    let _fake = Fake::start(&instance.pod.document(), instance.pod.ports.gateway, knobs);
    instance.settled(LONG);
    let page = instance.agent.probe().get("/metrics").body;
    let families = documented();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let described = families.iter().find(|family| family.name == name);
        let described = described.unwrap_or_else(|| panic!("docs/metrics.md lacks {name}"));
        assert_eq!(
            format!("{:?}", described.kind).to_lowercase(),
            kind,
            "{name}"
        );
    }
    let sampled = sampled(&page);
    let served = |name: &String| {
        name == "up"
            || sampled.contains(name)
            || family_of(&families, name).is_some_and(|family| {
                family.kind == Kind::Histogram
                    && sampled.contains(&format!("{}_count", family.name))
            })
    };
    let prometheus = watched(&[Target::running("real", instance.pod.ports.probe)]);
    let shown: Vec<String> = queries()
        .iter()
        .filter(|query| series(&query.expression).iter().all(served))
        .map(|query| {
            found(&prometheus, &query.asked("real"));
            query.place.clone()
        })
        .collect();
    let always = "instance: \"Generation of the configuration\" \"A\"";
    assert!(shown.iter().any(|place| place == always), "{shown:?}");
}
