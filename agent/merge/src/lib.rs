//! Pure merging of configuration layers: RFC 7386, RFC 6902, locks, provenance, redaction, diff. No IO, no clock.
//!
//! In: the bytes of the layers and of the locks file. Out: one document, and for every key of it the
//! place that set it and what that hid; or every problem at once, each with its place and its cure.
//! Nothing here panics, hangs or reads past its limits, whatever the bytes are.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod apply;
mod bounds;
mod breach;
mod course;
mod credential;
mod culprit;
mod cursor;
mod diff;
mod guard;
mod layer;
mod layer_name;
mod lock;
mod merge;
mod operation;
mod path;
mod position;
mod problem;
mod provenance;
mod record;
mod redact;
mod render;
mod reserved;
mod rules;
mod runtime;
mod scan;
mod search;
mod shape;
mod size;
mod source;
mod stop;
mod tree;

pub use diff::{Change, changes, diff};
pub use guard::{MAX_DEPTH, MAX_FILE_BYTES, MAX_FILES, MAX_LAYER_BYTES};
pub use layer::Layer;
pub use layer_name::LayerName;
pub use lock::Lock;
pub use merge::{Merged, merge, merge_lenient};
pub use operation::MAX_OPERATIONS;
pub use path::{Error, KeyPath, Pattern};
pub use problem::{Problem, ProblemKind};
pub use provenance::{Explanation, Origin, Provenance};
pub use redact::{REDACTED, redact, redact_change, redact_text, redact_value};
pub use render::render;
pub use rules::Rules;
pub use runtime::{Adoption, Conflict, adopt, yield_to_user};
pub use source::{Source, parse};
