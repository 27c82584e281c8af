use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;

use crate::contents::Contents;
use crate::head::{Millis, now};
use crate::{Cursor, Error, Page, View};

/// What the journal's task is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// To be written.
    Record { at: Millis, payload: String },
    /// To be answered when everything before it is on the disk.
    Flush(oneshot::Sender<Result<(), Error>>),
    /// To be remembered.
    Acknowledge(Cursor, oneshot::Sender<Result<u64, Error>>),
}

/// What found no room in the channel.
#[derive(Debug, Default)]
pub(crate) struct Overflow {
    pub(crate) lost: AtomicU64,
    pub(crate) nudge: Notify,
}

/// Records in the journal and reads it. Cheap to clone.
pub struct Handle<T> {
    pub(crate) sender: mpsc::Sender<Message>,
    pub(crate) overflow: Arc<Overflow>,
    pub(crate) view: watch::Receiver<View>,
    pub(crate) contents: watch::Receiver<Contents>,
    pub(crate) max_payload: u64,
    pub(crate) payload: PhantomData<fn(T) -> T>,
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Handle<T> {
    /// Records something, with the time of now. Never waits and never fails: what finds no room, or is longer than a
    /// sixteenth of what the file may be, is lost, and its number becomes a part of a gap.
    pub fn record(&self, payload: &T) {
        let message = self.encode(payload);
        let taken = message.is_some_and(|message| self.sender.try_send(message).is_ok());
        if !taken {
            self.overflow.lost.fetch_add(1, Ordering::Relaxed);
            self.overflow.nudge.notify_one();
        }
    }

    /// What follows `after`, at most `limit` and [`MAX_PAGE`](crate::MAX_PAGE) entries, of what is on the disk. Without a
    /// cursor it begins with the oldest; a number without an id is for people.
    ///
    /// # Errors
    /// [`Error::File`] where the file cannot be read.
    pub async fn page(&self, after: Option<Cursor>, limit: usize) -> Result<Page<T>, Error> {
        let contents = self.contents.borrow().clone();
        spawn_blocking(move || contents.page(after, limit))
            .await
            .map_err(|_| Error::Ended)?
    }

    /// Remembers that a reader has everything up to here, so that it may be dropped; tells the number up to which that is
    /// so now. It never goes back.
    ///
    /// # Errors
    /// [`Error::NoId`], [`Error::UnknownId`] and [`Error::BeyondNewest`] for a cursor that no page gave;
    /// [`Error::Unwritable`] or [`Error::File`] while the disk is full.
    pub async fn ack(&self, cursor: Cursor) -> Result<u64, Error> {
        self.ask(|reply| Message::Acknowledge(cursor, reply)).await
    }

    /// Waits until everything that was recorded before is on the disk, as an entry or, where it was lost, as a gap.
    ///
    /// # Errors
    /// [`Error::Unwritable`] when that failed: it is tried again, without being asked to.
    pub async fn flushed(&self) -> Result<(), Error> {
        self.ask(Message::Flush).await
    }

    /// How the journal is; it changes with every write, so that a reader can follow.
    #[must_use]
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    fn encode(&self, payload: &T) -> Option<Message> {
        let payload = serde_json::to_string(payload).ok()?;
        let fits = payload.len() as u64 <= self.max_payload;
        fits.then(|| Message::Record { at: now(), payload })
    }

    async fn ask<R>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<R, Error>>) -> Message,
    ) -> Result<R, Error> {
        let (reply, answer) = oneshot::channel();
        let sent = self.sender.send(message(reply)).await;
        sent.map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)?
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            overflow: self.overflow.clone(),
            view: self.view.clone(),
            contents: self.contents.clone(),
            max_payload: self.max_payload,
            payload: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
