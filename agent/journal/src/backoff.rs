use std::time::Duration;

/// The waits between tries to write, from one second to half a minute.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after another failure.
    pub(crate) fn next(&mut self) -> Duration {
        let seconds = 1_u64 << self.failures.min(5);
        self.failures += 1;
        Duration::from_secs(seconds.min(30))
    }

    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..7).map(|_| backoff.next().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next().as_secs(), 1);
    }
}
