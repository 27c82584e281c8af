//! Our own stdout, as a place that may stall without stalling anybody.
//!
//! A reader of our stdout that stops reading blocks a write for as long as it likes. So a thread of
//! its own does the writing, a short queue leads to it, and whoever finds the queue full comes back
//! later.

use std::io::Write;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

/// Chunks that may wait; a chunk has at most 64 KiB.
const QUEUE: usize = 4;

/// The way to our stdout.
#[derive(Debug)]
pub(crate) struct Echo {
    chunks: mpsc::Sender<Vec<u8>>,
    done: oneshot::Receiver<()>,
}

impl Echo {
    /// Starts the thread; `None` when there is none to be had.
    pub(crate) fn start() -> Option<Echo> {
        let (chunks, mut queue) = mpsc::channel::<Vec<u8>>(QUEUE);
        let (finish, done) = oneshot::channel();
        let write = move || {
            while let Some(chunk) = queue.blocking_recv() {
                let mut stdout = std::io::stdout().lock();
                if stdout
                    .write_all(&chunk)
                    .and_then(|()| stdout.flush())
                    .is_err()
                {
                    break;
                }
            }
            let _ = finish.send(());
        };
        let thread = std::thread::Builder::new()
            .name("console-echo".into())
            .spawn(write);
        thread
            .inspect_err(|error| tracing::warn!(%error, "the console is not shown"))
            .ok()
            .map(|_| Echo { chunks, done })
    }

    /// Whether a chunk would be taken now.
    pub(crate) fn has_room(&self) -> bool {
        self.chunks.capacity() > 0
    }

    /// Hands a chunk over; `false` when stdout is gone for good.
    pub(crate) fn put(&self, chunk: Vec<u8>) -> bool {
        !matches!(
            self.chunks.try_send(chunk),
            Err(mpsc::error::TrySendError::Closed(_))
        )
    }

    /// Waits until all is written, but not for long.
    pub(crate) async fn finish(self, patience: Duration) {
        drop(self.chunks);
        let _ = tokio::time::timeout(patience, self.done).await;
    }
}
