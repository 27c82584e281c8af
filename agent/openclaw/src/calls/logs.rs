//! `logs.tail`: the gateway's log, from a cursor.

use serde::{Deserialize, Serialize};

use crate::{Connection, Error};

/// Some lines of the log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LogPage {
    /// The file. A new one (the next day's) may come without `reset`.
    pub file: String,
    /// Where to go on.
    pub cursor: u64,
    /// Bytes in the file.
    #[serde(default)]
    pub size: u64,
    /// One JSON record each, redacted by the gateway.
    #[serde(default)]
    pub lines: Vec<String>,
    /// The oldest lines are left out.
    #[serde(default)]
    pub truncated: bool,
    /// The cursor was beyond the file and reading began anew.
    #[serde(default)]
    pub reset: bool,
}

#[derive(Serialize)]
struct Params {
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<u64>,
    limit: u32,
}

impl Connection {
    /// `logs.tail` (scope read): at most `limit` lines after `cursor`, or the last ones. The
    /// gateway takes a limit of up to 5,000.
    pub async fn logs_tail(&self, cursor: Option<u64>, limit: u32) -> Result<LogPage, Error> {
        self.call("logs.tail", Params { cursor, limit }).await
    }
}
