//! The sidecar beside an OpenClaw gateway: configuration as a transaction.
