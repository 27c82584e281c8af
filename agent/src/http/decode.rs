//! Bodies of requests, bounded. What is wrong with one is told by its place, never by its content:
//! a body may hold what is private.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use agent_api::{
    PATH_CONFIG_EXPLAIN, PATH_CONFIG_USER, PATH_JOURNAL, PATH_SANDBOXES, PutUserRequest,
};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE};
use axum::middleware::Next;
use axum::response::Response;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use tokio::time::timeout;

use super::error::Error;

/// A larger body is refused.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;

/// How long a body may take to arrive.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyTime(pub Duration);

impl Default for BodyTime {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

/// A body that was whole in time, or what kept it from being so.
pub(super) struct Body(Result<Bytes, Error>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &S) -> Result<Self, Infallible> {
        let BodyTime(limit) = request.extensions().get().copied().unwrap_or_default();
        let read = timeout(limit, Bytes::from_request(request, state)).await;
        Ok(Self(match read {
            Ok(body) => body.map_err(rejected),
            Err(_) => Err(Error::SlowBody { limit }),
        }))
    }
}

/// A JSON body with no other fields than these.
pub(super) fn json<T: DeserializeOwned>(body: Body, fields: &[&str]) -> Result<T, Error> {
    parsed(&body.0?, fields)
}

/// A JSON body that may be left out.
pub(super) fn json_or_default<T: DeserializeOwned + Default>(
    body: Body,
    fields: &[&str],
) -> Result<T, Error> {
    match body.0? {
        bytes if bytes.is_empty() => Ok(T::default()),
        bytes => parsed(&bytes, fields),
    }
}

/// Lets a call through whose query has no other names than those of its path: what a caller asks
/// for in vain it should hear of.
pub(super) async fn query(request: Request, next: Next) -> Result<Response, Error> {
    let names: &[&str] = match (request.method(), request.uri().path()) {
        (&Method::PUT, PATH_CONFIG_USER) => &["wait", "timeout_seconds"],
        (_, PATH_CONFIG_EXPLAIN) => &["path"],
        (_, PATH_SANDBOXES) => &["plan", "measure"],
        (_, PATH_JOURNAL) => &["after", "limit"],
        (&Method::DELETE, _) => &["force"],
        _ => &[],
    };
    let pairs = request.uri().query().unwrap_or_default().split('&');
    let mut given = pairs.filter_map(|pair| pair.split('=').next());
    if given.any(|name| !name.is_empty() && !names.contains(&name)) {
        let names = listed(names);
        return Err(Error::QueryName { names });
    }
    Ok(next.run(request).await)
}

/// The user layer's text: wrapped when the content type is `application/json`, else the body itself.
pub(super) fn user_text(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Error> {
    let bytes = body.0?;
    if !is_json(headers) {
        return Ok(bytes.into());
    }
    let request: PutUserRequest = parsed(&bytes, &["text"])?;
    Ok(request.text.into_bytes())
}

fn rejected(rejection: BytesRejection) -> Error {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        _ => Error::Body {
            why: "it ended early".to_owned(),
        },
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], fields: &[&str]) -> Result<T, Error> {
    let told = |error: serde_json::Error| Error::Body { why: why(&error) };
    let value = serde_json::from_slice(bytes).map_err(told)?;
    let given: BTreeMap<String, IgnoredAny> = serde_json::from_slice(bytes).map_err(told)?;
    if given.keys().all(|name| fields.contains(&name.as_str())) {
        return Ok(value);
    }
    let why = format!("this call takes no other field than {}", listed(fields));
    Err(Error::Body { why })
}

/// Names as people write them; "none" where there are none.
fn listed(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn why(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "its fields are not those of this call",
        Category::Syntax => "it is not JSON",
        Category::Eof | Category::Io => "it is JSON that ends early",
    };
    let (line, column) = (error.line(), error.column());
    format!("{what} (line {line}, column {column})")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|value| value.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use agent_api::{DiffRequest, PauseRequest, RestartRequest, RollbackRequest, SuspendRequest};

    use super::*;

    fn body(text: &str) -> Body {
        Body(Ok(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn text(kind: Option<&'static str>, content: &str) -> Result<String, String> {
        let headers = kind.into_iter();
        let headers = headers.map(|kind| (CONTENT_TYPE, kind.parse().unwrap()));
        match user_text(&headers.collect(), body(content)) {
            Ok(text) => Ok(String::from_utf8(text).unwrap()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_content_type_says_whether_the_text_is_wrapped() {
        let raw = "{ /* mine */ a: 1 }";
        let wrapped = r#"{"text": "{ a: 1 }"}"#;
        for kind in [
            None,
            Some("text/plain"),
            Some("application/json5"),
            Some(""),
        ] {
            assert_eq!(text(kind, raw), Ok(raw.to_owned()), "{kind:?}");
            assert_eq!(text(kind, wrapped), Ok(wrapped.to_owned()), "{kind:?}");
        }
        for kind in ["application/json", "Application/JSON ; charset=utf-8"] {
            assert_eq!(text(Some(kind), wrapped), Ok("{ a: 1 }".to_owned()));
        }
    }

    #[test]
    fn a_bad_body_is_told_by_its_place_only() {
        let cases = [
            ("", "it is JSON that ends early (line 1, column 0)"),
            ("{\n  s3cret", "it is not JSON (line 2, column 3)"),
            (
                r#""s3cret""#,
                "its fields are not those of this call (line 1, column 8)",
            ),
            (
                r#"{"text": {"s3cret": 1}}"#,
                "its fields are not those of this call (line 1, column 9)",
            ),
            (
                r#"{"text": "{}", "s3cret": 1}"#,
                "this call takes no other field than text",
            ),
        ];
        for (content, why) in cases {
            let expected = format!("the body cannot be read: {why}");
            let said = text(Some("application/json"), content);
            assert_eq!(said, Err(expected), "{content}");
        }
    }

    #[test]
    fn a_body_may_be_left_out_where_that_means_something() {
        let diff: DiffRequest = json_or_default(body(""), &["user"]).unwrap();
        assert_eq!(diff, DiffRequest::default());
        let diff: DiffRequest = json_or_default(body(r#"{"user": "{}"}"#), &["user"]).unwrap();
        assert_eq!(diff.user.as_deref(), Some("{}"));
        assert!(json_or_default::<DiffRequest>(body(r#"{"usr": "{}"}"#), &["user"]).is_err());
        let pause = |text| json::<PauseRequest>(body(text), super::super::change::PAUSE);
        assert!(pause("").is_err());
        assert!(pause(r#"{"duration_seconds": -1}"#).is_err());
    }

    #[test]
    fn every_field_of_a_request_is_taken() {
        let sample = include_str!("../../api/samples/rollback_request.json");
        assert!(json::<RollbackRequest>(body(sample), super::super::change::ROLLBACK).is_ok());
        let sample = include_str!("../../api/samples/pause_request.json");
        assert!(json::<PauseRequest>(body(sample), super::super::change::PAUSE).is_ok());
        let sample = include_str!("../../api/samples/diff_request.json");
        assert!(json::<DiffRequest>(body(sample), super::super::config::DIFF).is_ok());
        let sample = include_str!("../../api/samples/suspend_request.json");
        assert!(json::<SuspendRequest>(body(sample), super::super::operations::SUSPEND).is_ok());
        let sample = include_str!("../../api/samples/restart_request.json");
        assert!(json::<RestartRequest>(body(sample), super::super::operations::RESTART).is_ok());
        let sample = include_str!("../../api/samples/put_user_request.json");
        assert!(text(Some("application/json"), sample).is_ok());
    }
}
