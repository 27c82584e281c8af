//! What the command line shows of the document without an agent, in the types of the API.

use agent_api::{
    CheckView, DiffResponse, ExplainResponse, HistoryResponse, LayerStatus, LayerView, ProblemView,
    ProvenanceEntry,
};
use config_merge::{KeyPath, Layer, LayerName, Rules};
use serde_json::Value;

use super::Offline;
use crate::config::choose::{Choice, choose};
use crate::config::document::{Document, Evaluation};
use crate::config::ledger::Ledger;
use crate::config::refused::OnDisk;
use crate::config::resolve::{self, Resolved};
use crate::config::source::Readings;
use crate::config::{Error, explain};

/// A document with the reasons for its keys.
pub struct Reasons {
    /// Redacted.
    pub document: Value,
    /// Who set each key.
    pub provenance: Vec<ProvenanceEntry>,
}

/// The layers in force, what they make, and what lies on disk.
struct InForce {
    layers: Vec<Layer>,
    rules: Rules,
    evaluation: Evaluation,
    views: Vec<LayerView>,
    readings: Readings,
}

impl Offline {
    /// What the layers would change in the document in place, and every problem in the way.
    pub fn preview(&self) -> Result<DiffResponse, Error> {
        let mut problems = self.check();
        let changes = match self.propose() {
            Ok(proposal) => self.changes(&proposal),
            Err(Error::Refused(more)) => {
                problems.extend(
                    more.into_iter()
                        .filter(|problem| !problems.contains(problem))
                        .collect::<Vec<_>>(),
                );
                Vec::new()
            }
            Err(other) => return Err(other),
        };
        let check = CheckView::Unchecked {
            why: "no gateway was asked".to_owned(),
        };
        Ok(DiffResponse {
            changes,
            requires_restart: false,
            problems,
            warnings: self.warnings(),
            check,
        })
    }

    /// Everything about one key of what the layers make.
    pub fn explain(&self, path: &KeyPath) -> Result<ExplainResponse, Error> {
        let InForce {
            layers,
            rules,
            evaluation,
            views,
            readings,
        } = self.in_force()?;
        let mut answer = explain::explain(path, &layers, &evaluation, &rules);
        let problems: Vec<_> = views
            .iter()
            .flat_map(|view| view.problems.clone())
            .collect();
        let on_disk = OnDisk {
            readings: &readings,
            views: &views,
            problems: &problems,
            seen: self.ledger().map_or(&[], |ledger| &ledger.user.seen),
        };
        on_disk.tell(path, &layers, &mut answer);
        answer.since_generation = self.since(path, &evaluation, self.in_place().as_ref());
        Ok(answer)
    }

    /// The generation since which the key has the value that the layers now give it; none for a
    /// value that is not in place yet.
    fn since(
        &self,
        path: &KeyPath,
        evaluation: &Evaluation,
        in_place: Option<&Document>,
    ) -> Option<u64> {
        let now = path.find(&evaluation.document.value)?;
        let same = path.find(&in_place?.value) == Some(now);
        self.ledger().filter(|_| same)?.since(&path.to_string())
    }

    /// What the layers make, with the reason for each key.
    pub fn reasons(&self) -> Result<Reasons, Error> {
        let evaluation = self.in_force()?.evaluation;
        let in_place = self.in_place();
        let entry = |(path, origin): (KeyPath, config_merge::Origin)| ProvenanceEntry {
            since_generation: self
                .since(&path, &evaluation, in_place.as_ref())
                .unwrap_or(0),
            path: path.to_string(),
            layer: origin.layer.to_string(),
            file: origin.file,
            line: origin.line,
            column: origin.column,
        };
        let provenance = evaluation.provenance.entries().map(entry).collect();
        Ok(Reasons {
            document: config_merge::redact(&evaluation.document.value),
            provenance,
        })
    }

    /// What the layers on disk would make: those that are refused as a whole are not in it.
    fn in_force(&self) -> Result<InForce, Error> {
        let readings = Readings::read(&self.settings);
        let Some(store) = &self.store else {
            return self.in_force_stateless(readings);
        };
        let resolved = Resolved::of(&self.settings, store, &readings)?;
        let version = self.settings.gateway_version.as_deref();
        match choose(store, resolved, version, &[])? {
            Choice::Nothing(problems) => Err(Error::Refused(problems)),
            Choice::Candidate(candidate) => {
                let (layers, rules) = store.layers(&candidate.set)?;
                Ok(InForce {
                    layers,
                    rules,
                    evaluation: candidate.evaluation,
                    views: candidate.layers,
                    readings,
                })
            }
        }
    }

    /// The same where nothing is remembered: a user layer that breaks a rule is a new edit.
    fn in_force_stateless(&self, readings: Readings) -> Result<InForce, Error> {
        let (mut layers, rules, problems) = self.parse();
        if !problems.is_empty() {
            return Err(Error::Refused(problems));
        }
        let mut views = Vec::new();
        if let Err(problems) = Evaluation::strict(&layers, &rules) {
            let own = problems.iter().filter(|p| p.layer == Some(LayerName::User));
            let own: Vec<_> = own.map(resolve::view).collect();
            if !own.is_empty() {
                layers.retain(|layer| layer.name() != LayerName::User);
                views.push(refused_user(own));
            }
        }
        let evaluation = Evaluation::lenient(&layers, &rules).map_err(Error::Layers)?;
        Ok(InForce {
            layers,
            rules,
            evaluation,
            views,
            readings,
        })
    }

    /// Past generations, newest first.
    pub fn history(&self) -> HistoryResponse {
        self.ledger()
            .map_or_else(|| Ledger::default().history(), Ledger::history)
    }
}

fn refused_user(problems: Vec<ProblemView>) -> LayerView {
    LayerView {
        name: LayerName::User.to_string(),
        files: Vec::new(),
        status: LayerStatus::FellBack,
        problems,
        warnings: Vec::new(),
        revision: None,
        etag: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn settings(dir: &Path) -> Settings {
        let path = |name: &str| dir.join(name);
        Settings {
            layers: BTreeMap::from([
                (LayerName::Base, path("base.json5")),
                (LayerName::User, path("user.json5")),
            ]),
            locks: Some(path("locks.json5")),
            ..Settings::beneath(dir)
        }
    }

    fn refused(offline: &Offline, key: &str) -> (Option<Value>, Vec<(String, Option<Value>)>) {
        let answer = offline.explain(&key.parse().unwrap()).unwrap();
        let refused = answer.refused.into_iter();
        let told = refused.map(|refused| (refused.problem.path, refused.value));
        (answer.value, told.collect())
    }

    #[test]
    fn a_layer_that_is_refused_whole_is_refused_at_each_of_its_keys() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let settings = settings(dir.path());
        write(
            "base.json5",
            "{ gateway: { port: 1 }, logging: { level: 'warn' } }",
        );
        write("locks.json5", "{ locks: ['gateway.port'] }");
        write("user.json5", "{ logging: { level: 'info' } }");
        let mut remembering = Offline::open(settings.clone()).unwrap();
        let proposal = remembering.propose().unwrap();
        remembering.write(&proposal, "test", None).unwrap();

        write(
            "user.json5",
            "{ logging: { level: 'debug' }, gateway: { port: 7 } }",
        );
        let port = "gateway.port".to_owned();
        let forgetful = Offline::stateless(settings);
        for (offline, level) in [(&remembering, "info"), (&forgetful, "warn")] {
            assert_eq!(
                refused(offline, "logging.level"),
                (
                    Some(json!(level)),
                    vec![(port.clone(), Some(json!("debug")))]
                )
            );
            assert_eq!(
                refused(offline, "gateway.port"),
                (Some(json!(1)), vec![(port.clone(), Some(json!(7)))])
            );
            assert_eq!(refused(offline, "logging.other"), (None, Vec::new()));
        }
    }
}
