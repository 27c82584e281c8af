//! No bound layer gets past a lock or a bound, in any way that there is.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use config_merge::{
    KeyPath, Layer, LayerName, Pattern, ProblemKind, Rules, Source, merge, merge_lenient,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use stage::{layer, rules, source};

const LOCKS: &str = "{
  locks: ['gateway.*', 'secrets', 'agents.entries.*.sandbox.mode', 'list.*.locked',
    { path: 'commands.restart', value: true, why: 'SIGUSR2 is the undo' }],
  bounds: {
    'agents.defaults.maxConcurrent': { min: 1, max: 4 },
    'tools.exec.mode': { oneOf: ['deny', 'ask'] },
    'agents.entries.*.sandbox.docker.memory': { max: '512m' },
  },
}";

const BASE: &str = "{
  gateway: { port: 18789, auth: { mode: 'token' } },
  secrets: { providers: { pilotfish: { source: 'file', path: '/run/x' } } },
  agents: { defaults: { maxConcurrent: 2 }, entries: { main: { sandbox: { mode: 'all', docker: { memory: '256m' } } }, free: {} } },
  tools: { exec: { mode: 'ask' } },
  list: [{ a: 1 }, { locked: 1 }, { b: 2 }],
  other: { port: 1, mode: 'off' },
}";

/// Merges a user file over the base: what the strict merge refuses, by kind and path.
fn refused(file: &str, text: &str) -> Vec<(ProblemKind, String)> {
    let layers = [
        layer(LayerName::Base, "base.json5", BASE),
        layer(LayerName::User, file, text),
    ];
    let rules = rules(LOCKS);
    let lenient = merge_lenient(&layers, &rules).unwrap();
    let Err(problems) = merge(&layers, &rules) else {
        assert!(lenient.left_out.is_empty(), "{text}");
        return Vec::new();
    };
    assert_eq!(lenient.left_out, problems, "{text}");
    assert!(
        problems
            .iter()
            .all(|problem| problem.line > 0 && problem.file == file)
    );
    let mut told: Vec<_> = problems
        .into_iter()
        .map(|problem| (problem.kind, problem.path))
        .collect();
    told.sort();
    told
}

#[test]
fn merge_patches_are_held_by_locks() {
    let cases = [
        ("{ gateway: { port: 1 } }", vec!["gateway.port"]),
        ("{ gateway: { port: 18789 } }", vec!["gateway.port"]),
        ("{ gateway: { port: null } }", vec!["gateway.port"]),
        ("{ gateway: { fresh: {} } }", vec!["gateway.fresh"]),
        (
            "{ gateway: { auth: { mode: 'none' } } }",
            vec!["gateway.auth"],
        ),
        ("{ gateway: null }", vec!["gateway"]),
        ("{ gateway: [] }", vec!["gateway"]),
        ("{ gateway: 'x' }", vec!["gateway"]),
        ("{ gateway: {} }", vec![]),
        ("{ secrets: {} }", vec!["secrets"]),
        ("{ secrets: null }", vec!["secrets"]),
        ("{ agents: null }", vec!["agents"]),
        ("{ agents: { entries: 5 } }", vec!["agents.entries"]),
        (
            "{ agents: { entries: { main: null } } }",
            vec!["agents.entries.main"],
        ),
        ("{ agents: { entries: { free: null } } }", vec![]),
        (
            "{ agents: { entries: { main: { sandbox: { mode: 'off' } } } } }",
            vec!["agents.entries.main.sandbox.mode"],
        ),
        (
            "{ agents: { entries: { fresh: { sandbox: { mode: 'all' } } } } }",
            vec!["agents.entries.fresh.sandbox.mode"],
        ),
        ("{ agents: { entries: { fresh: { name: 'x' } } } }", vec![]),
        (
            "{ agents: { entries: { main: { sandbox: [] } } } }",
            vec!["agents.entries.main.sandbox"],
        ),
        ("{ list: [] }", vec!["list"]),
        (
            "{ list: [{ a: 1 }, { locked: 1 }, { b: 2 }] }",
            vec!["list"],
        ),
        ("{ list: { '0': { locked: 1 } } }", vec!["list"]),
        ("{ commands: { restart: false } }", vec!["commands.restart"]),
        ("{ commands: { restart: true } }", vec!["commands.restart"]),
        ("{ commands: null }", vec!["commands"]),
        ("{ commands: 5 }", vec!["commands"]),
        ("{ commands: { other: 1 } }", vec![]),
        (
            "{ gateway: { port: 1 }, secrets: 1, fine: 2 }",
            vec!["gateway.port", "secrets"],
        ),
    ];
    for (text, wanted) in cases {
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|path| (ProblemKind::Locked, path.to_owned()))
            .collect();
        assert_eq!(refused("u.json5", text), wanted, "{text}");
    }
}

#[test]
fn operations_are_held_by_locks() {
    let cases = [
        (r#"{"op":"replace","path":"/gateway/port","value":1}"#, true),
        (
            r#"{"op":"replace","path":"/gateway/auth/mode","value":"none"}"#,
            true,
        ),
        (r#"{"op":"add","path":"/gateway/port","value":18789}"#, true),
        (r#"{"op":"remove","path":"/gateway/port"}"#, true),
        (r#"{"op":"remove","path":"/gateway"}"#, true),
        (r#"{"op":"move","from":"/gateway","path":"/x"}"#, true),
        (r#"{"op":"move","from":"/gateway/port","path":"/x"}"#, true),
        (
            r#"{"op":"move","from":"/other/port","path":"/gateway/port"}"#,
            true,
        ),
        (
            r#"{"op":"copy","from":"/other/port","path":"/gateway/port"}"#,
            true,
        ),
        (r#"{"op":"copy","from":"/other","path":"/gateway"}"#, true),
        (
            r#"{"op":"copy","from":"/other","path":"/agents/entries/main/sandbox"}"#,
            true,
        ),
        (
            r#"{"op":"copy","from":"/agents/entries/main","path":"/agents/entries/fresh"}"#,
            true,
        ),
        (
            r#"{"op":"copy","from":"/agents/entries/main","path":"/elsewhere"}"#,
            false,
        ),
        (r#"{"op":"add","path":"","value":{}}"#, true),
        (r#"{"op":"replace","path":"","value":{}}"#, true),
        (r#"{"op":"copy","from":"/other","path":""}"#, true),
        (
            r#"{"op":"add","path":"/agents/entries/fresh","value":{"sandbox":{"mode":"all"}}}"#,
            true,
        ),
        (
            r#"{"op":"add","path":"/agents/entries/fresh","value":{"name":"x"}}"#,
            false,
        ),
        (r#"{"op":"remove","path":"/list/1"}"#, true),
        (r#"{"op":"remove","path":"/list/0"}"#, true),
        (r#"{"op":"remove","path":"/list/2"}"#, false),
        (r#"{"op":"add","path":"/list/0","value":{}}"#, true),
        (r#"{"op":"add","path":"/list/-","value":{}}"#, false),
        (
            r#"{"op":"add","path":"/list/-","value":{"locked":1}}"#,
            true,
        ),
        (
            r#"{"op":"test","path":"/gateway/port","value":18789}"#,
            false,
        ),
        (
            r#"{"op":"copy","from":"/gateway/port","path":"/seen"}"#,
            false,
        ),
        (
            r#"{"op":"add","path":"/commands","value":{"restart":false}}"#,
            true,
        ),
        (r#"{"op":"move","from":"/commands","path":"/x"}"#, true),
        (
            r#"{"op":"move","from":"/agents/entries/main","path":"/x"},{"op":"move","from":"/x","path":"/agents/entries/main"}"#,
            true,
        ),
    ];
    for (operation, breaks) in cases {
        let told = refused("u.patch.json", &format!("[{operation}]"));
        assert_eq!(!told.is_empty(), breaks, "{operation} {told:?}");
        assert!(
            told.iter().all(|(kind, _)| *kind == ProblemKind::Locked),
            "{operation} {told:?}"
        );
    }
}

#[test]
fn bounds_hold() {
    let cases = [
        ("{ agents: { defaults: { maxConcurrent: 4 } } }", vec![]),
        (
            "{ agents: { defaults: { maxConcurrent: 5 } } }",
            vec!["agents.defaults.maxConcurrent"],
        ),
        (
            "{ agents: { defaults: { maxConcurrent: '3' } } }",
            vec!["agents.defaults.maxConcurrent"],
        ),
        (
            "{ agents: { defaults: { maxConcurrent: {} } } }",
            vec!["agents.defaults.maxConcurrent"],
        ),
        (
            "{ agents: { defaults: { maxConcurrent: null } } }",
            vec!["agents.defaults.maxConcurrent"],
        ),
        ("{ agents: { defaults: null } }", vec!["agents.defaults"]),
        ("{ agents: { defaults: [] } }", vec!["agents.defaults"]),
        (
            "{ tools: { exec: { mode: 'full' } } }",
            vec!["tools.exec.mode"],
        ),
        (
            "{ tools: { exec: { mode: '${MODE}' } } }",
            vec!["tools.exec.mode"],
        ),
        ("{ tools: { exec: { mode: 'deny' } } }", vec![]),
        (
            "{ agents: { entries: { fresh: { sandbox: { docker: { memory: '1Gi' } } } } } }",
            vec!["agents.entries.fresh.sandbox.docker.memory"],
        ),
        (
            "{ agents: { entries: { fresh: { sandbox: { docker: { memory: '0.5g' } } } } } }",
            vec![],
        ),
        (
            "{ agents: { entries: { fresh: { sandbox: { docker: { memory: 0 } } } } } }",
            vec!["agents.entries.fresh.sandbox.docker.memory"],
        ),
        (
            "{ agents: { entries: { free: { sandbox: { docker: null } } } } }",
            vec![],
        ),
    ];
    for (text, wanted) in cases {
        let wanted: Vec<_> = wanted
            .into_iter()
            .map(|path| (ProblemKind::Bound, path.to_owned()))
            .collect();
        assert_eq!(refused("u.json5", text), wanted, "{text}");
    }
    let operations = [
        (
            r#"{"op":"replace","path":"/tools/exec/mode","value":"full"}"#,
            true,
        ),
        (
            r#"{"op":"replace","path":"/tools/exec/mode","value":"deny"}"#,
            false,
        ),
        (
            r#"{"op":"copy","from":"/other/mode","path":"/tools/exec/mode"}"#,
            true,
        ),
        (
            r#"{"op":"copy","from":"/other","path":"/tools/exec"}"#,
            true,
        ),
        (r#"{"op":"remove","path":"/tools"}"#, true),
        (r#"{"op":"move","from":"/tools","path":"/x"}"#, true),
        (
            r#"{"op":"add","path":"/tools/exec","value":{"mode":"deny"}}"#,
            false,
        ),
        (r#"{"op":"add","path":"/tools/exec","value":{}}"#, true),
        (
            r#"{"op":"add","path":"/agents/defaults/maxConcurrent","value":null}"#,
            true,
        ),
    ];
    for (operation, breaks) in operations {
        let told = refused("u.patch.json", &format!("[{operation}]"));
        assert_eq!(!told.is_empty(), breaks, "{operation} {told:?}");
        assert!(
            told.iter().all(|(kind, _)| *kind == ProblemKind::Bound),
            "{operation} {told:?}"
        );
    }
}

#[test]
fn a_user_may_take_back_what_only_the_user_set() {
    let base = layer(LayerName::Base, "b", "{}");
    let files = [
        source("1.json5", "{ tools: { exec: { mode: 'deny' } } }"),
        source("2.json5", "{ tools: { exec: null } }"),
    ];
    let user = Layer::parse(LayerName::User, &files).unwrap();
    assert!(merge(&[base, user], &rules(LOCKS)).is_ok());
}

#[test]
fn operators_are_free() {
    let layers = [
        layer(LayerName::Base, "b", BASE),
        layer(
            LayerName::Plan,
            "p",
            "{ gateway: { port: 1 }, agents: { defaults: { maxConcurrent: 99 } } }",
        ),
        layer(
            LayerName::Policy,
            "q",
            "{ tools: { exec: { mode: 'full' } } }",
        ),
    ];
    let merged = merge(&layers, &rules(LOCKS)).unwrap();
    assert_eq!(merged.document["gateway"]["port"], 1);
    assert_eq!(merged.document["tools"]["exec"]["mode"], "full");
}

#[test]
fn a_required_value_is_set_or_demanded() {
    let rules = rules(LOCKS);
    let merged = merge(&[layer(LayerName::Base, "b", BASE)], &rules).unwrap();
    assert_eq!(merged.document["commands"]["restart"], true);
    let path: KeyPath = "commands.restart".parse().unwrap();
    let origin = merged.provenance.origin(&path).unwrap();
    assert_eq!(
        (origin.layer, origin.to_string().as_str()),
        (LayerName::Policy, "locks.json5:3:5")
    );
    for text in ["{ commands: { restart: false } }", "{ commands: 5 }"] {
        let problems = merge(&[layer(LayerName::Base, "b.json5", text)], &rules).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(
            (problems[0].kind, problems[0].file.as_str()),
            (ProblemKind::Locked, "b.json5")
        );
        assert!(problems[0].line > 0 && problems[0].message.contains("must be true"));
        assert!(merge_lenient(&[layer(LayerName::Base, "b", text)], &rules).is_err());
    }
    let policy = layer(LayerName::Policy, "p", "{ commands: { restart: true } }");
    let base = layer(LayerName::Base, "b", "{ commands: { restart: false } }");
    assert!(merge(&[base, policy], &rules).is_ok());
}

#[test]
fn a_message_says_where_and_why() {
    let layers = [
        layer(LayerName::Base, "base.json5", BASE),
        layer(
            LayerName::User,
            "user.json5",
            "{\n  commands: {\n    restart: false,\n  },\n  agents: null }",
        ),
    ];
    let problems = merge(&layers, &rules(LOCKS)).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "user.json5:3:5: commands.restart: locked by policy (locks.json5:3:5): SIGUSR2 is the undo\n  \
         cure: take it out of this layer; only the operator's layers may set it"
    );
    assert_eq!(
        problems[1].message,
        "this would change agents.entries.main.sandbox.mode, which is locked by policy (locks.json5:2:35)"
    );
}

#[test]
fn a_lenient_merge_leaves_out_only_what_breaks_a_rule() {
    let layers = [
        layer(LayerName::Base, "b", BASE),
        layer(
            LayerName::User,
            "u",
            "{ gateway: { port: 1 }, logging: { level: 'debug' }, tools: { exec: { mode: 'full', more: 1 } } }",
        ),
        layer(LayerName::Runtime, "r", "{ secrets: null, meta: { v: 1 } }"),
    ];
    let merged = merge_lenient(&layers, &rules(LOCKS)).unwrap();
    assert_eq!(merged.document["gateway"]["port"], 18789);
    assert_eq!(merged.document["logging"]["level"], "debug");
    assert_eq!(
        merged.document["tools"]["exec"],
        json!({"mode": "ask", "more": 1})
    );
    assert_eq!(merged.document["meta"]["v"], 1);
    let paths: Vec<_> = merged
        .left_out
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(paths, ["gateway.port", "tools.exec.mode", "secrets"]);
}

#[test]
fn a_user_layer_does_not_hold_a_policy_back() {
    let layers = [
        layer(LayerName::Base, "b", "{ a: { b: 1 } }"),
        layer(LayerName::User, "u", "{ a: 'flat', fine: 1 }"),
        layer(LayerName::Runtime, "r", "{ kept: 1 }"),
        layer(
            LayerName::Policy,
            "p.patch.json",
            r#"[{"op":"replace","path":"/a/b","value":2}]"#,
        ),
    ];
    assert!(merge(&layers, &Rules::none()).is_err());
    let merged = merge_lenient(&layers, &Rules::none()).unwrap();
    assert_eq!(merged.document, json!({"a": {"b": 2}, "kept": 1}));
    assert_eq!(merged.left_out.len(), 1);
    assert_eq!(merged.left_out[0].layer, Some(LayerName::User));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (0..3).prop_map(Value::from),
        "[ab]".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            any_object(inner)
        ]
    })
}

fn any_object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[abc01]", inner, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn any_file() -> impl Strategy<Value = (bool, Value)> {
    let pointer = || {
        prop::collection::vec("[abc01]|-", 0..4)
            .prop_map(|keys| keys.iter().map(|key| format!("/{key}")).collect::<String>())
    };
    let op = prop_oneof![
        Just("add"),
        Just("remove"),
        Just("replace"),
        Just("move"),
        Just("copy")
    ];
    let operation =
        (op, pointer(), pointer(), any_value()).prop_map(|(op, path, from, value)| match op {
            "remove" => json!({"op": op, "path": path}),
            "move" | "copy" => json!({"op": op, "path": path, "from": from}),
            _ => json!({"op": op, "path": path, "value": value}),
        });
    prop_oneof![
        any_object(any_value()).prop_map(|value| (false, value)),
        prop::collection::vec(operation, 1..4).prop_map(|operations| (true, operations.into())),
    ]
}

fn layer_of(name: LayerName, files: &[(bool, Value)]) -> Layer {
    let files: Vec<Source> = files
        .iter()
        .enumerate()
        .map(|(at, (patch, value))| {
            let end = if *patch { "patch.json" } else { "json5" };
            source(&format!("{name}{at}.{end}"), &value.to_string())
        })
        .collect();
    Layer::parse(name, &files).unwrap()
}

/// Every value at a locked path, with its path.
fn locked(document: &Value, locks: &[Pattern]) -> Vec<(KeyPath, Value)> {
    fn walk(value: &Value, path: &KeyPath, locks: &[Pattern], found: &mut Vec<(KeyPath, Value)>) {
        if locks.iter().any(|lock| lock.matches(path)) {
            found.push((path.clone(), value.clone()));
        }
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| walk(value, &path.child(key), locks, found)),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(at, item)| walk(item, &path.child(&at.to_string()), locks, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(document, &KeyPath::root(), locks, &mut found);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn any_lock() -> impl Strategy<Value = String> {
    prop::collection::vec("[abc01*]", 1..4).prop_map(|keys| keys.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_user_layers_gets_past_a_lock(
        base in prop::collection::vec(any_object(any_value()).prop_map(|value| (false, value)), 1..3),
        user in prop::collection::vec(any_file(), 0..4),
        runtime in prop::collection::vec(any_file(), 0..2),
        policy in prop::collection::vec(any_object(any_value()).prop_map(|value| (false, value)), 0..2),
        locks in prop::collection::vec(any_lock(), 1..4),
    ) {
        let rules = rules(&json!({"locks": locks}).to_string());
        let patterns: Vec<Pattern> = locks.iter().map(|lock| lock.parse().unwrap()).collect();
        let operator = [layer_of(LayerName::Base, &base), layer_of(LayerName::Policy, &policy)];
        let mut all = operator.to_vec();
        all.push(layer_of(LayerName::User, &user));
        all.push(layer_of(LayerName::Runtime, &runtime));
        let wanted = locked(&merge(&operator, &rules).unwrap().document, &patterns);
        let lenient = merge_lenient(&all, &rules).unwrap();
        // A wildcard that only an operator's later layer fills in below a user's key is the operator's word.
        prop_assert_eq!(locked(&lenient.document, &patterns), wanted.clone());
        match merge(&all, &rules) {
            Ok(strict) => {
                prop_assert!(lenient.left_out.is_empty());
                prop_assert_eq!(strict.document, lenient.document);
            }
            Err(problems) => prop_assert_eq!(problems, lenient.left_out),
        }
    }

    #[test]
    fn what_a_bound_layer_sets_is_inside_its_bound(
        base in any_object(any_value()),
        user in prop::collection::vec(any_file(), 0..4),
        path in any_lock(),
    ) {
        let rules = rules(&json!({"bounds": {path.clone(): {"min": 1, "max": 1}}}).to_string());
        let pattern = [path.parse::<Pattern>().unwrap()];
        let base = layer_of(LayerName::Base, &[(false, base)]);
        let before = locked(&merge(std::slice::from_ref(&base), &rules).unwrap().document, &pattern);
        let merged = merge_lenient(&[base, layer_of(LayerName::User, &user)], &rules).unwrap();
        let after = locked(&merged.document, &pattern);
        for (path, value) in &after {
            let kept = before.iter().any(|(other, old)| other == path && old == value);
            prop_assert!(kept || value.as_f64() == Some(1.0), "{} {}", path, value);
        }
        for (path, _) in &before {
            prop_assert!(after.iter().any(|(other, _)| other == path), "{} is gone", path);
        }
    }
}
