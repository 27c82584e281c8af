//! The truth about a pod: what is known of it comes in, one verdict with its causes goes out, and what to do about them.
//!
//! ```text
//! Facts -> judge -> Findings -> Damper -> Causes -> verdict
//!                                           |
//!                                          Book -> Decision, and later whether it helped
//! an exit, or what is seen beside the gateway -> death
//! ```
//!
//! Everything here is a function of its arguments. Time is a [`Duration`](std::time::Duration) since the agent started,
//! passed in: the wall clock decides nothing. What is not known is absent, and neither good nor bad.

mod cause;
pub mod cure;
mod damper;
pub mod death;
pub mod facts;
mod judge;
mod kind;
mod text;
mod verdict;

pub use cause::{Cause, Component, Finding, Key, Severity};
pub use damper::Damper;
pub use facts::Facts;
pub use judge::judge;
pub use kind::{Kind, Row};
pub use text::words;
pub use verdict::{START_BUDGET, Verdict, verdict};
