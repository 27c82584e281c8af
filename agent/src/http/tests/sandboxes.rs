//! Sandboxes for callers, on a daemon that has one.

use agent_api::{
    DaemonState, LiveView, PruneResponse, RemovalOutcome, RemoveResponse, SandboxEvent,
    SandboxesResponse, ScopeKind,
};
use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt;
use sandbox::Event;

use super::daemon::{NAME, Stand, exec, id};
use super::stage::{Answer, Stage};

async fn delete(stage: &Stage, query: &str) -> Answer {
    let path = format!("/v1/sandboxes/{}{query}", id());
    stage.send(Method::DELETE, &path, Body::empty()).await
}

/// The next line of a stream; nothing at its end.
async fn line(body: &mut Body) -> Option<SandboxEvent> {
    let frame = body.frame().await?.unwrap();
    let bytes = frame.into_data().unwrap();
    assert_eq!(bytes.last(), Some(&b'\n'));
    Some(serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn an_agent_without_a_daemon_says_so() {
    let stage = Stage::new();
    let list: SandboxesResponse = stage.read("/v1/sandboxes").await.json();
    assert_eq!(list.daemon.state, DaemonState::Off);
    for answer in [
        stage.post("/v1/sandboxes/prune", "").await,
        stage.read("/v1/sandboxes/events").await,
        delete(&stage, "").await,
    ] {
        assert_eq!(answer.refusal(), (404, "no_daemon".to_owned()));
    }
}

#[tokio::test]
async fn what_there_is_is_listed_and_measured_where_that_is_asked_for() {
    let stand = Stand::with_execs(1).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    let list: SandboxesResponse = stage.read("/v1/sandboxes?plan=true").await.json();
    let sandbox = &list.sandboxes[0];
    assert_eq!(list.daemon.version.as_deref(), Some("29.0.0"));
    assert_eq!(
        (sandbox.name.as_str(), sandbox.scope),
        (NAME, ScopeKind::Session)
    );
    assert_eq!((sandbox.execs, &sandbox.live), (1, &Some(LiveView::Exec)));
    assert_eq!((&sandbox.usage, sandbox.planned), (&None, None));
    let list: SandboxesResponse = stage.read("/v1/sandboxes?measure=true").await.json();
    let usage = list.sandboxes[0].usage.as_ref();
    assert_eq!(usage.map(|usage| usage.memory_bytes), Some(4096));
    let odd = stage.read("/v1/sandboxes?measure=maybe").await;
    assert_eq!(odd.refusal(), (400, "bad_query".to_owned()));
}

#[tokio::test]
async fn to_remove_takes_a_token_that_may_operate() {
    let stand = Stand::with_execs(0).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    let one = format!("/v1/sandboxes/{}", id());
    for (method, path) in [
        (Method::POST, "/v1/sandboxes/prune"),
        (Method::DELETE, one.as_str()),
    ] {
        let answer = stage.call(method.clone(), path, "reader", &[], "").await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope".to_owned()));
        let answer = stage.call(method, path, "", &[], "").await;
        assert_eq!(answer.refusal(), (401, "no_token".to_owned()));
    }
}

#[tokio::test]
async fn nothing_live_is_pruned_and_a_dry_run_removes_nothing() {
    let stand = Stand::with_execs(1).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    for (body, dry_run) in [(r#"{"dry_run":true}"#, true), ("", false)] {
        let answer = stage.post("/v1/sandboxes/prune", body).await;
        let pass = answer.json::<PruneResponse>().pass;
        assert_eq!((pass.dry_run, pass.seen, pass.kept), (dry_run, 1, 1));
        assert!(pass.removals.is_empty());
    }
    let odd = stage.post("/v1/sandboxes/prune", r#"{"dry_run":1}"#).await;
    assert_eq!(odd.refusal(), (400, "bad_body".to_owned()));
}

#[tokio::test]
async fn what_runs_is_removed_only_by_its_name() {
    let stand = Stand::with_execs(1).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    let refusals = [
        (delete(&stage, "").await, (409, "live")),
        (delete(&stage, "?force=other").await, (409, "wrong_name")),
        (delete(&stage, "?force=").await, (409, "wrong_name")),
    ];
    for (answer, (status, code)) in refusals {
        assert_eq!(answer.refusal(), (status, code.to_owned()));
    }
    for (name, refusal) in [
        ("0".repeat(64), (404, "unknown".to_owned())),
        (
            id().to_string()[..12].to_owned(),
            (400, "bad_id".to_owned()),
        ),
        (NAME.to_owned(), (400, "bad_id".to_owned())),
    ] {
        let path = format!("/v1/sandboxes/{name}");
        let answer = stage.send(Method::DELETE, &path, Body::empty()).await;
        assert_eq!(answer.refusal(), refusal);
    }
    let gone = delete(&stage, &format!("?force={NAME}")).await;
    let removal = gone.json::<RemoveResponse>().removal;
    assert_eq!(removal.outcome, RemovalOutcome::Removed);
    assert_eq!(removal.name, NAME);
}

#[tokio::test]
async fn a_stream_begins_with_all_and_ends_with_the_agent() {
    let stand = Stand::with_execs(0).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    let mut body = stage.follow("/v1/sandboxes/events").await;
    let first = line(&mut body).await.unwrap();
    assert!(
        matches!(&first, SandboxEvent::Snapshot { daemon: DaemonState::Up, sandboxes, .. } if sandboxes[0].name == NAME),
        "{first:?}"
    );
    stand
        .news
        .try_send(Event::ExecBegan(id(), exec(9)))
        .unwrap();
    let begun = line(&mut body).await.unwrap();
    assert!(
        matches!(&begun, SandboxEvent::Execs { name, count: 1, .. } if name == NAME),
        "{begun:?}"
    );
    stand.owner.drain.start();
    assert_eq!(line(&mut body).await, None);
}

#[tokio::test]
async fn a_removal_on_the_stream_has_the_name_of_what_went() {
    let stand = Stand::with_execs(0).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    let mut body = stage.follow("/v1/sandboxes/events").await;
    line(&mut body).await.unwrap();
    delete(&stage, &format!("?force={NAME}")).await;
    let removal = loop {
        if let SandboxEvent::Removal { removal, .. } = line(&mut body).await.unwrap() {
            break removal;
        }
    };
    assert_eq!((&*removal.name, removal.id), (NAME, Some(id().to_string())));
}

#[tokio::test]
async fn a_slow_reader_is_told_what_it_missed_and_sees_all_again() {
    let stand = Stand::with_execs(0).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    let mut body = stage.follow("/v1/sandboxes/events").await;
    line(&mut body).await.unwrap();
    for n in 0..600 {
        stand
            .news
            .try_send(Event::ExecBegan(id(), exec(n)))
            .unwrap();
    }
    let mut view = stand.owner.handle.view();
    let all_heard = |view: &sandbox::View| view.sandboxes[0].sandbox.execs.len() == 600;
    view.wait_for(all_heard).await.unwrap();
    let missed = line(&mut body).await.unwrap();
    let SandboxEvent::Missed { count, .. } = missed else {
        panic!("{missed:?}");
    };
    assert!((300..600).contains(&count), "{count}");
    let then = line(&mut body).await.unwrap();
    assert!(
        matches!(&then, SandboxEvent::Snapshot { sandboxes, .. } if sandboxes[0].execs == 600),
        "{then:?}"
    );
}

#[tokio::test]
async fn readers_are_bounded_and_a_seat_is_free_again() {
    let stand = Stand::with_execs(0).await;
    let stage = Stage::owning(Some(stand.owner.clone()));
    let mut readers = Vec::new();
    for _ in 0..32 {
        readers.push(stage.follow("/v1/sandboxes/events").await);
    }
    let more = stage.read("/v1/sandboxes/events").await;
    assert_eq!(more.refusal(), (503, "too_many_readers".to_owned()));
    readers.pop();
    let mut body = stage.follow("/v1/sandboxes/events").await;
    let first = line(&mut body).await.unwrap();
    assert!(matches!(first, SandboxEvent::Snapshot { .. }), "{first:?}");
}
