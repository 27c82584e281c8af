//! What the fake gateway says of its inside has the shapes of the real one, and the faults that the real one cannot show.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Client, Fake, Knobs, Pod, Rpc, RpcError, dead_account, live_account};

const SOON: Duration = Duration::from_secs(3);

fn staged(knobs: Knobs) -> (Pod, Fake, Rpc) {
    let pod = Pod::new();
    pod.write_document(&json!({ "gateway": { "mode": "local" } }));
    let fake = Fake::start(&pod.document(), pod.ports.gateway, knobs);
    let rpc = Rpc::connect(pod.ports.gateway, "fake-token").unwrap();
    (pod, fake, rpc)
}

fn telegram(accounts: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    BTreeMap::from([("telegram".to_owned(), accounts)])
}

fn refused(outcome: Result<Value, RpcError>) -> Value {
    match outcome {
        Err(RpcError::Refused(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// What kind of JSON it is.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "flag",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[test]
fn answers_have_the_shapes_of_the_recorded_ones() {
    let call = json!({ "type": "model.call.completed", "provider": "mock", "model": "m1", "durationMs": 242, "timeToFirstByteMs": 141 });
    let totals = json!({ "input": 1, "output": 1, "cacheRead": 0, "cacheWrite": 0, "totalCost": 0.1, "missingCostEntries": 0 });
    let (_pod, _fake, mut rpc) = staged(Knobs {
        channels: telegram(vec![live_account("default")]),
        diagnostics: vec![json!({ "type": "queue.lane.enqueue" }), call],
        usage: vec![json!({ "provider": "mock", "model": "m1", "count": 1, "totals": totals })],
        ..Knobs::default()
    });
    let recorded = |name: &str| -> Value {
        let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../agent/openclaw/samples");
        let text = std::fs::read_to_string(format!("{samples}/{name}.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let account = [
        "accountId",
        "enabled",
        "configured",
        "running",
        "connected",
        "lifecycle",
        "lastConnectedAt",
        "lastStartAt",
        "reconnectAttempts",
        "restartPending",
        "lastError",
        "lastInboundAt",
    ];
    let below = |place: &str, names: &[&str]| {
        names
            .iter()
            .map(|name| format!("{place}/{name}"))
            .collect::<Vec<_>>()
    };
    let event_loop = below(
        "/eventLoop",
        &[
            "degraded",
            "delayP99Ms",
            "delayMaxMs",
            "utilization",
            "cpuCoreRatio",
            "reasons",
        ],
    );
    let cases = [
        (
            "channels.status",
            json!({}),
            [
                below("/channelAccounts/telegram/0", &account),
                event_loop.clone(),
                below("", &["statusIssues", "channelOrder"]),
            ]
            .concat(),
        ),
        (
            "health",
            json!({}),
            [
                below("/channels/telegram/accounts/default", &account),
                event_loop.clone(),
                below(
                    "",
                    &[
                        "ts",
                        "plugins/errors",
                        "plugins/unavailable",
                        "configReload/hotReloadStatus",
                        "sessions/count",
                        "modelRuntime/degraded",
                    ],
                ),
            ]
            .concat(),
        ),
        (
            "status",
            json!({}),
            below(
                "",
                &[
                    "pid",
                    "processMemory/rssBytes",
                    "tasks/active",
                    "sessions/count",
                    "shutdownBudget/activeWork",
                    "degradedSecretOwners",
                ],
            ),
        ),
        (
            "system.info",
            json!({}),
            [
                event_loop,
                below(
                    "",
                    &[
                        "pid",
                        "processInstanceId",
                        "uptimeMs",
                        "memoryTotalBytes",
                        "diskPath",
                        "diskTotalBytes",
                        "diskAvailableBytes",
                        "processMemory/rssBytes",
                        "processMemory/heapUsedBytes",
                    ],
                ),
            ]
            .concat(),
        ),
        (
            "diagnostics.stability",
            json!({ "limit": 1000 }),
            below(
                "",
                &[
                    "capacity",
                    "count",
                    "dropped",
                    "firstSeq",
                    "lastSeq",
                    "events/0/seq",
                    "events/0/ts",
                    "events/0/type",
                ],
            ),
        ),
        (
            "sessions.usage",
            json!({ "limit": 1 }),
            below(
                "",
                &[
                    "cacheStatus/status",
                    "aggregates/byModel/0/provider",
                    "aggregates/byModel/0/count",
                    "aggregates/byModel/0/totals/totalCost",
                    "aggregates/byModel/0/totals/missingCostEntries",
                ],
            ),
        ),
    ];
    for (method, params, places) in cases {
        let (real, fake) = (recorded(method), rpc.call(method, &params).unwrap());
        for place in places {
            let of = |answer: &Value| answer.pointer(&place).map(kind);
            assert_eq!(of(&fake), of(&real), "{method} {place}");
            assert!(
                of(&real).is_some(),
                "{method} {place} is not in the recorded answer"
            );
        }
    }
}

#[test]
fn channels_die_and_are_started() {
    let accounts = vec![live_account("a"), dead_account("b", "getUpdates 401")];
    let (_pod, fake, mut rpc) = staged(Knobs {
        channels: telegram(accounts),
        incurable: true,
        ..Knobs::default()
    });
    let connected = |rpc: &mut Rpc| {
        let status = rpc.call("channels.status", &json!({})).unwrap();
        status["channelAccounts"]["telegram"][1]["connected"].clone()
    };
    let named = json!({ "channel": "telegram", "accountId": "b" });
    assert_eq!(connected(&mut rpc), false);
    assert_eq!(rpc.call("channels.start", &named).unwrap()["started"], true);
    assert_eq!(connected(&mut rpc), false);
    fake.set(|knobs| knobs.incurable = false);
    assert_eq!(rpc.call("channels.stop", &named).unwrap()["stopped"], true);
    rpc.call("channels.start", &named).unwrap();
    assert_eq!(connected(&mut rpc), true);
    let nobody = rpc.call(
        "channels.start",
        &json!({ "channel": "telegram", "accountId": "nobody" }),
    );
    assert_eq!(nobody.unwrap()["started"], true);
    let unknown = refused(rpc.call("channels.start", &json!({ "channel": "whatsapp" })));
    assert_eq!(unknown["message"], "invalid channels.start channel");
    fake.push_health();
    let health = rpc.event("health", SOON).unwrap();
    assert_eq!(
        health["channels"]["telegram"]["accounts"]["b"]["connected"],
        true
    );
}

#[test]
fn a_suspension_holds_everything_but_itself_back() {
    let (pod, fake, mut rpc) = staged(Knobs {
        active_runs: 1,
        ..Knobs::default()
    });
    let plain = json!({ "requestId": "r" });
    assert_eq!(
        rpc.call("gateway.suspend.prepare", &plain).unwrap()["status"],
        "busy"
    );
    rpc.call("status", &json!({})).unwrap();
    let waiting = json!({ "requestId": "r", "drain": true });
    let lease = rpc.call("gateway.suspend.prepare", &waiting).unwrap();
    assert_eq!(lease["status"], "draining");
    assert_eq!(
        refused(rpc.call("status", &json!({})))["details"]["reason"],
        "gateway-suspending"
    );
    fake.set(|knobs| knobs.active_runs = 0);
    // The lease outlives its connection, and the same name renews it.
    let mut rpc = Rpc::connect(pod.ports.gateway, "fake-token").unwrap();
    let again = rpc.call("gateway.suspend.prepare", &waiting).unwrap();
    assert_eq!(
        (&again["status"], &again["suspensionId"]),
        (&json!("ready"), &lease["suspensionId"])
    );
    let other = refused(rpc.call("gateway.suspend.prepare", &json!({ "requestId": "other" })));
    assert_eq!(other["details"]["reason"], "gateway-suspension-conflict");
    let page = Client::new(pod.ports.gateway).get("/startupz");
    assert_eq!(
        (page.status, &page.json()["status"]),
        (503, &json!("draining"))
    );
    let named = json!({ "suspensionId": lease["suspensionId"] });
    for resumed in [true, false] {
        assert_eq!(
            rpc.call("gateway.suspend.resume", &named).unwrap()["resumed"],
            resumed
        );
    }
    rpc.call("status", &json!({})).unwrap();
    fake.set(|knobs| knobs.lease = Duration::ZERO);
    rpc.call("gateway.suspend.prepare", &plain).unwrap();
    assert_eq!(
        rpc.call("gateway.suspend.status", &named).unwrap()["status"],
        "running"
    );
}

#[test]
fn records_are_asked_for_by_number() {
    let record = json!({ "type": "webhook.received", "channel": "telegram" });
    let (_pod, fake, mut rpc) = staged(Knobs {
        diagnostics: vec![record.clone(); 3],
        ..Knobs::default()
    });
    let mut ask = |since: u64| {
        rpc.call(
            "diagnostics.stability",
            &json!({ "sinceSeq": since, "limit": 1000 }),
        )
        .unwrap()
    };
    let some = ask(1);
    assert_eq!(
        (&some["firstSeq"], &some["lastSeq"], &some["count"]),
        (&json!(2), &json!(3), &json!(2))
    );
    assert_eq!(ask(3).get("lastSeq"), None);
    fake.set(|knobs| knobs.diagnostics = vec![record; 1500]);
    let full = ask(3);
    assert_eq!(
        (&full["firstSeq"], &full["count"], &full["dropped"]),
        (&json!(501), &json!(1000), &json!(500))
    );
}

#[test]
fn misbehaves_on_demand() {
    let accounts: Vec<Value> = (0..500)
        .map(|n| live_account(&format!("a{n}")))
        .chain([json!(7)])
        .collect();
    let (pod, fake, mut rpc) = staged(Knobs {
        channels: telegram(accounts),
        sessions: 202,
        active_runs: 3,
        ..Knobs::default()
    });
    let status = rpc.call("channels.status", &json!({})).unwrap();
    assert_eq!(
        status["channelAccounts"]["telegram"]
            .as_array()
            .unwrap()
            .len(),
        501
    );
    let count = |rpc: &mut Rpc, params: Value| {
        rpc.call("sessions.list", &params).unwrap()["totalCount"].clone()
    };
    assert_eq!(count(&mut rpc, json!({ "limit": 1 })), 202);
    assert_eq!(
        count(&mut rpc, json!({ "limit": 1, "activeOnly": true })),
        3
    );
    fake.set(|knobs| {
        knobs
            .late
            .insert("health".to_owned(), Duration::from_millis(300));
        knobs.absent.insert("cron.status".to_owned());
    });
    let began = Instant::now();
    rpc.call("health", &json!({})).unwrap();
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(
        refused(rpc.call("cron.status", &json!({})))["message"],
        "unknown method: cron.status"
    );
    fake.set(|knobs| knobs.html = true);
    for path in ["/healthz", "/readyz", "/startupz"] {
        let page = Client::new(pod.ports.gateway).get(path);
        assert_eq!(
            (page.status, page.header("content-type")),
            (200, Some("text/html; charset=utf-8"))
        );
    }
}

#[test]
fn the_older_release_tells_less() {
    let (_pod, _fake, mut rpc) = staged(Knobs::older());
    let info = rpc.call("system.info", &json!({})).unwrap();
    assert_eq!(
        (info.get("processInstanceId"), info.get("eventLoop")),
        (None, None)
    );
    assert_eq!(info["diskPath"], "/home/node/.openclaw");
    for (method, params) in [
        ("gateway.suspend.prepare", json!({ "requestId": "r" })),
        ("channels.pairing.list", json!({})),
        ("sessions.list", json!({ "limit": 1, "activeOnly": true })),
    ] {
        assert_eq!(
            refused(rpc.call(method, &params))["code"],
            "INVALID_REQUEST",
            "{method}"
        );
    }
}
