//! The accounts of channels: how they are, and switching one on and off.

use serde_json::{Value, json};

use super::answers::{Outcome, error};
use super::knobs::Knobs;
use super::world::{World, now_ms};

/// The account of a bot that works, as `channels.status` tells it.
#[must_use]
pub fn live_account(id: &str) -> Value {
    json!({
        "accountId": id, "enabled": true, "configured": true, "running": true, "connected": true, "lifecycle": "ready",
        "lastStartAt": now_ms(), "lastStopAt": null, "lastConnectedAt": now_ms(), "lastInboundAt": null,
        "lastOutboundAt": null, "restartPending": false, "reconnectAttempts": 0, "lastError": null, "mode": "polling",
        "tokenSource": "config", "tokenStatus": "available",
    })
}

/// The account of a bot that reaches nothing.
#[must_use]
pub fn dead_account(id: &str, error: &str) -> Value {
    let mut account = live_account(id);
    account["connected"] = json!(false);
    account["lifecycle"] = json!("starting");
    account["healthState"] = json!("disconnected");
    account["lastError"] = json!(error);
    account["reconnectAttempts"] = json!(7);
    account
}

pub(crate) fn status(knobs: &Knobs) -> Value {
    let order: Vec<_> = knobs.channels.keys().collect();
    let first = |accounts: &Vec<Value>| accounts.first().cloned().unwrap_or_default();
    let channels: serde_json::Map<_, _> = knobs
        .channels
        .iter()
        .map(|(id, accounts)| (id.clone(), first(accounts)))
        .collect();
    json!({
        "ts": now_ms(), "channelOrder": order, "channelLabels": {}, "channelMeta": [], "channels": channels,
        "channelAccounts": knobs.channels, "channelDefaultAccountId": {}, "statusIssues": knobs.channel_issues,
        "eventLoop": event_loop(knobs),
    })
}

/// The same accounts as `health` tells them.
pub(crate) fn of_health(knobs: &Knobs) -> Value {
    let mut channels = json!({});
    for (id, accounts) in &knobs.channels {
        let mut channel = accounts.first().cloned().unwrap_or_default();
        channel["accounts"] = json!({});
        for account in accounts {
            let name = account["accountId"].as_str().unwrap_or("default");
            channel["accounts"][name] = account.clone();
        }
        channels[id] = channel;
    }
    channels
}

pub(crate) fn event_loop(knobs: &Knobs) -> Value {
    let late = knobs.event_loop_delay.as_secs_f64() * 1000.0;
    json!({
        "degraded": late >= 1000.0, "degradedSinceMs": null, "reasons": [], "intervalMs": 1007.5, "delayP99Ms": late,
        "delayMaxMs": late, "utilization": 0.007, "cpuCoreRatio": 0.03, "cpuBreakdown": { "hostCpuCount": 2 },
    })
}

/// `channels.start` and `channels.stop`.
pub(crate) fn switch(world: &World, method: &str, params: &Value) -> Outcome {
    let on = method == "channels.start";
    let (channel, id) = (
        params["channel"].as_str().unwrap_or(""),
        params["accountId"].as_str().unwrap_or("default"),
    );
    let mut knobs = world.knobs.lock().unwrap();
    let (incurable, deadly) = (knobs.incurable, knobs.deadly);
    let Some(accounts) = knobs.channels.get_mut(channel) else {
        return Err(error(
            "INVALID_REQUEST",
            &format!("invalid {method} channel"),
        ));
    };
    for account in accounts {
        if account["accountId"] == id {
            let dies = on && deadly && !account["lastError"].is_null();
            turn(account, on, incurable || deadly);
            if dies {
                world.die();
            }
        }
    }
    Ok(if on {
        // The real one says so of accounts that it does not have, too.
        json!({ "channel": channel, "accountId": id, "started": true, "outcome": { "status": "handed-off" } })
    } else {
        json!({ "channel": channel, "accountId": id, "stopped": true })
    })
}

fn turn(account: &mut Value, on: bool, incurable: bool) {
    let dead = account["lastError"].clone();
    if !on {
        account["running"] = json!(false);
        account["connected"] = json!(false);
        account["lifecycle"] = json!("stopped");
    } else if incurable && !dead.is_null() {
        *account = dead_account(
            account["accountId"].as_str().unwrap_or(""),
            dead.as_str().unwrap_or(""),
        );
    } else {
        *account = live_account(account["accountId"].as_str().unwrap_or(""));
    }
}
