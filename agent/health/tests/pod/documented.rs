//! `docs/health.md` says what the tables say.

use std::time::Duration;

use health::cure::{Grade, Ladder, Rule};
use health::death::DeathCause;
use health::{Component, Kind, Row, Severity, Verdict};

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/health.md");
    std::fs::read_to_string(path).unwrap()
}

fn span(span: Duration) -> String {
    match span.as_secs() {
        0 => "at once".to_owned(),
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds % 60 == 0 && seconds > 60 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

fn cause(row: &Row) -> String {
    let (component, severity) = (row.component.word(), row.severity.word());
    let (confirm, clear) = (span(row.confirm), span(row.clear));
    format!(
        "| `{}` | `{component}` | {severity} | {} | {confirm} | {clear} | {} |",
        row.word, row.when, row.remedy
    )
}

fn rule(rule: &Rule) -> String {
    let (word, cool_down, within) = (
        rule.grade.word(),
        span(rule.cool_down),
        span(rule.helps_within),
    );
    let (own, all) = (rule.per_hour, rule.per_hour_in_all);
    format!(
        "| `{word}` | {cool_down} | {own} | {all} | {within} | {} |",
        rule.hopes
    )
}

fn ladder(ladder: &Ladder) -> String {
    let steps: Vec<String> = ladder
        .steps
        .iter()
        .map(|step| format!("`{}` x{}", step.grade.word(), step.tries))
        .collect();
    let (word, patience) = (ladder.kind.row().word, span(ladder.patience));
    let (rest, longest) = (span(ladder.rest), span(ladder.longest_rest));
    format!(
        "| `{word}` | {patience} | {} | {rest}, up to {longest} |",
        steps.join(", ")
    )
}

#[test]
fn every_row_of_the_tables_is_in_the_document_and_no_other() {
    let document = document();
    let causes = Kind::all().iter().map(cause);
    let rules = Grade::ALL.iter().map(|grade| rule(grade.rule()));
    let rows: Vec<String> = causes
        .chain(rules)
        .chain(Ladder::all().iter().map(ladder))
        .collect();
    let missing: Vec<&String> = rows
        .iter()
        .filter(|row| !document.contains(row.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/health.md lacks these rows:\n{missing:#?}"
    );
    let words = |line: &&str| line.starts_with("| `");
    // Draining has two rows: ours, and the gateway's own.
    let others = Verdict::ALL.len() + 1 + DeathCause::ALL.len();
    assert_eq!(document.lines().filter(words).count(), rows.len() + others);
}

#[test]
fn every_word_is_in_the_document() {
    let document = document();
    let severities = [Severity::Notice, Severity::Degraded, Severity::Failing].map(Severity::word);
    let words = Component::ALL.iter().map(|component| component.word());
    let words = words
        .chain(severities)
        .chain(Verdict::ALL.iter().map(|verdict| verdict.word()));
    let words = words.chain(DeathCause::ALL.iter().map(|cause| cause.word()));
    for word in words {
        assert!(
            document.contains(&format!("`{word}`")),
            "docs/health.md does not say {word}"
        );
    }
}
