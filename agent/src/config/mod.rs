//! The document is a transaction.
//!
//! In: layers on disk, edits over the API, what the gateway says. Out: one document on disk, the
//! proof that the gateway runs with it, and a view of all that. A bad layer never replaces a good
//! document, and what does not hold is undone.
//!
//! It declares what it needs of a gateway ([`gateway::Gateway`]) and never speaks its protocol.

mod attempt;
mod boot;
mod choose;
mod commands;
mod commit;
mod document;
mod drift;
mod engine;
mod error;
mod explain;
mod fights;
pub mod gateway;
mod handle;
mod ledger;
mod metrics;
mod offline;
mod refused;
mod resolve;
mod rollback;
mod settings;
mod shared;
mod source;
mod steps;
mod store;
mod stumble;
mod undo;
mod verdicts;
mod view;

pub use attempt::Until;
pub use document::Document;
pub use engine::Engine;
pub use error::{Error, chain};
pub use handle::{Edited, Handle, Inspection, Preview};
pub use metrics::Metrics;
pub use offline::{Offline, Proposal, Reasons};
pub use resolve::views as problem_views;
pub use settings::{Drift, Settings};
pub use store::Store;
pub use verdicts::Verdict;
pub use view::{View, line};
