//! What layers ask for on disk and do not get, since they were refused as a whole.

use std::slice;

use agent_api::{ExplainResponse, LayerStatus, LayerView, ProblemView, RefusedValue};
use config_merge::{KeyPath, Layer, LayerName, Rules};
use serde_json::Value;

use super::explain::concerns;
use super::ledger::LayerFile;
use super::source::{Reading, Readings};
use super::store::files_of;

/// What lies on disk, and what became of it.
pub struct OnDisk<'a> {
    /// The layers as they lie there.
    pub readings: &'a Readings,
    /// What became of each.
    pub views: &'a [LayerView],
    /// What is wrong with them.
    pub problems: &'a [ProblemView],
    /// What the user layer's file held when it was last taken.
    pub seen: &'a [LayerFile],
}

impl OnDisk<'_> {
    /// Adds to the explanation of a key what was asked for it in vain. `layers` are those in force.
    pub fn tell(&self, path: &KeyPath, layers: &[Layer], answer: &mut ExplainResponse) {
        for problem in self.problems {
            let told = answer.refused.iter().any(|told| told.problem == *problem);
            if concerns(&problem.path, path) && !told {
                let name = problem.layer.as_deref().and_then(|name| name.parse().ok());
                let wish = name.and_then(|name| self.wish(name, path, layers));
                answer.refused.push(RefusedValue {
                    value: wish.and_then(|wish| wish),
                    problem: problem.clone(),
                });
            }
        }
        for name in LayerName::ALL {
            let own = |problem: &&ProblemView| problem.layer.as_deref() == Some(name.as_str());
            let told = answer.refused.iter().any(|refused| own(&&refused.problem));
            let first = self.problems.iter().find(own);
            if let (false, Some(problem)) = (told, first)
                && let Some(value) = self.wish(name, path, layers)
            {
                answer.refused.push(RefusedValue {
                    value,
                    problem: problem.clone(),
                });
            }
        }
    }

    /// The value, redacted, that a refused layer would give a key: none in it where the layer takes
    /// the key away, or cannot be read and says something of it in its older content.
    fn wish(&self, name: LayerName, path: &KeyPath, layers: &[Layer]) -> Option<Option<Value>> {
        let fell_back =
            |view: &&LayerView| view.name == name.as_str() && view.status == LayerStatus::FellBack;
        self.views.iter().find(fell_back)?;
        let in_force = layers.iter().find(|layer| layer.name() == name);
        let asked = match self.readings.layers.get(&name)? {
            Reading::Missing => return None,
            Reading::Files(sources) => {
                if name == LayerName::User && files_of(sources) == self.seen {
                    return None;
                }
                Layer::asked(name, sources)
            }
            Reading::Broken(_) => None,
        };
        let Some(asked) = asked else {
            let older = in_force.and_then(|layer| value(slice::from_ref(layer), path));
            return older.map(|_| None);
        };
        let below = layers.iter().filter(|layer| layer.name() < name);
        let mut with: Vec<Layer> = below.cloned().collect();
        let mut without = with.clone();
        without.extend(in_force.cloned());
        with.push(asked);
        let wish = value(&with, path);
        (wish != value(&without, path))
            .then(|| wish.map(|wish| config_merge::redact_value(path, &wish)))
    }
}

/// What layers say together of a key, whatever the rules say of that.
fn value(layers: &[Layer], path: &KeyPath) -> Option<Value> {
    let merged = config_merge::merge(layers, &Rules::none()).ok()?;
    path.find(&merged.document).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use config_merge::Source;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn source(text: &str) -> Source {
        Source {
            file: "user.json5".to_owned(),
            bytes: text.as_bytes().to_vec(),
        }
    }

    /// What is told of a key where the user's file says this and was refused.
    fn told(text: &str, key: &str, seen: &str) -> Vec<Option<Value>> {
        let problem = ProblemView {
            layer: Some("user".to_owned()),
            file: "user.json5".to_owned(),
            line: 1,
            column: 2,
            path: "gateway.port".to_owned(),
            kind: "locked".to_owned(),
            message: "locked by policy".to_owned(),
            cure: "take it out".to_owned(),
        };
        let view = LayerView {
            name: "user".to_owned(),
            files: Vec::new(),
            status: LayerStatus::FellBack,
            problems: vec![problem.clone()],
            warnings: Vec::new(),
            revision: None,
            etag: None,
        };
        let layer = |name, text| Layer::parse(name, &[source(text)]).unwrap();
        let layers = [
            layer(LayerName::Base, "{ logging: { level: 'warn', file: 'x' } }"),
            layer(LayerName::User, "{ logging: { level: 'info' } }"),
        ];
        let readings = Readings {
            layers: BTreeMap::from([(LayerName::User, Reading::Files(vec![source(text)]))]),
            locks: None,
            passed_over: Vec::new(),
        };
        let path = key.parse().unwrap();
        let mut answer = super::super::explain::unknown(&path);
        let on_disk = OnDisk {
            readings: &readings,
            views: &[view],
            problems: &[problem],
            seen: &files_of(&[source(seen)]),
        };
        on_disk.tell(&path, &layers, &mut answer);
        answer
            .refused
            .into_iter()
            .map(|refused| refused.value)
            .collect()
    }

    #[test]
    fn what_a_layer_asked_for_beside_what_refused_it_is_told() {
        let edit =
            "{ logging: { level: 'debug', file: null, token: 'hunter2' }, gateway: { port: 7 } }";
        let cases = [
            ("logging.level", vec![Some(json!("debug"))]),
            ("logging.file", vec![None]),
            ("logging.token", vec![Some(json!(config_merge::REDACTED))]),
            ("gateway.port", vec![Some(json!(7))]),
            ("logging.other", Vec::new()),
        ];
        for (key, values) in cases {
            assert_eq!(told(edit, key, "{}"), values, "{key}");
            let known = told(edit, key, edit);
            assert!(
                known.iter().all(Option::is_none),
                "it was taken once: {key}"
            );
        }
        assert_eq!(told("{ logging: ", "logging.level", "{}"), [None]);
        assert_eq!(
            told("{ logging: ", "logging.file", "{}"),
            Vec::<Option<Value>>::new()
        );
        let same = "{ logging: { level: 'info' }, gateway: { port: 7 } }";
        assert_eq!(
            told(same, "logging.level", "{}"),
            Vec::<Option<Value>>::new()
        );
    }
}
