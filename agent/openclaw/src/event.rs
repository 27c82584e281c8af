//! The events of the gateway that matter to us. All others are dropped unread.

use serde::Deserialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::clip::{NAME, clip};

/// Events that wait for a reader; the oldest give way to newer ones.
pub(crate) const WAITING: usize = 32;

/// Something happened in the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A new configuration was applied or written.
    ConfigChanged {
        /// The hash of the document, as `config.get` names it.
        hash: Option<String>,
    },
    /// The gateway is about to end or to restart; the connection closes next.
    Shutdown {
        /// Its own words.
        reason: String,
    },
    /// It prepares to be suspended, is suspended, or accepts work again.
    Suspension {
        /// `preparing`, `prepared` or `accepting`.
        phase: String,
    },
    /// A connection was made to another life of the gateway than the one before. Only a
    /// [`Link`](crate::Link) sees this.
    Booted {
        /// The identity of the new life. `None`: the release does not tell, so every new
        /// connection may be one to a new life.
        boot_id: Option<String>,
    },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    hash: Option<String>,
    reason: Option<String>,
    phase: Option<String>,
}

impl Event {
    /// Reads the payload of the event `name`; `None` for one that does not matter here.
    pub(crate) fn read(name: &str, payload: &str) -> Option<Self> {
        if !matches!(name, "config.changed" | "shutdown" | "gateway.suspension") {
            return None;
        }
        let payload: Payload = serde_json::from_str(payload).unwrap_or_default();
        let short = |text: Option<String>| clip(&text.unwrap_or_default(), NAME);
        Some(match name {
            "config.changed" => Self::ConfigChanged {
                hash: payload.hash.map(|hash| clip(&hash, NAME)),
            },
            "shutdown" => Self::Shutdown {
                reason: short(payload.reason),
            },
            _ => Self::Suspension {
                phase: short(payload.phase),
            },
        })
    }
}

/// What a reader of events gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The next event.
    Event(Event),
    /// The reader was too slow, so many events are lost: look at the state instead.
    Lagged(u64),
}

/// A reader of events, from the moment it was made.
#[derive(Debug)]
pub struct Events(pub(crate) broadcast::Receiver<Event>);

impl Events {
    /// The next event; `None` when the source has ended. Losing the race of a `select!`
    /// loses no event.
    pub async fn next(&mut self) -> Option<Received> {
        match self.0.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(RecvError::Lagged(lost)) => Some(Received::Lagged(lost)),
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn only_what_matters_is_read() {
        let changed = Event::ConfigChanged {
            hash: Some("h".into()),
        };
        let cases = [
            (
                "config.changed",
                r#"{"path":"/x","hash":"h","ts":1}"#,
                Some(changed),
            ),
            (
                "config.changed",
                r#"{"hash":7}"#,
                Some(Event::ConfigChanged { hash: None }),
            ),
            (
                "config.changed",
                "null",
                Some(Event::ConfigChanged { hash: None }),
            ),
            (
                "shutdown",
                r#"{"reason":"gateway stopping"}"#,
                Some(Event::Shutdown {
                    reason: "gateway stopping".into(),
                }),
            ),
            (
                "gateway.suspension",
                r#"{"phase":"prepared"}"#,
                Some(Event::Suspension {
                    phase: "prepared".into(),
                }),
            ),
            ("tick", r#"{"ts":1}"#, None),
            ("health", "{}", None),
        ];
        for (name, payload, want) in cases {
            assert_eq!(Event::read(name, payload), want, "{name} {payload}");
        }
    }
}
