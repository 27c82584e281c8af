//! Everything about one key: who set it, what it hid, what was refused, what locks it.

use agent_api::{ExplainResponse, LockView, RefusedValue};
use config_merge::{KeyPath, Rules};

use super::commands::hidden;
use super::document::Evaluation;
use super::resolve::views;
use super::view::origin_view;

/// The answer when there is no document.
pub fn unknown(path: &KeyPath) -> ExplainResponse {
    ExplainResponse {
        path: path.to_string(),
        value: None,
        origin: None,
        hidden: Vec::new(),
        refused: Vec::new(),
        locked_by: None,
        since_generation: None,
    }
}

/// Whether a problem is one of this key: at it, at something above it that went with it, or below it.
pub fn concerns(problem: &str, path: &KeyPath) -> bool {
    let at = problem.parse::<KeyPath>();
    at.is_ok_and(|at| !at.is_root() && (at.covers(path) || path.covers(&at)))
}

/// Explains one key of a document.
pub fn explain(path: &KeyPath, evaluation: &Evaluation, rules: &Rules) -> ExplainResponse {
    let mut answer = unknown(path);
    let redacted = config_merge::redact(&evaluation.document.value);
    answer.value = path.find(&redacted).cloned();
    if let Some(explanation) = evaluation.provenance.explain(path) {
        answer.origin = Some(origin_view(&explanation.origin));
        let redacted = |value: &serde_json::Value| config_merge::redact_value(path, value);
        answer.hidden = explanation
            .hidden
            .iter()
            .map(|(origin, value)| hidden(origin, value.as_ref().map(redacted)))
            .collect();
    }
    let about = evaluation
        .left_out
        .iter()
        .filter(|problem| concerns(&problem.path, path))
        .cloned();
    let about: Vec<_> = about.collect();
    answer.refused = views(&about)
        .into_iter()
        .map(|problem| RefusedValue {
            value: None,
            problem,
        })
        .collect();
    answer.locked_by = rules.lock_of(path).map(|lock| LockView {
        rule: lock.rule,
        file: lock.file,
        line: lock.line,
        column: lock.column,
        why: lock.why,
    });
    answer
}
