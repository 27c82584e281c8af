//! What the document in force says of sandboxes: the images that they are made from.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::config::Handle;

/// What the gateway runs where the document names no image.
const IMAGE: &str = "openclaw-sandbox:bookworm-slim";

/// The same for browsers.
const BROWSER: &str = "openclaw-sandbox-browser:bookworm-slim";

/// A longer name is no image's.
const NAME_MAX: usize = 256;

/// The document, looked at again only where it is another one.
pub(super) struct Watched {
    document: Handle,
    known: Mutex<Option<Known>>,
}

struct Known {
    sha256: String,
    images: BTreeSet<String>,
}

impl Watched {
    pub(super) fn new(document: Handle) -> Self {
        Self {
            document,
            known: Mutex::new(None),
        }
    }

    /// The images that the document in force names for sandboxes; nothing before there is a document.
    pub(super) async fn images(&self) -> Option<BTreeSet<String>> {
        let sha256 = self.document.view().sha256;
        if sha256.is_empty() {
            return None;
        }
        if let Some(known) = &*self.known.lock().unwrap_or_else(PoisonError::into_inner)
            && known.sha256 == sha256
        {
            return Some(known.images.clone());
        }
        let images = images(&self.document.inspect().await.ok()?.document);
        // A document that changed during the look is looked at again the next time.
        if self.document.view().sha256 == sha256 {
            let known = Known {
                sha256,
                images: images.clone(),
            };
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        }
        Some(images)
    }
}

/// The images of all agents that run in sandboxes.
fn images(document: &Value) -> BTreeSet<String> {
    let agents = &document["agents"];
    let defaults = &agents["defaults"]["sandbox"];
    let entries = agents["entries"].as_object().into_iter().flatten();
    let of_agents = entries.map(|(_, agent)| &agent["sandbox"]);
    std::iter::once(&Value::Null)
        .chain(of_agents)
        .flat_map(|own| of_agent(own, defaults))
        .filter(|name| !name.is_empty() && name.len() <= NAME_MAX)
        .collect()
}

/// The images of an agent with settings of its own over the defaults.
fn of_agent(own: &Value, defaults: &Value) -> Vec<String> {
    let pick = |path: &str| own.pointer(path).or_else(|| defaults.pointer(path));
    let text = |path: &str, other: &str| {
        let found = pick(path).and_then(Value::as_str);
        found.unwrap_or(other).to_owned()
    };
    if text("/mode", "off") == "off" {
        return Vec::new();
    }
    let browses = pick("/browser/enabled").and_then(Value::as_bool) == Some(true);
    let browser = browses.then(|| text("/browser/image", BROWSER));
    let tools = text("/docker/image", IMAGE);
    std::iter::once(tools).chain(browser).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(document: &Value) -> Vec<String> {
        images(document).into_iter().collect()
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
}
