//! The routes on a real engine: what callers see, and what they are refused.

mod answers;
mod daemon;
mod journal;
mod lost;
mod operations;
mod sandboxes;
mod slow;
mod stage;

use agent_api::{
    CheckView, ConfigState, ConfigView, DiffResponse, ExplainResponse, GatewayState,
    HistoryResponse, Outcome, PauseResponse, PutUserResponse, RollbackResponse, StatusResponse,
};
use axum::http::Method;
use serde_json::{Value, json};

use super::decode::MAX_BODY_BYTES;
use stage::Stage;

#[tokio::test]
async fn an_edit_is_proved_and_seen() {
    let stage = Stage::started().await;
    let before = stage
        .call(Method::GET, "/v1/config/user", "operator", &[], "")
        .await;
    let seen = before.header("etag").to_owned();
    assert_eq!((before.status.as_u16(), &before.body[..]), (200, &b""[..]));

    let headers = [("if-match", seen.as_str()), ("x-pilotfish-actor", "alice")];
    let text = "{ level: 'debug' } // mine";
    let answer = stage
        .call(
            Method::PUT,
            "/v1/config/user?wait=settled",
            "operator",
            &headers,
            text,
        )
        .await;
    assert_eq!(answer.status, 200);
    let put: PutUserResponse = answer.json();
    assert_eq!(put.report.outcome, Outcome::Proved);
    assert_eq!(put.report.actor, "operate:alice");
    assert_eq!(put.report.changes[0].path, "level");
    assert_eq!(answer.header("etag"), put.etag);

    let after = stage
        .call(Method::GET, "/v1/config/user", "operator", &[], "")
        .await;
    assert_eq!(
        (after.header("etag"), &after.body[..]),
        (put.etag.as_str(), text.as_bytes())
    );

    let again = stage
        .call(Method::PUT, "/v1/config/user", "operator", &headers, "{}")
        .await;
    assert_eq!(again.refusal(), (412, "stale".to_owned()));
    assert_eq!(again.header("etag"), put.etag);

    let config = stage.read("/v1/config").await;
    let view: ConfigView = config.json();
    assert_eq!(
        (view.generation, view.state),
        (put.report.generation, ConfigState::Settled)
    );
    assert_eq!(view.document["level"], "debug");
    assert!(
        view.provenance
            .iter()
            .any(|entry| (entry.path.as_str(), entry.line) == ("level", 1))
    );
    let known = [("if-none-match", config.header("etag"))];
    let same = stage
        .call(Method::GET, "/v1/config", "reader", &known, "")
        .await;
    assert_eq!((same.status.as_u16(), same.body.len()), (304, 0));
}

#[tokio::test]
async fn callers_are_ordered_by_their_etag_whatever_revision_a_text_states() {
    let stage = Stage::started().await;
    let put = async |text: &str| {
        let path = "/v1/config/user";
        let before = stage.call(Method::GET, path, "operator", &[], "").await;
        let headers = [("if-match", before.header("etag"))];
        stage
            .call(Method::PUT, path, "operator", &headers, text)
            .await
    };
    assert_eq!(
        put("{ $pilotfish: { revision: 1000 }, level: 'info' }")
            .await
            .status,
        200
    );
    for level in ["debug", "warn"] {
        let text = format!("{{ $pilotfish: {{ revision: 7 }}, level: '{level}' }}");
        let answer = put(&text).await;
        assert_eq!(answer.status, 200);
        let report = answer.json::<PutUserResponse>().report;
        assert_eq!(report.changes.len(), 1, "{report:?}");
        let config: ConfigView = stage.read("/v1/config").await.json();
        assert_eq!(config.document["level"], level);
    }
}

#[tokio::test]
async fn an_edit_may_come_in_json() {
    let stage = Stage::started().await;
    let headers = [("if-match", "*"), ("content-type", "application/json")];
    let body = json!({ "text": "{ level: 'warn' }" }).to_string();
    let answer = stage
        .call(Method::PUT, "/v1/config/user", "operator", &headers, &body)
        .await;
    assert_eq!(
        answer.json::<PutUserResponse>().report.outcome,
        Outcome::Proved
    );
    assert_eq!(
        stage.read("/v1/config").await.json::<ConfigView>().document["level"],
        "warn"
    );
}

#[tokio::test]
async fn a_change_that_is_not_in_force_is_an_error_with_its_report() {
    let stage = Stage::started().await;
    let cases = [
        ("{ mood: 'refuses' }", 422, "refused", "refused"),
        ("{ mood: 'dies' }", 409, "rolled_back", "rolled_back"),
        ("{ mood: 'dies' }", 422, "quarantined", "quarantined"),
    ];
    for (text, status, code, outcome) in cases {
        let answer = stage.put("", text).await;
        assert_eq!(
            answer.refusal(),
            (status, code.to_owned()),
            "{:?}",
            answer.body
        );
        let body: Value = answer.json();
        assert_eq!(body["report"]["outcome"]["kind"], outcome);
        if code == "refused" {
            assert_eq!(body["problems"][0]["file"], "user.json5");
            assert_eq!(body["problems"][0]["message"], "no such mood");
        }
        let now = stage
            .call(Method::GET, "/v1/config/user", "operator", &[], "")
            .await;
        assert_eq!(answer.header("etag"), now.header("etag"));
    }
}

#[tokio::test]
async fn a_wait_that_runs_out_is_no_error() {
    let stage = Stage::started().await;
    for query in [
        "?timeout_seconds=0",
        "?wait=none",
        "?wait=settled&timeout_seconds=1",
    ] {
        let answer = stage.put(query, "{ mood: 'sleeps' }").await;
        assert_eq!(answer.status, 202, "{query}");
        let put: PutUserResponse = answer.json();
        assert_eq!(put.report.outcome, Outcome::Pending);
        assert_eq!(put.report.actor, "operate:alice");
    }
    let waiting = stage.put("?timeout_seconds=60", "{ mood: 'sleeps' }");
    let newer = async {
        tokio::task::yield_now().await;
        stage.put("", "{ level: 'debug' }").await
    };
    let (overtaken, newer) = tokio::join!(waiting, newer);
    assert_eq!(overtaken.refusal(), (409, "superseded".to_owned()));
    assert_eq!(newer.status, 200);
}

#[tokio::test]
async fn everything_else_is_answered() {
    let stage = Stage::started().await;
    let diff = stage
        .post("/v1/config/diff", r#"{"user": "{ port: 2 }"}"#)
        .await;
    let diff: DiffResponse = diff.json();
    assert!(diff.requires_restart && diff.problems.is_empty());
    assert_eq!(diff.check, CheckView::GatewayValid);
    let diff = stage
        .post(
            "/v1/config/diff",
            r#"{"user": "{ a: 1,\n mood: 'refuses' }"}"#,
        )
        .await;
    let diff: DiffResponse = diff.json();
    assert_eq!(diff.check, CheckView::GatewayInvalid);
    assert_eq!(
        (diff.problems[0].line, diff.problems[0].path.as_str()),
        (2, "mood")
    );
    let diff: DiffResponse = stage.post("/v1/config/diff", "").await.json();
    assert_eq!(diff.changes, []);

    stage.put("?wait=settled", "{ level: 'debug' }").await;
    let explain: ExplainResponse = stage.read("/v1/config/explain?path=level").await.json();
    assert_eq!(
        (explain.value, explain.hidden.len()),
        (Some(json!("debug")), 1)
    );
    let history: HistoryResponse = stage.read("/v1/config/history").await.json();
    let numbers: Vec<u64> = history
        .generations
        .iter()
        .map(|entry| entry.generation)
        .collect();
    assert_eq!(numbers, [2, 1]);

    let rollback = stage
        .post(
            "/v1/config/rollback",
            r#"{"generation": 1, "wait": "settled"}"#,
        )
        .await;
    assert_eq!(rollback.status, 200);
    let rollback: RollbackResponse = rollback.json();
    assert_eq!(
        (rollback.report.outcome, rollback.report.restores),
        (Outcome::Proved, Some(1))
    );

    let pause = stage
        .post("/v1/config/pause", r#"{"duration_seconds": 900}"#)
        .await;
    let until = pause.json::<PauseResponse>().until;
    let status: StatusResponse = stage.read("/v1/status").await.json();
    assert_eq!(
        (status.config.paused_until, status.config.generation),
        (until, 3)
    );
    assert_eq!(status.gateway.state, GatewayState::Up);
    assert_eq!(status.gateway.protection, agent_api::Protection::Switch);
    let resumed = stage
        .post("/v1/config/pause", r#"{"duration_seconds": 0}"#)
        .await;
    assert_eq!(resumed.json::<PauseResponse>().until, None);
}

#[tokio::test]
async fn what_a_reader_sees_is_redacted() {
    let stage = Stage::started().await;
    let put = stage
        .put(
            "?wait=settled",
            "{ token: { source: 'env', id: 'T_USER' } }",
        )
        .await;
    assert_eq!(put.status, 200);
    let explain = "/v1/config/explain?path=token.id";
    for path in ["/v1/config", explain, "/v1/config/history", "/v1/status"] {
        let answer = stage.read(path).await;
        assert_eq!(answer.status, 200, "{path}");
        let body = String::from_utf8_lossy(&answer.body);
        assert!(
            !body.contains("T_BASE") && !body.contains("T_USER"),
            "{path} {body}"
        );
    }
    let explain: ExplainResponse = stage.read(explain).await.json();
    assert_eq!(explain.hidden.len(), 1);
}

#[tokio::test]
async fn every_refusal_has_its_status_and_code() {
    let stage = Stage::started().await;
    let (get, put, post) = (Method::GET, Method::PUT, Method::POST);
    let any = &[("if-match", "*")][..];
    let json = &[("if-match", "*"), ("content-type", "application/json")][..];
    let large = " ".repeat(MAX_BODY_BYTES + 1);
    let (user, config) = ("/v1/config/user", "/v1/config");
    let (rollback, pause) = ("/v1/config/rollback", "/v1/config/pause");
    let (explain, diff) = ("/v1/config/explain", "/v1/config/diff");
    let cases = [
        (&get, config, "", &[][..], "", 401, "no_token"),
        (&get, config, "s3cret", &[], "", 401, "invalid_token"),
        (&get, user, "reader", &[], "", 403, "insufficient_scope"),
        (&put, user, "reader", any, "{}", 403, "insufficient_scope"),
        (
            &post,
            rollback,
            "reader",
            &[],
            "{}",
            403,
            "insufficient_scope",
        ),
        (&post, pause, "reader", &[], "{}", 403, "insufficient_scope"),
        (&put, user, "operator", &[], "{}", 428, "if_match_required"),
        (
            &put,
            user,
            "operator",
            &[("if-match", "1")],
            "{}",
            400,
            "bad_if_match",
        ),
        (
            &put,
            user,
            "operator",
            &[("if-match", "\"1-0\"")],
            "{}",
            412,
            "stale",
        ),
        (&put, user, "operator", any, "{ a: ", 422, "refused"),
        (
            &put,
            user,
            "operator",
            any,
            "{ apiKey: 's3cret-0123456789abcdef' }",
            422,
            "refused",
        ),
        (&put, user, "operator", any, "{ locked: 2 }", 422, "refused"),
        (&put, user, "operator", any, &large, 413, "too_large"),
        (
            &put,
            user,
            "operator",
            json,
            "{ text: 's3cret' }",
            400,
            "bad_body",
        ),
        (
            &put,
            "/v1/config/user?timeout_seconds=x",
            "operator",
            any,
            "{}",
            400,
            "bad_query",
        ),
        (
            &put,
            "/v1/config/user?timeout_seconds=601",
            "operator",
            any,
            "{}",
            400,
            "bad_duration",
        ),
        (&get, explain, "reader", &[], "", 400, "bad_query"),
        (
            &get,
            "/v1/config?s3cret=1",
            "reader",
            &[],
            "",
            400,
            "bad_query",
        ),
        (&get, "/v1/status?x", "reader", &[], "", 400, "bad_query"),
        (&get, "/v1/config?x", "", &[], "", 401, "no_token"),
        (
            &get,
            "/v1/config/explain?path=a&s3cret=1",
            "reader",
            &[],
            "",
            400,
            "bad_query",
        ),
        (
            &put,
            "/v1/config/user?wiat=none",
            "operator",
            any,
            "{}",
            400,
            "bad_query",
        ),
        (
            &post,
            rollback,
            "operator",
            &[],
            r#"{"generation": 1, "s3cret": 1}"#,
            400,
            "bad_body",
        ),
        (
            &post,
            pause,
            "operator",
            &[],
            r#"{"duration_seconds": 1, "s3cret": 1}"#,
            400,
            "bad_body",
        ),
        (
            &post,
            diff,
            "reader",
            &[],
            r#"{"s3cret": "{}"}"#,
            400,
            "bad_body",
        ),
        (
            &get,
            "/v1/config/explain?path=a..b",
            "reader",
            &[],
            "",
            400,
            "bad_path",
        ),
        (&post, diff, "reader", &[], "[1", 400, "bad_body"),
        (&post, rollback, "operator", &[], "", 400, "bad_body"),
        (
            &post,
            rollback,
            "operator",
            &[],
            r#"{"generation": 99}"#,
            404,
            "no_generation",
        ),
        (
            &post,
            rollback,
            "operator",
            &[],
            r#"{"generation": 1, "timeout_seconds": 601}"#,
            400,
            "bad_duration",
        ),
        (
            &post,
            pause,
            "operator",
            &[],
            r#"{"duration_seconds": 86401}"#,
            400,
            "bad_duration",
        ),
        (
            &post,
            config,
            "operator",
            &[],
            "",
            405,
            "method_not_allowed",
        ),
        (&get, "/v1/config/", "operator", &[], "", 404, "not_found"),
        (&get, "/", "", &[], "", 404, "not_found"),
    ];
    for (method, path, token, headers, body, status, code) in cases {
        let answer = stage.call(method.clone(), path, token, headers, body).await;
        assert_eq!(
            answer.refusal(),
            (status, code.to_owned()),
            "{method} {path}"
        );
        assert!(!String::from_utf8_lossy(&answer.body).contains("s3cret"));
        match code {
            "refused" => assert_eq!(answer.json::<Value>()["problems"][0]["layer"], "user"),
            "method_not_allowed" => assert_eq!(answer.header("allow"), "GET,HEAD"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn an_agent_that_ends_says_so() {
    let stage = Stage::started().await;
    let waiting = stage.put("", "{ mood: 'sleeps' }");
    let ending = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        stage.end();
    };
    let (cut, ()) = tokio::join!(waiting, ending);
    assert_eq!(cut.refusal(), (503, "shutting_down".to_owned()));
    let late = stage.read("/v1/config/history").await;
    assert_eq!(late.refusal(), (503, "shutting_down".to_owned()));
}

#[tokio::test]
async fn probes_tell_whether_the_document_is_in_place() {
    let mut stage = Stage::new();
    for path in ["/startupz", "/readyz"] {
        let closed = stage.probe(Method::GET, path).await;
        assert_eq!(closed.status, 503, "{path}");
        assert_eq!(closed.json::<Value>()["closed"][0]["gate"], "document");
    }
    stage.start().await;
    for path in ["/startupz", "/readyz", "/livez", "/metrics"] {
        let open = stage.probe(Method::GET, path).await;
        assert_eq!(open.status, 200, "{path}");
        let head = stage.probe(Method::HEAD, path).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (200, 0), "{path}");
        let posted = stage.probe(Method::POST, path).await;
        assert_eq!(posted.refusal(), (405, "method_not_allowed".to_owned()));
    }
    let page = stage.probe(Method::GET, "/metrics").await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    for family in [
        "pilotfish_config_generation 1",
        "process_resident_memory_bytes",
    ] {
        assert!(page.contains(family), "{family}");
    }
    let nothing = stage.probe(Method::GET, "/v1/status").await;
    assert_eq!(nothing.refusal(), (404, "not_found".to_owned()));
}
