//! The events of the gateway that matter to us. All others are dropped unread.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use crate::Health;
use crate::calls::health::WireHealth;
use crate::clip::{NAME, clip};

/// Events that wait for a reader; the oldest give way to newer ones.
pub(crate) const WAITING: usize = 32;

/// Something happened in the gateway.
#[derive(Debug, Clone, PartialEq)]
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
    /// A new snapshot of health: every 60 s, and after changes of channels and plugins.
    Health(Box<Health>),
    /// A run, a task, a job, an approval or a pairing began or ended: whoever counts those looks
    /// again. What it was is not told, since such events carry what users wrote. A reader that
    /// has not looked yet finds one of these, however many there were.
    Activity,
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

/// What is read of an event of a run.
#[derive(Deserialize)]
struct Run<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

#[derive(Deserialize)]
struct Phase<'a> {
    #[serde(borrow)]
    phase: Cow<'a, str>,
}

/// Whether an event of a run is its begin or its end. Most are pieces of what it writes.
fn is_turn(payload: &str) -> bool {
    let Ok(run) = serde_json::from_str::<Run<'_>>(payload) else {
        return false;
    };
    run.stream == "lifecycle"
        && serde_json::from_str::<Phase<'_>>(run.data.get())
            .is_ok_and(|data| matches!(&*data.phase, "start" | "end" | "error"))
}

impl Event {
    /// Reads the payload of the event `name`; `None` for one that does not matter here.
    pub(crate) fn read(name: &str, payload: &str) -> Option<Self> {
        match name {
            "config.changed" | "shutdown" | "gateway.suspension" => {
                Some(Self::of_gateway(name, payload))
            }
            "health" => {
                let health: WireHealth = serde_json::from_str(payload).ok()?;
                Some(Self::Health(Box::new(health.into())))
            }
            "agent" => is_turn(payload).then_some(Self::Activity),
            "task" | "cron" | "sessions.changed" => Some(Self::Activity),
            "exec.approval.requested" | "exec.approval.resolved" => Some(Self::Activity),
            "device.pair.requested" | "device.pair.resolved" => Some(Self::Activity),
            _ => None,
        }
    }

    fn of_gateway(name: &str, payload: &str) -> Self {
        let payload: Payload = serde_json::from_str(payload).unwrap_or_default();
        let short = |text: Option<String>| clip(&text.unwrap_or_default(), NAME);
        match name {
            "config.changed" => Self::ConfigChanged {
                hash: payload.hash.map(|hash| clip(&hash, NAME)),
            },
            "shutdown" => Self::Shutdown {
                reason: short(payload.reason),
            },
            _ => Self::Suspension {
                phase: short(payload.phase),
            },
        }
    }
}

/// Where events come from. Activity has a place of its own, which holds one.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    queue: broadcast::Sender<Event>,
    activity: watch::Sender<()>,
}

/// A feed that does not keep its source open.
#[derive(Debug)]
pub(crate) struct Tap {
    queue: broadcast::WeakSender<Event>,
    activity: watch::Receiver<()>,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            queue: broadcast::channel(WAITING).0,
            activity: watch::channel(()).0,
        }
    }

    /// Nobody listening is fine.
    pub(crate) fn tell(&self, event: Event) {
        if event == Event::Activity {
            self.activity.send_replace(());
        } else {
            drop(self.queue.send(event));
        }
    }

    pub(crate) fn events(&self) -> Events {
        Events {
            queue: self.queue.subscribe(),
            activity: self.activity.subscribe(),
        }
    }

    pub(crate) fn tap(&self) -> Tap {
        Tap {
            queue: self.queue.downgrade(),
            activity: self.activity.subscribe(),
        }
    }
}

impl Tap {
    /// A reader from now on; one that is at its end when the source is gone.
    pub(crate) fn events(&self) -> Events {
        let ended = || broadcast::channel(1).1;
        let mut activity = self.activity.clone();
        activity.mark_unchanged();
        Events {
            queue: self
                .queue
                .upgrade()
                .map_or_else(ended, |queue| queue.subscribe()),
            activity,
        }
    }
}

/// What a reader of events gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// The next event.
    Event(Event),
    /// The reader was too slow, so many events are lost: look at the state instead.
    Lagged(u64),
}

/// A reader of events, from the moment it was made.
#[derive(Debug)]
pub struct Events {
    queue: broadcast::Receiver<Event>,
    activity: watch::Receiver<()>,
}

impl Events {
    /// The next event; `None` when the source has ended. Losing the race of a `select!`
    /// loses no event.
    pub async fn next(&mut self) -> Option<Received> {
        tokio::select! {
            biased;
            received = self.queue.recv() => match received {
                Ok(event) => Some(Received::Event(event)),
                Err(RecvError::Lagged(lost)) => Some(Received::Lagged(lost)),
                Err(RecvError::Closed) => None,
            },
            Ok(()) = self.activity.changed() => Some(Received::Event(Event::Activity)),
        }
    }

    /// The next event but activity, if one waits.
    pub(crate) fn waiting(&mut self) -> Option<Event> {
        self.queue.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("health", "7", None),
            ("health", "{}", Some(Event::Health(Box::default()))),
        ];
        for (name, payload, want) in cases {
            assert_eq!(Event::read(name, payload), want, "{name} {payload}");
        }
    }

    #[test]
    fn only_the_turns_of_a_run_are_activity() {
        let run = |stream: &str, data: &str| {
            let payload = format!(r#"{{"runId":"r","stream":"{stream}","data":{data},"seq":1}}"#);
            Event::read("agent", &payload)
        };
        for phase in ["start", "end", "error"] {
            let data =
                format!(r#"{{"phase":"{phase}","endedAt":1,"terminalReceipt":{{"x":[1]}}}}"#);
            assert_eq!(run("lifecycle", &data), Some(Event::Activity), "{phase}");
        }
        for (stream, data) in [
            ("lifecycle", r#"{"phase":"model","model":"m1"}"#),
            ("lifecycle", "7"),
            ("item", r#"{"phase":"end"}"#),
            (
                "assistant",
                r#"{"text":"\"stream\":\"lifecycle\",\"phase\":\"end\""}"#,
            ),
        ] {
            assert_eq!(run(stream, data), None, "{stream} {data}");
        }
        assert_eq!(Event::read("agent", "null"), None);
        for name in [
            "task",
            "cron",
            "sessions.changed",
            "exec.approval.requested",
            "device.pair.resolved",
        ] {
            let payload = r#"{"task":{"title":"what a user wrote"}}"#;
            assert_eq!(Event::read(name, payload), Some(Event::Activity), "{name}");
        }
    }

    #[tokio::test]
    async fn of_a_burst_of_activity_one_waits_beside_the_others() {
        let feed = Feed::new();
        let (mut first, tap) = (feed.events(), feed.tap());
        let changed = || Event::ConfigChanged { hash: None };
        feed.tell(changed());
        for _ in 0..1000 {
            feed.tell(Event::Activity);
        }
        let mut late = tap.events();
        feed.tell(changed());
        for want in [changed(), changed(), Event::Activity] {
            assert_eq!(first.next().await, Some(Received::Event(want)));
        }
        assert_eq!(late.next().await, Some(Received::Event(changed())));
        feed.tell(Event::Activity);
        for events in [&mut first, &mut late] {
            assert_eq!(events.next().await, Some(Received::Event(Event::Activity)));
        }
        drop(feed);
        for mut events in [first, late, tap.events()] {
            assert_eq!(events.next().await, None);
        }
    }
}
