//! What answers say beside the verdict: that it is true, and that nothing is left behind.

use std::fs;

use agent_api::{ConfigState, ConfigView, ExplainResponse, Outcome};
use axum::http::Method;
use serde_json::json;

use super::stage::Stage;

async fn explain(stage: &Stage, path: &str) -> ExplainResponse {
    let path = format!("/v1/config/explain?path={path}");
    stage.read(&path).await.json()
}

#[tokio::test]
async fn explain_tells_what_was_asked_for_and_kept_out() {
    let stage = Stage::started().await;
    let text =
        "{ level: 'debug', later: { mode: 'wild', apiKey: { source: 'env', id: 'T_USER' } } }";
    assert_eq!(stage.put("?wait=settled", text).await.status, 200);
    let gone = explain(&stage, "nobody").await;
    assert_eq!((gone.value, gone.since_generation), (None, None));
    assert_eq!(explain(&stage, "level").await.since_generation, Some(2));

    let locks = "{ locks: [{ path: 'later', why: 'ours now' }] }";
    let mut stage = stage
        .reborn(|dir| fs::write(dir.join("locks.json5"), locks).unwrap())
        .await;
    stage.run();
    let mut mode = explain(&stage, "later.mode").await;
    for _ in 0..400 {
        if !mode.refused.is_empty() && mode.value.is_none() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        mode = explain(&stage, "later.mode").await;
    }
    assert_eq!(mode.value, None);
    assert_eq!(mode.since_generation, None);
    assert_eq!(mode.refused.len(), 1, "{:?}", mode.refused);
    assert_eq!(mode.refused[0].value, Some(json!("wild")));
    let secret = explain(&stage, "later.apiKey.id").await;
    assert!(secret.refused[0].value.is_some());
    assert_ne!(secret.refused[0].value, Some(json!("T_USER")));
}

#[tokio::test]
async fn a_refused_rollback_leaves_nothing_of_itself() {
    let stage = Stage::started().await;
    assert_eq!(stage.put("", "{ mood: 'dies' }").await.status, 409);
    let user = || stage.call(Method::GET, "/v1/config/user", "operator", &[], "");
    let before = user().await.body;
    let answer = stage
        .post("/v1/config/rollback", r#"{"generation": 2}"#)
        .await;
    assert_eq!(answer.refusal(), (422, "quarantined".to_owned()));
    assert_eq!(user().await.body, before);
    let page = stage.probe(Method::GET, "/metrics").await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let counted = "pilotfish_config_applies_total{outcome=\"quarantined\"} 1";
    assert!(page.contains(counted), "{page}");
}

#[tokio::test]
async fn what_is_counted_can_happen() {
    let stage = Stage::started().await;
    assert_eq!(
        stage.put("?wait=none", "{ mood: 'sleeps' }").await.status,
        202
    );
    assert_eq!(stage.put("", "{ level: 'debug' }").await.status, 200);
    assert_eq!(stage.put("", "{ level: 'debug' }").await.status, 200);
    let page = stage.probe(Method::GET, "/metrics").await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    let counted = "pilotfish_config_applies_total{outcome=\"superseded\"} 1";
    assert!(page.contains(counted), "{page}");
    assert!(!page.contains("outcome=\"unchanged\""), "{page}");
}

#[tokio::test]
async fn a_sidecar_says_that_it_waits_for_the_kubelet() {
    let stage = Stage::started().await;
    let failing = stage.put("", "{ mood: 'goes' }");
    let looking = async {
        loop {
            let view: ConfigView = stage.read("/v1/config").await.json();
            let report = view.last_report.clone();
            if let Some(report) = report.filter(|report| report.waiting_for.is_some()) {
                stage.comes_back();
                return (view.state, report);
            }
            tokio::task::yield_now().await;
        }
    };
    let (failed, (state, report)) = tokio::join!(failing, looking);
    assert_eq!(
        (state, report.outcome),
        (ConfigState::Pending, Outcome::Pending)
    );
    assert!(report.waiting_for.unwrap().contains("kubelet"));
    assert_eq!(failed.refusal(), (409, "rolled_back".to_owned()));
}

#[tokio::test]
async fn explain_tells_what_was_refused_with_another_key() {
    let stage = Stage::started().await;
    assert_eq!(
        stage.put("?wait=settled", "{ level: 'warn' }").await.status,
        200
    );
    stage.write("user.json5", "{ level: 'debug', locked: 7 }");
    let mut level = explain(&stage, "level").await;
    for _ in 0..400 {
        if !level.refused.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        level = explain(&stage, "level").await;
    }
    assert_eq!(level.value, Some(json!("warn")));
    assert_eq!(level.refused.len(), 1, "{:?}", level.refused);
    assert_eq!(level.refused[0].value, Some(json!("debug")));
    assert_eq!(level.refused[0].problem.path, "locked");
    let locked = explain(&stage, "locked").await;
    assert_eq!(locked.refused.len(), 1, "{:?}", locked.refused);
    assert_eq!(locked.refused[0].value, Some(json!(7)));
    assert_eq!(explain(&stage, "token.id").await.refused, []);
}

#[tokio::test]
async fn an_edit_that_a_change_of_another_layer_holds_too_is_not_overtaken() {
    let stage = Stage::started().await;
    let waiting = stage.put("?timeout_seconds=60", "{ mood: 'sleeps' }");
    let other = async {
        while !stage.read_text("openclaw.json").contains("sleeps") {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        stage.write("base.json5", "{ level: 'info', locked: 1, port: 2 }");
    };
    let (edit, ()) = tokio::join!(waiting, other);
    assert_eq!(edit.status, 202);
    let edit: agent_api::PutUserResponse = edit.json();
    assert_eq!(edit.report.outcome, Outcome::Pending);
    assert!(edit.report.reason.unwrap().contains("holds this edit too"));
}

#[tokio::test]
async fn an_edit_in_a_fight_is_counted_once() {
    let stage = Stage::started().await;
    let ours = stage.read_text("openclaw.json");
    for edit in 1..=6 {
        stage.write("openclaw.json", &format!("{{ \"edit\": {edit} }}"));
        while stage.read_text("openclaw.json") != ours {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    let mut view: ConfigView = stage.read("/v1/config").await.json();
    while view.drift.last.as_ref().map(|last| last.action) != Some(agent_api::DriftAction::PutBack)
    {
        tokio::task::yield_now().await;
        view = stage.read("/v1/config").await.json();
    }
    assert_eq!(view.drift.count, 6);
    let page = stage.probe(Method::GET, "/metrics").await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    assert!(page.contains("action=\"fight\"} 1"), "{page}");
}
