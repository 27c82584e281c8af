//! Every sample is read and written back the same, so a changed wire shows up as a changed file.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, fs, path::Path};

use agent_api::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// Reads a value of one type and writes it again.
type Echo = fn(Value) -> serde_json::Result<Value>;

fn echo<T: DeserializeOwned + Serialize>(value: Value) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_value::<T>(value)?)
}

/// One sample for each body and query that crosses the wire.
const SAMPLES: &[(&str, Echo)] = &[
    ("activity_response", echo::<ActivityResponse>),
    ("apply_report", echo::<ApplyReport>),
    ("config_view", echo::<ConfigView>),
    ("diff_request", echo::<DiffRequest>),
    ("diff_response", echo::<DiffResponse>),
    ("explain_query", echo::<ExplainQuery>),
    ("explain_response", echo::<ExplainResponse>),
    ("health_response", echo::<HealthResponse>),
    ("history_response", echo::<HistoryResponse>),
    ("journal_ack_request", echo::<JournalAckRequest>),
    ("journal_ack_response", echo::<JournalAckResponse>),
    ("journal_query", echo::<JournalQuery>),
    ("journal_response", echo::<JournalResponse>),
    ("pause_request", echo::<PauseRequest>),
    ("pause_response", echo::<PauseResponse>),
    ("problem_document", echo::<ProblemDocument>),
    ("prune_request", echo::<PruneRequest>),
    ("prune_response", echo::<PruneResponse>),
    ("put_user_query", echo::<PutUserQuery>),
    ("put_user_request", echo::<PutUserRequest>),
    ("put_user_response", echo::<PutUserResponse>),
    ("remove_query", echo::<RemoveQuery>),
    ("remove_response", echo::<RemoveResponse>),
    ("restart_request", echo::<RestartRequest>),
    ("restart_response", echo::<RestartResponse>),
    ("resume_response", echo::<ResumeResponse>),
    ("rollback_request", echo::<RollbackRequest>),
    ("rollback_response", echo::<RollbackResponse>),
    ("sandbox_event", echo::<SandboxEvent>),
    ("sandboxes_query", echo::<SandboxesQuery>),
    ("sandboxes_response", echo::<SandboxesResponse>),
    ("status_response", echo::<StatusResponse>),
    ("suspend_request", echo::<SuspendRequest>),
    ("suspend_response", echo::<SuspendResponse>),
];

/// Every enum, with the sample of all that it can say in `words.json`.
const WORDS: &[(&str, Echo)] = &[
    ("channel_state", echo::<ChannelState>),
    ("check_view", echo::<CheckView>),
    ("child_state", echo::<ChildState>),
    ("component", echo::<Component>),
    ("config_state", echo::<ConfigState>),
    ("cure_kind", echo::<CureKind>),
    ("cure_mode", echo::<CureMode>),
    ("cure_outcome", echo::<CureOutcome>),
    ("daemon_state", echo::<DaemonState>),
    ("death_cause", echo::<DeathCause>),
    ("disk_step", echo::<DiskStep>),
    ("drift_action", echo::<DriftAction>),
    ("drift_mode", echo::<DriftMode>),
    ("exit_view", echo::<ExitView>),
    ("gateway_state", echo::<GatewayState>),
    ("image_state", echo::<ImageState>),
    ("journal_event", echo::<JournalEvent>),
    ("journal_gap", echo::<JournalGap>),
    ("killer_view", echo::<KillerView>),
    ("layer_status", echo::<LayerStatus>),
    ("live_view", echo::<LiveView>),
    ("outcome", echo::<Outcome>),
    ("proof", echo::<Proof>),
    ("protection", echo::<Protection>),
    ("reload", echo::<Reload>),
    ("removal_kind", echo::<RemovalKind>),
    ("removal_outcome", echo::<RemovalOutcome>),
    ("removal_reason", echo::<RemovalReason>),
    ("restart_state", echo::<RestartState>),
    ("restart_way", echo::<RestartWay>),
    ("sandbox_event", echo::<SandboxEvent>),
    ("sandbox_kind", echo::<SandboxKind>),
    ("sandbox_state", echo::<SandboxState>),
    ("scope_kind", echo::<ScopeKind>),
    ("severity", echo::<Severity>),
    ("suspension_state", echo::<SuspensionState>),
    ("verdict", echo::<Verdict>),
    ("wait", echo::<Wait>),
    ("watch_mode", echo::<WatchMode>),
];

fn sample(name: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let path = directory.join(name).with_extension("json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn every_sample_comes_back_the_same() {
    for (name, echo) in SAMPLES {
        assert_eq!(echo(sample(name)).unwrap(), sample(name), "{name}");
    }
}

#[test]
fn every_file_is_tested() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let files = fs::read_dir(directory).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let names = SAMPLES.iter().map(|(name, _)| *name).chain(["words"]);
    assert_eq!(files, names.map(|name| format!("{name}.json")).collect());
}

#[test]
fn every_word_comes_back_the_same_and_a_new_one_is_unknown() {
    let words = sample("words");
    let named: Vec<&str> = WORDS.iter().map(|(name, _)| *name).collect();
    let listed: Vec<&String> = words.as_object().unwrap().keys().collect();
    assert_eq!(listed, named);
    for (name, echo) in WORDS {
        for word in words[name].as_array().unwrap() {
            assert_eq!(&echo(word.clone()).unwrap(), word, "{name}");
        }
        let (unheard, unknown) = if words[name][0].is_string() {
            (json!("unheard_of"), json!("unknown"))
        } else {
            let unheard = json!({"kind": "unheard_of", "more": [1]});
            (unheard, json!({"kind": "unknown"}))
        };
        assert_eq!(echo(unheard).unwrap(), unknown, "{name}");
    }
}

#[test]
fn a_newer_peer_may_say_more() {
    for (name, echo) in SAMPLES {
        let said = grown(sample(name));
        assert_ne!(said, sample(name), "{name}");
        let heard = pruned(echo(said).unwrap());
        assert_eq!(heard, sample(name), "{name}");
    }
}

/// `value` with one more field in every object.
fn grown(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let grow = |(key, value)| (key, grown(value));
            let mut fields: Map<String, Value> = fields.into_iter().map(grow).collect();
            fields.insert("unheard_of".to_owned(), json!({"deep": [1, null]}));
            Value::Object(fields)
        }
        Value::Array(items) => items.into_iter().map(grown).collect(),
        other => other,
    }
}

/// Takes the fields away again that went through untouched, inside documents and values.
fn pruned(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let known = fields.into_iter().filter(|(key, _)| key != "unheard_of");
            known.map(|(key, value)| (key, pruned(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(pruned).collect(),
        other => other,
    }
}

#[test]
fn an_older_peer_may_say_less() {
    let cases: &[(&str, Value, Echo)] = &[
        (
            "config",
            json!({"generation": 0, "state": "starting", "drift": {"mode": "enforce"}}),
            echo::<ConfigView>,
        ),
        (
            "problem",
            json!({"kind": "locked", "message": "no"}),
            echo::<ProblemView>,
        ),
        (
            "document",
            json!({"title": "Conflict", "status": 409}),
            echo::<ProblemDocument>,
        ),
        ("history", json!({}), echo::<HistoryResponse>),
        ("query", json!({}), echo::<PutUserQuery>),
        ("diff", json!({}), echo::<DiffRequest>),
        (
            "rollback",
            json!({"generation": 1}),
            echo::<RollbackRequest>,
        ),
        ("explain", json!({"path": "a.b"}), echo::<ExplainResponse>),
        ("unchecked", json!({"kind": "unchecked"}), echo::<CheckView>),
        ("prune", json!({}), echo::<PruneRequest>),
        (
            "pass",
            json!({"at": "2026-11-24T08:12:24Z"}),
            echo::<PassView>,
        ),
        (
            "sandboxes",
            json!({"daemon": {"state": "off"}}),
            echo::<SandboxesResponse>,
        ),
        ("kept", json!({"kind": "kept"}), echo::<RemovalOutcome>),
    ];
    for (name, said, echo) in cases {
        let heard = echo(said.clone());
        let heard = heard.unwrap_or_else(|error| panic!("{name}: {error}"));
        for (key, value) in said.as_object().unwrap() {
            let kept = &heard[key];
            assert!(kept == value || kept.is_object(), "{name}: {key}");
        }
    }
}

#[test]
fn what_must_be_said_is_asked_for() {
    let cases: &[(&str, Echo)] = &[
        ("put_user_request", echo::<PutUserRequest>),
        ("rollback_request", echo::<RollbackRequest>),
        ("pause_request", echo::<PauseRequest>),
        ("explain_query", echo::<ExplainQuery>),
    ];
    for (name, echo) in cases {
        assert!(echo(json!({})).is_err(), "{name}");
        assert!(
            echo(json!({"duration_seconds": -1, "generation": "2"})).is_err(),
            "{name}"
        );
    }
}
