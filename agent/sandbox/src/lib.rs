//! Owner of the daemon that runs an OpenClaw gateway's sandboxes: an inventory, a policy, one pruner.
//!
//! In: what a container daemon lists and says, what the gateway says of its sessions, how full the disk is.
//! Out: removals, a report, metrics. A live sandbox is never removed, and nothing is touched that does not carry
//! the sandbox label or was not seen attached to what does.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod activity;
mod clock;
mod departed;
mod disk;
mod docker;
mod engine;
mod id;
mod image;
mod inventory;
mod keeper;
pub mod labels;
mod leftovers;
mod limits;
mod listing;
mod memory;
mod metrics;
mod platform;
mod policy;
mod pruner;
mod remembered;
mod removal;
mod report;
mod sandbox;
mod session;
mod watermark;

pub use activity::{Activity, Busy, Claim, Permit};
pub use clock::{Anchor, Clock, Moment};
pub use disk::{Disk, DiskError, Share};
pub use docker::{Docker, DockerSettings};
pub use engine::{Engine, EngineError, EngineVersion, Event, ImageFacts, Meaning, Running};
pub use id::{ExecId, Id};
pub use image::{ImageSettings, Lack, Presence};
pub use inventory::{Change, Inventory, Kept, KeptImage};
pub use keeper::{
    Daemon, Gateway, Handle, Happening, Keeper, KeeperError, KeeperSettings, Parts, Past,
    SandboxChange, Shown, View,
};
pub use limits::{ImageLimits, Limits, Request};
pub use listing::{ForeignUse, Image, Listing, Reclaimable};
pub use memory::{Memory, MemoryError, MemoryFile, boot_id};
pub use metrics::Metrics;
pub use platform::Platform;
pub use policy::{decide, full_of_live, live};
pub use pruner::{Attempt, Fate, Force, Life, Pruner, PrunerSettings};
pub use remembered::{REMEMBERED_MAX, Remembered, SeenFolder};
pub use removal::{Reason, Removal, Target, Why};
pub use report::{FAILURES_MAX, Failure, Mode, PassReport};
pub use sandbox::{Facts, Found, ImageRef, Kind, NetworkRef, Sandbox, State, Usage, VolumeRef};
pub use session::{SCOPE_MAX, Scope, Sessions};
pub use watermark::{Step, Watermarks, next};
