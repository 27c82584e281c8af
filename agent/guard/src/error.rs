//! What can keep the guard from opening its socket.

use std::{io, path::PathBuf};

/// Why the guard's socket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings cannot be right; each string is one mistake.
    #[error("the guard's settings are wrong: {}", .0.join("; "))]
    Settings(Vec<String>),
    /// Somebody else answers on the path.
    #[error("another process serves {path}; give the guard a path of its own")]
    InUse {
        /// The path of the socket.
        path: PathBuf,
    },
    /// Something that is not a socket lies there.
    #[error("{path} is not a socket; remove it, or give the guard another path")]
    NotASocket {
        /// The path of the socket.
        path: PathBuf,
    },
    /// The socket could not be made or given its mode and owner.
    #[error("cannot {action} the guard's socket at {path}")]
    Socket {
        /// What was being done.
        action: &'static str,
        /// The path of the socket.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}
