//! The documents against the code: what the code has, the documents say.
//!
//! The code is read as text, since these tests stand outside of it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::fs;
use std::path::Path;

use support::repository;

fn read(path: &str) -> String {
    let file = repository().join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every Rust file below a folder, without its tests.
fn sources(folder: &str) -> String {
    let mut text = String::new();
    gather(&repository().join(folder), &mut text);
    text
}

fn gather(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            gather(&path, text);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            text.push_str(without_tests(&fs::read_to_string(&path).unwrap()));
        }
    }
}

fn without_tests(source: &str) -> &str {
    source.split("\n#[cfg(test)]").next().unwrap()
}

/// The string literals of a piece of Rust, in order. None of ours holds a quote.
fn literals(source: &str) -> Vec<&str> {
    source.split('"').skip(1).step_by(2).collect()
}

/// Everything that `words` names and `document` does not, in code marks.
fn missing<'w>(document: &str, words: impl IntoIterator<Item = &'w str>) -> Vec<String> {
    let said = |word: &&str| document.contains(&format!("`{word}`"));
    let unsaid = words.into_iter().filter(|word| !said(word));
    unsaid.map(ToOwned::to_owned).collect()
}

/// The text of one item of Rust: from its head to the line that closes it, which is indented as the head is.
fn item<'s>(source: &'s str, head: &str) -> &'s str {
    let from = source
        .find(head)
        .unwrap_or_else(|| panic!("no {head:?} in the code"));
    let line = source[..from].rfind('\n').map_or(0, |at| at + 1);
    let indent = source[line..].chars().take_while(|c| *c == ' ').count();
    let close = format!("\n{}}}", " ".repeat(indent));
    let end = source[from..].find(&close).unwrap() + from;
    &source[from..end]
}

/// The row of one knob, as the table in docs/settings.md has it.
fn row(knob: &str) -> String {
    let [name, value, default, help] = literals(knob)[..] else {
        panic!("a knob has four texts: {knob}");
    };
    let variable = name.replace('-', "_").to_uppercase();
    let default = if default.is_empty() {
        "none".to_owned()
    } else {
        format!("`{default}`")
    };
    format!("| `--{name}` | `PILOTFISH_{variable}` | `{value}` | {default} | {help} |")
}

#[test]
fn every_setting_has_its_row() {
    let settings = read("agent/src/settings/knobs.rs");
    let document = read("docs/settings.md");
    let mut count = 0;
    for table in ["DOCUMENT", "AGENT", "CHILD", "SANDBOX"] {
        let from = settings.find(&format!("pub const {table}: ")).unwrap();
        let end = settings[from..].find("\n];").unwrap() + from;
        let knobs = settings[from..end].replace("many(", "knob(");
        for knob in knobs.split("knob(").skip(1) {
            let row = row(knob);
            assert!(
                document.contains(&row),
                "docs/settings.md lacks this row:\n{row}"
            );
            count += 1;
        }
    }
    let rows = document.lines().filter(|line| line.starts_with("| `--"));
    let rows = rows.filter(|line| line.contains("| `PILOTFISH_")).count();
    assert_eq!(
        rows, count,
        "docs/settings.md has rows of settings that do not exist"
    );
}

#[test]
fn every_path_of_the_api_is_described() {
    let paths = read("agent/api/src/paths.rs");
    let document = read("docs/api.md");
    let found: Vec<&str> = literals(&paths)
        .into_iter()
        .filter(|text| text.starts_with('/'))
        .collect();
    assert!(found.len() > 10, "{found:?}");
    for path in found {
        let heading = |line: &str| line.starts_with("###") && line.contains(&format!(" {path}`"));
        assert!(
            document.lines().any(heading),
            "docs/api.md has no heading for {path}"
        );
    }
}

#[test]
fn every_command_is_described() {
    let document = read("docs/operating.md") + &read("docs/settings.md") + &read("README.md");
    let verbs = sources("agent/src/cli/grammar");
    let names = verbs.split("Verb {\n        name: \"").skip(1);
    let names: Vec<&str> = names.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let said = [
            format!("`{name}`"),
            format!("`{name} "),
            format!(" {name} "),
        ];
        assert!(
            said.iter().any(|said| document.contains(said)),
            "no document says what {name} is"
        );
    }
}

#[test]
fn every_code_of_an_error_is_described() {
    let document = read("docs/api.md");
    let http = read("agent/src/http/error.rs");
    let config = read("agent/src/config/error.rs");
    let bearer = read("agent/service/src/bearer.rs");
    let problems = read("agent/merge/src/problem.rs");
    let files = read("agent/durable/src/error.rs");
    let sandboxes = read("agent/sandbox/src/keeper/handle.rs");
    let operations = read("agent/src/operations/error.rs");
    let reasons = |source| literals(item(source, "fn reason(")).into_iter();
    let refusals = literals(item(&bearer, "fn words")).into_iter();
    let kinds = literals(item(&problems, "pub fn as_str")).into_iter();
    let codes: Vec<&str> = reasons(&http)
        .chain(reasons(&config))
        .chain(reasons(&files))
        .chain(reasons(&sandboxes))
        .chain(reasons(&operations))
        .chain(refusals.filter(|text| is_word(text)))
        .chain(kinds.filter(|text| is_word(text)))
        .collect();
    assert!(codes.len() > 45, "{codes:?}");
    assert_eq!(missing(&document, codes), [""; 0]);
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[test]
fn every_example_is_json() {
    let document = read("docs/api.md");
    let examples: Vec<&str> = document
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(examples.len() > 12);
    for example in examples {
        let read: Result<serde_json::Value, _> = serde_json::from_str(example);
        assert!(read.is_ok(), "{read:?} in\n{example}");
    }
}

/// Words of the wire, by the enum that has them.
#[test]
fn every_word_of_the_wire_is_described() {
    let document = read("docs/api.md");
    let wire = sources("agent/api/src");
    for name in [
        "Outcome",
        "Proof",
        "Reload",
        "ConfigState",
        "LayerStatus",
        "CheckView",
        "DriftMode",
        "DriftAction",
        "GatewayState",
        "Protection",
        "WatchMode",
        "ChildState",
        "Wait",
        "DaemonState",
        "DiskStep",
        "ImageState",
        "LiveView",
        "RemovalKind",
        "RemovalOutcome",
        "RemovalReason",
        "SandboxEvent",
        "SandboxKind",
        "SandboxState",
        "ScopeKind",
        "SuspensionState",
        "RestartState",
        "RestartWay",
    ] {
        let words = variants(item(&wire, &format!("pub enum {name} ")));
        assert!(words.len() > 2, "{name}: {words:?}");
        let absent = missing(&document, words.iter().map(String::as_str));
        assert_eq!(absent, [""; 0], "{name}");
    }
}

/// Fields of the wire that a reader cannot guess.
#[test]
fn what_a_daemon_and_a_measurement_tell_is_described() {
    let document = read("docs/api.md");
    let wire = sources("agent/api/src");
    let usage = fields(item(&wire, "pub struct UsageView "), "usage");
    assert_eq!(usage.len(), 3, "{usage:?}");
    let daemon = ["daemon.version", "daemon.api"].map(ToOwned::to_owned);
    let all = usage.iter().chain(&daemon).map(String::as_str);
    assert_eq!(missing(&document, all), [""; 0]);
}

/// The fields of a struct, below the name that it has in an answer.
fn fields(body: &str, name: &str) -> Vec<String> {
    let fields = body.lines().filter_map(|line| {
        let field = line.trim().strip_prefix("pub ")?.split_once(": ")?;
        Some(format!("{name}.{}", field.0))
    });
    fields.collect()
}

/// A limit that the document bounds too says so where it is looked up.
#[test]
fn a_setting_that_the_document_bounds_says_so() {
    let document = read("docs/settings.md");
    for name in [
        "sandbox-memory",
        "sandbox-cpus",
        "sandbox-pids",
        "sandbox-image",
    ] {
        let row = document
            .lines()
            .find(|line| line.starts_with(&format!("| `--{name}` |")));
        assert!(row.unwrap().contains("document"), "{row:?}");
    }
}

/// The variants of an enum, in snake_case.
fn variants(body: &str) -> Vec<String> {
    let lines = body
        .lines()
        .skip(1)
        .filter_map(|line| line.strip_prefix("    "));
    let heads = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    heads
        .map(|head| {
            let name = head.trim_end_matches([',', '{', ' ']);
            let mut snake = String::new();
            for (at, letter) in name.chars().enumerate() {
                if letter.is_ascii_uppercase() && at > 0 {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            snake
        })
        .collect()
}

#[test]
fn every_metric_is_described_with_its_labels() {
    let document = read("docs/metrics.md");
    let code = sources("agent");
    let families: Vec<&str> = literals_of_families(&code);
    assert!(families.len() > 10, "{families:?}");
    assert_eq!(missing(&document, families.iter().copied()), [""; 0]);
    let rows = document.lines().filter(|line| {
        FAMILIES
            .iter()
            .any(|head| line.starts_with(&format!("| `{head}")))
    });
    for row in rows {
        let name = row.split('`').nth(1).unwrap();
        assert!(
            families.contains(&name),
            "docs/metrics.md describes {name}, which does not exist"
        );
    }
    let metrics = read("agent/src/config/metrics.rs");
    let secrets = without_tests(&read("agent/src/secrets/metrics.rs")).to_owned();
    let labels = literals(item(&metrics, "fn outcome_label"))
        .into_iter()
        .chain(literals(item(&metrics, "fn action_label")))
        .chain(
            literals(secrets.split("for outcome in").nth(1).unwrap())
                .into_iter()
                .take(4),
        );
    assert_eq!(missing(&document, labels), [""; 0]);
}

/// How the names of families begin.
const FAMILIES: [&str; 3] = ["openclaw_", "pilotfish_", "process_"];

fn literals_of_families(code: &str) -> Vec<&str> {
    let quoted = code.split('"');
    let mut found: Vec<&str> = quoted
        .filter(|text| FAMILIES.iter().any(|head| text.starts_with(head)))
        .filter(|text| is_word(text))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A link to a file of this tree that is not there is a mistake, in every document.
#[test]
fn every_link_leads_somewhere() {
    let root = repository();
    let mut documents: Vec<_> = ["", "docs", "config", "config/runbooks"]
        .iter()
        .flat_map(|folder| fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    documents.retain(|path| path.extension().is_some_and(|kind| kind == "md"));
    assert!(documents.len() >= 30, "{documents:?}");
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let found = document.parent().unwrap().join(target);
            assert!(
                found.exists(),
                "{} links to {target}, which is not there",
                document.display()
            );
        }
    }
}
