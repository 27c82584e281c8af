//! From a changed file to the running configuration.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::knobs::{Close, Knobs};
use super::secrets;
use super::world::{Found, Phase, World, at, hash, now_ms};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// Boots, then follows the file until the end.
pub(crate) async fn follow(world: Arc<World>) {
    boot(&world).await;
    loop {
        tokio::select! {
            () = world.restart.notified() => restart(&world).await,
            () = tokio::time::sleep(EVERY) => look(&world).await,
        }
    }
}

async fn look(world: &World) {
    let Ok(bytes) = std::fs::read(&world.document) else {
        return;
    };
    {
        let state = world.state.lock().unwrap();
        // One whose restart failed watches nothing any more.
        if state.phase != Phase::Up || bytes == state.seen {
            return;
        }
    }
    tokio::time::sleep(world.knobs().detect).await;
    // What is there when it decides, not what was there when it noticed.
    let Ok(bytes) = std::fs::read(&world.document) else {
        return;
    };
    decide(world, bytes).await;
}

async fn decide(world: &World, bytes: Vec<u8>) {
    let found = examine(&world.knobs(), &bytes);
    let before = {
        let mut state = world.state.lock().unwrap();
        state.seen = bytes;
        state.found = found.clone();
        state.snapshot = None;
        state.running.clone()
    };
    let knobs = world.knobs();
    let paths = changed(&before, &found.document, "");
    let named = paths.join(", ");
    let say = |message: &str| world.log("gateway/reload", message);
    if let Some(issue) = found.issues.first() {
        let (path, message) = (text(issue, "path"), text(issue, "message"));
        say(&format!(
            "config reload skipped (invalid config): {path}: {message}"
        ));
        return;
    }
    say(&format!(
        "config change detected; evaluating reload ({named})"
    ));
    if knobs.never_applied {
        return;
    }
    if paths.iter().any(|path| kind(&knobs, path) == "restart") {
        say(&format!(
            "config change requires gateway restart ({named}) — preparing"
        ));
        tokio::time::sleep(knobs.apply).await;
        restart(world).await;
    } else if !secrets::take(world, &found.document) {
        say("config reload failed: SecretProviderResolutionError: gateway.auth.token");
    } else {
        tokio::time::sleep(knobs.apply).await;
        run(world, &found);
        if paths.iter().any(|path| kind(&knobs, path) == "hot") {
            say(&format!("config hot reload applied ({named})"));
        }
    }
}

fn text<'a>(issue: &'a Value, key: &str) -> &'a str {
    issue[key].as_str().unwrap_or("")
}

/// The new document runs; whoever is connected is told.
fn run(world: &World, found: &Found) {
    {
        let mut state = world.state.lock().unwrap();
        state.running = found.document.clone();
        state.applied = found.revision.clone();
        state.applies += 1;
        state.snapshot = None;
    }
    let payload = json!({ "path": world.document, "hash": found.revision, "ts": now_ms() });
    world.tell("config.changed", payload);
}

async fn restart(world: &World) {
    let goodbye = json!({ "reason": "gateway restarting", "restartExpectedMs": 1500 });
    world.tell("shutdown", goodbye);
    world.close_all(Close {
        after_calls: 0,
        code: 1012,
        reason: "service restart".to_owned(),
    });
    world.state.lock().unwrap().phase = Phase::Starting;
    world.open.send_replace(false);
    tokio::time::sleep(world.knobs().restart_takes).await;
    boot(world).await;
}

/// Reads the document, and serves or does not.
async fn boot(world: &World) {
    let knobs = world.knobs();
    let bytes = std::fs::read(&world.document).unwrap_or_default();
    let found = examine(&knobs, &bytes);
    let unlivable = knobs
        .unlivable
        .iter()
        .any(|path| at(&found.document, path).is_some());
    let livable = found.issues.is_empty() && !unlivable && secrets::take(world, &found.document);
    {
        let mut state = world.state.lock().unwrap();
        state.seen = bytes;
        state.found = found.clone();
        if !livable {
            state.phase = Phase::Down;
            return;
        }
        state.boot += 1;
        state.lease = None;
        state.started = Instant::now();
        state.phase = Phase::Up;
    }
    run(world, &found);
    world.open.send_replace(true);
    // The listener binds on the next turn.
    tokio::task::yield_now().await;
}

/// Validates, as far as the knobs say.
pub(crate) fn examine(knobs: &Knobs, bytes: &[u8]) -> Found {
    let parsed = std::str::from_utf8(bytes).map_err(|why| why.to_string());
    let parsed = parsed
        .and_then(|text| json5::from_str::<Value>(text).map_err(|why| format!("JSON5: {why}")));
    let document = match parsed {
        Ok(document) => document,
        Err(message) => {
            let issues = vec![json!({ "path": "", "message": message })];
            return Found {
                issues,
                ..Found::default()
            };
        }
    };
    let refused = knobs
        .refuse
        .iter()
        .filter(|refusal| at(&document, &refusal.path).is_some());
    let mut issues: Vec<_> = refused
        .map(|refusal| json!({ "path": refusal.path, "message": refusal.message }))
        .collect();
    if at(&document, "gateway.mode").is_none() {
        issues.push(
            json!({ "path": "gateway.mode", "message": "existing config is missing gateway.mode" }),
        );
    }
    let revision = issues
        .is_empty()
        .then(|| hash("revision", document.to_string().as_bytes()));
    Found {
        document,
        issues,
        revision,
    }
}

/// What a change of this path takes, in the words of `reloadKind`.
pub(crate) fn kind(knobs: &Knobs, path: &str) -> &'static str {
    let below = |prefix: &String| {
        let rest = path.strip_prefix(prefix.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match path.split('.').next().unwrap_or("") {
        _ if knobs.restart_paths.iter().any(below) => "restart",
        "logging" | "bindings" | "session" => "none",
        _ => "hot",
    }
}

/// The dotted paths of leaves that differ.
fn changed(from: &Value, to: &Value, path: &str) -> Vec<String> {
    if from == to {
        return Vec::new();
    }
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        return vec![path.to_owned()];
    };
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .flat_map(|key| {
            let below = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            changed(&from[key.as_str()], &to[key.as_str()], &below)
        })
        .collect()
}
