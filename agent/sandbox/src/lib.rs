//! Owner of the daemon that runs an OpenClaw gateway's sandboxes: an inventory, a policy, one pruner.
//!
//! In: what a container daemon lists and says, what the gateway says of its sessions, how full the disk is.
//! Out: removals, a report, metrics. A live sandbox is never removed, and nothing is touched that does not carry
//! the sandbox label or was not seen attached to what does.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod clock;
mod disk;
mod engine;
mod id;
mod inventory;
pub mod labels;
mod limits;
mod remembered;
mod removal;
mod sandbox;
mod session;
mod watermark;

pub use clock::{Anchor, Clock, Moment};
pub use disk::{Disk, DiskError, Share};
pub use engine::{Engine, EngineError, EngineVersion, Event, Meaning};
pub use id::{ExecId, Id};
pub use inventory::{Change, ForeignUse, Image, Inventory, KeptImage, Listing, Reclaimable};
pub use limits::{ImageLimits, Limits, Request};
pub use remembered::{REMEMBERED_MAX, Remembered, SeenFolder};
pub use removal::{Reason, Removal, Target, Why};
pub use sandbox::{Facts, Found, ImageRef, Kind, NetworkRef, Sandbox, State, Usage, VolumeRef};
pub use session::{SCOPE_MAX, Scope, Sessions};
pub use watermark::{Step, Watermarks, next};
