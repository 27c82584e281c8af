//! The way from the thread that reads inotify to the task that waits: bounded, and it knows when it lost something.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use notify::{Event, EventHandler, EventKind};
use tokio::sync::{Notify, mpsc};

/// How many events may wait for a busy reader; one that is busier than that looks at everything.
const CAPACITY: usize = 1024;

/// What happened since the last look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// Something at these paths.
    Paths(BTreeSet<PathBuf>),
    /// Nobody knows: events were lost.
    Lost,
}

/// The reading end.
#[derive(Debug)]
pub(crate) struct Events {
    queue: mpsc::Receiver<PathBuf>,
    sender: Sender,
}

/// The writing end, which never waits.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    queue: mpsc::Sender<PathBuf>,
    lost: Arc<Notify>,
}

impl Events {
    pub(crate) fn new() -> Self {
        let (sender, queue) = mpsc::channel(CAPACITY);
        let sender = Sender {
            queue: sender,
            lost: Arc::new(Notify::new()),
        };
        Self { queue, sender }
    }

    pub(crate) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Waits for events and takes all that are there. Nothing is lost when the wait is given up.
    pub(crate) async fn next(&mut self) -> Batch {
        let lost = Arc::clone(&self.sender.lost);
        tokio::select! {
            biased;
            () = lost.notified() => {
                self.drain();
                Batch::Lost
            }
            first = self.queue.recv() => {
                let mut paths = self.drain();
                paths.extend(first);
                Batch::Paths(paths)
            }
        }
    }

    fn drain(&mut self) -> BTreeSet<PathBuf> {
        // No more than the queue holds, so that a writer who never stops cannot keep us here.
        (0..CAPACITY)
            .map_while(|_| self.queue.try_recv().ok())
            .collect()
    }
}

impl EventHandler for Sender {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        match event {
            // Reading is no change; our own reading would wake us for ever.
            Ok(Event {
                kind: EventKind::Access(_),
                ..
            }) => {}
            Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
                for path in event.paths {
                    if self.queue.try_send(path).is_err() {
                        self.lost.notify_one();
                    }
                }
            }
            _ => self.lost.notify_one(),
        }
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, AccessMode, CreateKind, Flag};

    use super::*;

    fn created(path: &str) -> notify::Result<Event> {
        Ok(Event::new(EventKind::Create(CreateKind::File)).add_path(path.into()))
    }

    #[tokio::test]
    async fn what_happened_meanwhile_comes_at_once() {
        let mut events = Events::new();
        let mut sender = events.sender();
        for path in ["/a", "/b", "/a"] {
            sender.handle_event(created(path));
        }
        let both = BTreeSet::from(["/a".into(), "/b".into()]);
        assert_eq!(events.next().await, Batch::Paths(both));
    }

    #[tokio::test]
    async fn a_rescan_an_error_and_a_full_queue_are_a_loss_and_reading_is_nothing() {
        let mut events = Events::new();
        let mut sender = events.sender();
        sender.handle_event(Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan)));
        assert_eq!(events.next().await, Batch::Lost);
        sender.handle_event(Err(notify::Error::generic("broken")));
        assert_eq!(events.next().await, Batch::Lost);
        for _ in 0..=CAPACITY {
            sender.handle_event(created("/a"));
        }
        assert_eq!(events.next().await, Batch::Lost);

        let read = EventKind::Access(AccessKind::Open(AccessMode::Any));
        sender.handle_event(Ok(Event::new(read).add_path("/a".into())));
        sender.handle_event(created("/b"));
        assert_eq!(
            events.next().await,
            Batch::Paths(BTreeSet::from(["/b".into()]))
        );
    }
}
