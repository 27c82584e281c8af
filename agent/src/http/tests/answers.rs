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
