//! A bounded rate with a burst of one second.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Lets so many a second pass, after a pause as many at once.
#[derive(Debug)]
pub(super) struct Rate {
    each: Duration,
    /// When the next one would pass if all that waited had passed in even steps.
    next: Mutex<Option<Instant>>,
}

impl Rate {
    /// So many a second, at least one.
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / per_second.max(1),
            next: Mutex::new(None),
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self) {
        let due = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let burst = Duration::from_secs(1).saturating_sub(self.each);
            let due = next.map_or(now, |next| next.max(now));
            *next = Some(due + self.each);
            due.checked_sub(burst).unwrap_or(now)
        };
        sleep_until(due).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_and_then_the_rate_holds() {
        let rate = Rate::new(10);
        let began = Instant::now();
        for _ in 0..10 {
            rate.turn().await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        for _ in 0..10 {
            rate.turn().await;
        }
        let took = began.elapsed();
        assert!(
            took >= Duration::from_millis(1000) && took <= Duration::from_millis(1010),
            "{took:?}"
        );
        tokio::time::sleep(Duration::from_secs(5)).await;
        let again = Instant::now();
        for _ in 0..10 {
            rate.turn().await;
        }
        assert_eq!(again.elapsed(), Duration::ZERO);
    }
}
