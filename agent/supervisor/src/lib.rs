//! Starts one child process and lives as its parent: another uid, read-only mounts, reaping, signals, back-off, adoption.
