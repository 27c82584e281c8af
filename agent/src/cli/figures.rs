//! Times, amounts and words of the wire, for people.

use jiff::Timestamp;

use super::paint::plain;

/// A word of the wire as it is there.
pub(super) fn word(word: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(word).unwrap_or_default();
    value.as_str().unwrap_or("unknown").to_owned()
}

/// The same, with blanks between its parts.
pub(super) fn words(word: &impl serde::Serialize) -> String {
    self::word(word).replace('_', " ")
}

/// How long ago a moment was.
pub(super) fn age(at: &str, now: Timestamp) -> String {
    let Ok(at) = at.parse::<Timestamp>() else {
        return "unknown".to_owned();
    };
    short(u64::try_from(now.as_second() - at.as_second()).unwrap_or(0))
}

/// How long it is until a moment; nothing once it has passed.
pub(super) fn until(at: &str, now: Timestamp) -> Option<String> {
    let left = at.parse::<Timestamp>().ok()?.as_second() - now.as_second();
    u64::try_from(left).ok().filter(|left| *left > 0).map(short)
}

/// A moment to the second, which is enough for people.
pub(super) fn moment(at: &str) -> String {
    let seconds = at.split('.').next().unwrap_or_default();
    plain(&seconds.trim_end_matches('Z').replace('T', " "))
}

/// A length of time in its two largest units.
pub(super) fn short(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m{rest}s"),
        (0, ..) => format!("{hours}h{minutes}m"),
        _ => format!("{days}d{hours}h"),
    }
}

/// An amount of bytes in the largest unit that leaves a number above one.
pub(super) fn amount(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let place = UNITS.len() - 1;
    let unit = (0..place).find(|unit| bytes >> (10 * (unit + 1)) == 0);
    let unit = unit.unwrap_or(place);
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    match unit {
        0 => format!("{bytes} B"),
        _ => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
    }
}

/// A part of one in percent.
pub(super) fn percent(part: f64) -> String {
    match part * 100.0 {
        percent if !percent.is_finite() => "unknown".to_owned(),
        percent if percent > 0.0 && percent < 9.95 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_amounts_are_short() {
        for (seconds, expected) in [(0, "0s"), (61, "1m1s"), (3_600, "1h0m"), (90_000, "1d1h")] {
            assert_eq!(short(seconds), expected);
        }
        for (bytes, expected) in [
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(amount(bytes), expected);
        }
        for (part, expected) in [
            (0.0, "0 %"),
            (0.007, "0.7 %"),
            (0.42, "42 %"),
            (12.5, "1250 %"),
            (f64::NAN, "unknown"),
        ] {
            assert_eq!(percent(part), expected);
        }
    }

    #[test]
    fn a_moment_is_near_or_unknown() {
        let now: Timestamp = "2026-11-24T08:00:00Z".parse().unwrap();
        assert_eq!(age("2026-11-24T07:59:00.5Z", now), "1m0s");
        assert_eq!(
            age("2026-11-25T00:00:00Z", now),
            "0s",
            "a clock that is ahead"
        );
        assert_eq!(age("yesterday", now), "unknown");
        assert_eq!(until("2026-11-24T08:00:30Z", now).as_deref(), Some("30s"));
        assert_eq!(until("2026-11-24T07:00:00Z", now), None);
        assert_eq!(moment("2026-11-24T08:00:00.123Z"), "2026-11-24 08:00:00");
        assert_eq!(moment("\x1b[2J"), "\\u{1b}[2J");
    }
}
