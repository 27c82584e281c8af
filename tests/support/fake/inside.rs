//! What it says of its process, its records, its usage, its sessions, its jobs and what waits for a person.

use serde_json::{Value, json};

use super::answers::{Outcome, error};
use super::channels::event_loop;
use super::knobs::Knobs;
use super::page::uptime;
use super::world::{World, now_ms};

const RING: usize = 1000;

/// The older release tells less.
pub(crate) fn system(world: &World, knobs: &Knobs) -> Value {
    let mut info = json!({
        "hostname": "fake", "platform": "linux", "port": world.port, "pid": std::process::id(), "uptimeMs": uptime(world),
        "cpuCount": 2, "memoryTotalBytes": 8_000_000_000_u64, "memoryFreeBytes": 4_000_000_000_u64,
        "diskPath": "/home/node/.openclaw", "diskTotalBytes": knobs.disk_total_bytes,
        "diskAvailableBytes": knobs.disk_available_bytes,
    });
    if knobs.hashes {
        info["processInstanceId"] = json!(knobs.process_instance_id);
        info["processMemory"] =
            json!({ "rssBytes": knobs.rss_bytes, "heapUsedBytes": knobs.rss_bytes / 3 });
        info["eventLoop"] = event_loop(knobs);
    }
    info
}

/// The ring: the records of the knob, numbered from 1.
pub(crate) fn stability(knobs: &Knobs, params: &Value) -> Value {
    let since = params["sinceSeq"].as_u64().unwrap_or(0);
    let limit = params["limit"]
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(50);
    let all = (1_u64..).zip(&knobs.diagnostics);
    let dropped = knobs.diagnostics.len().saturating_sub(RING);
    let found: Vec<Value> = all
        .skip(dropped)
        .filter(|(seq, _)| *seq > since)
        .map(|(seq, record)| {
            let mut record = record.clone();
            record["seq"] = json!(seq);
            record["ts"] = json!(now_ms());
            record
        })
        .collect();
    let mut answer = json!({ "capacity": RING, "count": found.len(), "dropped": dropped, "summary": { "byType": {} } });
    if let (Some(first), Some(last)) = (found.first(), found.last()) {
        answer["firstSeq"] = first["seq"].clone();
        answer["lastSeq"] = last["seq"].clone();
    }
    answer["events"] = json!(found[found.len().saturating_sub(limit)..]);
    answer
}

pub(crate) fn usage(knobs: &Knobs, params: &Value) -> Value {
    let status = if knobs.usage_fresh {
        "fresh"
    } else {
        "refreshing"
    };
    json!({
        "updatedAt": now_ms(), "startDate": params["startDate"], "endDate": params["endDate"], "sessions": [],
        "aggregates": { "sessionCount": knobs.sessions, "byModel": knobs.usage },
        "cacheStatus": { "status": status, "cachedFiles": 1, "pendingFiles": 0, "staleFiles": 0 },
    })
}

/// Runs are in the first of the sessions.
pub(crate) fn sessions(knobs: &Knobs, params: &Value) -> Outcome {
    let active_only = params["activeOnly"] == true;
    if active_only && !knobs.hashes {
        let message = "invalid sessions.list params: at root: unexpected property 'activeOnly'";
        return Err(error("INVALID_REQUEST", message));
    }
    let archived = params["archived"] == true;
    let runs = usize::try_from(knobs.active_runs).unwrap_or(usize::MAX);
    let count = match (archived, active_only) {
        (true, _) => 0,
        (_, true) => knobs.sessions.min(runs),
        _ => knobs.sessions,
    };
    let number = |key: &str, default: usize| {
        let number = params[key].as_u64();
        number
            .and_then(|number| usize::try_from(number).ok())
            .unwrap_or(default)
    };
    let from = number("offset", 0).min(count);
    let to = (from + number("limit", 100)).min(count);
    let row = |n: usize| json!({ "key": format!("agent:main:s{n}"), "agentId": "main", "hasActiveRun": n < runs });
    let rows: Vec<Value> = (from..to).map(row).collect();
    let next = (to < count).then_some(to);
    Ok(
        json!({ "ts": now_ms(), "count": rows.len(), "totalCount": count, "hasMore": next.is_some(), "nextOffset": next, "sessions": rows }),
    )
}

pub(crate) fn cron_status(knobs: &Knobs) -> Value {
    let next = knobs
        .cron_jobs
        .iter()
        .filter_map(|job| job["nextRunAtMs"].as_u64())
        .min();
    json!({ "enabled": true, "storage": "sqlite", "jobs": knobs.cron_jobs.len(), "nextWakeAtMs": next })
}

pub(crate) fn cron_list(knobs: &Knobs) -> Value {
    let total = knobs.cron_jobs.len();
    json!({ "jobs": knobs.cron_jobs, "total": total, "offset": 0, "limit": 100, "hasMore": false, "nextOffset": null })
}

/// So many who wait, each with what must not be kept.
pub(crate) fn waiting(count: usize) -> Vec<Value> {
    let one = |n| json!({ "requestId": format!("r{n}"), "senderLabel": "somebody", "request": { "command": "ls" } });
    (0..count).map(one).collect()
}
