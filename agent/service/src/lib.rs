//! How a process of ours lives: signals, drain, readiness, telemetry, metrics page, HTTP listener.
