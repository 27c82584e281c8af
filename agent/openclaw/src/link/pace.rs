//! When to try again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::Settings;

/// Waits that double up to a bound, or short ones while a return is expected.
#[derive(Debug)]
pub(super) struct Pace {
    min: Duration,
    max: Duration,
    eager: Duration,
    eager_for: Duration,
    starting: Duration,
    next: Duration,
    eager_until: Option<Instant>,
    starting_since: Option<Instant>,
}

/// Wait between attempts while a gateway is there and never gets ready.
const HANGS: Duration = Duration::from_secs(1);

impl Pace {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            min: settings.backoff_min,
            max: settings.backoff_max,
            eager: settings.nudge_every,
            eager_for: settings.nudge_for,
            starting: settings.starting_every,
            next: settings.backoff_min,
            eager_until: None,
            starting_since: None,
        }
    }

    /// Begins anew with short waits.
    pub(super) fn reset(&mut self) {
        self.next = self.min;
        self.eager_until = None;
        self.starting_since = None;
    }

    /// From `now` on, for a while, the gateway may be back at any moment.
    pub(super) fn expect(&mut self, now: Instant) {
        self.next = self.min;
        self.eager_until = Some(now + self.eager_for);
    }

    /// When to try next after a failure at `now`.
    pub(super) fn next(&mut self, now: Instant) -> Instant {
        self.starting_since = None;
        if self.eager_until.is_some_and(|until| now < until) {
            return now + self.eager;
        }
        let wait = self.next;
        self.next = (wait * 2).min(self.max);
        now + spread(wait)
    }

    /// When to try next after a gateway that is there said at `now` that it is not ready.
    /// It will be soon, or it hangs: then once in a second is enough.
    pub(super) fn starting(&mut self, now: Instant) -> Instant {
        let began = *self.starting_since.get_or_insert(now);
        let patient = now.duration_since(began) < self.eager_for;
        now + if patient {
            self.starting
        } else {
            spread(HANGS)
        }
    }

    /// When to try next after a refusal at `now`. Trying a wrong token often gets its sender
    /// locked out.
    pub(super) fn refused(&mut self, now: Instant) -> Instant {
        self.reset();
        now + spread(self.max)
    }
}

/// The wait, or up to a quarter less.
fn spread(wait: Duration) -> Duration {
    wait.mul_f64(0.75 + jitter() / 4.0)
}

/// A number from 0 to 1 that differs between processes and between calls.
fn jitter() -> f64 {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(random).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(pace: &mut Pace, now: Instant, count: usize) -> Vec<Duration> {
        (0..count).map(|_| pace.next(now) - now).collect()
    }

    #[test]
    fn doubles_up_to_its_bound_and_begins_anew() {
        let mut pace = Pace::new(&Settings::default());
        let now = Instant::now();
        for (wait, full) in waits(&mut pace, now, 9)
            .iter()
            .zip([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
        {
            let full = Duration::from_millis(full);
            assert!(
                *wait >= full.mul_f64(0.74) && *wait <= full,
                "{wait:?} of {full:?}"
            );
        }
        pace.reset();
        assert!(waits(&mut pace, now, 1)[0] <= Duration::from_millis(100));
    }

    #[test]
    fn is_eager_only_for_a_while() {
        let settings = Settings::default();
        let mut pace = Pace::new(&settings);
        let now = Instant::now();
        drop(waits(&mut pace, now, 20));
        pace.expect(now);
        assert!(
            waits(&mut pace, now, 100)
                .iter()
                .all(|wait| *wait == settings.nudge_every)
        );
        let later = now + settings.nudge_for;
        assert!(waits(&mut pace, later, 2)[1] > settings.nudge_every);
    }
}
