//! The knobs of the client.

use std::time::Duration;

/// How long to wait for what, and how much to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// For the TCP connection. The kernel accepts it even while the gateway's thread is busy.
    pub connect_timeout: Duration,
    /// For TLS, the upgrade and the gateway's challenge. Its thread may block for 3 s.
    pub challenge_timeout: Duration,
    /// For one answer, and for handing one request to the socket.
    pub call_timeout: Duration,
    /// A connection on which nothing arrives for so long is given up. The gateway ticks
    /// every 30 s.
    pub silence: Duration,
    /// Largest message that is accepted, in bytes.
    pub max_message: usize,
    /// First wait after a failed attempt to connect; it doubles from there.
    pub backoff_min: Duration,
    /// Longest wait between two attempts to connect.
    pub backoff_max: Duration,
    /// Wait between attempts while a return is expected.
    pub nudge_every: Duration,
    /// How long a return stays expected. A restart of a gateway takes 3 to 18 s.
    pub nudge_for: Duration,
    /// Wait before the next attempt when the gateway answers that it is not ready yet. Each
    /// attempt costs it some milliseconds of the start.
    pub starting_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            challenge_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(75),
            max_message: 4 * 1024 * 1024,
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
            nudge_every: Duration::from_millis(50),
            nudge_for: Duration::from_secs(20),
            starting_every: Duration::from_millis(200),
        }
    }
}
