//! How long to wait before the next start. Pure: the child's age comes in, a pause goes out.

use std::time::Duration;

use crate::Settings;

/// The pauses between starts that follow exits nobody asked for.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    reset: Duration,
    next: Duration,
}

impl Backoff {
    /// The pauses that the settings ask for.
    pub(crate) fn new(settings: &Settings) -> Backoff {
        Backoff {
            first: settings.backoff_first,
            longest: settings.backoff_longest.max(settings.backoff_first),
            reset: settings.backoff_reset,
            next: settings.backoff_first,
        }
    }

    /// The pause after a child that lived so long.
    pub(crate) fn after(&mut self, lived: Duration) -> Duration {
        if lived >= self.reset {
            self.next = self.first;
        }
        let pause = self.next.min(self.longest);
        self.next = (pause * 2).min(self.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Backoff {
        Backoff::new(&Settings::new(vec![], "s".into(), "c".into()))
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = usual();
        let seen: Vec<u64> = (0..9)
            .map(|_| backoff.after(Duration::from_secs(5)).as_secs())
            .collect();
        assert_eq!(seen, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_long_life_starts_anew() {
        let mut backoff = usual();
        for _ in 0..5 {
            backoff.after(Duration::ZERO);
        }
        assert_eq!(backoff.after(Duration::from_secs(59)).as_secs(), 32);
        assert_eq!(backoff.after(Duration::from_secs(60)).as_secs(), 1);
        assert_eq!(backoff.after(Duration::from_secs(1)).as_secs(), 2);
    }
}
