//! `diagnostics.stability`: what happened inside of the gateway, from its ring of the last
//! 1,000 records.

use serde::{Deserialize, Serialize};

use crate::clip::NAME;
use crate::lenient::{Few, Maybe};
use crate::{Connection, Error};

/// What the gateway keeps, and the most that it gives.
const RING: usize = 1000;

/// Records of the gateway after a number.
///
/// The numbers have gaps: kinds that the ring does not take have numbers too. They go on over
/// a restart inside of the process and start anew with a new process, which
/// [`SystemInfo::process_instance_id`](crate::SystemInfo::process_instance_id) tells. Then ask
/// without a number: one of the old process may be beyond all of the new one, and nothing
/// would come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stability {
    /// The number of the first record in the answer.
    pub first_seq: Option<u64>,
    /// The number to ask from the next time. Absent when there was nothing new: keep the old.
    pub last_seq: Option<u64>,
    /// Records that the ring has lost in the life of the process. One that is smaller than
    /// before means a new process.
    pub dropped: u64,
    /// The whole ring is news, so records between the last answer and this one may be lost. A
    /// run writes some 18 records.
    pub overrun: bool,
    /// What matters of the records, in their order.
    pub events: Vec<Diagnostic>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diagnostic {
    /// A call to a model has ended.
    ModelCall {
        /// Whose model.
        provider: String,
        /// Which.
        model: String,
        /// Whether it went well.
        ok: bool,
        /// Why not, in the gateway's words, such as `timeout`.
        failure_kind: Option<String>,
        /// How long it took.
        duration_ms: Option<u64>,
        /// When the first byte came.
        first_byte_ms: Option<u64>,
    },
    /// A service has called a channel's webhook.
    Webhook {
        /// Such as `telegram`.
        channel: String,
        /// Which step of it.
        what: WebhookStep,
    },
    /// The gateway found its own event loop late or its queues stuck.
    Liveness {
        /// Its word for it.
        reason: Option<String>,
        /// How late the loop was at most.
        delay_max_ms: Option<u64>,
    },
    /// A message went out to a channel, or did not.
    MessageDelivery {
        /// Such as `telegram`.
        channel: String,
        /// Whether it went out.
        ok: bool,
        /// Why not.
        reason: Option<String>,
    },
}

/// A step of a webhook call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookStep {
    /// It came in.
    Received,
    /// It was answered.
    Processed {
        /// How long that took.
        duration_ms: Option<u64>,
    },
    /// It failed.
    Error,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    #[serde(skip_serializing_if = "Option::is_none")]
    since_seq: Option<u64>,
    limit: usize,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    capacity: Maybe<usize>,
    count: Maybe<usize>,
    dropped: Maybe<u64>,
    first_seq: Maybe<u64>,
    last_seq: Maybe<u64>,
    events: Maybe<Few<Record, RING>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Record {
    #[serde(rename = "type")]
    kind: Maybe<String>,
    provider: Maybe<String>,
    model: Maybe<String>,
    channel: Maybe<String>,
    reason: Maybe<String>,
    level: Maybe<String>,
    failure_kind: Maybe<String>,
    duration_ms: Maybe<f64>,
    time_to_first_byte_ms: Maybe<f64>,
    event_loop_delay_max_ms: Maybe<f64>,
}

impl Record {
    /// `None` for one that does not matter here.
    fn read(self) -> Option<Diagnostic> {
        let channel = || self.channel.text(NAME).unwrap_or_default();
        let webhook = |what| Diagnostic::Webhook {
            channel: channel(),
            what,
        };
        Some(match self.kind.0.as_deref()? {
            "model.call.completed" => self.model_call(true),
            "model.call.error" => self.model_call(false),
            "webhook.received" => webhook(WebhookStep::Received),
            "webhook.error" => webhook(WebhookStep::Error),
            "webhook.processed" => webhook(WebhookStep::Processed {
                duration_ms: whole(self.duration_ms.0),
            }),
            "message.delivery.completed" => self.delivery(channel(), true),
            "message.delivery.error" => self.delivery(channel(), false),
            // It is also noted, at another level, where nothing was held up.
            "diagnostic.liveness.warning" if self.level.0.as_deref() == Some("warning") => {
                Diagnostic::Liveness {
                    reason: self.reason.text(NAME),
                    delay_max_ms: whole(self.event_loop_delay_max_ms.0),
                }
            }
            _ => return None,
        })
    }

    fn model_call(&self, ok: bool) -> Diagnostic {
        let kind = self.failure_kind.text(NAME);
        Diagnostic::ModelCall {
            provider: self.provider.text(NAME).unwrap_or_default(),
            model: self.model.text(NAME).unwrap_or_default(),
            ok,
            failure_kind: kind.or_else(|| self.reason.text(NAME)).filter(|_| !ok),
            duration_ms: whole(self.duration_ms.0),
            first_byte_ms: whole(self.time_to_first_byte_ms.0),
        }
    }

    fn delivery(&self, channel: String, ok: bool) -> Diagnostic {
        let reason = self.reason.text(NAME);
        Diagnostic::MessageDelivery {
            channel,
            ok,
            reason: reason.filter(|_| !ok),
        }
    }
}

/// Whole milliseconds.
fn whole(ms: Option<f64>) -> Option<u64> {
    let time = super::event_loop::millis(ms)?;
    u64::try_from(time.as_millis()).ok()
}

impl From<Wire> for Stability {
    fn from(wire: Wire) -> Self {
        let records = wire.events.or_default();
        let count = wire.count.0.unwrap_or(records.total);
        Self {
            first_seq: wire.first_seq.0,
            last_seq: wire.last_seq.0,
            dropped: wire.dropped.or_default(),
            overrun: count >= wire.capacity.0.unwrap_or(RING),
            events: records.kept.into_iter().filter_map(Record::read).collect(),
        }
    }
}

impl Connection {
    /// `diagnostics.stability` (scope read): what happened after the record `since`, or all
    /// that is still in the ring. It costs the gateway 0.2 ms of CPU when nothing is new, and
    /// 2.0 ms for a full ring (2026.9.6).
    pub async fn stability(&self, since: Option<u64>) -> Result<Stability, Error> {
        let params = Params {
            since_seq: since,
            limit: RING,
        };
        Ok(self
            .call::<Wire>("diagnostics.stability", params)
            .await?
            .into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// As 2026.9.6 answers after a run, some records left out.
    const RECORDED: &str = include_str!("../../samples/diagnostics.stability.json");

    fn read(text: &str) -> Stability {
        serde_json::from_str::<Wire>(text).unwrap().into()
    }

    fn of(records: Value) -> Vec<Diagnostic> {
        read(&json!({ "events": records }).to_string()).events
    }

    #[test]
    fn reads_a_recorded_answer() {
        let stability = read(RECORDED);
        let call = Diagnostic::ModelCall {
            provider: "mock".into(),
            model: "m1".into(),
            ok: true,
            failure_kind: None,
            duration_ms: Some(242),
            first_byte_ms: Some(141),
        };
        assert_eq!(stability.events, [call]);
        assert_eq!(
            (stability.first_seq, stability.last_seq),
            (Some(91), Some(128))
        );
        assert_eq!((stability.dropped, stability.overrun), (0, false));
    }

    #[test]
    fn each_kind_is_told_apart() {
        let telegram = || "telegram".to_owned();
        let webhook = |what| Diagnostic::Webhook {
            channel: telegram(),
            what,
        };
        let delivery = |ok, reason: Option<&str>| Diagnostic::MessageDelivery {
            channel: telegram(),
            ok,
            reason: reason.map(str::to_owned),
        };
        let events = of(json!([
            {"seq": 1, "type": "webhook.received", "channel": "telegram"},
            {"seq": 2, "type": "webhook.processed", "channel": "telegram", "durationMs": 11.5},
            {"seq": 3, "type": "webhook.error", "channel": "telegram"},
            {"seq": 4, "type": "message.delivery.completed", "channel": "telegram", "outcome": "completed"},
            {"seq": 5, "type": "message.delivery.error", "channel": "telegram", "reason": "Error"},
            {"seq": 6, "type": "model.call.error", "provider": "p", "model": "m", "failureKind": "timeout", "durationMs": 9, "reason": "x"},
            {"seq": 7, "type": "diagnostic.liveness.warning", "level": "warning", "reason": "event_loop_delay", "eventLoopDelayMaxMs": 3100},
            {"seq": 8, "type": "diagnostic.liveness.warning", "level": "info", "reason": "cpu"},
            {"seq": 9, "type": "queue.lane.enqueue", "source": "session:agent:main:t1"},
        ]));
        let call = Diagnostic::ModelCall {
            provider: "p".into(),
            model: "m".into(),
            ok: false,
            failure_kind: Some("timeout".into()),
            duration_ms: Some(9),
            first_byte_ms: None,
        };
        let late = Diagnostic::Liveness {
            reason: Some("event_loop_delay".into()),
            delay_max_ms: Some(3100),
        };
        let want = [
            webhook(WebhookStep::Received),
            webhook(WebhookStep::Processed {
                duration_ms: Some(11),
            }),
            webhook(WebhookStep::Error),
            delivery(true, None),
            delivery(false, Some("Error")),
            call,
            late,
        ];
        assert_eq!(events, want);
    }

    #[test]
    fn a_full_ring_may_hide_what_was_missed() {
        for (count, overrun) in [(999, false), (1000, true)] {
            let answer = json!({"capacity": 1000, "count": count, "dropped": 7, "events": []});
            let stability = read(&answer.to_string());
            assert_eq!(
                (stability.overrun, stability.dropped),
                (overrun, 7),
                "{count}"
            );
        }
        // One that does not say how many is counted.
        let records = vec![json!({"type": "webhook.error", "channel": "c"}); 1200];
        let stability = read(&json!({ "events": records }).to_string());
        assert_eq!((stability.events.len(), stability.overrun), (1000, true));
    }

    #[test]
    fn odd_records_are_absent() {
        for odd in [
            "{}",
            r#"{"events":{}}"#,
            r#"{"events":[1,null,{},{"type":7}],"lastSeq":-1}"#,
        ] {
            assert_eq!(read(odd), Stability::default(), "{odd}");
        }
        let events = of(
            json!([{"type": "webhook.processed", "channel": "x".repeat(9999), "durationMs": -3}]),
        );
        let [Diagnostic::Webhook { channel, what }] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(
            (channel.len(), *what),
            (NAME, WebhookStep::Processed { duration_ms: None })
        );
    }
}
