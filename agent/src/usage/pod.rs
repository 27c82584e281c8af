//! What the gateway's container uses: as its parent from its control group, else from its own words.

use std::sync::Arc;
use std::time::Duration;

use cgroup::Cgroup;
use supervisor::Status;
use tokio::sync::watch;

/// The control group of a supervised gateway.
#[derive(Debug)]
pub struct Pod {
    child: watch::Receiver<Status>,
    before: Option<Before>,
}

/// The last reading.
#[derive(Debug)]
struct Before {
    group: Arc<Cgroup>,
    at: Duration,
    used: Duration,
}

/// What a reading tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// Cores that were used since the last reading.
    pub cores: Option<f64>,
    /// Processor time since the last reading.
    pub more: Option<Duration>,
    /// Memory, as Kubernetes counts it.
    pub memory_bytes: Option<u64>,
    /// The tightest limit of it.
    pub limit_bytes: Option<u64>,
}

impl Pod {
    /// Of a supervised gateway.
    pub fn new(child: watch::Receiver<Status>) -> Self {
        Self {
            child,
            before: None,
        }
    }

    /// What its group says now; nothing while it does not run.
    pub fn read(&mut self, now: Duration) -> Reading {
        let group = self.child.borrow().group.clone();
        let Some(group) = group else {
            self.before = None;
            return Reading::default();
        };
        let memory = group.memory();
        let more = self.more(&group, now);
        Reading {
            cores: more.map(|(time, over)| time.as_secs_f64() / over.as_secs_f64()),
            more: more.map(|(time, _)| time),
            memory_bytes: memory.working_set_bytes.or(memory.used_bytes),
            limit_bytes: memory.limit_bytes,
        }
    }

    /// The processor time since the last reading of this group, and how long that is ago.
    fn more(&mut self, group: &Arc<Cgroup>, now: Duration) -> Option<(Duration, Duration)> {
        let used = group.cpu().used?;
        let before = self.before.replace(Before {
            group: Arc::clone(group),
            at: now,
            used,
        });
        let before = before.filter(|before| before.group == *group && before.at < now)?;
        Some((used.saturating_sub(before.used), now - before.at))
    }
}
