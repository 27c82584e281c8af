//! The log of the whole process; alone in its binary because there is only one.
#![allow(clippy::unwrap_used)]

use service::{LogSettings, init};

#[test]
fn the_log_is_set_once() {
    init(&LogSettings::default()).unwrap();
    tracing::info!(generation = 1, "set");
    let error = init(&LogSettings::default()).unwrap_err();
    assert_eq!(error.reason(), "log_set");
}
