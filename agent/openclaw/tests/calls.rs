//! What callers see of calls that take several requests, or that are refused for a reason.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod wire;

use openclaw::{
    Connection, Drain, Error, Event, PairingPending, Received, Resume, Suspend, Suspension,
};
use serde_json::{Value, json};

use wire::{Peer, Port, dial};

async fn pair() -> (Connection, Peer) {
    let (port, endpoint) = Port::open().await;
    let (connection, peer) = tokio::join!(dial(&endpoint), port.greet("b1"));
    (connection.unwrap(), peer)
}

/// Answers the next requests, which have to be these.
async fn script(peer: &mut Peer, steps: Vec<(&str, Value, Result<Value, Value>)>) {
    for (method, params, answer) in steps {
        let request = peer.request().await;
        assert_eq!(
            (request["method"].as_str(), &request["params"]),
            (Some(method), &params)
        );
        match answer {
            Ok(payload) => peer.answer(&request, payload).await,
            Err(error) => peer.refuse(&request, error).await,
        }
    }
}

fn unknown(method: &str) -> Value {
    json!({"code": "INVALID_REQUEST", "message": format!("unknown method: {method}")})
}

fn suspending() -> Value {
    json!({"code": "UNAVAILABLE", "message": "system.info unavailable during gateway suspension", "retryable": true,
        "retryAfterMs": 1000, "details": {"method": "system.info", "reason": "gateway-suspending", "phase": "prepared"}})
}

fn conflict() -> Value {
    json!({"code": "UNAVAILABLE", "message": "another gateway suspension is already prepared", "retryable": true,
        "retryAfterMs": 119_983, "details": {"reason": "gateway-suspension-conflict", "expiresAtMs": 7}})
}

#[tokio::test]
async fn a_missing_method_and_a_suspension_are_no_failures() {
    let (connection, mut peer) = pair().await;
    let steps = vec![
        ("system.info", json!({}), Err(unknown("system.info"))),
        ("system.info", json!({}), Err(suspending())),
        ("system.info", json!({}), Err(json!({"code": "INTERNAL"}))),
    ];
    let calls = async {
        let missing = connection.system_info().await.unwrap_err();
        assert!(
            matches!(
                missing,
                Error::Unsupported {
                    method: "system.info"
                }
            ),
            "{missing:?}"
        );
        let suspended = connection.system_info().await.unwrap_err();
        assert!(suspended.is_suspended(), "{suspended:?}");
        let failed = connection.system_info().await.unwrap_err();
        assert_eq!(
            (failed.is_suspended(), failed.reason()),
            (false, "rejected")
        );
    };
    tokio::join!(calls, script(&mut peer, steps));
}

#[tokio::test]
async fn a_suspension_of_somebody_else_is_an_answer() {
    let (connection, mut peer) = pair().await;
    let ready = json!({"status": "ready", "suspensionId": "s", "expiresAtMs": 9, "activeCount": 0, "blockers": []});
    let mismatch =
        json!({"code": "INVALID_REQUEST", "message": "gateway suspension id does not match"});
    let ours = json!({"requestId": "r"});
    let waiting = json!({"requestId": "r", "drain": true});
    let named = json!({"suspensionId": "s"});
    let steps = vec![
        ("gateway.suspend.prepare", ours, Ok(ready)),
        ("gateway.suspend.prepare", waiting, Err(conflict())),
        ("gateway.suspend.status", named.clone(), Err(conflict())),
        ("gateway.suspend.resume", named.clone(), Err(mismatch)),
        (
            "gateway.suspend.resume",
            named.clone(),
            Ok(json!({"ok": true, "status": "running", "resumed": true})),
        ),
        (
            "gateway.suspend.resume",
            named,
            Ok(json!({"ok": true, "status": "running", "resumed": false})),
        ),
    ];
    let calls = async {
        let want = Suspend::Ready {
            suspension_id: "s".into(),
            expires_at_ms: 9,
        };
        assert_eq!(connection.suspend("r", Drain::Refuse).await.unwrap(), want);
        let expires_at_ms = Some(7);
        let want = Suspend::Conflict { expires_at_ms };
        assert_eq!(connection.suspend("r", Drain::Wait).await.unwrap(), want);
        let want = Suspension::Conflict { expires_at_ms };
        assert_eq!(connection.suspend_status("s").await.unwrap(), want);
        for want in [Resume::NotOurs, Resume::Resumed, Resume::WasRunning] {
            assert_eq!(connection.resume("s").await.unwrap(), want);
        }
    };
    tokio::join!(calls, script(&mut peer, steps));
}

#[tokio::test]
async fn a_release_without_a_list_of_approvals_has_none_waiting() {
    let (connection, mut peer) = pair().await;
    let steps = vec![
        (
            "exec.approval.list",
            json!({}),
            Ok(json!([{"id": "a"}, {"id": "b"}])),
        ),
        (
            "plugin.approval.list",
            json!({}),
            Err(unknown("plugin.approval.list")),
        ),
        (
            "channels.pairing.list",
            json!({}),
            Ok(json!({"requests": [{}]})),
        ),
        (
            "device.pair.list",
            json!({}),
            Ok(json!({"pending": [], "paired": [{}]})),
        ),
        (
            "exec.approval.list",
            json!({}),
            Err(json!({"code": "FORBIDDEN", "message": "missing scope"})),
        ),
        ("plugin.approval.list", json!({}), Ok(json!([]))),
    ];
    let calls = async {
        assert_eq!(connection.approvals().await.unwrap(), 2);
        let want = PairingPending {
            senders: 1,
            devices: 0,
        };
        assert_eq!(connection.pairing_pending().await.unwrap(), want);
        assert_eq!(
            connection.approvals().await.unwrap_err().reason(),
            "rejected"
        );
    };
    tokio::join!(calls, script(&mut peer, steps));
}

#[tokio::test]
async fn active_sessions_are_unknown_where_they_cannot_be_asked_for() {
    let (connection, mut peer) = pair().await;
    let asked = json!({"limit": 1, "includeGlobal": true, "includeUnknown": true});
    let (mut all, mut active) = (asked.clone(), asked);
    all["sortBy"] = json!("activity");
    active["activeOnly"] = json!(true);
    let odd = json!({"code": "INVALID_REQUEST", "message": "invalid sessions.list params: unexpected property 'activeOnly'"});
    let count = |n: u64| Ok(json!({"count": 1, "totalCount": n, "sessions": []}));
    let steps = vec![
        ("sessions.list", all.clone(), count(202)),
        ("sessions.list", active.clone(), count(3)),
        ("sessions.list", all, count(1)),
        ("sessions.list", active, Err(odd)),
    ];
    let calls = async {
        let counts = connection.session_counts().await.unwrap();
        assert_eq!((counts.total, counts.active), (202, Some(3)));
        let counts = connection.session_counts().await.unwrap();
        assert_eq!((counts.total, counts.active), (1, None));
    };
    tokio::join!(calls, script(&mut peer, steps));
}

#[tokio::test]
async fn the_next_job_is_the_first_of_all_pages() {
    let (connection, mut peer) = pair().await;
    let job = |kind: &str, at: u64| json!({"enabled": true, "payload": {"kind": kind}, "nextRunAtMs": at});
    let first = json!({"jobs": [job("heartbeat", 1), job("agentTurn", 50)], "hasMore": true, "nextOffset": 100});
    let second = json!({"jobs": [job("agentTurn", 40)], "hasMore": false, "nextOffset": null});
    let heartbeat = json!({"jobs": [job("heartbeat", 1)], "hasMore": false});
    let page = |offset: u64| json!({"limit": 100, "offset": offset});
    let steps = vec![
        ("cron.list", page(0), Ok(first)),
        ("cron.list", page(100), Ok(second)),
        ("cron.list", page(0), Ok(heartbeat)),
    ];
    let calls = async {
        assert_eq!(connection.cron_next_job().await.unwrap(), Some(40));
        assert_eq!(connection.cron_next_job().await.unwrap(), None);
    };
    tokio::join!(calls, script(&mut peer, steps));
}

#[tokio::test]
async fn a_thousand_pieces_of_a_run_are_one_activity() {
    let (connection, mut peer) = pair().await;
    let mut events = connection.events();
    let piece =
        json!({"stream": "assistant", "data": {"text": "planted-words", "delta": "planted"}});
    let end = json!({"stream": "lifecycle", "data": {"phase": "end"}});
    for n in 0..1000 {
        let payload = if n % 10 == 0 { &end } else { &piece };
        peer.json(&json!({"type": "event", "event": "agent", "payload": payload}))
            .await;
    }
    let health = json!({"channels": {"telegram": {"accounts": {"default": {"connected": false}}}}});
    peer.json(&json!({"type": "event", "event": "health", "payload": health}))
        .await;
    // Whatever was sent before this answer has been read.
    tokio::join!(
        async { connection.system_info().await.unwrap() },
        script(&mut peer, vec![("system.info", json!({}), Ok(json!({})))])
    );
    let Some(Received::Event(Event::Health(health))) = events.next().await else {
        panic!("no health")
    };
    assert_eq!(health.channels.accounts[0].connected, Some(false));
    let activity = events.next().await;
    assert_eq!(activity, Some(Received::Event(Event::Activity)));
    assert!(!format!("{activity:?}").contains("planted"));
    let (ended, ()) = tokio::join!(events.next(), peer.close(1012, "service restart"));
    assert_eq!(ended, None);
}
