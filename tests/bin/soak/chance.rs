//! Chance that can be had again: everything follows from one seed, which is printed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A source of numbers.
pub struct Chance(u64);

impl Chance {
    /// Begins with the clock, and says with what.
    pub fn new() -> Self {
        let nanoseconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let seed = u64::try_from(nanoseconds % u128::from(u64::MAX)).unwrap_or(1) | 1;
        println!("  seed {seed}");
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// A time below `bound`.
    pub fn time(&mut self, bound: Duration) -> Duration {
        let bound = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.below(bound))
    }
}
