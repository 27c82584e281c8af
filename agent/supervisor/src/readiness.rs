//! Descriptors that tell by themselves when there is something to read.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets the runtime tell when the descriptor is readable.
#[expect(
    deprecated,
    reason = "the successor is unsafe for types that may change their descriptor; an OwnedFd cannot"
)]
pub(crate) fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE)
}
