//! When the other side of a socket is gone for good, not for one direction only.

use std::{
    future::pending,
    io,
    os::fd::{AsFd, OwnedFd},
};

use tokio::io::{Interest, unix::AsyncFd};

/// Watches a socket that somebody else reads and writes.
pub(crate) struct HangUp(Option<AsyncFd<OwnedFd>>);

impl HangUp {
    /// Where files are used up nobody watches, and the socket ends when it is written to.
    pub(crate) fn of(socket: &impl AsFd) -> Self {
        let watched = watch(socket);
        if let Err(error) = &watched {
            tracing::debug!(%error, "cannot watch a socket for its end");
        }
        Self(watched.ok())
    }

    /// Ends when the other side has closed the socket.
    pub(crate) async fn came(&self) {
        let Some(watched) = &self.0 else {
            return pending().await;
        };
        if watched.ready(Interest::PRIORITY).await.is_err() {
            pending().await
        }
    }
}

/// Nothing urgent comes on a Unix socket: all that is ever told of it is its end.
#[expect(
    deprecated,
    reason = "what took its place is unsafe, for types whose descriptor may change; an OwnedFd's cannot"
)]
fn watch(socket: &impl AsFd) -> io::Result<AsyncFd<OwnedFd>> {
    let other = socket.as_fd().try_clone_to_owned()?;
    AsyncFd::with_interest(other, Interest::PRIORITY)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn half_an_end_is_none() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let end = HangUp::of(&ours);
        theirs.write_all(b"last words").await.unwrap();
        theirs.shutdown().await.unwrap();
        ours.write_all(&[0; 1000]).await.unwrap();
        theirs.read_exact(&mut [0; 1000]).await.unwrap();
        timeout(Duration::from_millis(50), end.came())
            .await
            .unwrap_err();
        drop(theirs);
        end.came().await;
        let mut heard = String::new();
        ours.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "last words");
    }
}
