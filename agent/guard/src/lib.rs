//! The Docker socket that an OpenClaw gateway gets: what sandboxes need passes, the rest is refused.
