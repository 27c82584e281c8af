//! What a connection makes of a gateway that behaves, and of one that does not.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod wire;

use std::time::{Duration, Instant};

use openclaw::{
    Check, Closed, Error, Event, Parsed, Received, ReloadKind, Scope, SecretsReload, Token, connect,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

use futures_util::SinkExt;
use wire::{Peer, Port, dial, hello, settings};

/// One connection of each side.
async fn pair() -> (openclaw::Connection, Peer) {
    let (port, endpoint) = Port::open().await;
    let (connection, peer) = tokio::join!(dial(&endpoint), port.greet("b1"));
    (connection.unwrap(), peer)
}

#[tokio::test]
async fn shows_who_it_is_and_reads_hello() {
    let (port, endpoint) = Port::open().await;
    let gateway = async {
        let mut peer = port.accept().await;
        // Nothing may be sent before the challenge.
        assert!(
            timeout(Duration::from_millis(50), peer.request())
                .await
                .is_err()
        );
        peer.challenge().await;
        let request = peer.request().await;
        peer.answer(&request, hello("b1")).await;
        (request, peer)
    };
    let (connection, (request, _peer)) = tokio::join!(dial(&endpoint), gateway);
    let connection = connection.unwrap();
    assert_eq!(connection.hello().boot_id.as_deref(), Some("b1"));
    assert!(connection.hello().can.hashes && connection.hello().can.config_set);
    let params = &request["params"];
    assert_eq!(params["minProtocol"], 4);
    assert_eq!(params["client"]["id"], "gateway-client");
    assert_eq!(params["client"]["mode"], "backend");
    assert_eq!(params["scopes"], json!(["operator.read"]));
    assert_eq!(params["auth"]["token"], "planted-token");
    assert!(!format!("{connection:?}").contains("planted"));
}

#[tokio::test]
async fn answers_may_come_in_any_order() {
    let (connection, mut peer) = pair().await;
    let gateway = async {
        let mut requests = Vec::new();
        for _ in 0..20 {
            requests.push(peer.request().await);
        }
        peer.json(&json!({"type": "res", "id": "999", "ok": true, "payload": "nobody's"}))
            .await;
        for request in requests.iter().rev() {
            peer.answer(request, request["params"].clone()).await;
        }
        peer
    };
    let calls = futures_util::future::join_all((0..20).map(|n| connection.call::<u64>("echo", n)));
    let (answers, _peer) = tokio::join!(calls, gateway);
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), n as u64);
    }
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn a_call_without_an_answer_ends_and_leaves_nothing() {
    let (connection, mut peer) = pair().await;
    let began = Instant::now();
    let error = connection
        .call::<Value>("silence", json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout {
                what: "silence",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(connection.in_flight(), 0);
    // A call that its caller gives up leaves nothing either.
    assert!(
        timeout(Duration::from_millis(20), connection.call::<Value>("x", 1))
            .await
            .is_err()
    );
    assert_eq!(connection.in_flight(), 0);
    // The late answer hurts nobody and the connection goes on.
    let late = peer.request().await;
    peer.answer(&late, json!("late")).await;
    let _given_up = peer.request().await;
    let (answer, ()) = tokio::join!(connection.call::<u8>("next", ()), async {
        let request = peer.request().await;
        peer.answer(&request, json!(7)).await;
    });
    assert_eq!(answer.unwrap(), 7);
}

#[tokio::test]
async fn a_blocked_gateway_is_waited_for() {
    let (connection, mut peer) = pair().await;
    let gateway = async {
        sleep(Duration::from_secs(1)).await;
        let request = peer.request().await;
        peer.answer(&request, json!(1)).await;
    };
    let call = connection.call_within::<u8>(Duration::from_secs(5), "slow", ());
    let (answer, ()) = tokio::join!(call, gateway);
    assert_eq!(answer.unwrap(), 1);
}

#[tokio::test]
async fn a_wrong_token_is_a_refusal() {
    let (port, endpoint) = Port::open().await;
    let gateway = async {
        let mut peer = port.accept().await;
        peer.challenge().await;
        let request = peer.request().await;
        let error = json!({"code": "INVALID_REQUEST", "message": "unauthorized",
            "details": {"code": "AUTH_TOKEN_MISMATCH"}});
        peer.refuse(&request, error).await;
        peer.close(1008, "unauthorized").await;
    };
    let (error, ()) = tokio::join!(dial(&endpoint), gateway);
    let error = error.unwrap_err();
    let Error::Refused(rejection) = &error else {
        panic!("{error:?}")
    };
    assert_eq!(rejection.detail.as_deref(), Some("AUTH_TOKEN_MISMATCH"));
    assert!(!format!("{error} {error:?}").contains("planted"));
}

#[tokio::test]
async fn a_policy_close_instead_of_an_answer_is_a_refusal() {
    let (port, endpoint) = Port::open().await;
    let gateway = async {
        let mut peer = port.accept().await;
        peer.challenge().await;
        peer.request().await;
        peer.close(1008, "unauthorized").await;
    };
    let (error, ()) = tokio::join!(dial(&endpoint), gateway);
    assert!(matches!(error, Err(Error::Refused(_))), "{error:?}");
}

#[tokio::test]
async fn scopes_that_are_withheld_are_a_refusal() {
    let (port, endpoint) = Port::open().await;
    let scopes = [Scope::Pairing];
    let (token, settings) = (Token::new("t"), settings());
    let gateway = async {
        let mut peer = port.accept().await;
        peer.challenge().await;
        let request = peer.request().await;
        let mut hello = hello("b");
        hello["auth"]["scopes"] = json!([]);
        peer.answer(&request, hello).await;
    };
    let (error, ()) = tokio::join!(connect(&endpoint, &token, &scopes, &settings), gateway);
    assert!(matches!(error, Err(Error::Refused(_))), "{error:?}");
}

#[tokio::test]
async fn a_starting_gateway_is_not_one_that_refuses() {
    let (port, endpoint) = Port::open().await;
    let gateway = async {
        let mut peer = port.accept().await;
        peer.challenge().await;
        let request = peer.request().await;
        let error = json!({"code": "UNAVAILABLE", "message": "gateway starting; retry shortly",
            "retryable": true, "retryAfterMs": 500, "details": {"reason": "startup-sidecars"}});
        peer.refuse(&request, error).await;
    };
    let (error, ()) = tokio::join!(dial(&endpoint), gateway);
    let error = error.unwrap_err();
    assert_eq!(error.reason(), "not_ready");
    assert_eq!(
        error.rejection().unwrap().retry_after,
        Some(Duration::from_millis(500))
    );
}

#[tokio::test]
async fn no_greeting_ends_in_time() {
    // One that never upgrades, one that never challenges, one that never answers.
    for step in 0..3 {
        let (port, endpoint) = Port::open().await;
        let gateway = async {
            if step == 0 {
                let _kept = port.raw().await;
                std::future::pending::<()>().await;
            }
            let mut peer = port.accept().await;
            if step == 2 {
                peer.challenge().await;
            }
            std::future::pending::<()>().await;
        };
        let error = tokio::select! {
            error = dial(&endpoint) => error.unwrap_err(),
            () = gateway => unreachable!(),
        };
        let want = if step == 2 {
            "connect"
        } else {
            "connect.challenge"
        };
        assert!(
            matches!(error, Error::Timeout { what, .. } if what == want),
            "{step} {error:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_websocket_is_told_apart() {
    let (port, endpoint) = Port::open().await;
    let gateway = async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut raw = port.raw().await;
        let mut request = [0; 1024];
        let _ = raw.read(&mut request).await.unwrap();
        raw.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        raw
    };
    let (error, _raw) = tokio::join!(dial(&endpoint), gateway);
    assert!(
        matches!(error, Err(Error::Upgrade { status: Some(403) })),
        "{error:?}"
    );
    drop(port);
    assert!(matches!(dial(&endpoint).await, Err(Error::Reach { .. })));
}

/// What a call in flight and the connection say when `gateway` has had its way.
async fn end_of(gateway: impl AsyncFnOnce(&mut Peer)) -> Closed {
    let (connection, mut peer) = pair().await;
    let call = connection.call_within::<Value>(Duration::from_secs(5), "x", json!({}));
    let (error, ()) = tokio::join!(call, async {
        peer.request().await;
        gateway(&mut peer).await;
    });
    let Err(Error::Closed(closed)) = error else {
        panic!("{error:?}")
    };
    assert_eq!(connection.closed().await, closed);
    assert_eq!(connection.end(), Some(closed.clone()));
    assert_eq!(connection.in_flight(), 0);
    // A later call fails at once.
    let later = connection.call::<Value>("y", ()).await;
    assert!(matches!(later, Err(Error::Closed(_))), "{later:?}");
    closed
}

#[tokio::test]
async fn every_end_has_its_name() {
    for (code, reason, returns) in [
        (1012, "closed_restart", true),
        (4001, "closed_auth_changed", true),
        (1008, "closed_policy", false),
        (1000, "closed", false),
    ] {
        let closed = end_of(async |peer| peer.close(code, "why").await).await;
        assert_eq!(
            closed,
            Closed::Peer {
                code,
                text: "why".into()
            }
        );
        assert_eq!(
            (closed.reason(), closed.expects_return()),
            (reason, returns)
        );
    }
}

#[tokio::test]
async fn garbage_ends_the_connection() {
    for text in ["hello", "{", "[]", "\u{0}", r#"{"type":7}"#] {
        assert_eq!(
            end_of(async |peer| peer.text(text).await).await,
            Closed::Garbage,
            "{text:?}"
        );
    }
    let binary = async |peer: &mut Peer| {
        peer.0
            .send(Message::binary(vec![0, 159, 146, 150]))
            .await
            .unwrap();
    };
    assert_eq!(end_of(binary).await, Closed::Garbage);
    let raw = async |peer: &mut Peer| {
        use tokio::io::AsyncWriteExt;
        peer.0.get_mut().write_all(&[0xff; 64]).await.unwrap();
    };
    assert_eq!(end_of(raw).await, Closed::Garbage);
}

#[tokio::test]
async fn a_huge_message_ends_the_connection() {
    let closed = end_of(async |peer| peer.text(&"x".repeat(100_000)).await).await;
    assert_eq!(closed, Closed::TooLarge);
    // One whose head alone promises 2^60 bytes, too: nothing is reserved for it.
    let closed = end_of(async |peer| {
        use tokio::io::AsyncWriteExt;
        let head = [0x81, 0x7f, 0x10, 0, 0, 0, 0, 0, 0, 0];
        peer.0.get_mut().write_all(&head).await.unwrap();
    });
    assert_eq!(closed.await, Closed::TooLarge);
}

#[tokio::test]
async fn a_gateway_that_is_gone_without_a_word() {
    let (connection, mut peer) = pair().await;
    let (error, ()) = tokio::join!(connection.call::<Value>("x", ()), async {
        peer.request().await;
        drop(peer);
    });
    assert!(
        matches!(error, Err(Error::Closed(Closed::Lost))),
        "{error:?}"
    );
}

#[tokio::test]
async fn silence_ends_the_connection() {
    let (port, endpoint) = Port::open().await;
    let settings = openclaw::Settings {
        silence: Duration::from_millis(200),
        ..settings()
    };
    let (token, scopes) = (Token::new("t"), [Scope::Read]);
    let (connection, mut peer) = tokio::join!(
        connect(&endpoint, &token, &scopes, &settings),
        port.greet("b")
    );
    let connection = connection.unwrap();
    for _ in 0..4 {
        sleep(Duration::from_millis(100)).await;
        peer.json(&json!({"type": "event", "event": "tick", "payload": {"ts": 1}}))
            .await;
    }
    assert_eq!(connection.end(), None);
    assert_eq!(connection.closed().await, Closed::Silent);
}

#[tokio::test]
async fn a_gateway_that_reads_nothing_ends_the_connection() {
    let (connection, _peer) = pair().await;
    let big = "x".repeat(900_000);
    let calls = (0..40).map(|_| connection.call_within::<Value>(Duration::from_secs(5), "x", &big));
    let answers = futures_util::future::join_all(calls).await;
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Err(Error::Closed(Closed::Stalled))))
    );
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn a_request_above_the_gateways_bound_is_not_sent() {
    let (connection, _peer) = pair().await;
    let error = connection
        .call::<Value>("x", "x".repeat(1_000_001))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooLarge {
                limit: 1_000_000,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(connection.in_flight(), 0);
}

#[tokio::test]
async fn an_answer_of_another_shape_tells_no_values() {
    let (connection, mut peer) = pair().await;
    let (error, ()) = tokio::join!(connection.call::<u64>("x", ()), async {
        let request = peer.request().await;
        peer.answer(&request, json!("planted-secret")).await;
    });
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }));
    assert!(!format!("{error} {error:?}").contains("planted"));
}

#[tokio::test]
async fn dropping_it_says_goodbye() {
    let (connection, mut peer) = pair().await;
    drop(connection);
    use futures_util::StreamExt;
    let next = timeout(Duration::from_secs(2), peer.0.next())
        .await
        .unwrap();
    assert!(matches!(next, Some(Ok(Message::Close(_)))), "{next:?}");
}

#[tokio::test]
async fn events_that_nobody_reads_give_way_to_newer_ones() {
    let (connection, mut peer) = pair().await;
    let mut events = connection.events();
    for n in 0..100 {
        let payload = json!({"path": "/x", "hash": n.to_string(), "ts": 1});
        peer.json(&json!({"type": "event", "event": "config.changed", "payload": payload}))
            .await;
        peer.json(&json!({"type": "event", "event": "presence", "payload": {"big": [1, 2]}}))
            .await;
    }
    let (answer, ()) = tokio::join!(connection.call::<u8>("x", ()), async {
        let request = peer.request().await;
        peer.answer(&request, json!(1)).await;
    });
    answer.unwrap();
    assert_eq!(events.next().await, Some(Received::Lagged(68)));
    let next = events.next().await;
    let want = Event::ConfigChanged {
        hash: Some("68".into()),
    };
    assert_eq!(next, Some(Received::Event(want)));
    drop(connection);
    while let Some(received) = timeout(Duration::from_secs(2), events.next())
        .await
        .unwrap()
    {
        assert!(matches!(received, Received::Event(_)));
    }
}

/// What a check says when `config.set` is answered so.
async fn check(error: Option<Value>) -> Result<Check, Error> {
    let (connection, mut peer) = pair().await;
    let gateway = async {
        let request = peer.request().await;
        assert_eq!(request["method"], "config.set");
        assert_eq!(request["params"], json!({"raw": "{}", "baseHash": "h"}));
        match error {
            Some(error) => peer.refuse(&request, error).await,
            None => {
                peer.answer(&request, json!({"ok": true, "hash": "new"}))
                    .await
            }
        }
    };
    tokio::join!(connection.config_check("{}", "h"), gateway).0
}

#[tokio::test]
async fn a_check_reads_what_the_real_gateways_say() {
    let read_only = "ConfigReadOnlyError: Config is externally managed (`OPENCLAW_CONFIG_READONLY=1`), \
        so OpenClaw treats openclaw.json as immutable.\nConfig path: /d/openclaw.json";
    let mounted = "Error: EROFS: read-only file system, open '/d/openclaw.json.lock': code=EROFS";
    let stale = "config changed since last load; re-run config.get and retry";
    let slow = "rate limit exceeded for config.patch; retry after 60s";
    let code = |code: &str, message: &str| Some(json!({"code": code, "message": message}));
    let is = async |error, want| assert_eq!(check(error).await.unwrap(), want);
    is(code("UNAVAILABLE", read_only), Check::Valid).await;
    is(code("UNAVAILABLE", mounted), Check::Valid).await;
    for foreign in [
        "Error: EACCES: permission denied, open '/d/x.json.lock': code=EACCES",
        "Error: openat2 beneath root: Read-only file system (os error 30): code=EROFS",
        "Error: openat2 beneath root: Permission denied (os error 13): code=EACCES",
    ] {
        is(code("UNAVAILABLE", foreign), Check::Valid).await;
    }
    // Something else that cannot be written is no yes.
    let other = "Error: EROFS: read-only file system, mkdir '/state/x': code=EROFS";
    is(code("UNAVAILABLE", other), Check::Unavailable(other.into())).await;
    is(code("INVALID_REQUEST", stale), Check::Stale).await;
    is(
        code("UNAVAILABLE", "gateway suspending"),
        Check::Unavailable("gateway suspending".into()),
    )
    .await;
    is(None, Check::Wrote).await;
    let throttled = json!({"code": "UNAVAILABLE", "message": slow, "retryAfterMs": 59_197});
    let retry_after = Some(Duration::from_millis(59_197));
    is(Some(throttled), Check::Throttled { retry_after }).await;

    let Check::Invalid(issues) = check(code("INVALID_REQUEST", "SyntaxError: JSON5"))
        .await
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (issues[0].path.as_str(), issues[0].message.as_str()),
        ("", "SyntaxError: JSON5")
    );
    let forbidden = check(code("FORBIDDEN", "missing scope")).await;
    assert!(
        matches!(forbidden, Err(Error::Rejected { .. })),
        "{forbidden:?}"
    );
}

#[tokio::test]
async fn a_reload_that_changes_the_token_is_an_outcome() {
    let (connection, mut peer) = pair().await;
    let (reload, ()) = tokio::join!(connection.secrets_reload(), async {
        peer.request().await;
        peer.close(4001, "gateway auth changed").await;
    });
    assert_eq!(reload.unwrap(), SecretsReload::TokenChanged);
}

#[tokio::test]
async fn a_lookup_climbs_to_what_the_schema_knows() {
    let (connection, mut peer) = pair().await;
    let gateway = async {
        for path in ["agents.entries.main.nope.deep", "agents.entries.main.nope"] {
            let request = peer.request().await;
            assert_eq!(request["params"]["path"], path);
            let error =
                json!({"code": "INVALID_REQUEST", "message": "config schema path not found"});
            peer.refuse(&request, error).await;
        }
        let request = peer.request().await;
        peer.answer(
            &request,
            json!({"path": "x", "schema": {}, "reloadKind": "hot"}),
        )
        .await;
    };
    let lookup = connection.schema_lookup("agents.entries.main.nope.deep");
    let (lookup, ()) = tokio::join!(lookup, gateway);
    let lookup = lookup.unwrap();
    assert_eq!(
        (lookup.path.as_str(), lookup.reload_kind),
        ("agents.entries.main", ReloadKind::Hot)
    );
}

#[tokio::test]
async fn an_older_release_proves_nothing() {
    let (connection, mut peer) = pair().await;
    let gateway = async {
        let request = peer.request().await;
        peer.answer(
            &request,
            json!({"valid": true, "hash": "h", "parsed": {"a": 1}}),
        )
        .await;
    };
    let (snapshot, ()) = tokio::join!(connection.config_get(Parsed::Keep), gateway);
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.proved(), None);
    assert_eq!(snapshot.parsed, Some(json!({"a": 1})));
}

#[tokio::test]
async fn sessions_are_read_to_the_last_page_and_with_the_archive() {
    let (connection, mut peer) = pair().await;
    let rows = |from: usize, to: usize| -> Vec<Value> {
        let row = |n| json!({"key": format!("agent:main:{n}"), "hasActiveRun": n == 101});
        (from..to).map(row).collect()
    };
    let pages = [
        json!({"sessions": rows(0, 100), "totalCount": 102, "hasMore": true, "nextOffset": 100}),
        json!({"sessions": rows(100, 102), "totalCount": 102, "hasMore": false, "nextOffset": null}),
        json!({"sessions": rows(300, 301), "totalCount": 1, "hasMore": false, "nextOffset": null}),
    ];
    let (list, asked) = tokio::join!(connection.sessions(), async {
        let mut asked = Vec::new();
        for page in pages {
            let request = peer.request().await;
            asked.push((
                request["params"]["offset"].clone(),
                request["params"]["archived"].clone(),
            ));
            peer.answer(&request, page).await;
        }
        asked
    });
    let list = list.unwrap();
    assert_eq!(list.keys.len(), 103);
    assert!(list.keys.contains("agent:main:300"));
    assert_eq!(Vec::from_iter(list.active), ["agent:main:101"]);
    let expected = [(0, false), (100, false), (0, true)];
    assert_eq!(
        asked,
        expected.map(|(offset, archived)| (json!(offset), json!(archived)))
    );
}

#[tokio::test]
async fn a_list_of_sessions_that_keeps_changing_is_no_list() {
    let (connection, mut peer) = pair().await;
    let (error, asked) = tokio::join!(connection.sessions(), async {
        let row = json!({"key": "agent:main:same"});
        for n in 0..6 {
            let request = peer.request().await;
            let more = n % 2 == 0;
            let next = more.then_some(1);
            let page =
                json!({"sessions": [row], "totalCount": 2, "hasMore": more, "nextOffset": next});
            peer.answer(&request, page).await;
        }
        6
    });
    assert_eq!(error.unwrap_err().reason(), "unbelievable");
    assert_eq!((asked, connection.in_flight()), (6, 0));
}
