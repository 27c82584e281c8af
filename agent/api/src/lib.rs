//! The wire between the agent and its callers: types, paths, version. No behaviour.
