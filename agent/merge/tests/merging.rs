//! The merge says what the json-patch crate says, and knows who said it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use config_merge::{
    KeyPath, Layer, LayerName, Rules, Source, changes, diff, merge, merge_lenient, redact, render,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn layer(name: LayerName, file: &str, text: &str) -> Layer {
    let source = Source {
        file: file.to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    Layer::parse(name, &[source]).unwrap()
}

fn path(text: &str) -> KeyPath {
    text.parse().unwrap()
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..4).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            any_object(inner),
        ]
    })
}

fn any_object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[a-d0-2]", inner, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn any_root() -> impl Strategy<Value = Value> {
    any_object(any_value())
}

fn any_pointer() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-d0-2]|-", 0..4)
        .prop_map(|keys| keys.iter().map(|key| format!("/{key}")).collect())
}

fn any_operation() -> impl Strategy<Value = Value> {
    let op = prop_oneof![
        Just("add"),
        Just("remove"),
        Just("replace"),
        Just("move"),
        Just("copy"),
        Just("test"),
    ];
    (op, any_pointer(), any_pointer(), any_value()).prop_map(|(op, path, from, value)| match op {
        "remove" => json!({"op": op, "path": path}),
        "move" | "copy" => json!({"op": op, "path": path, "from": from}),
        _ => json!({"op": op, "path": path, "value": value}),
    })
}

#[derive(Debug, Clone)]
enum Step {
    Merge(Value),
    Patch(Value),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any_root().prop_map(Step::Merge),
        prop::collection::vec(any_operation(), 0..3).prop_map(|ops| Step::Patch(ops.into())),
    ]
}

fn sources(steps: &[Step]) -> Vec<Source> {
    let source = |(at, step): (usize, &Step)| {
        let (end, value) = match step {
            Step::Merge(value) => ("json5", value),
            Step::Patch(value) => ("patch.json", value),
        };
        Source {
            file: format!("{at}.{end}"),
            bytes: serde_json::to_vec_pretty(value).unwrap(),
        }
    };
    steps.iter().enumerate().map(source).collect()
}

/// What the json-patch crate makes of the steps; none where a patch cannot be applied.
fn reference(steps: &[Step]) -> Option<Value> {
    let mut document = json!({});
    for step in steps {
        match step {
            Step::Merge(patch) => json_patch::merge(&mut document, patch),
            Step::Patch(operations) => {
                let patch: json_patch::Patch = serde_json::from_value(operations.clone()).unwrap();
                // `patch` takes back what it did before an error, and cannot where a key is `-`.
                json_patch::patch_unsafe(&mut document, &patch).ok()?;
            }
        }
    }
    Some(document)
}

/// Every path of a document.
fn all_paths(value: &Value, path: &KeyPath, found: &mut Vec<KeyPath>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect(),
        _ => Vec::new(),
    };
    for (key, value) in children {
        let path = path.child(&key);
        found.push(path.clone());
        all_paths(value, &path, found);
    }
}

/// One line of a file.
fn line_of(text: &[u8], line: u32) -> String {
    let text = String::from_utf8(text.to_vec()).unwrap();
    text.lines().nth(line as usize - 1).unwrap_or("").to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merges_as_json_patch_does(steps in prop::collection::vec(any_step(), 0..5)) {
        let layer = Layer::parse(LayerName::Base, &sources(&steps)).unwrap();
        let merged = merge(&[layer], &Rules::none());
        match reference(&steps) {
            Some(document) => prop_assert_eq!(merged.unwrap().document, document),
            None => prop_assert!(merged.is_err()),
        }
    }

    #[test]
    fn knows_the_origin_of_every_key(steps in prop::collection::vec(any_step(), 0..5)) {
        let sources = sources(&steps);
        let layer = Layer::parse(LayerName::Base, &sources).unwrap();
        let Ok(merged) = merge(&[layer], &Rules::none()) else {
            return Ok(());
        };
        let mut paths = Vec::new();
        all_paths(&merged.document, &KeyPath::root(), &mut paths);
        let told: Vec<_> = merged.provenance.entries().collect();
        let listed: Vec<_> = told.iter().map(|(path, _)| path.clone()).collect();
        prop_assert_eq!(&listed, &paths);
        for (path, origin) in told {
            prop_assert_eq!(merged.provenance.origin(&path), Some(origin.clone()));
            let explained = merged.provenance.explain(&path).unwrap();
            prop_assert_eq!(&explained.origin, &origin);
            let number: usize = origin.file.split('.').next().unwrap().parse().unwrap();
            prop_assert!(explained.hidden.iter().all(|(under, _)| under.file != origin.file || under == &origin));
            if let Step::Merge(_) = steps[number] {
                let line = line_of(&sources[number].bytes, origin.line);
                let key = path.segments().last().unwrap();
                let parent = KeyPath::from(path.segments()[..path.segments().len() - 1].to_vec());
                if parent.find(&merged.document).unwrap().is_object() {
                    prop_assert!(line.trim_start().starts_with(&format!("\"{key}\"")), "{} in {}", key, line);
                }
            }
        }
    }

    #[test]
    fn merging_is_deterministic(steps in prop::collection::vec(any_step(), 0..5)) {
        let layer = Layer::parse(LayerName::Base, &sources(&steps)).unwrap();
        let bytes = || merge(std::slice::from_ref(&layer), &Rules::none()).map(|merged| render(&merged.document));
        prop_assert_eq!(bytes(), bytes());
    }

    #[test]
    fn a_diff_applied_gives_the_target(from in any_value(), to in any_value()) {
        let mut document = from.clone();
        json_patch::patch(&mut document, &diff(&from, &to)).unwrap();
        prop_assert_eq!(&document, &to);
        prop_assert_eq!(changes(&from, &to).is_empty(), from == to);
    }

    #[test]
    fn rendered_documents_read_back(value in any_value()) {
        prop_assert_eq!(serde_json::from_slice::<Value>(&render(&value)).unwrap(), value);
    }

    #[test]
    fn redaction_keeps_the_shape(value in any_value()) {
        prop_assert_eq!(redact(&value), value);
    }
}

#[test]
fn explains_who_set_a_key_and_what_it_hid() {
    let layers = [
        layer(
            LayerName::Base,
            "base.json5",
            "{\n  gateway: { port: 1, bind: 'lan' },\n  list: [1, 2],\n}",
        ),
        layer(LayerName::Plan, "plan.json5", "{ gateway: { port: null } }"),
        layer(
            LayerName::User,
            "user.json5",
            "{\n gateway: { port: 3 }, list: null, extra: { a: 1 } }",
        ),
        layer(
            LayerName::Policy,
            "policy.json5",
            "{ gateway: { port: 4 } }",
        ),
    ];
    let merged = merge(&layers, &Rules::none()).unwrap();
    assert_eq!(
        merged.document,
        json!({"gateway": {"port": 4, "bind": "lan"}, "extra": {"a": 1}})
    );
    let explained = merged.provenance.explain(&path("gateway.port")).unwrap();
    assert_eq!(explained.origin.to_string(), "policy.json5:1:14");
    let hidden: Vec<_> = explained
        .hidden
        .iter()
        .map(|(origin, value)| (origin.to_string(), value.clone()))
        .collect();
    assert_eq!(
        hidden,
        [
            ("user.json5:2:13".to_owned(), Some(json!(3))),
            ("plan.json5:1:14".to_owned(), None),
            ("base.json5:2:14".to_owned(), Some(json!(1))),
        ]
    );
    let explained = merged.provenance.explain(&path("gateway")).unwrap();
    assert_eq!(
        (explained.origin.layer, explained.hidden.len()),
        (LayerName::Base, 0)
    );
    // A deleted key, and one inside of what was deleted.
    assert_eq!(merged.provenance.origin(&path("list")), None);
    let explained = merged.provenance.explain(&path("list")).unwrap();
    assert_eq!(explained.origin.layer, LayerName::User);
    assert_eq!(explained.hidden[0].1, Some(json!([1, 2])));
    let explained = merged.provenance.explain(&path("list.1")).unwrap();
    assert_eq!(explained.origin.layer, LayerName::User);
    assert_eq!(explained.hidden[0].1, Some(json!(2)));
    assert_eq!(merged.provenance.explain(&path("nowhere.at.all")), None);
    assert_eq!(
        merged
            .provenance
            .origin(&path("extra.a"))
            .unwrap()
            .to_string(),
        "user.json5:2:45"
    );
}

#[test]
fn explains_through_replaced_parents() {
    let layers = [
        layer(
            LayerName::Base,
            "base.json5",
            "{ a: { b: { c: 1 }, d: 2 } }",
        ),
        layer(LayerName::Plan, "plan.json5", "{ a: { d: 3 } }"),
        layer(LayerName::User, "user.json5", "{ a: 'flat' }"),
        layer(LayerName::Policy, "policy.json5", "{ a: { b: { c: 4 } } }"),
    ];
    let merged = merge(&layers, &Rules::none()).unwrap();
    let told = |at: &str| {
        let explained = merged.provenance.explain(&path(at)).unwrap();
        let hidden = explained
            .hidden
            .into_iter()
            .map(|(origin, value)| (origin.layer, value))
            .collect::<Vec<_>>();
        (explained.origin.layer, hidden)
    };
    assert_eq!(
        told("a.b.c"),
        (
            LayerName::Policy,
            vec![(LayerName::User, None), (LayerName::Base, Some(json!(1)))]
        )
    );
    assert_eq!(
        told("a.d"),
        (
            LayerName::User,
            vec![
                (LayerName::Plan, Some(json!(3))),
                (LayerName::Base, Some(json!(2)))
            ]
        )
    );
    assert_eq!(
        told("a"),
        (
            LayerName::Policy,
            vec![
                (LayerName::User, Some(json!("flat"))),
                (LayerName::Base, Some(json!({"b": {"c": 1}, "d": 3}))),
            ]
        )
    );
}

#[test]
fn keeps_the_order_of_the_keys() {
    let layers = [
        layer(LayerName::Base, "base.json5", "{ z: 1, y: 2, x: 3, w: 4 }"),
        layer(LayerName::User, "user.json5", "{ y: null, a: 5, z: 6 }"),
    ];
    let merged = merge(&layers, &Rules::none()).unwrap();
    let keys: Vec<_> = merged
        .document
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(keys, ["z", "x", "w", "a"]);
}

#[test]
fn layers_come_in_any_order_and_may_be_absent() {
    let base = layer(LayerName::Base, "b", "{ a: 1, b: 1 }");
    let policy = layer(LayerName::Policy, "p", "{ a: 2 }");
    let runtime = Layer::from_value(LayerName::Runtime, "runtime", json!({"b": 3}));
    let merged = merge(&[policy, runtime, base], &Rules::none()).unwrap();
    assert_eq!(merged.document, json!({"a": 2, "b": 3}));
    assert_eq!(
        merged.provenance.origin(&path("b")).unwrap().to_string(),
        "runtime"
    );
    let merged = merge(&[], &Rules::none()).unwrap();
    assert_eq!(merged.document, json!({}));
    assert_eq!(merged.provenance.entries().count(), 0);
}

#[test]
fn a_patch_that_cannot_be_applied_names_its_operation() {
    let user = layer(
        LayerName::User,
        "u.patch.json",
        "[\n {\"op\": \"add\", \"path\": \"/a\", \"value\": 1},\n {\"op\": \"remove\", \"path\": \"/gone/x\"}\n]",
    );
    let base = layer(LayerName::Base, "b", "{ b: 1 }");
    let problems = merge(&[base.clone(), user.clone()], &Rules::none()).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        (
            problems[0].line,
            problems[0].column,
            problems[0].path.as_str()
        ),
        (3, 2, "gone.x")
    );
    let merged = merge_lenient(&[base, user], &Rules::none()).unwrap();
    assert_eq!(merged.document, json!({"b": 1}));
    assert_eq!(merged.left_out, problems);
}
