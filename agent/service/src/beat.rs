//! What is done again and again is done at one beat of the clock on the wall: so all wake at once, without a word between
//! them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// From one beat to the next.
pub const BEAT: Duration = Duration::from_secs(10);

/// The first beat after `rest` from now on.
pub fn next_beat(rest: Duration) -> Instant {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Instant::now() + rest + left(now + rest)
}

/// How long it is from this time to the next beat.
fn left(time: Duration) -> Duration {
    let nanos = time.as_nanos() % BEAT.as_nanos();
    BEAT.saturating_sub(Duration::from_nanos(
        u64::try_from(nanos).unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_never_now_and_never_far() {
        let seconds = Duration::from_secs_f64;
        for (time, want) in [(0.0, 10.0), (20.0, 10.0), (29.5, 0.5), (21.25, 8.75)] {
            assert_eq!(left(seconds(time)), seconds(want), "{time}");
        }
    }
}
