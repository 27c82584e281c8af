//! How the pod is, told by one task that watches everything: a verdict with its causes, cures, and causes of death.
//!
//! In: the link to the gateway, the child where there is one, and the views of the other components. Out: a [`View`] that
//! anybody may watch, the readiness gate, metrics, entries in the journal. What it thinks of what it sees is the crate
//! `health`, which is pure; here it is gathered, and what that decides is done. It never reads what users write.

mod acting;
mod asked;
mod clocks;
mod deaths;
mod disks;
mod given;
mod heard;
mod metrics;
mod observer;
mod remedies;
mod settings;
mod translated;
mod view;
pub mod wire;

pub use metrics::Metrics;
pub use observer::{Observer, Parts};
pub use settings::Settings;
pub use view::View;
