//! Samples of use, for whoever collects them.

use std::time::Duration;

use agent_api::{JournalEvent, UsageSample};
use rustix::fs::statvfs;

use super::Usage;
use super::counters::Amounts;

/// Time between two samples while something is used.
const BUSY: Duration = Duration::from_secs(300);

/// Time between two of an idle instance.
const IDLE: Duration = Duration::from_secs(3600);

/// When the next sample is due.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    last: Duration,
}

impl Clock {
    /// Whether one is due now; the next one is not before its time.
    pub fn is_due(&mut self, now: Duration, has_news: bool) -> bool {
        let pause = if has_news { BUSY } else { IDLE };
        let is_due = now >= self.last + pause;
        if is_due {
            self.last = now;
        }
        is_due
    }
}

impl Usage {
    /// Tells what has been used since the last sample. It is told again after a crash rather than never.
    pub(super) fn sample(&mut self) {
        let used = self.book.tell();
        let is_something = !used.is_empty();
        (self.tell)(JournalEvent::Usage {
            models: rows(used),
            sessions: self.seen.sessions,
            memory_bytes: self.seen.memory_bytes,
            state_bytes: self.state_bytes(),
        });
        if is_something {
            self.remembered.write(&self.book.saved());
        }
    }

    /// Bytes in use on the disk of the state.
    fn state_bytes(&self) -> Option<u64> {
        let disk = statvfs(&self.settings.state).ok()?;
        disk.f_blocks
            .checked_sub(disk.f_bfree)?
            .checked_mul(disk.f_frsize)
    }
}

fn rows(used: Amounts) -> Vec<UsageSample> {
    let row = |(model, used): (super::counters::Model, super::counters::Used)| UsageSample {
        provider: model.provider,
        model: model.model,
        input_tokens: used.input,
        output_tokens: used.output,
        cost_usd: used.cost_usd,
    };
    used.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_due_soon_when_something_is_used_else_hourly() {
        let mut clock = Clock::default();
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        for (now, has_news, due) in [
            (4, true, false),
            (5, true, true),
            (9, true, false),
            (10, false, false),
            (64, false, false),
            (65, false, true),
        ] {
            assert_eq!(clock.is_due(minutes(now), has_news), due, "after {now} min");
        }
    }
}
