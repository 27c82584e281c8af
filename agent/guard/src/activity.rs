//! What the guard tells of the life that it sees.

use std::any::Any;

/// Who wants to know, exactly, when a sandbox is in use.
///
/// The guard begins a use before it asks the daemon for an exec, and drops the permit when the exec is over.
pub trait Activity: Send + Sync {
    /// Begins a use of the container with this full id; it lasts until the permit is dropped.
    fn begin(&self, container: &str) -> Result<Box<dyn Any + Send>, Busy>;
}

/// The container is being removed: nothing may begin in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the container is being removed")]
pub struct Busy;
