//! Waiting for something to become true, with an end.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(10);

/// Asks `found` until it gives a value; None when `within` has passed.
pub fn eventually<T>(within: Duration, mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(value) = found() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(EVERY);
    }
}

/// Waits until `holds`, and says how long that took.
///
/// # Panics
/// When it does not hold within `within`; `what` is in the message.
pub fn until(what: &str, within: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    let held = eventually(within, || holds().then(|| started.elapsed()));
    held.unwrap_or_else(|| panic!("not within {within:?}: {what}"))
}
