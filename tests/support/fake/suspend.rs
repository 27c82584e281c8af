//! The lease of a suspension.

use std::time::Instant;

use serde_json::{Value, json};

use super::answers::{Outcome, error};
use super::world::{World, now_ms};

/// A lease that is held.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    request: String,
    drain: bool,
    id: String,
    until: Instant,
    until_ms: u64,
}

/// The lease, if it has not ended.
fn held(world: &World) -> Option<Lease> {
    let mut state = world.state.lock().unwrap();
    state.lease.take_if(|lease| lease.until <= Instant::now());
    state.lease.clone()
}

fn runs(world: &World) -> u32 {
    world.knobs().active_runs
}

/// Whether it begins nothing new now.
pub(crate) fn is_suspended(world: &World) -> bool {
    held(world).is_some()
}

/// Why any other call is refused while it is suspended.
pub(crate) fn refusal(world: &World, method: &str) -> Option<Value> {
    held(world)?;
    let mut error = error(
        "UNAVAILABLE",
        &format!("{method} unavailable during gateway suspension"),
    );
    let phase = if runs(world) > 0 {
        "draining"
    } else {
        "prepared"
    };
    error["retryable"] = json!(true);
    error["retryAfterMs"] = json!(1000);
    error["details"] = json!({ "method": method, "reason": "gateway-suspending", "phase": phase });
    Some(error)
}

fn conflict(lease: &Lease) -> Value {
    let mut error = error(
        "UNAVAILABLE",
        "another gateway suspension is already prepared",
    );
    error["retryable"] = json!(true);
    error["details"] =
        json!({ "reason": "gateway-suspension-conflict", "expiresAtMs": lease.until_ms });
    error
}

fn blockers(world: &World) -> Value {
    match runs(world) {
        0 => json!([]),
        runs => {
            json!([{ "kind": "root-request", "count": runs, "message": format!("{runs} active request(s)") }])
        }
    }
}

/// The named `gateway.suspend.*` method.
pub(crate) fn answer(world: &World, method: &str, params: &Value) -> Outcome {
    let id = params["suspensionId"].as_str().unwrap_or("");
    match method {
        "gateway.suspend.prepare" => prepare(world, params),
        "gateway.suspend.status" => status(world, id),
        _ => resume(world, id),
    }
}

fn prepare(world: &World, params: &Value) -> Outcome {
    let request = params["requestId"].as_str().unwrap_or("").to_owned();
    let drain = params["drain"] == true;
    let before = held(world);
    if let Some(lease) = &before
        && (lease.request != request || lease.drain != drain)
    {
        return Err(conflict(lease));
    }
    let busy = runs(world);
    if busy > 0 && !drain && before.is_none() {
        return Ok(
            json!({ "status": "busy", "reason": "active-work", "retryAfterMs": 20_000, "activeCount": busy, "blockers": blockers(world) }),
        );
    }
    let lasts = world.knobs().lease;
    let id = before.map_or_else(|| format!("suspension-{}", now_ms()), |lease| lease.id);
    let until_ms = now_ms() + u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
    let until = Instant::now() + lasts;
    let phase = if busy > 0 { "draining" } else { "prepared" };
    let status = if busy > 0 { "draining" } else { "ready" };
    world.state.lock().unwrap().lease = Some(Lease {
        request,
        drain,
        id: id.clone(),
        until,
        until_ms,
    });
    world.tell("gateway.suspension", json!({ "phase": phase }));
    Ok(
        json!({ "status": status, "suspensionId": id, "expiresAtMs": until_ms, "activeCount": busy, "blockers": blockers(world) }),
    )
}

fn status(world: &World, id: &str) -> Outcome {
    match held(world) {
        None => Ok(json!({ "status": "running" })),
        Some(lease) if lease.id != id => Err(conflict(&lease)),
        Some(lease) if runs(world) > 0 => Ok(
            json!({ "status": "draining", "expiresAtMs": lease.until_ms, "activeCount": runs(world), "blockers": blockers(world) }),
        ),
        Some(lease) => Ok(json!({ "status": "ready", "expiresAtMs": lease.until_ms })),
    }
}

fn resume(world: &World, id: &str) -> Outcome {
    let lease = held(world);
    if lease.as_ref().is_some_and(|lease| lease.id != id) {
        return Err(error(
            "INVALID_REQUEST",
            "gateway suspension id does not match",
        ));
    }
    if lease.is_some() {
        world.state.lock().unwrap().lease = None;
        world.tell("gateway.suspension", json!({ "phase": "accepting" }));
    }
    Ok(json!({ "ok": true, "status": "running", "resumed": lease.is_some() }))
}
