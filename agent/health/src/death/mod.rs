//! Why the gateway ended.
