//! One frame of the wire, in and out.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::rejection::WireError;
use crate::{Event, Rejection};

/// A request as it goes out.
#[derive(Serialize)]
pub(crate) struct Request<'a, P> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    method: &'a str,
    params: P,
}

impl<'a, P: Serialize> Request<'a, P> {
    pub(crate) fn new(id: &'a str, method: &'a str, params: P) -> Self {
        Self {
            kind: "req",
            id,
            method,
            params,
        }
    }
}

/// A frame as it comes in. The payload is not parsed: most are for nobody.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    ok: bool,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<WireError>,
    #[serde(default, borrow)]
    event: Option<Cow<'a, str>>,
}

/// An answer: the text it came in and where in it the payload is, so that nothing is copied.
#[derive(Debug)]
pub(crate) struct Answer {
    text: Utf8Bytes,
    payload: Range<usize>,
}

impl Answer {
    /// The payload as JSON text; `null` when there was none.
    pub(crate) fn payload(&self) -> &str {
        self.text
            .get(self.payload.clone())
            .filter(|text| !text.is_empty())
            .unwrap_or("null")
    }
}

/// What a frame turned out to be.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// The answer to the request with this number.
    Answer(u64, Result<Answer, Rejection>),
    /// An event that matters.
    Event(Event),
    /// The gateway asks us to connect.
    Challenge,
    /// Something else: an event for others, an answer to nobody, a newer kind of frame.
    Other,
}

impl Incoming {
    /// Reads a text frame; `None` when it is not a frame of this protocol at all.
    pub(crate) fn read(text: Utf8Bytes) -> Option<Self> {
        let wire: Wire<'_> = serde_json::from_str(&text).ok()?;
        let payload = wire.payload.map_or(0..0, |raw| place(&text, raw.get()));
        match &*wire.kind {
            "res" => {
                let Some(id) = wire.id.and_then(|id| id.parse().ok()) else {
                    return Some(Self::Other);
                };
                let refused = (!wire.ok).then(|| wire.error.unwrap_or_default().into());
                Some(Self::Answer(
                    id,
                    refused.map_or(Ok(Answer { text, payload }), Err),
                ))
            }
            "event" => Some(match wire.event.as_deref().unwrap_or("") {
                "connect.challenge" => Self::Challenge,
                name => Event::read(name, &text[payload]).map_or(Self::Other, Self::Event),
            }),
            _ => Some(Self::Other),
        }
    }
}

/// Where `part`, which is borrowed from `whole`, begins and ends in it.
fn place(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    if start <= whole.len() {
        start..(start + part.len()).min(whole.len())
    } else {
        0..0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_frames() {
        let read = |text: &str| Incoming::read(text.to_owned().into());
        let Some(Incoming::Answer(7, Ok(answer))) =
            read(r#"{ "payload" : {"a":[1, "ü"]}, "type":"res","id":"7","ok":true}"#)
        else {
            panic!()
        };
        assert_eq!(answer.payload(), r#"{"a":[1, "ü"]}"#);
        let Some(Incoming::Answer(8, Ok(answer))) = read(r#"{"type":"res","id":"8","ok":true}"#)
        else {
            panic!()
        };
        assert_eq!(answer.payload(), "null");
        let Some(Incoming::Answer(9, Err(rejection))) = read(
            r#"{"type":"res","id":"9","ok":false,"error":{"code":"UNAVAILABLE","message":"m"}}"#,
        ) else {
            panic!()
        };
        assert_eq!(rejection.code, "UNAVAILABLE");
        assert!(matches!(
            read(r#"{"type":"event","event":"connect.challenge","payload":{}}"#),
            Some(Incoming::Challenge)
        ));
        for other in [
            r#"{"type":"res","id":"not ours","ok":true}"#,
            r#"{"type":"res","ok":true}"#,
            r#"{"type":"event","event":"tick","payload":{"ts":1}}"#,
            r#"{"type":"event"}"#,
            r#"{"type":"newer"}"#,
        ] {
            assert!(matches!(read(other), Some(Incoming::Other)), "{other}");
        }
        for garbage in [
            "",
            "null",
            "[]",
            "{",
            "hello",
            r#"{"type":1}"#,
            r#"{"id":"1"}"#,
        ] {
            assert!(read(garbage).is_none(), "{garbage}");
        }
    }

    #[test]
    fn deep_nesting_is_no_stack_overflow() {
        let deep = format!(
            r#"{{"type":"res","id":"1","ok":true,"payload":{}"#,
            "[".repeat(100_000)
        );
        assert!(Incoming::read(deep.into()).is_none());
        let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let whole = format!(r#"{{"type":"res","id":"1","ok":true,"payload":{closed}}}"#);
        drop(Incoming::read(whole.into()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            drop(Incoming::read(text.into()));
        }
    }
}
