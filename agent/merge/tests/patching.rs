//! What an RFC 6902 file of a layer may leave behind, and where it is told.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use config_merge::{LayerName, ProblemKind, Rules, merge};
use stage::{layer, rules};

#[test]
fn a_breach_stands_at_the_operation_that_brings_it() {
    let base = layer(LayerName::Base, "b", "{ arr: [1], other: 1 }");
    let cases = [
        (r#"{"op":"add","path":"/arr/-","value":2}"#, "arr.1"),
        (r#"{"op":"remove","path":"/arr/0"}"#, "arr.0"),
        (r#"{"op":"add","path":"/arr/0","value":2}"#, "arr.0"),
        (r#"{"op":"move","from":"/arr/0","path":"/arr/-"}"#, "arr.0"),
    ];
    for (operation, path) in cases {
        let text = format!("[{{\"op\":\"remove\",\"path\":\"/other\"}},\n  {operation}]");
        let layers = [base.clone(), layer(LayerName::User, "u.patch.json", &text)];
        let lock = rules(&format!("{{ locks: [{{ path: '{path}' }}] }}"));
        let problems = merge(&layers, &lock).unwrap_err();
        let places: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
        assert!(
            places.iter().all(|place| *place == (2, 3)),
            "{operation} {problems:?}"
        );
        assert_eq!(problems[0].path, path, "{operation}");
    }
    let shifts =
        "[{\"op\":\"remove\",\"path\":\"/other\"},\n  {\"op\":\"remove\",\"path\":\"/arr/0\"}]";
    let layers = [
        layer(LayerName::Base, "b", "{ arr: [1, 2], other: 1 }"),
        layer(LayerName::User, "u.patch.json", shifts),
    ];
    let problems = merge(&layers, &rules("{ locks: [{ path: 'arr.1' }] }")).unwrap_err();
    assert_eq!((problems[0].line, problems[0].column), (2, 3));
}

#[test]
fn a_patch_leaves_no_literal_at_a_key_of_credentials() {
    let base = "{ name: 'abcdefghi', kept: { source: 'env', provider: 'p', id: 'A' }, arr: [] }";
    let cases = [
        (
            r#"{"op":"add","path":"/q","value":"abcdefghi"},
{"op":"move","from":"/q","path":"/apiKey"}"#,
            Some("apiKey"),
        ),
        (
            r#"{"op":"test","path":"/name","value":"abcdefghi"},
{"op":"copy","from":"/name","path":"/apiKey"}"#,
            Some("apiKey"),
        ),
        (
            r#"{"op":"add","path":"/q","value":{"MY_KEY":"abcdefghi"}},
{"op":"move","from":"/q","path":"/env"}"#,
            Some("env.MY_KEY"),
        ),
        (
            r#"{"op":"add","path":"/tokens","value":[]},
{"op":"copy","from":"/name","path":"/tokens/-"}"#,
            Some("tokens.0"),
        ),
        (
            r#"{"op":"copy","from":"/kept","path":"/apiKey"},
{"op":"move","from":"/name","path":"/title"}"#,
            None,
        ),
        (
            r#"{"op":"move","from":"/name","path":"/apiKey"},
{"op":"move","from":"/apiKey","path":"/title"}"#,
            None,
        ),
    ];
    for name in [LayerName::Plan, LayerName::User] {
        for (operations, path) in cases {
            let text = format!("[{operations}]");
            let layers = [
                layer(LayerName::Base, "b", base),
                layer(name, "x.patch.json", &text),
            ];
            let problems = merge(&layers, &Rules::none()).err().unwrap_or_default();
            let told: Vec<_> = problems
                .iter()
                .map(|p| (p.kind, p.path.as_str(), p.line, p.layer))
                .collect();
            let wanted = path.map(|path| (ProblemKind::Credential, path, 2, Some(name)));
            assert_eq!(told, Vec::from_iter(wanted), "{text}");
            assert!(problems.iter().all(|p| !p.message.contains("abcdefghi")));
        }
    }
}
