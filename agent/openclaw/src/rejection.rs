//! How a gateway says no to a call.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::clip::{MESSAGE, NAME, clip};

/// More issues than these are dropped: a person reads the first few.
const ISSUES: usize = 64;
/// More allowed values than these are dropped.
const ALLOWED: usize = 32;

/// One complaint of the gateway about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The key, with dots; empty for the root.
    pub path: String,
    /// What is wrong, at most 1 KiB.
    pub message: String,
    /// The values that would be right, where the gateway lists them.
    pub allowed: Vec<String>,
}

impl Issue {
    /// Reads an issue; `None` when it is not shaped like one.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let path = value.get("path").map_or(String::new(), path_text);
        let message = clip(value.get("message")?.as_str()?, MESSAGE);
        let allowed = value.get("allowedValues").and_then(Value::as_array);
        let allowed = allowed
            .into_iter()
            .flatten()
            .take(ALLOWED)
            .map(plain)
            .collect();
        Some(Self {
            path,
            message,
            allowed,
        })
    }

    /// Reads the list under `issues` of an answer.
    pub(crate) fn read_all(value: Option<&Value>) -> Vec<Self> {
        let list = value.and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Self::read)
            .take(ISSUES)
            .collect()
    }
}

/// Paths are dotted text; a list of segments is joined.
fn path_text(value: &Value) -> String {
    match value {
        Value::Array(segments) => clip(
            &segments
                .iter()
                .take(ALLOWED)
                .map(plain)
                .collect::<Vec<_>>()
                .join("."),
            NAME,
        ),
        other => plain(other),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => clip(text, NAME),
        other => clip(&other.to_string(), NAME),
    }
}

/// An answer that says no. Everything in it is the gateway's own claim, cut to bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The class, such as `INVALID_REQUEST`, `UNAVAILABLE`, `FORBIDDEN`.
    pub code: String,
    /// The finer code or the reason where there is one, such as `AUTH_TOKEN_MISMATCH` or
    /// `gateway-suspending`.
    pub detail: Option<String>,
    /// The text for people.
    pub message: String,
    /// Complaints about a configuration.
    pub issues: Vec<Issue>,
    /// When the gateway says that it makes sense to ask again.
    pub retry_after: Option<Duration>,
    /// When what stands in the way ends by itself, in milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
}

/// The error of an answer as it is on the wire.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WireError {
    code: Value,
    message: Value,
    details: Value,
    retry_after_ms: Option<f64>,
}

impl From<WireError> for Rejection {
    fn from(wire: WireError) -> Self {
        let details = &wire.details;
        let detail = details.get("code").or_else(|| details.get("reason"));
        let wait = wire
            .retry_after_ms
            .or_else(|| details.get("retryAfterMs")?.as_f64());
        Self {
            code: text(&wire.code, NAME),
            detail: detail.and_then(Value::as_str).map(|code| clip(code, NAME)),
            message: text(&wire.message, MESSAGE),
            issues: Issue::read_all(details.get("issues")),
            retry_after: wait
                .filter(|ms| ms.is_finite() && *ms >= 0.0)
                .and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok()),
            expires_at_ms: details.get("expiresAtMs").and_then(Value::as_u64),
        }
    }
}

fn text(value: &Value, max: usize) -> String {
    value.as_str().map_or(String::new(), |text| clip(text, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Rejection {
        serde_json::from_str::<WireError>(json).unwrap().into()
    }

    #[test]
    fn reads_what_the_gateway_answers_to_a_bad_candidate() {
        let rejection = read(
            r#"{"code":"INVALID_REQUEST","message":"invalid config: …","details":{"issues":[
            {"path":"logging.level","message":"Invalid input","allowedValues":["info","debug"],"allowedValuesHiddenCount":0},
            {"path":"","message":"Unrecognized key: \"limits\""}]}}"#,
        );
        assert_eq!(rejection.code, "INVALID_REQUEST");
        assert_eq!(rejection.issues.len(), 2);
        assert_eq!(rejection.issues[0].path, "logging.level");
        assert_eq!(rejection.issues[0].allowed, ["info", "debug"]);
        assert_eq!(rejection.issues[1].path, "");
    }

    #[test]
    fn odd_shapes_are_survived() {
        for json in [
            "{}",
            r#"{"code":7,"message":[],"details":"x"}"#,
            r#"{"details":{"issues":{}}}"#,
            r#"{"details":{"issues":[1,{},{"path":3}]}}"#,
            r#"{"retryAfterMs":-5}"#,
            r#"{"retryAfterMs":1e300}"#,
        ] {
            let rejection = read(json);
            assert!(rejection.issues.is_empty(), "{json}");
            assert!(rejection.retry_after.is_none(), "{json}");
        }
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let long = "x".repeat(100_000);
        let issue = format!(r#"{{"path":"{long}","message":"{long}","allowedValues":["{long}"]}}"#);
        let issues = vec![issue; 500].join(",");
        let json =
            format!(r#"{{"code":"{long}","message":"{long}","details":{{"issues":[{issues}]}}}}"#);
        let rejection = read(&json);
        assert_eq!(rejection.issues.len(), ISSUES);
        assert!(rejection.code.len() <= NAME && rejection.message.len() <= MESSAGE);
        assert!(rejection.issues[0].path.len() <= NAME);
        assert!(rejection.issues[0].message.len() <= MESSAGE);
        assert!(rejection.issues[0].allowed[0].len() <= NAME);
    }

    #[test]
    fn retry_after_is_read_from_both_places() {
        for json in [
            r#"{"retryAfterMs":1500}"#,
            r#"{"details":{"retryAfterMs":1500}}"#,
        ] {
            assert_eq!(read(json).retry_after, Some(Duration::from_millis(1500)));
        }
    }
}
