//! Every end of the gateway, once: seen as its parent, inferred from beside.

use std::collections::VecDeque;
use std::time::Duration;

use ::health::Verdict;
use ::health::death::{Asked, Death, DeathCause, Exit, How, Inference, Refusal, Seen};
use ::health::facts::Memory;
use supervisor::Killer;

use crate::gateway::{self, Child};

/// Ends are counted for so long.
const COUNTED: Duration = Duration::from_secs(900);
/// Having lived for less, it has not lived.
const LIFE: Duration = Duration::from_secs(60);

/// What is known of the gateway's ends.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    inference: Inference,
    exits: u64,
    in_a_row: u32,
    unasked: VecDeque<Duration>,
    pub memory: Option<Memory>,
}

/// The moment of an end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Since the agent's start.
    pub now: Duration,
    /// What was thought of the pod then.
    pub verdict: Verdict,
    /// We are told to end ourselves.
    pub draining: bool,
}

impl Deaths {
    /// Its child's exits before this agent knew of it are nobody's news.
    pub(super) fn new(child: Option<&Child>) -> Self {
        Self {
            exits: child.map_or(0, Child::exits),
            ..Self::default()
        }
    }

    /// As its parent: how the child ended, where it did since the last look.
    pub(super) fn exited(&mut self, child: &Child, moment: Moment) -> Option<Death> {
        let status = child.status();
        if status.exits == std::mem::replace(&mut self.exits, status.exits) {
            return None;
        }
        let exit = status.last_exit?;
        self.in_a_row = match exit.lived < LIFE {
            true => self.in_a_row.saturating_add(1),
            false => 1,
        };
        let asked = exit.asked.then_some(match moment.draining {
            true => Asked::Drain,
            false => Asked::Restart,
        });
        let oom = match exit.killer {
            Some(Killer::Oom(kill)) => Some(kill),
            _ => None,
        };
        let memory = oom.map_or(self.memory, |kill| {
            let used = kill.used_bytes.or(self.memory.map(|memory| memory.used));
            used.map(|used| Memory {
                used,
                limit: kill.limit_bytes,
            })
        });
        let told = Exit {
            at: moment.now,
            how: how(&exit.how),
            oom_killed: oom.is_some(),
            asked,
            refusal: refusal(&exit),
            memory,
            before: Vec::new(),
            last_verdict: Some(moment.verdict),
            lived: Some(exit.lived),
        };
        self.memory = None;
        Some(self.count(told.death()))
    }

    /// From beside: what is seen, and an end where that tells of one.
    pub(super) fn see(&mut self, seen: Seen, moment: Moment) -> Option<Death> {
        let death = self.inference.see(seen, moment.verdict, moment.now)?;
        Some(self.count(death))
    }

    /// From beside: time went by.
    pub(super) fn pass(&mut self, now: Duration) -> Option<Death> {
        let death = self.inference.pass(now)?;
        Some(self.count(death))
    }

    /// Exits in a row without a life worth the name.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// How often it ended of late without that anybody had asked.
    pub(super) fn unasked(&mut self, now: Duration) -> u32 {
        self.unasked.retain(|at| now.saturating_sub(*at) < COUNTED);
        u32::try_from(self.unasked.len()).unwrap_or(u32::MAX)
    }

    fn count(&mut self, death: Death) -> Death {
        let asked = [
            DeathCause::Restart,
            DeathCause::Stopped,
            DeathCause::PodDeleted,
        ];
        if !asked.contains(&death.cause) {
            self.unasked.push_back(death.at);
            self.unasked.truncate(64);
        }
        death
    }
}

fn how(how: &supervisor::How) -> How {
    match how {
        supervisor::How::Code(code) => How::Code(*code),
        supervisor::How::Signal(signal) => How::Signal(*signal),
        supervisor::How::Unknown => How::Unseen,
        supervisor::How::NotStarted { .. } => How::NotStarted,
    }
}

fn refusal(exit: &supervisor::Exit) -> Option<Refusal> {
    if exit.how != supervisor::How::Code(78) {
        return None;
    }
    Some(match gateway::refusal(&exit.console_tail) {
        gateway::Refusal::Document => Refusal::Document,
        gateway::Refusal::Lock => Refusal::Lock,
        gateway::Refusal::Other => Refusal::Other,
    })
}
