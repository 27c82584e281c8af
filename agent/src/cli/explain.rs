//! `explain KEY`: who set it, what that hid, what was refused, what locks it.

use agent_api::{
    ConfigView, ExplainResponse, PATH_CONFIG, PATH_CONFIG_EXPLAIN, ProblemView, ProvenanceEntry,
};
use clap::ArgMatches;
use config_merge::KeyPath;
use serde_json::Value;

use super::answer::Answer;
use super::diff::short;
use super::error::Error;
use super::paint::{Paint, plain};
use super::problems::spot;
use super::table::table;
use super::way::{State, Way};
use super::{knobs, nearest};
use crate::config::Reasons;

/// Explains one key.
pub(super) fn explain(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let words = matches.get_one::<String>("key").map_or("", String::as_str);
    let path: KeyPath = words.parse().map_err(Error::Key)?;
    let way = Way::find(matches, State::Optional, knobs::need_layers)?;
    let answer: ExplainResponse = match &way {
        Way::Files(offline) => offline.explain(&path)?,
        Way::Agent(agent) => agent.get(&format!(
            "{PATH_CONFIG_EXPLAIN}?path={}",
            encoded(&path.to_string())
        ))?,
    };
    let unknown = is_unknown(&answer);
    if !unknown && !is_branch(&answer) {
        return Ok(Answer::new(text(&answer, paint), &answer));
    }
    let reasons = match &way {
        Way::Files(offline) => offline.reasons()?,
        Way::Agent(agent) => reasons(agent.get(PATH_CONFIG)?),
    };
    if unknown {
        let near = nearest::names(&path, &reasons.document);
        return Err(Error::Unknown {
            key: words.to_owned(),
            near,
        });
    }
    let text = format!("{}{}", text(&answer, paint), below(&path, &reasons, paint));
    Ok(Answer::new(text, &answer))
}

fn reasons(view: ConfigView) -> Reasons {
    Reasons {
        document: view.document,
        provenance: view.provenance,
    }
}

fn is_unknown(answer: &ExplainResponse) -> bool {
    answer.value.is_none()
        && answer.origin.is_none()
        && answer.hidden.is_empty()
        && answer.refused.is_empty()
        && answer.locked_by.is_none()
}

fn is_branch(answer: &ExplainResponse) -> bool {
    answer
        .value
        .as_ref()
        .and_then(Value::as_object)
        .is_some_and(|map| !map.is_empty())
}

fn text(answer: &ExplainResponse, paint: Paint) -> String {
    let head = match &answer.value {
        _ if is_branch(answer) => String::new(),
        Some(value) => format!(" = {}", plain(&value.to_string())),
        None => " is not set".to_owned(),
    };
    let key = if answer.path.is_empty() {
        "(the whole document)".to_owned()
    } else {
        plain(&answer.path)
    };
    format!(
        "{}{head}\n{}",
        paint.strong(&key),
        table(&reasons_of(answer, paint))
    )
}

/// What there is to say, each with its word in front.
fn reasons_of(answer: &ExplainResponse, paint: Paint) -> Vec<Vec<String>> {
    let since = answer
        .since_generation
        .map(|number| format!("(since generation {number})"))
        .unwrap_or_default();
    let row = |word: &str, layer: &str, place: String, more: String| {
        vec![format!("  {word}"), plain(layer), place, more]
    };
    let mut rows = Vec::new();
    if let Some(origin) = &answer.origin {
        let word = if answer.value.is_some() {
            "set by"
        } else {
            "removed by"
        };
        rows.push(row(
            word,
            &origin.layer,
            spot(&origin.file, origin.line, origin.column),
            paint.faint(&since),
        ));
    }
    for hidden in &answer.hidden {
        let (origin, value) = (
            &hidden.origin,
            hidden
                .value
                .as_ref()
                .map_or_else(|| "removed it".to_owned(), short),
        );
        rows.push(row(
            "hides",
            &origin.layer,
            spot(&origin.file, origin.line, origin.column),
            value,
        ));
    }
    for refused in &answer.refused {
        let problem = &refused.problem;
        let value = refused
            .value
            .as_ref()
            .map(|value| format!("{}: ", short(value)))
            .unwrap_or_default();
        let layer = problem.layer.as_deref().unwrap_or_default();
        rows.push(row(
            &paint.warning("refused"),
            layer,
            spot(&problem.file, problem.line, problem.column),
            format!(
                "{value}{}{}",
                elsewhere(problem, &answer.path),
                plain(&problem.message)
            ),
        ));
    }
    if let Some(lock) = &answer.locked_by {
        let why = lock.why.as_deref().map(plain).unwrap_or_default();
        rows.push(row(
            "locked by",
            &lock.rule,
            spot(&lock.file, lock.line, lock.column),
            why,
        ));
    }
    rows
}

/// The other key that a problem is about, which took this one with it.
fn elsewhere(problem: &ProblemView, key: &str) -> String {
    if problem.path.is_empty() || problem.path == key {
        String::new()
    } else {
        format!("with {}: ", plain(&problem.path))
    }
}

/// The keys below a key, each with its value and who set it.
fn below(path: &KeyPath, reasons: &Reasons, paint: Paint) -> String {
    let inside = |entry: &&ProvenanceEntry| {
        entry
            .path
            .parse::<KeyPath>()
            .is_ok_and(|key| path.covers(&key) && is_leaf(&key, &reasons.document))
    };
    let row = |entry: &ProvenanceEntry| {
        let key: KeyPath = entry.path.parse().unwrap_or_default();
        let value = key.find(&reasons.document).map(short).unwrap_or_default();
        let place = format!(
            "{} {}",
            plain(&entry.layer),
            spot(&entry.file, entry.line, entry.column)
        );
        vec![
            format!("    {}", plain(&entry.path)),
            format!("= {value}"),
            paint.faint(&place),
        ]
    };
    let rows: Vec<_> = reasons.provenance.iter().filter(inside).map(row).collect();
    table(&rows)
}

/// Lists are shown whole: what is inside them is set together.
fn is_leaf(key: &KeyPath, document: &Value) -> bool {
    let mut above = key.clone();
    while !above.is_root() {
        above.pop();
        if above.find(document).is_some_and(Value::is_array) {
            return false;
        }
    }
    key.find(document)
        .is_some_and(|value| value.as_object().is_none_or(serde_json::Map::is_empty))
}

/// A path as part of a query.
fn encoded(text: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_api::{HiddenValue, LockView, OriginView, RefusedValue};
    use serde_json::json;

    fn origin(layer: &str, file: &str) -> OriginView {
        OriginView {
            layer: layer.to_owned(),
            file: file.to_owned(),
            line: 12,
            column: 5,
        }
    }

    fn answer() -> ExplainResponse {
        let problem = ProblemView {
            layer: Some("user".to_owned()),
            file: "user.json5".to_owned(),
            line: 3,
            column: 5,
            path: "gateway.bind".to_owned(),
            kind: "locked".to_owned(),
            message: "locked by policy (locks.json5:4:5): one gate".to_owned(),
            cure: String::new(),
        };
        ExplainResponse {
            path: "gateway.bind".to_owned(),
            value: Some(json!("loopback")),
            origin: Some(origin("base", "10-gateway.json5")),
            hidden: vec![HiddenValue {
                origin: origin("base", "00-first.json5"),
                value: Some(json!("lan")),
            }],
            refused: vec![RefusedValue {
                value: None,
                problem,
            }],
            locked_by: Some(LockView {
                rule: "gateway.*".to_owned(),
                file: "locks.json5".to_owned(),
                line: 4,
                column: 5,
                why: Some("one gate".to_owned()),
            }),
            since_generation: Some(3),
        }
    }

    #[test]
    fn a_key_is_explained_as_people_would_show_it_around() {
        let expected = "\
gateway.bind = \"loopback\"
  set by     base       10-gateway.json5:12:5  (since generation 3)
  hides      base       00-first.json5:12:5    \"lan\"
  refused    user       user.json5:3:5         locked by policy (locks.json5:4:5): one gate
  locked by  gateway.*  locks.json5:4:5        one gate
";
        assert_eq!(text(&answer(), Paint::PLAIN), expected);
    }

    #[test]
    fn a_key_that_went_with_another_says_with_which() {
        let mut with = answer();
        with.path = "logging.level".to_owned();
        with.refused[0].value = Some(json!("debug"));
        let said = text(&with, Paint::PLAIN);
        assert!(
            said.contains("\"debug\": with gateway.bind: locked by policy"),
            "{said}"
        );
    }

    #[test]
    fn a_removed_key_says_who_removed_it() {
        let gone = ExplainResponse {
            value: None,
            refused: Vec::new(),
            locked_by: None,
            since_generation: None,
            ..answer()
        };
        assert_eq!(
            text(&gone, Paint::PLAIN).lines().next(),
            Some("gateway.bind is not set")
        );
        assert!(text(&gone, Paint::PLAIN).contains("  removed by  base"));
        assert!(!is_unknown(&gone));
        assert!(is_unknown(&ExplainResponse {
            origin: None,
            hidden: Vec::new(),
            ..gone
        }));
    }

    #[test]
    fn a_branch_lists_its_leaves() {
        let entry = |path: &str| ProvenanceEntry {
            path: path.to_owned(),
            layer: "base".to_owned(),
            file: "b".to_owned(),
            line: 1,
            column: 2,
            since_generation: 0,
        };
        let reasons = Reasons {
            document: json!({"a": {"b": 1, "c": {}, "l": [1, {"x": 2}]}, "ab": 2}),
            provenance: ["a", "a.b", "a.c", "a.l", "a.l[0]", "a.l[1]", "ab"]
                .map(entry)
                .to_vec(),
        };
        let listed = below(&"a".parse().unwrap(), &reasons, Paint::PLAIN);
        assert_eq!(
            listed,
            "    a.b  = 1            base b:1:2\n    a.c  = {}           base b:1:2\n    a.l  = [1,{\"x\":2}]  base b:1:2\n"
        );
    }

    #[test]
    fn a_path_survives_the_query() {
        assert_eq!(encoded("a[\"b.c\"]"), "a%5B%22b.c%22%5D");
    }
}
