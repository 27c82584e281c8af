//! What a reading of a control group says.

use std::time::Duration;

/// The memory of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// The working set as Kubernetes counts it: what is used without the file pages that are
    /// given back first.
    pub working_set_bytes: Option<u64>,
    /// What is used, file pages and all: what the limit holds against.
    pub used_bytes: Option<u64>,
    /// The tightest limit that can be seen from here; `None` when there is none.
    pub limit_bytes: Option<u64>,
}

/// The processor time of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cpu {
    /// Used since the group was made.
    pub used: Option<Duration>,
    /// The tightest limit that can be seen from here, in cores; `None` when there is none.
    pub limit_cores: Option<f64>,
    /// How long the group was held back by its own limit, since it was made.
    pub throttled: Option<Duration>,
}

/// The processes and threads of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pids {
    /// How many there are.
    pub current: Option<u64>,
    /// The tightest limit that can be seen from here; `None` when there is none.
    pub limit: Option<u64>,
}
