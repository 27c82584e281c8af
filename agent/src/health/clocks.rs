//! Since when something is as it is, and whether the wall clock can be believed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// Since when something is as it is.
#[derive(Debug, Default)]
pub(super) struct Changed {
    word: String,
    at: Duration,
}

impl Changed {
    pub(super) fn since(&mut self, word: &str, now: Duration) -> Duration {
        if self.word != word {
            word.clone_into(&mut self.word);
            self.at = now;
        }
        self.at
    }
}

/// The wall clock against the one that never jumps.
#[derive(Debug)]
pub(super) struct Wall {
    last: (SystemTime, Instant),
    jumped: Option<(i64, Duration)>,
}

impl Wall {
    /// A smaller difference is what keeps a clock right.
    const JUMP: i64 = 60;
    /// It is told for so long.
    const TOLD: Duration = Duration::from_secs(300);

    pub(super) fn new() -> Self {
        Self {
            last: (SystemTime::now(), Instant::now()),
            jumped: None,
        }
    }

    pub(super) fn jumped(&mut self, now: Duration) -> Option<i64> {
        let (wall, ticks) = std::mem::replace(&mut self.last, (SystemTime::now(), Instant::now()));
        let gone = i128::from(self.last.1.duration_since(ticks).as_secs());
        let seconds = |time: SystemTime| match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i128::from(since.as_secs()),
            Err(before) => -i128::from(before.duration().as_secs()),
        };
        let by = i64::try_from(seconds(self.last.0) - seconds(wall) - gone).unwrap_or_default();
        if by.abs() >= Self::JUMP {
            self.jumped = Some((by, now));
        }
        let told = self
            .jumped
            .filter(|(_, at)| now.saturating_sub(*at) < Self::TOLD);
        told.map(|(by, _)| by)
    }
}
