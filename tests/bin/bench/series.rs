//! Many times of the same thing.

use std::time::Duration;

/// Times, in the order in which they were taken.
#[derive(Default)]
pub struct Series(Vec<Duration>);

impl Series {
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The median in seconds.
    pub fn p50(&self) -> f64 {
        self.at(0.5)
    }

    /// What one in twenty exceeds, in seconds.
    pub fn p95(&self) -> f64 {
        self.at(0.95)
    }

    /// The longest, in seconds.
    pub fn longest(&self) -> f64 {
        self.at(1.0)
    }

    fn at(&self, share: f64) -> f64 {
        let mut sorted: Vec<f64> = self.0.iter().map(Duration::as_secs_f64).collect();
        sorted.sort_by(f64::total_cmp);
        let index = (sorted.len() as f64 * share) as usize;
        sorted
            .get(index.min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or(f64::NAN)
    }
}

impl Extend<Duration> for Series {
    fn extend<I: IntoIterator<Item = Duration>>(&mut self, times: I) {
        self.0.extend(times);
    }
}
