//! What each method answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::apply::{examine, kind};
use super::knobs::Knobs;
use super::page::failing;
use super::world::{World, hash, now_ms};
use super::{channels, inside, secrets, suspend};

/// What hello lists.
pub(crate) const METHODS: [&str; 24] = [
    "channels.pairing.list",
    "channels.start",
    "channels.status",
    "channels.stop",
    "config.get",
    "config.schema.lookup",
    "config.set",
    "cron.list",
    "cron.status",
    "device.pair.list",
    "diagnostics.stability",
    "exec.approval.list",
    "gateway.restart.preflight",
    "gateway.restart.request",
    "gateway.suspend.prepare",
    "gateway.suspend.resume",
    "gateway.suspend.status",
    "health",
    "logs.tail",
    "plugin.approval.list",
    "secrets.reload",
    "sessions.list",
    "status",
    "system.info",
];

/// What it answers and does not list, as the real one.
const HIDDEN: &str = "sessions.usage";

/// The scope that a method needs.
fn scope(method: &str) -> &'static str {
    match method {
        "config.set"
        | "gateway.restart.request"
        | "secrets.reload"
        | "channels.start"
        | "channels.stop"
        | "gateway.suspend.prepare"
        | "gateway.suspend.resume" => "operator.admin",
        "exec.approval.list" | "plugin.approval.list" => "operator.approvals",
        "channels.pairing.list" | "device.pair.list" => "operator.pairing",
        _ => "operator.read",
    }
}

pub(crate) type Outcome = Result<Value, Value>;

/// The payload of one call, or its error.
pub(crate) fn answer(world: &World, method: &str, params: &Value, scopes: &[String]) -> Outcome {
    let knobs = world.knobs();
    if knobs.absent.contains(method)
        || (!METHODS.contains(&method) && method != HIDDEN && !knobs.answers.contains_key(method))
    {
        return Err(error(
            "INVALID_REQUEST",
            &format!("unknown method: {method}"),
        ));
    }
    let needed = scope(method);
    if !scopes
        .iter()
        .any(|scope| scope == needed || scope == "operator.admin")
    {
        let mut error = error("FORBIDDEN", &format!("missing scope: {needed}"));
        error["details"] = json!({ "code": "MISSING_SCOPE", "requiredScopes": [needed] });
        return Err(error);
    }
    if let Some(told) = knobs.answers.get(method) {
        return Ok(told.clone());
    }
    if method.starts_with("gateway.suspend.") {
        return suspend::answer(world, method, params);
    }
    if let Some(refusal) = suspend::refusal(world, method) {
        return Err(refusal);
    }
    match method {
        "config.get" => Ok(config(world, &knobs)),
        "config.set" => set(world, &knobs, params),
        "config.schema.lookup" => lookup(&knobs, params),
        "secrets.reload" => Ok(reload(world)),
        "status" => Ok(status(world, &knobs)),
        "logs.tail" => Ok(tail(world, params)),
        "gateway.restart.preflight" => Ok(preflight(&knobs)),
        "gateway.restart.request" => {
            world.ask_restart();
            Ok(json!({ "ok": true, "status": "scheduled", "preflight": preflight(&knobs) }))
        }
        "channels.status" => Ok(channels::status(&knobs)),
        "channels.start" | "channels.stop" => channels::switch(world, method, params),
        "health" => Ok(health(world)),
        _ => inner(world, &knobs, method, params),
    }
}

/// The calls that tell what is inside.
fn inner(world: &World, knobs: &Knobs, method: &str, params: &Value) -> Outcome {
    match method {
        "system.info" => Ok(inside::system(world, knobs)),
        "diagnostics.stability" => Ok(inside::stability(knobs, params)),
        "sessions.usage" => Ok(inside::usage(knobs, params)),
        "cron.status" => Ok(inside::cron_status(knobs)),
        "cron.list" => Ok(inside::cron_list(knobs)),
        "exec.approval.list" => Ok(json!(inside::waiting(knobs.approvals))),
        "plugin.approval.list" => Ok(json!([])),
        "channels.pairing.list" => {
            Ok(json!({ "accounts": [], "requests": inside::waiting(knobs.pairings) }))
        }
        "device.pair.list" => Ok(json!({ "pending": [], "paired": [] })),
        _ => inside::sessions(knobs, params),
    }
}

pub(crate) fn error(code: &str, message: &str) -> Value {
    json!({ "code": code, "message": message })
}

/// The snapshot, which may be a little older than the file.
fn config(world: &World, knobs: &Knobs) -> Value {
    let mut state = world.state.lock().unwrap();
    if let Some((made, snapshot)) = &state.snapshot
        && made.elapsed() < knobs.snapshot_age
    {
        return snapshot.clone();
    }
    let found = &state.found;
    let mut snapshot = json!({
        "path": world.document, "exists": true, "raw": null, "parsed": found.document,
        "valid": found.issues.is_empty(), "issues": found.issues, "warnings": [], "legacyIssues": [],
        "hash": hash("file", &state.seen),
    });
    if knobs.hashes {
        snapshot["configRevisionHash"] = json!(found.revision);
        snapshot["appliedConfigHash"] = json!(state.applied);
    }
    state.snapshot = Some((Instant::now(), snapshot.clone()));
    snapshot
}

/// Checks always; writes only without the read-only switch.
fn set(world: &World, knobs: &Knobs, params: &Value) -> Outcome {
    throttle(world, knobs)?;
    let file = std::fs::read(&world.document).unwrap_or_default();
    if params["baseHash"] != hash("file", &file).as_str() {
        return Err(error(
            "INVALID_REQUEST",
            "config changed since last load; re-run config.get and retry",
        ));
    }
    let raw = params["raw"].as_str().unwrap_or("");
    let found = examine(knobs, raw.as_bytes());
    if let Some(first) = found.issues.first() {
        let (path, message) = (
            first["path"].as_str().unwrap_or(""),
            first["message"].as_str().unwrap_or(""),
        );
        if path.is_empty() {
            return Err(error("INVALID_REQUEST", &format!("SyntaxError: {message}")));
        }
        let mut error = error(
            "INVALID_REQUEST",
            &format!("invalid config: {path}: {message}"),
        );
        error["details"] = json!({ "issues": found.issues });
        return Err(error);
    }
    if knobs.read_only {
        let message = "ConfigReadOnlyError: Config is externally managed (`OPENCLAW_CONFIG_READONLY=1`), so OpenClaw treats openclaw.json as immutable.";
        return Err(error("UNAVAILABLE", message));
    }
    write(world, found.document).map_err(|why| error("UNAVAILABLE", &format!("Error: {why}")))
}

fn write(world: &World, mut document: Value) -> std::io::Result<Value> {
    document["meta"]["lastTouchedVersion"] = json!(world.knobs().version);
    let bytes = serde_json::to_vec_pretty(&document)?;
    let part = world.document.with_extension("json.part");
    std::fs::write(&part, &bytes)?;
    std::fs::rename(&part, &world.document)?;
    let payload = json!({ "path": world.document, "hash": hash("file", &bytes), "ts": now_ms() });
    world.tell("config.changed", payload);
    Ok(
        json!({ "ok": true, "path": world.document, "hash": hash("file", &bytes), "config": document }),
    )
}

fn throttle(world: &World, knobs: &Knobs) -> Result<(), Value> {
    let mut state = world.state.lock().unwrap();
    state
        .writes
        .retain(|at| at.elapsed() < Duration::from_secs(60));
    if state.writes.len() >= knobs.writes_per_minute {
        let mut error = error(
            "UNAVAILABLE",
            "rate limit exceeded for config.set; retry after 30s",
        );
        error["retryable"] = json!(true);
        error["retryAfterMs"] = json!(30_000);
        return Err(error);
    }
    state.writes.push_back(Instant::now());
    Ok(())
}

fn lookup(knobs: &Knobs, params: &Value) -> Outcome {
    match params["path"].as_str().unwrap_or("") {
        "" => Err(error("INVALID_REQUEST", "config schema path not found")),
        path => Ok(
            json!({ "path": path, "schema": {}, "reloadKind": kind(knobs, path), "children": [] }),
        ),
    }
}

fn status(world: &World, knobs: &Knobs) -> Value {
    let work = json!({ "totalActive": knobs.active_runs, "embeddedRuns": knobs.active_runs });
    let mut status = json!({
        "runtimeVersion": knobs.version, "pid": std::process::id(), "processMemory": { "rssBytes": knobs.rss_bytes },
        "tasks": { "total": knobs.active_runs, "active": knobs.active_runs, "byStatus": {} },
        "degradedPlugins": [], "sessions": { "count": knobs.sessions }, "port": world.port,
        "shutdownBudget": { "timeoutMs": 325_000, "activeWork": work },
    });
    if knobs.hashes {
        status["degradedSecretOwners"] = json!(knobs.degraded_secrets);
    }
    status
}

/// Reads the secrets of the running document anew.
fn reload(world: &World) -> Value {
    let running = world.state.lock().unwrap().running.clone();
    secrets::take(world, &running);
    json!({ "ok": true, "warningCount": world.knobs().degraded_secrets.len() })
}

fn preflight(knobs: &Knobs) -> Value {
    let blockers = match knobs.active_runs {
        0 => json!([]),
        runs => {
            json!([{ "kind": "embedded-run", "count": runs, "message": format!("{runs} active run(s)") }])
        }
    };
    let counts = json!({ "embeddedRuns": knobs.active_runs, "totalActive": knobs.active_runs });
    json!({ "safe": knobs.active_runs == 0, "counts": counts, "blockers": blockers, "summary": "" })
}

/// The cursor counts lines: the fake keeps its log in memory.
fn tail(world: &World, params: &Value) -> Value {
    let state = world.state.lock().unwrap();
    let from = params["cursor"]
        .as_u64()
        .and_then(|cursor| usize::try_from(cursor).ok())
        .unwrap_or(0);
    let reset = from > state.log.len();
    let lines = if reset {
        &state.log[..]
    } else {
        &state.log[from..]
    };
    let size = state.log.len();
    json!({ "file": "/fake/gateway.log", "cursor": size, "size": size, "lines": lines, "truncated": false, "reset": reset })
}

/// The snapshot of health, also as it is pushed.
pub(crate) fn health(world: &World) -> Value {
    let failing = failing(world);
    let knobs = world.knobs();
    json!({
        "ok": true, "ts": now_ms(), "durationMs": 1, "channels": channels::of_health(&knobs), "channelOrder": failing,
        "plugins": { "loaded": [], "errors": knobs.plugin_errors, "unavailable": [] },
        "configReload": { "hotReloadStatus": "active" }, "defaultAgentId": "main",
        "sessions": { "count": knobs.sessions, "recent": [] }, "modelRuntime": { "degraded": false },
        "eventLoop": channels::event_loop(&knobs),
    })
}
