//! How the lasting connection lives, ends and comes back.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, dead_code)]

mod wire;

use std::time::{Duration, Instant};

use openclaw::{Endpoint, Error, Event, Link, LinkHandle, LinkState, Received, Token};
use serde_json::json;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use wire::{Port, settings};

struct Stage {
    handle: LinkHandle,
    endpoint: watch::Sender<Option<Endpoint>>,
    token: watch::Sender<Token>,
    drain: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

fn stage(endpoint: Option<Endpoint>) -> Stage {
    let (endpoint, endpoints) = watch::channel(endpoint);
    let (token, tokens) = watch::channel(Token::new("t"));
    let (link, handle) = Link::new(endpoints, tokens, settings());
    let (drain, drained) = oneshot::channel::<()>();
    let task = tokio::spawn(link.run(async { drop(drained.await) }));
    Stage {
        handle,
        endpoint,
        token,
        drain: Some(drain),
        task,
    }
}

impl Stage {
    async fn until(&self, want: impl FnMut(&LinkState) -> bool) -> LinkState {
        let mut state = self.handle.state();
        timeout(Duration::from_secs(5), state.wait_for(want))
            .await
            .unwrap()
            .unwrap()
            .clone()
    }

    async fn up(&self) {
        self.until(|state| state.hello().is_some()).await;
    }
}

fn absent(state: &LinkState) -> Option<&'static str> {
    if let LinkState::Absent { reason, .. } = state {
        Some(reason)
    } else {
        None
    }
}

#[tokio::test]
async fn comes_back_after_a_restart_and_tells_of_the_new_life() {
    let (port, endpoint) = Port::open().await;
    let stage = stage(Some(endpoint));
    let mut events = stage.handle.events();
    let mut peer = port.greet("one").await;
    stage.up().await;
    let shutdown = json!({"reason": "gateway stopping"});
    peer.json(&json!({"type": "event", "event": "shutdown", "payload": shutdown}))
        .await;
    peer.close(1012, "service restart").await;
    stage
        .until(|state| absent(state) == Some("closed_restart"))
        .await;
    assert!(matches!(stage.handle.connection(), Err(Error::Absent)));
    let began = Instant::now();
    let _peer = port.greet("two").await;
    assert!(began.elapsed() < Duration::from_millis(300));
    stage.up().await;
    let reason = "gateway stopping".to_owned();
    let want = [
        Event::Shutdown { reason },
        Event::Booted {
            boot_id: Some("two".into()),
        },
    ];
    for event in want {
        let next = timeout(Duration::from_secs(2), events.next())
            .await
            .unwrap();
        assert_eq!(next, Some(Received::Event(event)));
    }
}

#[tokio::test]
async fn calls_go_over_the_lasting_connection_and_short_ones_beside_it() {
    let (port, endpoint) = Port::open().await;
    let stage = stage(Some(endpoint));
    let mut peer = port.greet("one").await;
    stage.up().await;
    let (answer, ()) = tokio::join!(stage.handle.call::<u8>("x", ()), async {
        let request = peer.request().await;
        peer.answer(&request, json!(3)).await;
    });
    assert_eq!(answer.unwrap(), 3);
    let (admin, _second) = tokio::join!(stage.handle.admin(), port.greet("one"));
    admin.unwrap();
}

#[tokio::test]
async fn a_refusal_is_a_state_and_a_new_token_is_tried_at_once() {
    let (port, endpoint) = Port::open().await;
    let stage = stage(Some(endpoint));
    let mut peer = port.accept().await;
    peer.challenge().await;
    let request = peer.request().await;
    let error = json!({"code": "INVALID_REQUEST", "message": "no", "details": {"code": "AUTH_TOKEN_MISMATCH"}});
    peer.refuse(&request, error).await;
    let state = stage
        .until(|state| matches!(state, LinkState::Refused { .. }))
        .await;
    let LinkState::Refused { rejection, .. } = state else {
        panic!()
    };
    assert_eq!(rejection.detail.as_deref(), Some("AUTH_TOKEN_MISMATCH"));
    // It does not hammer with what was refused.
    assert!(
        timeout(Duration::from_millis(200), port.raw())
            .await
            .is_err()
    );
    stage.token.send(Token::new("t2")).unwrap();
    let mut peer = timeout(Duration::from_millis(90), port.accept())
        .await
        .unwrap();
    peer.challenge().await;
    assert_eq!(peer.request().await["params"]["auth"]["token"], "t2");
}

#[tokio::test]
async fn follows_the_endpoint() {
    let (first, endpoint) = Port::open().await;
    let stage = stage(None);
    assert_eq!(
        absent(&stage.until(|s| absent(s) == Some("no_endpoint")).await),
        Some("no_endpoint")
    );
    stage.endpoint.send(Some(endpoint)).unwrap();
    let _peer = first.greet("one").await;
    stage.up().await;
    let (second, endpoint) = Port::open().await;
    stage.endpoint.send(Some(endpoint)).unwrap();
    let _peer = timeout(Duration::from_secs(1), second.greet("two"))
        .await
        .unwrap();
    stage
        .until(|state| {
            state
                .hello()
                .is_some_and(|h| h.boot_id.as_deref() == Some("two"))
        })
        .await;
    stage.endpoint.send(None).unwrap();
    stage
        .until(|state| absent(state) == Some("no_endpoint"))
        .await;
}

#[tokio::test]
async fn a_gateway_that_hangs_up_at_once_is_no_tight_loop() {
    let (port, endpoint) = Port::open().await;
    let _stage = stage(Some(endpoint));
    let mut tries = 0;
    let until = Instant::now() + Duration::from_millis(1000);
    while Instant::now() < until {
        let left = until - Instant::now();
        if let Ok(peer) = timeout(left, port.greet("b")).await {
            tries += 1;
            drop(peer);
        }
    }
    assert!((2..=9).contains(&tries), "{tries} connections in a second");
}

#[tokio::test]
async fn lives_on_without_the_senders_of_its_inputs() {
    let (port, endpoint) = Port::open().await;
    let Stage {
        handle,
        endpoint,
        token,
        drain: _drain,
        ..
    } = stage(Some(endpoint));
    let mut events = handle.events();
    let mut peer = port.greet("one").await;
    drop((endpoint, token));
    let mut state = handle.state();
    state
        .wait_for(|state| state.hello().is_some())
        .await
        .unwrap();
    for phase in ["preparing", "prepared"] {
        let event =
            json!({"type": "event", "event": "gateway.suspension", "payload": {"phase": phase}});
        peer.json(&event).await;
        let next = timeout(Duration::from_secs(2), events.next())
            .await
            .unwrap();
        let phase = phase.to_owned();
        assert_eq!(next, Some(Received::Event(Event::Suspension { phase })));
    }
    drop(peer);
    let _peer = timeout(Duration::from_secs(2), port.greet("one"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_nudge_is_heeded_at_once() {
    let (port, endpoint) = Port::open().await;
    let stage = stage(None);
    drop(port);
    stage.endpoint.send(Some(endpoint.clone())).unwrap();
    stage
        .until(|state| absent(state) == Some("unreachable"))
        .await;
    // By now it waits for some 400 ms between two attempts.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", endpoint.port))
        .await
        .unwrap();
    stage.handle.nudge();
    timeout(Duration::from_millis(80), listener.accept())
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn ends_when_told_in_every_state() {
    let (port, endpoint) = Port::open().await;
    for connected in [false, true] {
        let mut stage = stage(connected.then(|| endpoint.clone()));
        let peer = if connected {
            Some(port.greet("b").await)
        } else {
            None
        };
        stage.drain.take().unwrap().send(()).unwrap();
        timeout(Duration::from_secs(1), &mut stage.task)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            absent(&stage.handle.state().borrow().clone()),
            Some("draining")
        );
        drop(peer);
    }
}

#[tokio::test]
async fn failing_again_in_the_same_way_wakes_nobody() {
    let (port, endpoint) = Port::open().await;
    drop(port);
    let stage = stage(Some(endpoint));
    stage
        .until(|state| absent(state) == Some("unreachable"))
        .await;
    let mut state = stage.handle.state();
    state.mark_unchanged();
    assert!(
        timeout(Duration::from_millis(500), state.changed())
            .await
            .is_err()
    );
}
