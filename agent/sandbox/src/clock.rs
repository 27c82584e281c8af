//! The time that the policy counts in: what no change of the wall clock moves.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// A moment as milliseconds since the machine booted; negative for what happened before.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// The moment so many milliseconds after the boot.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the boot.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero where it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let millis = self.0.saturating_sub(earlier.0);
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// The moment so much later.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

/// One moment as both clocks showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// Milliseconds since 1970 by the wall clock.
    pub unix_ms: i64,
    /// The same moment since the boot.
    pub moment: Moment,
}

/// Tells the time since the boot, suspended time included.
///
/// Wall clock times of others become moments through one anchor, so a wall clock that jumps later moves nothing.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Anchor,
}

impl Clock {
    /// A clock whose anchor is taken now.
    #[must_use]
    pub fn start() -> Self {
        let anchor = Anchor {
            unix_ms: wall_ms(),
            moment: boot_time(),
        };
        Self { anchor }
    }

    /// A clock with an anchor that was taken earlier in the same boot.
    #[must_use]
    pub fn with_anchor(anchor: Anchor) -> Self {
        Self { anchor }
    }

    /// The anchor, to be kept for the next process of this boot.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Moment {
        boot_time()
    }

    /// The moment of a wall clock time; one that lies in the future is now.
    #[must_use]
    pub fn moment_of(&self, unix_ms: i64) -> Moment {
        self.anchor.moment_of(unix_ms).min(self.now())
    }

    /// The moment of a time as Docker writes it (RFC 3339).
    ///
    /// Nothing for what is no time, and for the year 1, which Docker writes for "never".
    #[must_use]
    pub fn moment_of_text(&self, text: &str) -> Option<Moment> {
        let millis = unix_ms_of(text)?;
        Some(self.moment_of(millis))
    }

    /// A moment in milliseconds since 1970, for people and for the wire.
    #[must_use]
    pub fn unix_ms(&self, moment: Moment) -> i64 {
        let since = moment.0.saturating_sub(self.anchor.moment.0);
        self.anchor.unix_ms.saturating_add(since)
    }
}

impl Anchor {
    fn moment_of(&self, unix_ms: i64) -> Moment {
        let since = unix_ms.saturating_sub(self.unix_ms);
        Moment(self.moment.0.saturating_add(since))
    }
}

/// The longest text that is looked at as a time.
const TIME_MAX: usize = 64;

fn unix_ms_of(text: &str) -> Option<i64> {
    if text.len() > TIME_MAX {
        return None;
    }
    let millis = text.parse::<Timestamp>().ok()?.as_millisecond();
    (millis > 0).then_some(millis)
}

fn boot_time() -> Moment {
    // The call cannot fail on a kernel that has the clock, which is every one since 2.6.39.
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    Moment::default().plus(time)
}

fn wall_ms() -> i64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchored(unix_ms: i64, millis: i64) -> Clock {
        Clock::with_anchor(Anchor {
            unix_ms,
            moment: Moment(millis),
        })
    }

    #[test]
    fn docker_times_become_moments() {
        let clock = anchored(1_795_519_752_000, 1_000);
        let cases = [
            ("2026-11-24T11:29:12Z", Some(1_000)),
            ("2026-11-24T11:29:11.5Z", Some(500)),
            ("2026-11-24T11:29:11.500999999Z", Some(500)),
            ("2026-11-24T12:29:11+01:00", Some(0)),
            ("2026-11-24T11:28:12Z", Some(-59_000)),
            ("0001-01-01T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("2026-11-24", None),
            ("", None),
            ("yesterday", None),
        ];
        for (text, wanted) in cases {
            let seen = clock.moment_of_text(text).map(Moment::millis);
            assert_eq!(seen, wanted, "{text}");
        }
        assert_eq!(clock.moment_of_text(&"9".repeat(10 << 20)), None);
    }

    #[test]
    fn a_time_in_the_future_is_now() {
        let clock = Clock::start();
        let before = clock.now();
        for unix_ms in [i64::MAX, clock.anchor().unix_ms + 86_400_000] {
            let moment = clock.moment_of(unix_ms);
            assert!(before <= moment && moment <= clock.now(), "{unix_ms}");
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        let clock = anchored(i64::MIN, i64::MAX);
        assert!(clock.moment_of(i64::MAX) <= clock.now());
        assert_eq!(anchored(i64::MAX, i64::MIN).moment_of(0).millis(), i64::MIN);
        assert_eq!(
            Moment(i64::MIN).since(Moment(i64::MAX)),
            Duration::ZERO,
            "not earlier"
        );
        assert_eq!(Moment(1).plus(Duration::MAX).millis(), i64::MAX);
    }

    #[test]
    fn a_moment_is_told_to_people_by_the_anchor() {
        let clock = anchored(1_000_000, 500);
        assert_eq!(clock.unix_ms(Moment(600)), 1_000_100);
        assert_eq!(clock.unix_ms(clock.moment_of(999_000)), 999_000);
    }

    #[test]
    fn two_processes_of_one_boot_agree_however_the_wall_clock_jumped() {
        let first = anchored(1_000_000, 500);
        let second = Clock::with_anchor(first.anchor());
        assert_eq!(first.moment_of(999_999), second.moment_of(999_999));
    }
}
