//! What the command line shows of the document without an agent, in the types of the API.

use agent_api::{
    CheckView, DiffResponse, ExplainResponse, HistoryResponse, ProvenanceEntry, RefusedValue,
};
use config_merge::KeyPath;
use serde_json::Value;

use super::Offline;
use crate::config::Error;
use crate::config::document::{Document, Evaluation};
use crate::config::explain;
use crate::config::ledger::Ledger;

/// A document with the reasons for its keys.
pub struct Reasons {
    /// Redacted.
    pub document: Value,
    /// Who set each key.
    pub provenance: Vec<ProvenanceEntry>,
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
        let (layers, rules, problems) = self.layers()?;
        let evaluation = Evaluation::lenient(&layers, &rules).map_err(Error::Layers)?;
        let mut answer = explain::explain(path, &layers, &evaluation, &rules);
        let about = problems
            .into_iter()
            .filter(|problem| problem.path == answer.path);
        let refused: Vec<RefusedValue> = about
            .map(|problem| RefusedValue {
                value: None,
                problem,
            })
            .collect();
        answer.refused.extend(refused);
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
        let (layers, rules, _) = self.layers()?;
        let evaluation = Evaluation::lenient(&layers, &rules).map_err(Error::Layers)?;
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

    /// Past generations, newest first.
    pub fn history(&self) -> HistoryResponse {
        self.ledger()
            .map_or_else(|| Ledger::default().history(), Ledger::history)
    }
}
