//! What the engine shows of itself, and how its domain reads as text and on the wire.

use agent_api::{
    ApplyReport, ChangeView, ConfigState, DriftEvent, DriftMode, DriftView, LayerView, OriginView,
    Outcome, ProblemView, Reload, WatchMode, WatchView,
};
use config_merge::{KeyPath, LayerName, Origin, Provenance};
use durable::Digest;

use super::choose::Candidate;
use super::document::{Document, Evaluation};
use super::gateway::{Issue, Presence};
use super::resolve::views;
use super::settings::{Drift, Settings};

/// A cheap picture of the config component, newest always.
#[derive(Clone, Debug)]
pub struct View {
    /// Generation of the document on disk.
    pub generation: u64,
    /// SHA-256 of the document on disk.
    pub sha256: String,
    /// The last good generation.
    pub proved: Option<u64>,
    /// What is going on.
    pub state: ConfigState,
    /// What became of each layer.
    pub layers: Vec<LayerView>,
    /// Problems of layers that cannot be taken as they are.
    pub problems: Vec<ProblemView>,
    /// Keys that a lock or bound kept out.
    pub left_out: Vec<ProblemView>,
    /// The last change.
    pub last_report: Option<ApplyReport>,
    /// Edits by others.
    pub drift: DriftView,
    /// Candidates that are not tried again.
    pub quarantined: u64,
    /// End of the pause, RFC 3339.
    pub paused_until: Option<String>,
    /// Whether the gateway answers.
    pub presence: Presence,
    /// How the layers are watched.
    pub watches: Vec<WatchView>,
}

impl View {
    pub(super) fn new(settings: &Settings, presence: Presence) -> Self {
        let mode = match settings.drift {
            Drift::Enforce if settings.read_only => DriftMode::ReadOnly,
            Drift::Enforce => DriftMode::Enforce,
            Drift::Shared => DriftMode::Shared,
        };
        Self {
            generation: 0,
            sha256: String::new(),
            proved: None,
            state: ConfigState::Starting,
            layers: Vec::new(),
            problems: Vec::new(),
            left_out: Vec::new(),
            last_report: None,
            drift: DriftView {
                mode,
                count: 0,
                last: None,
            },
            quarantined: 0,
            paused_until: None,
            presence,
            watches: Vec::new(),
        }
    }

    pub(super) fn wrote(&mut self, generation: u64, sha256: &Digest) {
        self.generation = generation;
        self.sha256 = sha256.to_string();
    }

    pub(super) fn good(&mut self, generation: u64) {
        self.proved = Some(generation);
    }

    pub(super) fn layers(&mut self, candidate: &Candidate) {
        let warnings = |layers: &[LayerView]| -> Vec<ProblemView> {
            let all = layers.iter().flat_map(|layer| &layer.warnings);
            all.cloned().collect()
        };
        let known = warnings(&self.layers);
        for warning in warnings(&candidate.layers) {
            if !known.contains(&warning) {
                tracing::warn!("{}", text(&warning));
            }
        }
        self.layers.clone_from(&candidate.layers);
        self.left_out = views(&candidate.evaluation.left_out);
    }

    pub(super) fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    pub(super) fn drifted(&mut self, event: DriftEvent) {
        self.drift.count += 1;
        self.drift.last = Some(event);
    }

    /// True when a watch changed its mode.
    pub(super) fn watch(
        &mut self,
        names: &[String],
        modes: &[(std::path::PathBuf, watch::Mode)],
    ) -> bool {
        let new: Vec<WatchView> = names
            .iter()
            .zip(modes)
            .map(|(name, (_, mode))| watch_view(name, mode))
            .collect();
        let changed = self.watches != new;
        for view in new
            .iter()
            .filter(|view| view.mode == WatchMode::Polling && !self.watches.contains(view))
        {
            tracing::warn!(
                watched = view.name,
                why = view.why,
                "inotify does not work here: it is polled"
            );
        }
        self.watches = new;
        changed
    }
}

fn watch_view(name: &str, mode: &watch::Mode) -> WatchView {
    let (mode, why) = match mode {
        watch::Mode::Inotify => (WatchMode::Inotify, None),
        watch::Mode::Polling { why } => (WatchMode::Polling, Some(why.clone())),
    };
    WatchView {
        name: name.to_owned(),
        mode,
        why,
    }
}

/// What a new document changes, redacted, with the place that each change comes from.
pub fn changes(
    before: Option<&Document>,
    evaluation: &Evaluation,
) -> (Vec<ChangeView>, Vec<KeyPath>) {
    let empty = serde_json::json!({});
    let from = before.map_or(&empty, |document| &document.value);
    let changes = config_merge::changes(from, &evaluation.document.value);
    let paths = changes.iter().map(|change| change.path.clone()).collect();
    let view = |change: &config_merge::Change| {
        let change = config_merge::redact_change(change);
        ChangeView {
            path: change.path.to_string(),
            from: change.from,
            to: change.to,
            reload: Reload::Unchecked,
            origin: evaluation
                .provenance
                .origin(&change.path)
                .as_ref()
                .map(origin_view),
        }
    };
    (changes.iter().map(view).collect(), paths)
}

/// An origin as it goes over the wire.
pub fn origin_view(origin: &Origin) -> OriginView {
    OriginView {
        layer: origin.layer.to_string(),
        file: origin.file.clone(),
        line: origin.line,
        column: origin.column,
    }
}

/// The gateway's issue, with the place in the layers that it comes from.
pub fn located(issue: &Issue, provenance: &Provenance, changes: &[ChangeView]) -> ProblemView {
    if issue.path.is_empty() {
        let cure =
            "correct what was changed; the gateway takes this document as soon as it is valid";
        return ProblemView {
            kind: "gateway".to_owned(),
            cure: cure.to_owned(),
            ..undone(changes, &issue.message)
        };
    }
    if let Some(change) = guilty(issue, changes) {
        return gateway_problem(change.path.clone(), change.origin.as_ref(), issue);
    }
    let origin = nearest(&issue.path, provenance).as_ref().map(origin_view);
    gateway_problem(issue.path.clone(), origin.as_ref(), issue)
}

/// The change that an issue speaks of: at its path, or below it. An unknown key is named in the message.
fn guilty<'c>(issue: &Issue, changes: &'c [ChangeView]) -> Option<&'c ChangeView> {
    let below = |change: &&ChangeView| {
        change
            .path
            .strip_prefix(&issue.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let named = |change: &&ChangeView| {
        change
            .path
            .rsplit('.')
            .next()
            .is_some_and(|key| issue.message.contains(&format!("\"{key}\"")))
    };
    let mut near = changes.iter().filter(below);
    near.clone().find(named).or_else(|| near.next())
}

fn gateway_problem(path: String, origin: Option<&OriginView>, issue: &Issue) -> ProblemView {
    ProblemView {
        layer: origin.map(|origin| origin.layer.clone()),
        file: origin.map(|origin| origin.file.clone()).unwrap_or_default(),
        line: origin.map_or(0, |origin| origin.line),
        column: origin.map_or(0, |origin| origin.column),
        path,
        kind: "gateway".to_owned(),
        message: issue.message.clone(),
        cure: "correct the value; the gateway takes this document as soon as it is valid"
            .to_owned(),
    }
}

/// A change that did not hold, as a problem at the place of its first key.
pub fn undone(changes: &[ChangeView], reason: &str) -> ProblemView {
    let first = changes.iter().find(|change| change.origin.is_some());
    let origin = first.and_then(|change| change.origin.as_ref());
    ProblemView {
        layer: origin.map(|origin| origin.layer.clone()),
        file: origin.map(|origin| origin.file.clone()).unwrap_or_default(),
        line: origin.map_or(0, |origin| origin.line),
        column: origin.map_or(0, |origin| origin.column),
        path: first.map(|change| change.path.clone()).unwrap_or_default(),
        kind: "undone".to_owned(),
        message: reason.to_owned(),
        cure:
            "change the layer; this same document is not tried again on this version of the gateway"
                .to_owned(),
    }
}

/// Where a path comes from, or the nearest thing above it that has a place. An unknown key is
/// named in the message, not in the path, so the last layer that says something there is meant.
fn nearest(path: &str, provenance: &Provenance) -> Option<Origin> {
    let mut path: KeyPath = path.parse().ok()?;
    loop {
        if let Some(origin) = provenance.origin(&path) {
            return Some(origin);
        }
        if path.is_root() {
            return None;
        }
        path.pop();
    }
}

/// A problem as one readable text.
pub fn text(problem: &ProblemView) -> String {
    let mut place = problem.file.clone();
    if problem.line > 0 {
        place = format!("{place}:{}:{}", problem.line, problem.column);
    }
    let layer = problem
        .layer
        .as_deref()
        .map(|layer| format!(" ({layer})"))
        .unwrap_or_default();
    let path = if problem.path.is_empty() {
        String::new()
    } else {
        format!("{}: ", problem.path)
    };
    let cure = if problem.cure.is_empty() {
        String::new()
    } else {
        format!(" — {}", problem.cure)
    };
    format!("{place}{layer}: {path}{}{cure}", problem.message)
}

/// A report as one line, such as an operator wants to see it.
pub fn line(report: &ApplyReport) -> String {
    let seconds = report.duration_seconds;
    let changed = changed(&report.changes);
    let reason = report.reason.as_deref().unwrap_or_default();
    match report.outcome {
        Outcome::Proved => {
            let restart = if report.requires_restart {
                "restarted"
            } else {
                "no restart"
            };
            format!(
                "applied generation {} in {seconds:.1} s: {changed}, {restart}",
                report.generation
            )
        }
        Outcome::NotProvable => format!(
            "wrote generation {} in {seconds:.1} s: {changed}; this release of the gateway cannot prove it",
            report.generation
        ),
        Outcome::Refused => {
            let problems = report
                .problems
                .iter()
                .map(text)
                .collect::<Vec<_>>()
                .join("; ");
            format!(
                "refused: {problems}{}",
                if problems.is_empty() { reason } else { "" }
            )
        }
        Outcome::RolledBack => format!(
            "undid generation {} in {seconds:.1} s ({changed}): {reason}",
            report.generation
        ),
        Outcome::Pending => format!("waiting: {reason} ({changed})"),
        _ => format!(
            "{:?} generation {}: {reason}",
            report.outcome, report.generation
        ),
    }
}

fn changed(changes: &[ChangeView]) -> String {
    const NAMED: usize = 3;
    let name = |change: &ChangeView| match &change.origin {
        Some(origin) if origin.line > 0 => format!(
            "{} ({}:{}:{})",
            change.path, origin.file, origin.line, origin.column
        ),
        _ => change.path.clone(),
    };
    let mut names: Vec<String> = changes.iter().take(NAMED).map(name).collect();
    match changes.len().saturating_sub(NAMED) {
        0 if names.is_empty() => "no key changed".to_owned(),
        0 => names.join(", "),
        more => {
            names.push(format!("and {more} more"));
            names.join(", ")
        }
    }
}

/// The layers that problems speak of.
pub fn blamed(problems: &[ProblemView]) -> Vec<LayerName> {
    problems
        .iter()
        .filter_map(|problem| problem.layer.as_deref()?.parse().ok())
        .collect()
}
