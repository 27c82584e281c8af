//! The gateway's life for callers.

use agent_api::{
    ActivityResponse, RestartResponse, RestartState, ResumeResponse, SuspendResponse,
    SuspensionState,
};
use axum::http::Method;

use super::stage::Stage;

const SUSPEND: &str = "/v1/gateway/suspend";
const RESUME: &str = "/v1/gateway/resume";
const RESTART: &str = "/v1/gateway/restart";

#[tokio::test]
async fn whoever_reads_sees_the_activity_and_only_operators_touch_the_gateway() {
    let stage = Stage::started().await;
    let activity: ActivityResponse = stage.read("/v1/activity").await.json();
    assert_eq!((activity.idle, activity.active_runs), (None, None));
    assert_eq!(activity.unknown, ["the gateway did not tell everything"]);
    for path in [SUSPEND, RESUME, RESTART] {
        let answer = stage.call(Method::POST, path, "reader", &[], "").await;
        assert_eq!(answer.refusal(), (403, "insufficient_scope".to_owned()));
        let answer = stage.call(Method::POST, path, "", &[], "").await;
        assert_eq!(answer.refusal(), (401, "no_token".to_owned()));
    }
    assert_eq!(stage.life().asked(), [""; 0]);
}

#[tokio::test]
async fn a_suspension_is_held_by_the_name_of_its_caller_and_ended_once() {
    let stage = Stage::started().await;
    let headers = [("x-pilotfish-actor", "alice")];
    let body = r#"{"hold_seconds":3600}"#;
    let answer = stage
        .call(Method::POST, SUSPEND, "operator", &headers, body)
        .await;
    assert_eq!(answer.status, 200);
    let held = answer.json::<SuspendResponse>().suspension;
    assert_eq!(
        (held.state, held.actor.as_str()),
        (SuspensionState::Suspended, "operate:alice")
    );
    let activity: ActivityResponse = stage.read("/v1/activity").await.json();
    assert_eq!(activity.suspension, Some(held));
    let restart = stage.post(RESTART, r#"{"force":true}"#).await;
    assert_eq!(restart.refusal(), (409, "gateway_suspended".to_owned()));
    for resumed in [true, false] {
        let answer = stage.post(RESUME, "").await;
        assert_eq!(answer.json::<ResumeResponse>(), ResumeResponse { resumed });
    }
}

#[tokio::test]
async fn what_runs_refuses_a_suspension_or_is_waited_for() {
    let stage = Stage::started().await;
    stage.life().lock().active = 3;
    let busy = stage.post(SUSPEND, "").await;
    assert_eq!(busy.refusal(), (409, "gateway_busy".to_owned()));
    let answer = stage.post(SUSPEND, r#"{"drain":true}"#).await;
    assert_eq!(answer.status, 202);
    let held = answer.json::<SuspendResponse>().suspension;
    assert_eq!((held.state, held.active), (SuspensionState::Draining, 3));
}

#[tokio::test]
async fn what_is_asked_for_has_its_limits() {
    let stage = Stage::started().await;
    let bodies = [
        (SUSPEND, r#"{"hold_seconds":9}"#, "bad_duration"),
        (SUSPEND, r#"{"hold_seconds":3601}"#, "bad_duration"),
        (SUSPEND, r#"{"hold_seconds":-1}"#, "bad_body"),
        (SUSPEND, r#"{"hold":60}"#, "bad_body"),
        (RESUME, r#"{"force":true}"#, "bad_body"),
        (RESTART, r#"{"timeout_seconds":141}"#, "bad_duration"),
        (RESTART, r#"{"force":1}"#, "bad_body"),
    ];
    for (path, body, code) in bodies {
        let refusal = stage.post(path, body).await.refusal();
        assert_eq!(refusal, (400, code.to_owned()), "{path} {body}");
    }
    let query = stage.post("/v1/gateway/resume?now=1", "").await;
    assert_eq!(query.refusal(), (400, "bad_query".to_owned()));
    assert_eq!(stage.life().asked(), [""; 0]);
}

#[tokio::test]
async fn a_restart_is_told_when_it_is_seen_and_else_goes_on() {
    let stage = Stage::started().await;
    let answer = stage.post(RESTART, r#"{"timeout_seconds":0}"#).await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.json::<RestartResponse>().state,
        RestartState::Scheduled
    );
    assert_eq!(stage.life().asked(), ["preflight", "restart Wait"]);
    let restart = stage.post(RESTART, r#"{"force":true}"#);
    let boots = async {
        while stage.life().asked().is_empty() {
            tokio::task::yield_now().await;
        }
        stage.boots("b2");
    };
    let (answer, ()) = tokio::join!(restart, boots);
    assert_eq!(answer.status, 200);
    let response: RestartResponse = answer.json();
    assert_eq!(
        (response.state, response.boot_id.as_deref()),
        (RestartState::Restarted, Some("b2"))
    );
}

#[tokio::test]
async fn a_change_on_its_way_is_not_disturbed() {
    let stage = Stage::started().await;
    stage.put("?wait=none", "{ mood: 'sleeps' }").await;
    stage.until_state(agent_api::ConfigState::Proving).await;
    for path in [SUSPEND, RESTART] {
        let answer = stage.post(path, "").await;
        assert_eq!(answer.refusal(), (409, "config_busy".to_owned()), "{path}");
    }
    let forced = r#"{"force":true,"timeout_seconds":0}"#;
    assert_eq!(stage.post(RESTART, forced).await.status, 202);
    let activity: ActivityResponse = stage.read("/v1/activity").await.json();
    assert_eq!(activity.idle, Some(false));
    assert_eq!(activity.losses, ["a change of the document is on its way"]);
}
