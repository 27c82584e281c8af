//! A journal that runs, and its file.

use std::path::{Path, PathBuf};

use journal::{Cursor, Entry, Error, Gap, Handle, Journal, Metrics, Page, Settings, View};
use prometheus::Registry;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A folder for the file.
pub struct Stage {
    _home: TempDir,
    pub settings: Settings,
}

/// A journal on its task.
pub struct Running {
    pub handle: Handle<String>,
    registry: Registry,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), Error>>,
}

impl Stage {
    pub fn new() -> Self {
        let home = TempDir::new().unwrap();
        let settings = Settings::new(home.path().join("journal"));
        Self {
            _home: home,
            settings,
        }
    }

    pub fn path(&self) -> &Path {
        &self.settings.path
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.path().with_file_name(name)
    }

    pub fn run(&self) -> Running {
        Running::new(self.settings.clone())
    }
}

impl Running {
    pub fn new(settings: Settings) -> Self {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).unwrap();
        let (journal, handle) = Journal::open(settings, metrics).unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(journal.run(async move {
            let _ = stopped.await;
        }));
        Self {
            handle,
            registry,
            stop,
            task,
        }
    }

    /// Records these and waits until they are on the disk.
    pub async fn write(&self, texts: impl IntoIterator<Item = impl ToString>) {
        for text in texts {
            self.handle.record(&text.to_string());
        }
        self.handle.flushed().await.unwrap();
    }

    pub fn view(&self) -> View {
        self.handle.view().borrow().clone()
    }

    pub fn metric(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        let metric = &family.unwrap().get_metric()[0];
        (metric.get_counter().get_value() + metric.get_gauge().get_value()) as u64
    }

    pub async fn page(&self, after: Option<Cursor>) -> Page<String> {
        self.handle.page(after, 1_000).await.unwrap()
    }

    /// Everything after a cursor, page by page: entries and gaps.
    pub async fn all(&self, mut after: Option<Cursor>) -> (Vec<Entry<String>>, Vec<Gap>) {
        let (mut entries, mut gaps) = (Vec::new(), Vec::new());
        loop {
            let page = self.page(after).await;
            gaps.extend(page.gap);
            entries.extend(page.entries);
            after = Some(page.next);
            if !page.more {
                return (entries, gaps);
            }
        }
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

pub fn numbers(entries: &[Entry<String>]) -> Vec<u64> {
    entries.iter().map(|entry| entry.number).collect()
}

pub fn texts(entries: &[Entry<String>]) -> Vec<&str> {
    entries.iter().map(|entry| entry.payload.as_str()).collect()
}
