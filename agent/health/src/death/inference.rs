//! What can be concluded of an end from beside the gateway, where neither its exit code nor its cgroup is to be seen.

use std::time::Duration;

use crate::Verdict;
use crate::death::{Death, DeathCause};
use crate::facts::Memory;

/// A restart inside the process closes the port for 7 s to 12 s, under load for 18 s: longer is something else.
const RESTARTS: Duration = Duration::from_secs(20);
/// An expected restart waits for runs, and starts: after this it is no longer expected.
const EXPECTED: Duration = Duration::from_secs(640);
/// Memory above this part of its limit may have been the end.
const NEAR: f64 = 0.9;
/// An older sample of memory says nothing about the end.
const FRESH: Duration = Duration::from_secs(120);
/// So long an end that looks like one for memory waits for the new life that makes it likely.
const PATIENCE: Duration = Duration::from_secs(300);

/// Something that is seen from beside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The connection stands.
    Up {
        /// What names this life.
        boot_id: Option<String>,
        /// What names its process, where the release tells.
        process: Option<String>,
    },
    /// The connection ended.
    Lost,
    /// The gateway said that it ends.
    Shutdown {
        /// Whether it said that it restarts.
        restart: Option<bool>,
    },
    /// Somebody suspended it, or it takes work again.
    Suspended(bool),
    /// Whether somebody listens on its port.
    Port {
        /// Whether somebody does.
        open: bool,
    },
    /// A sample of its memory.
    Memory(Memory),
    /// A restart is to be expected: it was asked for, or a change of the document needs one.
    RestartExpected,
    /// The agent itself was told to end, as both are when the pod is deleted.
    OwnDrain,
}

/// Follows the gateway's lives. Each end is told once.
#[derive(Debug, Clone, Default)]
pub struct Inference {
    life: Option<Life>,
    end: End,
    memory: Option<(Memory, Duration)>,
    expected: Option<Duration>,
    own_drain: bool,
    last_verdict: Option<Verdict>,
}

#[derive(Debug, Clone)]
struct Life {
    boot_id: Option<String>,
    process: Option<String>,
    /// When it was first seen.
    since: Duration,
}

/// What speaks for an end of this life.
#[derive(Debug, Clone, Default)]
struct End {
    lost: Option<Duration>,
    closed: Option<Duration>,
    /// How long the port was closed, once it is open again.
    closed_for: Option<Duration>,
    shutdown: Option<Option<bool>>,
    suspended: bool,
    told: bool,
}

/// The life after the end, where there is one already.
#[derive(Debug, Clone, Copy)]
struct Next {
    /// The same process lives it.
    same_process: Option<bool>,
}

impl Inference {
    /// Takes over what is seen, with the verdict of that moment. An end is told when it is certain that there was one.
    pub fn see(&mut self, seen: Seen, verdict: Verdict, now: Duration) -> Option<Death> {
        if self.end.lost.is_none() && self.end.closed.is_none() {
            self.last_verdict = Some(verdict);
        }
        match seen {
            Seen::Up { boot_id, process } => return self.up(boot_id, process, now),
            Seen::Lost => {
                self.end.lost.get_or_insert(now);
            }
            Seen::Shutdown { restart } => self.end.shutdown = Some(restart),
            Seen::Suspended(suspended) => self.end.suspended = suspended,
            Seen::Port { open: true } => {
                if let Some(closed) = self.end.closed.take() {
                    self.end.closed_for = Some(now.saturating_sub(closed));
                }
            }
            Seen::Port { open: false } => {
                self.end.closed.get_or_insert(now);
            }
            Seen::Memory(memory) => self.memory = Some((memory, now)),
            Seen::RestartExpected => self.expected = Some(now),
            Seen::OwnDrain => self.own_drain = true,
        }
        self.pass(now)
    }

    /// Time went by: a port that stays closed is an end too.
    pub fn pass(&mut self, now: Duration) -> Option<Death> {
        let closed = self
            .end
            .closed
            .filter(|_| !self.end.told && self.life.is_some())?;
        let returns = self.restart_announced(closed) || self.near_limit(closed).is_some();
        let patience = if self.own_drain {
            Duration::ZERO
        } else if returns {
            PATIENCE
        } else {
            RESTARTS
        };
        (now.saturating_sub(closed) >= patience).then(|| self.conclude(None, now))
    }

    fn up(
        &mut self,
        boot_id: Option<String>,
        process: Option<String>,
        now: Duration,
    ) -> Option<Death> {
        let next = Life {
            boot_id,
            process,
            since: now,
        };
        let same = self
            .life
            .as_ref()
            .is_none_or(|life| !self.is_new(life, &next));
        let same_process = self
            .life
            .as_ref()
            .and_then(|life| life.process.as_ref())
            .zip(next.process.as_ref());
        let same_process = same_process.map(|(old, new)| old == new);
        let died = !same && !self.end.told;
        let death = died.then(|| self.conclude(Some(Next { same_process }), now));
        let suspended = same && self.end.suspended;
        self.end = End {
            suspended,
            ..End::default()
        };
        match &mut self.life {
            Some(life) if same => life.process = next.process.or(life.process.take()),
            life => {
                *life = Some(next);
                self.expected = None;
                self.memory = None;
            }
        }
        death
    }

    /// A release that does not name its lives has a new one when its port was closed.
    fn is_new(&self, life: &Life, next: &Life) -> bool {
        match (&life.boot_id, &next.boot_id) {
            (Some(old), Some(new)) => old != new,
            _ => self.end.closed.is_some() || self.end.closed_for.is_some(),
        }
    }

    fn conclude(&mut self, next: Option<Next>, now: Duration) -> Death {
        let at = self.end.lost.or(self.end.closed).unwrap_or(now);
        let closed_for = self
            .end
            .closed_for
            .or(self.end.closed.map(|closed| now.saturating_sub(closed)));
        let (cause, meaning) = self.cause(next, at, closed_for);
        self.end.told = true;
        Death {
            at,
            cause,
            certain: false,
            code: None,
            signal: None,
            meaning: format!(
                "{meaning} (inferred: beside it neither its exit code nor its cgroup can be seen)"
            ),
            evidence: self.evidence(next, at, closed_for),
            last_verdict: self.last_verdict,
            lived: self.life.as_ref().map(|life| at.saturating_sub(life.since)),
        }
    }

    /// The first that holds.
    fn cause(
        &self,
        next: Option<Next>,
        at: Duration,
        closed_for: Option<Duration>,
    ) -> (DeathCause, &'static str) {
        let same_process = next.and_then(|next| next.same_process);
        let soon = next.is_some() && closed_for.is_none_or(|closed| closed < RESTARTS);
        let announced = self.end.shutdown.is_some();
        if self.own_drain {
            (
                DeathCause::PodDeleted,
                "the pod goes: the agent was told to end as well",
            )
        } else if same_process == Some(true) {
            (DeathCause::Restart, "it restarted inside its process")
        } else if self.restart_announced(at) && same_process != Some(false) && next.is_some() {
            (DeathCause::Restart, "it restarted, as was to be expected")
        } else if self.restart_announced(at) {
            (
                DeathCause::Restart,
                "it was to restart, and its process went or its port stays closed",
            )
        } else if announced && soon && self.end.shutdown == Some(None) && same_process.is_none() {
            (
                DeathCause::Restart,
                "it said that it ends, and was soon back: a restart inside its process",
            )
        } else if announced || self.end.suspended {
            (DeathCause::Stopped, "it ended in good order")
        } else if self.near_limit(at).is_some() && next.is_some() {
            (
                DeathCause::OomLikely,
                "it went without a word, with its memory near the limit, and came back as another",
            )
        } else if self.end.lost.is_some() || closed_for.is_some() {
            (DeathCause::Crashed, "it went without a word")
        } else {
            (
                DeathCause::Unknown,
                "another life of it answers; nobody saw the end of the one before",
            )
        }
    }

    fn evidence(
        &self,
        next: Option<Next>,
        at: Duration,
        closed_for: Option<Duration>,
    ) -> Vec<String> {
        let mut seen = Vec::new();
        seen.push(match self.end.shutdown {
            Some(_) => "it sent the event `shutdown`".to_owned(),
            None => "no event `shutdown` came".to_owned(),
        });
        if self.restart_expected(at) {
            seen.push("a restart was to be expected".to_owned());
        }
        if self.end.suspended {
            seen.push("it was suspended".to_owned());
        }
        if let Some((memory, age)) = self.sample(at) {
            let part = memory.ratio().unwrap_or_default() * 100.0;
            seen.push(format!(
                "memory at {part:.0} % of its limit {} s before",
                age.as_secs()
            ));
        }
        if let Some(closed) = closed_for {
            seen.push(format!("its port was closed for {} s", closed.as_secs()));
        }
        match next.map(|next| next.same_process) {
            Some(Some(true)) => seen.push("another life in the same process".to_owned()),
            Some(Some(false)) => seen.push("another life in another process".to_owned()),
            Some(None) => seen.push("another life".to_owned()),
            None => seen.push("it has not come back yet".to_owned()),
        }
        seen
    }

    fn restart_announced(&self, at: Duration) -> bool {
        self.end.shutdown == Some(Some(true)) || self.restart_expected(at)
    }

    fn restart_expected(&self, at: Duration) -> bool {
        self.expected
            .is_some_and(|asked| at.saturating_sub(asked) < EXPECTED)
    }

    /// The last sample of memory against a limit, and its age at that moment.
    fn sample(&self, at: Duration) -> Option<(Memory, Duration)> {
        let (memory, taken) = self.memory?;
        memory.ratio()?;
        Some((memory, at.saturating_sub(taken)))
    }

    fn near_limit(&self, at: Duration) -> Option<Memory> {
        let unannounced = self.end.shutdown.is_none() && !self.end.suspended;
        let (memory, age) = self.sample(at).filter(|_| unannounced)?;
        (age < FRESH && memory.ratio()? >= NEAR).then_some(memory)
    }
}
