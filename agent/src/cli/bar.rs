//! How much of something is used, as a bar.

use super::figures::percent;
use super::paint::Paint;

/// Characters of a bar.
const LENGTH: usize = 20;

/// From here on somebody should look, and from there on it is nearly full.
const WARN: f64 = 0.85;
const FULL: f64 = 0.95;

/// The used part of a whole, 0 to 1, with its figure behind it.
pub(super) fn bar(used: f64, unicode: bool, paint: Paint) -> String {
    let part = match used.is_finite() {
        true => used.clamp(0.0, 1.0),
        false => 0.0,
    };
    let (filled, empty) = match unicode {
        true => blocks(part),
        false => signs(part),
    };
    let filled = match part {
        part if part >= FULL => paint.error(&filled),
        part if part >= WARN => paint.warning(&filled),
        _ => paint.good(&filled),
    };
    let (open, close) = match unicode {
        true => ("", ""),
        false => ("[", "]"),
    };
    let empty = paint.faint(&empty);
    format!("{open}{filled}{empty}{close} {:>5}", percent(used))
}

/// In eighths of a character.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of one in eighths of a bar"
)]
fn blocks(part: f64) -> (String, String) {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (part * (LENGTH * 8) as f64).round() as usize;
    let (whole, rest) = (eighths / 8, eighths % 8);
    let filled = format!("{}{}", "█".repeat(whole), PARTS[rest]);
    (filled, "░".repeat(LENGTH - whole - usize::from(rest > 0)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a part of one in characters of a bar"
)]
fn signs(part: f64) -> (String, String) {
    let whole = (part * LENGTH as f64).round() as usize;
    ("#".repeat(whole), "-".repeat(LENGTH - whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_always_as_long() {
        for (used, expected) in [
            (0.0, "[--------------------]   0 %"),
            (0.42, "[########------------]  42 %"),
            (1.0, "[####################] 100 %"),
            (7.0, "[####################] 700 %"),
            (-1.0, "[--------------------] -100 %"),
            (f64::NAN, "[--------------------] unknown"),
        ] {
            assert_eq!(bar(used, false, Paint::PLAIN), expected);
        }
        assert_eq!(bar(0.42, true, Paint::PLAIN), "████████▍░░░░░░░░░░░  42 %");
        for used in 0..=1000 {
            let shown = bar(f64::from(used) / 1000.0, true, Paint::PLAIN);
            let bar = shown.split(' ').next().unwrap();
            assert_eq!(bar.chars().count(), LENGTH, "{shown}");
        }
    }
}
