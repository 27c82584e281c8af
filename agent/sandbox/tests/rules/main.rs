//! The rules of the owner of sandboxes, as tables, properties and a simulation.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod inventory;
mod jumps;
mod labels;
mod leftovers;
mod memory;
mod policy;
mod properties;
mod simulation;
mod stage;
mod watermark;
