//! From a document to what sandboxes may be: the images that it names, and the limits of a container.

use std::collections::BTreeSet;

use guard::Ceilings;
use serde_json::Value;

/// What the gateway runs where the document names no image.
const IMAGE: &str = "openclaw-sandbox:bookworm-slim";

/// The same for browsers.
const BROWSER: &str = "openclaw-sandbox-browser:bookworm-slim";

/// A longer name is no image's.
const NAME_MAX: usize = 256;

/// What the largest sandbox of any agent may be. A container does not say reliably whose it is, so that one bound holds
/// for all; an agent without a limit leaves that to the settings.
pub(super) fn ceilings(document: &Value) -> Ceilings {
    let agents = &document["agents"];
    let defaults = &agents["defaults"]["sandbox"];
    let entries = agents["entries"].as_object().into_iter().flatten();
    let of_agents = entries.map(|(_, agent)| &agent["sandbox"]);
    let sandboxed: Vec<Agent<'_>> = std::iter::once(&Value::Null)
        .chain(of_agents)
        .map(|own| Agent { own, defaults })
        .filter(Agent::is_sandboxed)
        .collect();
    let images = sandboxed.iter().flat_map(Agent::images);
    Ceilings {
        images: Some(
            images
                .filter(|name| !name.is_empty() && name.len() <= NAME_MAX)
                .collect::<BTreeSet<String>>(),
        ),
        users: sandboxed.iter().filter_map(Agent::user).collect(),
        memory_bytes: largest(&sandboxed, "/memory", memory),
        memory_swap_bytes: largest(&sandboxed, "/memorySwap", memory),
        nano_cpus: largest(&sandboxed, "/cpus", nano_cpus),
        pids: largest(&sandboxed, "/pidsLimit", Value::as_i64),
    }
}

/// Nothing where one agent names no limit, or one that cannot be read.
fn largest(agents: &[Agent<'_>], name: &str, read: impl Fn(&Value) -> Option<i64>) -> Option<i64> {
    let limit = |agent: &Agent<'_>| {
        let limit = agent.of(&format!("/docker{name}")).and_then(&read);
        limit.filter(|limit| *limit > 0)
    };
    let limits: Option<Vec<i64>> = agents.iter().map(limit).collect();
    limits?.into_iter().max()
}

/// An agent with settings of its own over the defaults.
struct Agent<'a> {
    own: &'a Value,
    defaults: &'a Value,
}

impl Agent<'_> {
    fn pick(&self, path: &str) -> Option<&Value> {
        let named = |value: &&Value| !value.is_null();
        let own = self.own.pointer(path).filter(named);
        own.or_else(|| self.defaults.pointer(path).filter(named))
    }

    /// What a container is made by: a shared one is nobody's own.
    fn of(&self, path: &str) -> Option<&Value> {
        let shared = self.pick("/scope").and_then(Value::as_str) == Some("shared");
        if shared {
            return self.defaults.pointer(path);
        }
        self.pick(path)
    }

    fn is_sandboxed(&self) -> bool {
        let mode = self.pick("/mode").and_then(Value::as_str);
        mode.is_some_and(|mode| mode != "off")
    }

    fn user(&self) -> Option<String> {
        let user = self.of("/docker/user")?;
        user.as_str().map(str::to_owned)
    }

    fn images(&self) -> Vec<String> {
        let text = |path: &str, other: &str| {
            let found = self.of(path).and_then(Value::as_str);
            found.unwrap_or(other).to_owned()
        };
        let browses = self.of("/browser/enabled").and_then(Value::as_bool) == Some(true);
        let browser = browses.then(|| text("/browser/image", BROWSER));
        let tools = text("/docker/image", IMAGE);
        std::iter::once(tools).chain(browser).collect()
    }
}

/// Bytes as Docker reads them: every unit is a power of 1024, and parts of a byte are dropped.
fn memory(value: &Value) -> Option<i64> {
    let Some(text) = value.as_str() else {
        return value.as_i64();
    };
    let text = text.trim().to_ascii_lowercase();
    let unit = text.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    let (number, unit) = text.split_at(unit.unwrap_or(text.len()));
    let unit = unit.trim_start();
    let unit = unit.strip_suffix('b').unwrap_or(unit);
    let power = match unit.strip_suffix('i').unwrap_or(unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * 1024_f64.powi(power);
    // Far above what a machine has, and still exact as an integer.
    (bytes < 2_f64.powi(60)).then_some(bytes as i64)
}

fn nano_cpus(value: &Value) -> Option<i64> {
    let nano = (value.as_f64()? * 1e9).round();
    (nano < 2_f64.powi(60)).then_some(nano as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(document: &Value) -> Vec<String> {
        ceilings(document).images.into_iter().flatten().collect()
    }

    fn limits(document: &Value) -> [Option<i64>; 3] {
        let ceilings = ceilings(document);
        [ceilings.memory_bytes, ceilings.nano_cpus, ceilings.pids]
    }

    fn sandboxed(docker: Value) -> Value {
        json!({"agents": {"defaults": {"sandbox": {"mode": "all", "docker": docker}}}})
    }

    #[test]
    fn images_are_those_of_agents_in_sandboxes() {
        let sandbox = |sandbox: Value| json!({"agents": {"defaults": {"sandbox": sandbox}}});
        let cases = [
            (json!({}), vec![]),
            (json!({"agents": 7}), vec![]),
            (
                sandbox(json!({"mode": "off", "docker": {"image": "a"}})),
                vec![],
            ),
            (sandbox(json!({"mode": "all"})), vec![IMAGE]),
            (
                sandbox(json!({"mode": "non-main", "docker": {"image": "a:1"}})),
                vec!["a:1"],
            ),
            (
                sandbox(json!({"mode": "all", "browser": {"enabled": true}})),
                vec![BROWSER, IMAGE],
            ),
            (
                sandbox(json!({"mode": "all", "docker": {"image": ""}})),
                vec![],
            ),
            (
                sandbox(json!({"mode": "all", "docker": {"image": "a".repeat(NAME_MAX + 1)}})),
                vec![],
            ),
        ];
        for (document, expected) in cases {
            assert_eq!(named(&document), expected, "{document}");
        }
    }

    #[test]
    fn an_agent_may_differ_from_the_defaults() {
        let document = json!({"agents": {
            "defaults": {"sandbox": {"mode": "off", "docker": {"image": "shared:1"}}},
            "entries": {
                "a": {"sandbox": {"mode": "all"}},
                "b": {"sandbox": {"mode": "all", "docker": {"image": "own:2"}}},
                "c": {},
            },
        }});
        assert_eq!(named(&document), ["own:2", "shared:1"]);
    }

    #[test]
    fn limits_are_read_as_docker_reads_them() {
        let (mega, giga) = (1 << 20, 1 << 30);
        for (docker, expected) in [
            (json!({}), [None; 3]),
            (
                json!({"memory": "512m", "cpus": 0.5, "pidsLimit": 256}),
                [Some(512 * mega), Some(500_000_000), Some(256)],
            ),
            (
                json!({"memory": "2g", "cpus": 2, "pidsLimit": 1024}),
                [Some(2 * giga), Some(2_000_000_000), Some(1024)],
            ),
            (
                json!({"memory": "1.5Gi"}),
                [Some(giga + giga / 2), None, None],
            ),
            (json!({"memory": "64 MiB"}), [Some(64 * mega), None, None]),
            (json!({"memory": 1_048_576}), [Some(mega), None, None]),
            (
                json!({"memory": "0", "cpus": 0, "pidsLimit": -1}),
                [None; 3],
            ),
            (
                json!({"memory": "lots", "cpus": "1", "pidsLimit": null}),
                [None; 3],
            ),
            (json!({"memory": "1e3"}), [None; 3]),
            (json!({"memory": "99999999p"}), [None; 3]),
        ] {
            assert_eq!(limits(&sandboxed(docker.clone())), expected, "{docker}");
        }
    }

    #[test]
    fn the_largest_of_all_agents_holds_and_one_without_a_limit_has_none() {
        let document = |own: Value| {
            let mut document = sandboxed(json!({"memory": "1m", "cpus": 1, "pidsLimit": 10}));
            document["agents"]["entries"]["a"]["sandbox"] = own;
            document
        };
        let mega = 1 << 20;
        let defaults = [Some(mega), Some(1_000_000_000), Some(10)];
        for (own, expected) in [
            (json!({}), defaults),
            (json!({"docker": {"memory": null}}), defaults),
            (
                json!({"docker": {"memory": "2m", "pidsLimit": 5}}),
                [Some(2 * mega), Some(1_000_000_000), Some(10)],
            ),
            (
                json!({"docker": {"memory": "0"}}),
                [None, Some(1_000_000_000), Some(10)],
            ),
            (json!({"mode": "off", "docker": {"memory": "2m"}}), defaults),
            (
                json!({"scope": "shared", "docker": {"memory": "2m", "image": "x"}}),
                defaults,
            ),
        ] {
            assert_eq!(limits(&document(own.clone())), expected, "{own}");
        }
    }

    #[test]
    fn swap_is_what_the_document_says_of_it() {
        let swap = |docker: Value| ceilings(&sandboxed(docker)).memory_swap_bytes;
        assert_eq!(swap(json!({"memory": "1m"})), None);
        let both = json!({"memory": "1m", "memorySwap": "3m"});
        assert_eq!(swap(both), Some(3 << 20));
        // Any amount, as Docker has it, is more than the guard gives.
        assert_eq!(swap(json!({"memory": "1m", "memorySwap": "-1"})), None);
    }

    #[test]
    fn users_are_those_of_agents_in_sandboxes() {
        let document = json!({"agents": {
            "defaults": {"sandbox": {"mode": "all", "docker": {"user": "1000:1000"}}},
            "entries": {
                "a": {"sandbox": {"docker": {"user": "2000:2000"}}},
                "b": {"sandbox": {"mode": "off", "docker": {"user": "3000:3000"}}},
            },
        }});
        let users = ceilings(&document).users;
        assert_eq!(
            users.into_iter().collect::<Vec<_>>(),
            ["1000:1000", "2000:2000"]
        );
    }

    #[test]
    fn a_document_without_sandboxes_allows_none() {
        let ceilings = ceilings(&json!({"agents": {"defaults": {"sandbox": {"mode": "off"}}}}));
        assert_eq!(ceilings.images, Some(BTreeSet::new()));
    }

    #[test]
    fn a_shared_sandbox_is_of_the_defaults() {
        let document = json!({"agents": {
            "defaults": {"sandbox": {"docker": {"image": "shared:1", "memory": "1m"}}},
            "entries": {"a": {"sandbox": {"mode": "all", "scope": "shared", "docker": {"image": "own:2"}}}},
        }});
        assert_eq!(named(&document), ["shared:1"]);
        assert_eq!(limits(&document), [Some(1 << 20), None, None]);
    }
}
