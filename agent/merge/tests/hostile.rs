//! Whatever the bytes are: a problem, never a panic, never a hang.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::{Duration, Instant};

use config_merge::{
    Layer, LayerName, MAX_FILE_BYTES, Problem, Rules, Source, merge, merge_lenient, redact,
    redact_text, render,
};
use proptest::prelude::*;
use serde_json::json;

fn source(file: &str, bytes: impl Into<Vec<u8>>) -> Source {
    Source {
        file: file.to_owned(),
        bytes: bytes.into(),
    }
}

fn rules(text: &str) -> Rules {
    Rules::parse(&source("locks.json5", text)).unwrap()
}

/// Generous for a debug build on a busy machine; what is quadratic takes minutes.
const IN_TIME: Duration = Duration::from_secs(20);

fn in_time<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    assert!(
        start.elapsed() < IN_TIME,
        "{what} took {:?}",
        start.elapsed()
    );
    done
}

fn filled(open: &str, part: impl Fn(usize) -> String, close: &str) -> String {
    let mut text = open.to_owned();
    for n in 0.. {
        let next = part(n);
        if text.len() + next.len() + close.len() > MAX_FILE_BYTES {
            break;
        }
        text.push_str(&next);
    }
    text.push_str(close);
    text
}

#[test]
fn large_files_take_their_time_and_no_more() {
    let rules = rules("{ locks: ['a.*.b', '*.x', 'k7'], bounds: { '*': { min: 1 } } }");
    let cases = [
        ("one line", filled("{", |n| format!("k{n}:{n},"), "}")),
        ("lines", filled("{", |n| format!("k{n}: {{}},\n"), "}")),
        ("an array", filled("{a:[", |_| "0,".to_owned(), "]}")),
        ("nulls", filled("{", |n| format!("k{n}:null,"), "}")),
        ("comments", filled("{", |_| "/**/".to_owned(), "}")),
        ("stars", filled("{/*", |_| "*".to_owned(), "*/}")),
        ("strings", filled("{a:'", |_| "\\n".to_owned(), "'}")),
        ("duplicates", filled("{", |_| "a:1,".to_owned(), "}")),
        ("digits", filled("{a:", |_| "9".to_owned(), "}")),
        ("open", filled("{a:'", |_| "x".to_owned(), "")),
        (
            "keys like credentials",
            filled("{", |n| format!("sk-{n}:'sk-',"), "}"),
        ),
        (
            "secrets",
            filled("{", |n| format!("token{n}Token:'x',"), "}"),
        ),
    ];
    for (what, text) in cases {
        in_time(what, || {
            let base = Layer::parse(LayerName::Base, &[source("b.json5", text.as_str())]);
            let user = Layer::parse(LayerName::User, &[source("u.json5", text)]);
            if let (Ok(base), Ok(user)) = (base, user) {
                let merged = merge_lenient(&[base, user], &rules).unwrap();
                let _ = (render(&merged.document), redact(&merged.document));
            }
        });
    }
}

#[test]
fn operations_cannot_blow_the_document_up() {
    let base = Layer::parse(LayerName::Base, &[source("b", "{ a: { b: 1 }, l: [0] }")]).unwrap();
    let double = r#"{"op":"copy","from":"","path":"/a/x"},{"op":"copy","from":"/a","path":"/a/y"}"#;
    let deeper = |n: usize| {
        format!(
            r#"{{"op":"add","path":"{}/a","value":{{"a":{{}}}}}}"#,
            "/a".repeat(n)
        )
    };
    let cases = [
        vec![double.to_owned(); 400].join(","),
        (0..400).map(deeper).collect::<Vec<_>>().join(","),
        vec![r#"{"op":"copy","from":"/l","path":"/l/0"}"#.to_owned(); 900].join(","),
        vec![r#"{"op":"move","from":"/a","path":"/a/b"}"#.to_owned(); 900].join(","),
    ];
    for operations in cases {
        in_time(&operations[..40], || {
            let user = source("u.patch.json", format!("[{operations}]"));
            let user = Layer::parse(LayerName::User, &[user]).unwrap();
            let merged =
                merge_lenient(&[base.clone(), user], &rules("{ locks: ['*.b'] }")).unwrap();
            assert_eq!(merged.left_out.len(), 1);
            assert_eq!(merged.document, json!({"a": {"b": 1}, "l": [0]}));
        });
    }
}

#[test]
fn many_files_that_say_the_same_keep_a_short_history() {
    let text = |n: usize| source(&format!("{n}.json5"), format!("{{ a: {{ b: {n} }} }}"));
    let flat = |n: usize| source(&format!("{n}.json5"), format!("{{ a: {n} }}"));
    let files: Vec<_> = (0..250)
        .map(|n| if n % 2 == 0 { text(n) } else { flat(n) })
        .collect();
    let layers: Vec<_> = LayerName::ALL
        .map(|name| Layer::parse(name, &files).unwrap())
        .into();
    let merged = merge(&layers, &Rules::none()).unwrap();
    let explained = merged.provenance.explain(&"a.b".parse().unwrap()).unwrap();
    assert!((1..100).contains(&explained.hidden.len()));
}

#[test]
fn problems_never_hold_a_credential() {
    let secret = format!("sk-{}", "a1B2".repeat(8));
    let texts = [
        format!("{{ token: '{secret}' }}"),
        format!("{{ '{secret}': 1 }}"),
        format!("{{ '{secret}': {{ a: 1, a: 2, b: NaN }} }}"),
        format!("{{ gateway: {{ '{secret}': 1 }}, x: {secret} }}"),
        format!("{{ x: 'a{secret}\n' }}"),
        format!("{{ $pilotfish: {{ '{secret}': 1 }} }}"),
        format!("[{{\"op\":\"add\",\"path\":\"/{secret}/a\",\"value\":\"{secret}\"}}]"),
        format!("[{{\"op\":\"{secret}\",\"path\":\"/{secret}\"}}]"),
    ];
    let shown = |problems: &[Problem]| {
        for problem in problems {
            let text = format!(
                "{problem} {problem:?} {}",
                serde_json::to_string(problem).unwrap()
            );
            assert!(!text.contains(&secret), "{text}");
        }
    };
    for text in texts {
        for file in ["u.json5", "u.patch.json"] {
            let problems =
                Layer::parse(LayerName::User, &[source(file, text.as_str())]).unwrap_err();
            assert!(!problems.is_empty());
            shown(&problems);
        }
        shown(&Rules::parse(&source("locks.json5", text.as_str())).unwrap_err());
    }
    assert_eq!(redact_text(&secret), "[redacted]");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[\\[\\]{}:,'\"/*\\\\ \n0-9a-z$~.+-]{0,80}".prop_map(String::into_bytes),
            "\\[(\\{\"op\":\"(add|move|copy|remove|test)\",\"path\":\"[/a~0-1-]{0,6}\",\"from\":\"[/a]{0,3}\",\"value\":[1\\[\\]]{1,2}\\},?){0,4}\\]"
                .prop_map(String::into_bytes),
        ],
        name in prop::sample::select(&LayerName::ALL[..]),
    ) {
        let locks = Rules::parse(&source("l", bytes.clone()));
        let rules = locks.unwrap_or_else(|_| rules("{ locks: ['a.*'], bounds: { b: { min: 1 } } }"));
        for file in ["x.json5", "x.patch.json"] {
            match Layer::parse(name, &[source(file, bytes.clone())]) {
                Ok(layer) => {
                    if let Ok(merged) = merge_lenient(&[layer], &rules) {
                        let _ = (render(&merged.document), redact(&merged.document));
                        prop_assert!(merged.provenance.entries().count() < 1_000);
                    }
                }
                Err(problems) => {
                    prop_assert!(!problems.is_empty());
                    for problem in problems {
                        prop_assert!(!problem.message.is_empty() && !problem.cure.is_empty());
                        prop_assert!(problem.to_string().starts_with(file));
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_redacted(text in ".*|([a-z:/@.-]|sk-|eyJ|-----BEGIN |PRIVATE KEY-----|é){0,40}") {
        let _ = redact_text(&text);
    }
}
