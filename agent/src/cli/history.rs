//! `history`: the documents that were written.

use agent_api::{HistoryEntry, HistoryResponse, Outcome, PATH_CONFIG_HISTORY, Proof};
use clap::ArgMatches;

use super::answer::Answer;
use super::error::Error;
use super::figures::moment;
use super::paint::{Paint, plain};
use super::table::table;
use super::way::{State, Way};

/// So many changed keys are named.
const NAMED: usize = 3;

/// Lists the generations that are kept, newest first.
pub(super) fn history(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let answer: HistoryResponse = match Way::find(matches, State::Needed, |_, _| {})? {
        Way::Files(offline) => offline.history(),
        Way::Agent(agent) => agent.get(PATH_CONFIG_HISTORY)?,
    };
    Ok(Answer::new(text(&answer, paint), &answer))
}

fn text(answer: &HistoryResponse, paint: Paint) -> String {
    if answer.generations.is_empty() {
        return "no document was written yet\n".to_owned();
    }
    let head = ["GENERATION", "WHEN", "WHO", "OUTCOME", "CHANGED", "WHY"]
        .map(|word| paint.faint(word))
        .to_vec();
    let rows: Vec<_> = std::iter::once(head)
        .chain(answer.generations.iter().map(|entry| row(entry, paint)))
        .collect();
    table(&rows)
}

fn row(entry: &HistoryEntry, paint: Paint) -> Vec<String> {
    let restores = entry
        .restores
        .map(|number| format!(" (restores {number})"))
        .unwrap_or_default();
    vec![
        format!("{}{restores}", entry.generation),
        moment(&entry.at),
        plain(&entry.actor),
        outcome(entry, paint),
        changed(&entry.changed),
        entry.reason.as_deref().map(plain).unwrap_or_default(),
    ]
}

fn outcome(entry: &HistoryEntry, paint: Paint) -> String {
    let proof = match entry.proof {
        Some(Proof::Hash) => " (hash)",
        Some(Proof::Log) => " (log)",
        Some(Proof::Listener) => " (listener)",
        Some(Proof::Unknown) | None => "",
    };
    let word = word(entry.outcome);
    match entry.outcome {
        Outcome::Proved => paint.good(&format!("{word}{proof}")),
        Outcome::RolledBack | Outcome::Failed | Outcome::Refused => paint.error(word),
        _ => format!("{word}{proof}"),
    }
}

/// An outcome for people.
pub(super) fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Proved => "proved",
        Outcome::NotProvable => "applied, not provable",
        Outcome::Refused => "refused",
        Outcome::RolledBack => "undone",
        Outcome::Quarantined => "quarantined",
        Outcome::Pending => "not proved yet",
        Outcome::Superseded => "superseded",
        Outcome::Unchanged => "unchanged",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
    }
}

fn changed(paths: &[String]) -> String {
    let mut named: Vec<String> = paths.iter().take(NAMED).map(|path| plain(path)).collect();
    if paths.len() > NAMED {
        named.push(format!("and {} more", paths.len() - NAMED));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_a_line() {
        let entry = HistoryEntry {
            generation: 4,
            restores: Some(2),
            at: "2026-11-24T08:00:01.123456Z".to_owned(),
            actor: "operate:alice".to_owned(),
            document_sha256: String::new(),
            outcome: Outcome::Proved,
            proof: Some(Proof::Hash),
            changed: ["a", "b", "c", "d"].map(ToOwned::to_owned).to_vec(),
            reason: None,
        };
        let answer = HistoryResponse {
            generations: vec![entry],
        };
        let expected = "\
GENERATION      WHEN                 WHO            OUTCOME        CHANGED              WHY
4 (restores 2)  2026-11-24 08:00:01  operate:alice  proved (hash)  a, b, c, and 1 more
";
        assert_eq!(text(&answer, Paint::PLAIN), expected);
        assert_eq!(
            text(
                &HistoryResponse {
                    generations: Vec::new()
                },
                Paint::PLAIN
            ),
            "no document was written yet\n"
        );
    }
}
