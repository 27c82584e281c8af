use std::future::{Future, pending};
use std::marker::PhantomData;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::backoff::Backoff;
use crate::contents::Contents;
use crate::file::JournalFile;
use crate::handle::{Message, Overflow};
use crate::head::now;
use crate::waiting::Waiting;
use crate::{Cursor, Error, Handle, Metrics, Settings, View};

/// Entries that wait in memory while the disk is full.
const MAX_WAITING: usize = 256;

/// Messages that are taken at a time.
const BATCH: usize = 1_024;

/// The one owner of the file: what handles record, it writes.
#[derive(Debug)]
pub struct Journal {
    /// Absent only while it is being written to.
    file: Option<JournalFile>,
    settings: Settings,
    waiting: Waiting,
    inbox: mpsc::Receiver<Message>,
    overflow: Arc<Overflow>,
    view: watch::Sender<View>,
    contents: watch::Sender<Contents>,
    metrics: Metrics,
    trouble: Option<Trouble>,
    backoff: Backoff,
    lost: u64,
}

/// Why it cannot be written, and when that is tried again.
#[derive(Debug)]
struct Trouble {
    reason: String,
    until: Instant,
}

/// What handles wait for.
#[derive(Debug, Default)]
struct Replies {
    flushes: Vec<oneshot::Sender<Result<(), Error>>>,
    acknowledgements: Vec<(Cursor, oneshot::Sender<Result<u64, Error>>)>,
}

/// What comes back from the thread that waits for the disk.
struct Outcome {
    file: JournalFile,
    waiting: Waiting,
    result: Result<(), Error>,
    acknowledged: Vec<Result<u64, Error>>,
}

impl Journal {
    /// Opens the file, or makes it, and begins an epoch. A full disk is no failure where the file exists: it can be read,
    /// and is written when there is room.
    ///
    /// # Errors
    /// [`Error::File`] where it cannot be made or read.
    pub fn open<T>(settings: Settings, metrics: Metrics) -> Result<(Self, Handle<T>), Error> {
        let mut file = JournalFile::open(settings.clone(), now())?;
        let began = file.write(&mut Waiting::default());
        let contents = file.contents();
        let (sender, inbox) = mpsc::channel(settings.queue.max(1));
        let (view, shown) = watch::channel(View::of(&contents));
        let (contents, readable) = watch::channel(contents);
        let overflow = Arc::new(Overflow::default());
        let handle = Handle {
            sender,
            overflow: overflow.clone(),
            view: shown,
            contents: readable,
            max_payload: settings.max_payload(),
            payload: PhantomData,
        };
        let mut journal = Self {
            file: Some(file),
            settings,
            waiting: Waiting::default(),
            inbox,
            overflow,
            view,
            contents,
            metrics,
            trouble: None,
            backoff: Backoff::default(),
            lost: 0,
        };
        journal.note(began);
        journal.publish();
        Ok((journal, handle))
    }

    /// Writes what handles record until `drain` is ready, and then what still waits.
    ///
    /// # Errors
    /// [`Error::Ended`] when the thread that writes was lost.
    pub async fn run(mut self, drain: impl Future<Output = ()>) -> Result<(), Error> {
        let mut drain = pin!(drain);
        let mut ages = interval(self.settings.age_step());
        ages.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut messages = Vec::new();
            let mut expire = false;
            let until = self.trouble.as_ref().map(|trouble| trouble.until);
            tokio::select! {
                // What is in the channel came before what found no room in it.
                biased;
                () = &mut drain => break,
                count = self.inbox.recv_many(&mut messages, BATCH) => if count == 0 { break },
                () = self.overflow.nudge.notified() => {}
                () = wait(until) => {}
                _ = ages.tick() => expire = true,
            }
            self.pass(messages, expire).await?;
        }
        self.finish().await
    }

    /// Everything that handles still managed to say, and one last try for what waits.
    async fn finish(mut self) -> Result<(), Error> {
        self.inbox.close();
        let mut messages = Vec::new();
        while let Ok(message) = self.inbox.try_recv() {
            messages.push(message);
        }
        if let Some(trouble) = &mut self.trouble {
            trouble.until = Instant::now();
        }
        self.pass(messages, false).await?;
        let waiting = self.waiting.entries();
        if waiting > 0 {
            tracing::warn!(
                waiting,
                "the journal ends with entries that could not be written"
            );
        }
        Ok(())
    }

    /// One round: take what came, write what waits, say how it went.
    async fn pass(&mut self, messages: Vec<Message>, expire: bool) -> Result<(), Error> {
        let replies = self.take(messages);
        if let Some(reason) = self.refusal() {
            self.cap();
            self.publish();
            replies.refuse(&reason);
            return Ok(());
        }
        let outcome = self.work(replies.cursors(), expire).await?;
        self.file = Some(outcome.file);
        self.waiting = outcome.waiting;
        self.note(outcome.result);
        self.publish();
        let reason = self.trouble.as_ref().map(|trouble| trouble.reason.as_str());
        replies.answer(reason, outcome.acknowledged);
        Ok(())
    }

    /// Sorts messages into what waits to be written and who waits for an answer.
    fn take(&mut self, messages: Vec<Message>) -> Replies {
        let mut replies = Replies::default();
        for message in messages {
            match message {
                Message::Record { at, payload } => self.waiting.push(at, payload),
                Message::Flush(reply) => replies.flushes.push(reply),
                Message::Acknowledge(cursor, reply) => {
                    replies.acknowledgements.push((cursor, reply));
                }
            }
        }
        let lost = self.overflow.lost.swap(0, Ordering::Relaxed);
        self.waiting.lose(lost);
        self.count_lost(lost);
        replies
    }

    /// The reason not to write now, while it is too early to try again.
    fn refusal(&self) -> Option<String> {
        let trouble = self.trouble.as_ref();
        let early = trouble.filter(|trouble| Instant::now() < trouble.until);
        early.map(|trouble| trouble.reason.clone())
    }

    /// Writes in a thread of its own, since the disk may take its time.
    async fn work(&mut self, cursors: Vec<Cursor>, expire: bool) -> Result<Outcome, Error> {
        let mut file = self.file.take().ok_or(Error::Ended)?;
        let mut waiting = mem::take(&mut self.waiting);
        let job = move || {
            let result = file.write(&mut waiting);
            if expire && let Err(error) = file.expire(now()) {
                tracing::warn!(reason = error.chain(), "old entries cannot be dropped");
            }
            let acknowledge = |cursor| match &result {
                Ok(()) => file.acknowledge(cursor),
                Err(error) => Err(Error::unwritable(&error.chain())),
            };
            let acknowledged = cursors.into_iter().map(acknowledge).collect();
            Outcome {
                file,
                waiting,
                result,
                acknowledged,
            }
        };
        spawn_blocking(job).await.map_err(|_| Error::Ended)
    }

    /// Says once when it cannot be written, and once when it can again.
    fn note(&mut self, result: Result<(), Error>) {
        let Err(error) = result else {
            self.backoff.reset();
            if self.trouble.take().is_some() {
                tracing::info!("the journal is written again");
            }
            return;
        };
        let reason = error.chain();
        if self.trouble.is_none() {
            tracing::warn!(reason, "the journal cannot be written; entries wait");
        }
        let until = Instant::now() + self.backoff.next();
        self.trouble = Some(Trouble { reason, until });
        self.cap();
    }

    /// Only so many wait in memory.
    fn cap(&mut self) {
        let lost = self.waiting.cap(MAX_WAITING);
        self.count_lost(lost);
    }

    fn count_lost(&mut self, lost: u64) {
        self.lost += lost;
        self.metrics.lost.inc_by(lost);
    }

    /// Shows how it is, and what readers may read.
    fn publish(&mut self) {
        let Some(file) = &mut self.file else { return };
        let tally = file.take_tally();
        self.metrics.entries.inc_by(tally.entries);
        self.metrics.writes.inc_by(tally.writes);
        let contents = file.contents();
        let mut view = View::of(&contents);
        view.lost = self.lost;
        view.waiting = self.waiting.entries();
        if let Some(trouble) = &self.trouble {
            view.writable = Err(trouble.reason.clone());
        }
        self.metrics.show(&view, contents.state.unacknowledged());
        self.contents.send_replace(contents);
        self.view.send_if_modified(|shown| {
            let changed = *shown != view;
            *shown = view;
            changed
        });
    }
}

impl Replies {
    fn cursors(&self) -> Vec<Cursor> {
        let cursors = self.acknowledgements.iter().map(|(cursor, _)| *cursor);
        cursors.collect()
    }

    /// Whoever does not wait any more is not told.
    fn answer(self, reason: Option<&str>, acknowledged: Vec<Result<u64, Error>>) {
        for ((_, reply), result) in self.acknowledgements.into_iter().zip(acknowledged) {
            drop(reply.send(result));
        }
        for reply in self.flushes {
            let result = reason.map_or(Ok(()), |reason| Err(Error::unwritable(reason)));
            drop(reply.send(result));
        }
    }

    fn refuse(self, reason: &str) {
        let refused = self.acknowledgements.iter();
        let refused = refused.map(|_| Err(Error::unwritable(reason))).collect();
        self.answer(Some(reason), refused);
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => pending().await,
    }
}
