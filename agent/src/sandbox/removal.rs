//! A removal as it goes over the wire, to callers and into the journal.

use agent_api::{RemovalKind, RemovalOutcome, RemovalReason, RemovalView};
use sandbox::{Reason, Target};

/// A thing that goes, as it is when it is gone.
pub fn removal_view(target: &Target, why: Reason, name: &str) -> RemovalView {
    let (kind, name, id) = match target {
        Target::Container(id) => (
            RemovalKind::Container,
            name.to_owned(),
            Some(id.to_string()),
        ),
        Target::Image(id) => (RemovalKind::Image, String::new(), Some(id.clone())),
        Target::Network(id) => (RemovalKind::Network, String::new(), Some(id.clone())),
        Target::Volume(name) => (RemovalKind::Volume, name.clone(), None),
        Target::Folder(name) => (RemovalKind::Folder, name.clone(), None),
        Target::Layers => (RemovalKind::Layers, String::new(), None),
        Target::BuildCache { .. } => (RemovalKind::BuildCache, String::new(), None),
    };
    RemovalView {
        kind,
        name,
        id,
        reason: reason_view(why),
        outcome: RemovalOutcome::Removed,
        bytes_freed: None,
    }
}

/// Why something goes.
pub fn reason_view(reason: Reason) -> RemovalReason {
    match reason {
        Reason::Exited => RemovalReason::Exited,
        Reason::Orphan => RemovalReason::Orphan,
        Reason::Age => RemovalReason::Age,
        Reason::Count => RemovalReason::Count,
        Reason::Idle => RemovalReason::Idle,
        Reason::Stale => RemovalReason::Stale,
        Reason::Unused => RemovalReason::Unused,
        Reason::Asked => RemovalReason::Asked,
    }
}
