//! The lines of the file: what they say but for the payloads.

use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Id;

/// Milliseconds since 1970.
pub(crate) type Millis = u64;

/// A line without its payload. Kinds that a newer version may have are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Head {
    /// Something that was recorded.
    Entry(Stamp),
    /// The file was opened; the numbers from here on were given under this id.
    Epoch { id: Id, after: u64, at: Millis },
    /// Numbers that nobody will get.
    Gap { from: u64, to: u64 },
    /// Everything up to here has been collected.
    Acknowledged { number: u64 },
    /// When entries were dropped for their age.
    Trimmed { at: Millis },
}

/// Number and time of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    pub(crate) number: u64,
    pub(crate) at: Millis,
}

#[derive(Deserialize)]
struct Full<T> {
    entry: Body<T>,
}

#[derive(Deserialize)]
struct Body<T> {
    payload: T,
}

impl Head {
    /// Reads a line's JSON; `None` for a kind that is not known.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The line's JSON, for all kinds but entries.
    pub(crate) fn to_json(self) -> Vec<u8> {
        serde_json::to_vec(&self).unwrap_or_default()
    }

    /// The highest number that the line has to do with.
    pub(crate) fn reach(&self) -> u64 {
        match *self {
            Self::Entry(stamp) => stamp.number,
            Self::Epoch { after, .. } => after,
            Self::Gap { to, .. } => to,
            Self::Acknowledged { number } => number,
            Self::Trimmed { .. } => 0,
        }
    }
}

/// The JSON of an entry with a payload that is JSON already.
pub(crate) fn entry(stamp: Stamp, payload: &str) -> Vec<u8> {
    let Stamp { number, at } = stamp;
    format!(r#"{{"entry":{{"number":{number},"at":{at},"payload":{payload}}}}}"#).into_bytes()
}

/// The payload of an entry's line; `None` for one of another shape.
pub(crate) fn payload<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    let full: Full<T> = serde_json::from_slice(json).ok()?;
    Some(full.entry.payload)
}

/// Milliseconds since 1970, by the clock as it is.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back() {
        for head in [
            Head::Epoch {
                id: Id::from(7),
                after: 3,
                at: 4,
            },
            Head::Gap { from: 1, to: 2 },
            Head::Acknowledged { number: 9 },
            Head::Trimmed { at: 5 },
        ] {
            assert_eq!(Head::read(&head.to_json()), Some(head));
        }
        assert_eq!(Head::read(br#"{"newer":{"number":1}}"#), None);
    }

    #[test]
    fn an_entry_is_read_with_and_without_its_payload() {
        let stamp = Stamp { number: 3, at: 4 };
        let json = entry(stamp, r#"{"entry":["a\n",{}]}"#);
        assert_eq!(Head::read(&json), Some(Head::Entry(stamp)));
        let found: serde_json::Value = payload(&json).unwrap();
        assert_eq!(found, serde_json::json!({"entry": ["a\n", {}]}));
        assert_eq!(payload::<u64>(&json), None);
    }
}
