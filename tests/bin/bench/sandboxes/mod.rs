//! The owner of a sandbox daemon and its guard, beside what people use instead, on one daemon.

mod fleet;
mod guarded;
mod inventory;
mod owner;
mod removal;

pub use fleet::{Fleet, Stage};
pub use guarded::measure as guard;
pub use inventory::measure as inventory;
pub use owner::OURS;
pub use removal::measure as removal;
