//! The series that an expression of Prometheus names.

use std::collections::BTreeSet;

/// Words that are followed by a list of labels.
const GROUPING: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// Words between two expressions.
const BETWEEN: [&str; 5] = ["and", "or", "unless", "offset", "bool"];

/// The names of all series that `expression` reads. Functions, operators and labels are none.
pub fn series(expression: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = outside(expression);
    while let Some(start) = rest.find(begins_word) {
        rest = rest.split_off(start);
        let end = rest.find(|letter| !in_word(letter)).unwrap_or(rest.len());
        let after = rest.split_off(end);
        let word = std::mem::replace(&mut rest, after);
        let next = rest.trim_start();
        if GROUPING.contains(&word.as_str()) {
            rest = after_list(next);
        } else if names_series(&word, next) {
            found.insert(word);
        }
    }
    found
}

/// The text without what is in quotes, braces and brackets: values, selectors and ranges.
fn outside(expression: &str) -> String {
    let mut kept = String::new();
    let mut quote = None;
    let mut depth = 0_u32;
    for letter in expression.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth -= 1,
            (None, _) if depth == 0 => kept.push(letter),
            (None, _) => {}
        }
    }
    kept
}

fn begins_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn in_word(letter: char) -> bool {
    begins_word(letter) || letter == ':' || letter == '.'
}

fn after_list(next: &str) -> String {
    let list = next.strip_prefix('(');
    let rest = list.map_or(next, |list| {
        list.split_once(')').map_or("", |(_, rest)| rest)
    });
    rest.to_owned()
}

/// A word that is neither a number, nor called, nor an aggregation whose grouping comes first.
fn names_series(word: &str, next: &str) -> bool {
    let called = next.starts_with('(');
    let grouped = ["by", "without"].iter().any(|grouping| {
        next.strip_prefix(grouping)
            .is_some_and(|rest| !rest.starts_with(in_word))
    });
    !called
        && !grouped
        && !BETWEEN.contains(&word)
        && !word.starts_with(|c: char| c.is_ascii_digit())
}

#[test]
fn series_are_told_from_functions_labels_numbers_and_words() {
    let cases: [(&str, &[&str]); 7] = [
        ("up{job=\"openclaw\"} == 0", &["up"]),
        (
            "topk(10, sum by (user_id) (rate(a_total{x=~\"b|c\"}[5m])))",
            &["a_total"],
        ),
        (
            "histogram_quantile(0.95, sum by (le) (rate(a_bucket[$__rate_interval])))",
            &["a_bucket"],
        ),
        ("a / (b > 0) > 0.9", &["a", "b"]),
        (
            "a == 0 unless on (job, instance) (b{v=\"c\"} == 1)",
            &["a", "b"],
        ),
        ("sum without (x, y) (a) or on () vector(0)", &["a"]),
        (
            "a * ignoring (r) group_left b offset 1h and bytes",
            &["a", "b", "bytes"],
        ),
    ];
    for (expression, expected) in cases {
        let found = series(expression);
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{expression}");
    }
}
