//! Owner of the daemon that runs an OpenClaw gateway's sandboxes: an inventory, a policy, one pruner.
