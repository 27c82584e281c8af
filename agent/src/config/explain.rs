//! Everything about one key: who set it, what it hid, what was refused, what locks it.

use agent_api::{ExplainResponse, LockView, RefusedValue};
use config_merge::{KeyPath, Layer, Problem, Rules};
use serde_json::Value;

use super::commands::hidden;
use super::document::Evaluation;
use super::resolve::view;
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

/// What a layer asks for at a path, redacted; none where it asks for nothing there, or says it as
/// an RFC 6902 patch of other layers.
fn asked(problem: &Problem, path: &KeyPath, layers: &[Layer]) -> Option<Value> {
    let mut at = problem.path.parse::<KeyPath>().ok()?;
    if at.covers(path) {
        at.clone_from(path);
    }
    let layer = layers
        .iter()
        .find(|layer| Some(layer.name()) == problem.layer)?;
    let alone = config_merge::merge(std::slice::from_ref(layer), &Rules::none()).ok()?;
    let value = at.find(&alone.document)?;
    Some(config_merge::redact_value(&at, value))
}

/// Explains one key of a document that was made of these layers.
pub fn explain(
    path: &KeyPath,
    layers: &[Layer],
    evaluation: &Evaluation,
    rules: &Rules,
) -> ExplainResponse {
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
        .filter(|problem| concerns(&problem.path, path));
    answer.refused = about
        .map(|problem| RefusedValue {
            value: asked(problem, path, layers),
            problem: view(problem),
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
