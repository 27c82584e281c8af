//! From what is known to whether the instance is idle, since when, and what a stop would cost. Pure.
//!
//! What is not known never counts as nothing: an instance is idle only where everything is known.

use agent_api::{ActivityResponse, SuspensionState, SuspensionView};
use jiff::{Timestamp, Unit};

use super::gateway::{Sessions, Told, Working};

/// A job that is due within this time is named as a loss, in seconds.
const SOON: i64 = 3600;

/// What is known of the sandboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandboxes {
    /// This agent owns no daemon: there are none that it could tell of.
    None,
    /// The daemon is not known well enough.
    Unknown {
        /// Why.
        why: String,
    },
    /// It answers.
    Known {
        /// Those in which something runs.
        live: u64,
        /// Streams through the guard, where there is one.
        streams: Option<u64>,
        /// When something last ran in one of them.
        last: Option<Timestamp>,
    },
}

/// What is known beside the gateway's own words.
#[derive(Clone, Debug)]
pub struct Around {
    /// The sandboxes.
    pub sandboxes: Sandboxes,
    /// Whether a change of the document is on its way.
    pub changing: bool,
    /// The suspension that is in force.
    pub suspension: Option<SuspensionView>,
}

/// What the agent remembers of earlier looks.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Since when it could have seen anything.
    pub began: Timestamp,
    /// When it last saw something active.
    pub busy: Option<Timestamp>,
}

/// The sentences of one look.
#[derive(Default)]
struct Findings {
    active: Vec<String>,
    unknown: Vec<String>,
}

/// The answer, and what is remembered for the next one.
pub fn judge(told: Told, around: Around, memory: &mut Memory, now: Timestamp) -> ActivityResponse {
    let told = resting(told, around.suspension.as_ref());
    let mut findings = Findings {
        active: Vec::new(),
        unknown: told.unknown.clone(),
    };
    findings.gateway(&told);
    findings.gaps(&told);
    findings.around(&around);
    let idle = findings.verdict();
    if idle == Some(false) {
        memory.busy = Some(now);
    }
    let idle_since = match idle {
        Some(true) => since(&told, &around.sandboxes, memory, now),
        Some(false) | None => None,
    };
    let next_job = told.next_job.flatten();
    let due = next_job.and_then(|due| soon(due, now));
    let (live_sandboxes, streams) = match around.sandboxes {
        Sandboxes::Known { live, streams, .. } => (Some(live), streams),
        Sandboxes::None | Sandboxes::Unknown { .. } => (None, None),
    };
    ActivityResponse {
        idle,
        idle_since: idle_since.map(text),
        losses: findings.active.into_iter().chain(due).collect(),
        unknown: findings.unknown,
        active_runs: told.work.map(|work| work.total),
        sessions: told.sessions.map(|sessions| sessions.total),
        active_sessions: told.sessions.map(|sessions| sessions.active),
        next_cron: next_job.map(text),
        last_traffic: told.traffic.flatten().map(text),
        live_sandboxes,
        streams,
        pending_approvals: told.approvals,
        pending_pairings: told.pairings,
        suspension: around.suspension,
    }
}

/// A suspended gateway answers no questions, but that it rests says that nothing runs.
fn resting(mut told: Told, suspension: Option<&SuspensionView>) -> Told {
    let rests = suspension.is_some_and(|held| held.state == SuspensionState::Suspended);
    if rests && told.work.is_none() {
        told.work = Some(Working::default());
    }
    told
}

impl Findings {
    fn verdict(&self) -> Option<bool> {
        match (self.active.is_empty(), self.unknown.is_empty()) {
            (false, _) => Some(false),
            (true, true) => Some(true),
            (true, false) => None,
        }
    }

    fn gateway(&mut self, told: &Told) {
        if let Some(work) = told.work {
            self.active.extend(working(work));
        }
        if let Some(Sessions { active, .. }) = told.sessions
            && told.work.is_none_or(|work| work.total == 0)
        {
            self.count(
                active,
                "session has an active run",
                "sessions have an active run",
            );
        }
        if let Some(approvals) = told.approvals {
            self.count(
                approvals,
                "run waits for an approval",
                "runs wait for an approval",
            );
        }
    }

    /// What is absent is unknown, also where nobody said why.
    fn gaps(&mut self, told: &Told) {
        let whole = told.work.is_some()
            && told.sessions.is_some()
            && told.next_job.is_some()
            && told.traffic.is_some()
            && told.approvals.is_some();
        if !whole && self.unknown.is_empty() {
            let gap = "the gateway did not tell everything";
            self.unknown.push(gap.to_owned());
        }
    }

    fn around(&mut self, around: &Around) {
        match &around.sandboxes {
            Sandboxes::None => {}
            Sandboxes::Unknown { why } => self.unknown.push(format!("sandboxes: {why}")),
            Sandboxes::Known { live, streams, .. } => {
                self.count(*live, "sandbox runs something", "sandboxes run something");
                let streams = streams.unwrap_or_default();
                self.count(
                    streams,
                    "stream to a sandbox is open",
                    "streams to sandboxes are open",
                );
            }
        }
        if around.changing {
            let change = "a change of the document is on its way";
            self.active.push(change.to_owned());
        }
    }

    fn count(&mut self, count: u64, one: &str, many: &str) {
        self.active.extend(counted(count, one, many));
    }
}

fn counted(count: u64, one: &str, many: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    }
}

fn working(work: Working) -> Vec<String> {
    let kinds = [
        (work.runs, "run is active", "runs are active"),
        (work.jobs, "scheduled job runs", "scheduled jobs run"),
        (work.queued, "operation is queued", "operations are queued"),
        (
            work.replies,
            "answer is not delivered yet",
            "answers are not delivered yet",
        ),
        (
            work.commands,
            "command runs in the background",
            "commands run in the background",
        ),
        (
            work.other,
            "other piece of work is under way",
            "other pieces of work are under way",
        ),
    ];
    let named: Vec<String> = kinds
        .into_iter()
        .filter_map(|(count, one, many)| counted(count, one, many))
        .collect();
    if named.is_empty() {
        let all = counted(
            work.total,
            "piece of work is under way",
            "pieces of work are under way",
        );
        return all.into_iter().collect();
    }
    named
}

/// Every activity leaves a trace: in its session, its channel, its sandbox, or here. Where nothing left any, as far back as
/// this agent can tell. Nothing where sessions leave no trace that this release tells.
fn since(told: &Told, sandboxes: &Sandboxes, memory: &Memory, now: Timestamp) -> Option<Timestamp> {
    let sandbox = match sandboxes {
        Sandboxes::Known { last, .. } => *last,
        Sandboxes::None | Sandboxes::Unknown { .. } => None,
    };
    let sessions = told.sessions?;
    if sessions.total > 0 && sessions.last.is_none() {
        return None;
    }
    let traces = [sessions.last, told.traffic.flatten(), sandbox, memory.busy];
    let last = traces.into_iter().flatten().max();
    Some(last.unwrap_or(memory.began).min(now))
}

fn soon(due: Timestamp, now: Timestamp) -> Option<String> {
    let left = due.as_second() - now.as_second();
    match left {
        ..0 => Some("a scheduled job is due now".to_owned()),
        0..60 => Some(format!("a scheduled job is due in {left} s")),
        60..=SOON => Some(format!("a scheduled job is due in {} min", left / 60)),
        _ => None,
    }
}

fn text(time: Timestamp) -> String {
    time.round(Unit::Millisecond).unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    const NOW: i64 = 1_000_000;

    /// Everything is known, and nothing is active.
    fn quiet() -> Told {
        Told {
            work: Some(Working::default()),
            sessions: Some(Sessions {
                total: 3,
                active: 0,
                last: Some(at(500)),
            }),
            next_job: Some(None),
            traffic: Some(Some(at(400))),
            approvals: Some(0),
            pairings: Some(2),
            unknown: Vec::new(),
        }
    }

    fn alone() -> Around {
        Around {
            sandboxes: Sandboxes::None,
            changing: false,
            suspension: None,
        }
    }

    fn memory() -> Memory {
        Memory {
            began: at(100),
            busy: None,
        }
    }

    fn judged(told: Told, around: Around) -> ActivityResponse {
        judge(told, around, &mut memory(), at(NOW))
    }

    fn held(state: SuspensionState) -> SuspensionView {
        SuspensionView {
            state,
            since: at(1).to_string(),
            until: at(2).to_string(),
            actor: "a".to_owned(),
            active: 0,
        }
    }

    #[test]
    fn an_instance_is_idle_where_everything_is_known_and_nothing_is_active() {
        let answer = judged(quiet(), alone());
        assert_eq!(answer.idle, Some(true));
        assert_eq!(answer.idle_since, Some(at(500).to_string()));
        assert_eq!((answer.losses, answer.unknown), (vec![], vec![]));
        assert_eq!(
            (answer.sessions, answer.pending_pairings),
            (Some(3), Some(2))
        );
        assert_eq!(answer.last_traffic, Some(at(400).to_string()));
    }

    #[test]
    fn each_activity_is_a_loss_and_no_idleness() {
        let work = |work| Told {
            work: Some(work),
            ..quiet()
        };
        let sandboxes = |live, streams| Around {
            sandboxes: Sandboxes::Known {
                live,
                streams: Some(streams),
                last: None,
            },
            ..alone()
        };
        let cases = [
            (
                work(Working {
                    runs: 2,
                    total: 2,
                    ..Working::default()
                }),
                alone(),
                "2 runs are active",
            ),
            (
                work(Working {
                    total: 1,
                    ..Working::default()
                }),
                alone(),
                "1 piece of work is under way",
            ),
            (
                Told {
                    sessions: Some(Sessions {
                        active: 1,
                        ..Sessions::default()
                    }),
                    ..quiet()
                },
                alone(),
                "1 session has an active run",
            ),
            (
                Told {
                    approvals: Some(1),
                    ..quiet()
                },
                alone(),
                "1 run waits for an approval",
            ),
            (quiet(), sandboxes(1, 0), "1 sandbox runs something"),
            (quiet(), sandboxes(0, 2), "2 streams to sandboxes are open"),
            (
                quiet(),
                Around {
                    changing: true,
                    ..alone()
                },
                "a change of the document is on its way",
            ),
        ];
        for (told, around, loss) in cases {
            let mut memory = memory();
            let answer = judge(told, around, &mut memory, at(NOW));
            assert_eq!(
                (answer.idle, answer.idle_since),
                (Some(false), None),
                "{loss}"
            );
            assert_eq!(answer.losses, [loss]);
            assert_eq!(memory.busy, Some(at(NOW)), "{loss}");
        }
    }

    #[test]
    fn what_is_unknown_never_counts_as_idle_but_what_is_active_is_said() {
        let unknown = Told {
            unknown: vec!["the gateway does not answer".to_owned()],
            ..Told::default()
        };
        let answer = judged(unknown.clone(), alone());
        assert_eq!(
            (answer.idle, answer.active_runs, answer.sessions),
            (None, None, None)
        );
        let live = Around {
            sandboxes: Sandboxes::Known {
                live: 1,
                streams: None,
                last: None,
            },
            ..alone()
        };
        let answer = judged(unknown, live);
        assert_eq!((answer.idle, answer.streams), (Some(false), None));
        let answer = judged(Told::default(), alone());
        assert_eq!(answer.idle, None);
        assert_eq!(answer.unknown, ["the gateway did not tell everything"]);
        let down = Around {
            sandboxes: Sandboxes::Unknown {
                why: "the daemon is down".to_owned(),
            },
            ..alone()
        };
        let answer = judged(quiet(), down);
        assert_eq!(answer.idle, None);
        assert_eq!(answer.unknown, ["sandboxes: the daemon is down"]);
    }

    #[test]
    fn idle_since_is_the_newest_trace() {
        let sandbox = |last| Sandboxes::Known {
            live: 0,
            streams: None,
            last: Some(at(last)),
        };
        let untouched = Told {
            sessions: Some(Sessions::default()),
            traffic: Some(None),
            ..quiet()
        };
        let seen = |busy| Memory { busy, ..memory() };
        let cases = [
            (quiet(), Sandboxes::None, seen(None), 500),
            (quiet(), sandbox(600), seen(None), 600),
            (quiet(), sandbox(600), seen(Some(at(700))), 700),
            (untouched.clone(), Sandboxes::None, seen(None), 100),
            (untouched.clone(), sandbox(NOW + 60), seen(None), NOW),
        ];
        for (told, sandboxes, mut memory, since) in cases {
            let around = Around {
                sandboxes,
                ..alone()
            };
            let answer = judge(told, around, &mut memory, at(NOW));
            assert_eq!(answer.idle_since, Some(at(since).to_string()));
        }
        let traceless = Told {
            sessions: Some(Sessions {
                total: 1,
                ..Sessions::default()
            }),
            ..untouched
        };
        let answer = judged(traceless, alone());
        assert_eq!((answer.idle, answer.idle_since), (Some(true), None));
    }

    #[test]
    fn a_job_that_is_due_soon_is_a_loss() {
        for (left, loss) in [
            (-5, Some("a scheduled job is due now")),
            (30, Some("a scheduled job is due in 30 s")),
            (200, Some("a scheduled job is due in 3 min")),
            (7200, None),
        ] {
            let told = Told {
                next_job: Some(Some(at(NOW + left))),
                ..quiet()
            };
            let answer = judged(told, alone());
            assert_eq!(answer.losses.first().map(String::as_str), loss);
            assert_eq!(answer.idle, Some(true), "{left}");
            assert_eq!(answer.next_cron, Some(at(NOW + left).to_string()));
        }
    }

    #[test]
    fn a_gateway_that_rests_runs_nothing() {
        let silent = Told {
            unknown: vec!["the gateway is suspended and tells nothing".to_owned()],
            ..Told::default()
        };
        let around = |state| Around {
            suspension: Some(held(state)),
            ..alone()
        };
        let answer = judged(silent.clone(), around(SuspensionState::Suspended));
        assert_eq!((answer.idle, answer.active_runs), (None, Some(0)));
        let answer = judged(silent, around(SuspensionState::Draining));
        assert_eq!(answer.active_runs, None);
        assert_eq!(
            answer.suspension.map(|held| held.actor).as_deref(),
            Some("a")
        );
    }
}
