use std::path::PathBuf;
use std::time::Duration;

/// Where the journal is and how much it keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The file. Its directory must exist and belong to one process.
    pub path: PathBuf,
    /// The file does not grow above this; the oldest entries go first. Taken as between 16 KiB and 32 MiB.
    pub max_bytes: u64,
    /// Entries that are older go.
    pub max_age: Duration,
    /// Entries that may wait for the writer; one that finds no room is lost.
    pub queue: usize,
}

impl Settings {
    /// 2 MiB, 30 days, 1,024 entries.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            max_bytes: 2 * 1024 * 1024,
            max_age: Duration::from_secs(30 * 86_400),
            queue: 1_024,
        }
    }

    /// The limit that is held.
    pub(crate) fn limit(&self) -> u64 {
        self.max_bytes.clamp(16 * 1024, 32 * 1024 * 1024)
    }

    /// The longest payload, as JSON; longer ones are lost.
    pub(crate) fn max_payload(&self) -> u64 {
        self.limit() / 16
    }

    /// Between two looks at the age of entries.
    pub(crate) fn age_step(&self) -> Duration {
        (self.max_age / 32).clamp(Duration::from_secs(1), Duration::from_secs(86_400))
    }
}
