//! A writer that is killed at any moment: what it was told to be on the disk is there, and no number means two things.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use journal::{Cursor, Gap, Handle, Id, Journal, Metrics, Settings};
use prometheus::Registry;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Where the writer finds its file; nobody else sets this.
const PATH: &str = "JOURNAL_KILLED_PATH";

/// Small, so that the file is rewritten often.
const MAX_BYTES: u64 = 32 * 1024;

const ROUNDS: usize = 50;

fn settings(path: PathBuf) -> Settings {
    let mut settings = Settings::new(path);
    settings.max_bytes = MAX_BYTES;
    settings
}

/// Runs a journal for as long as `work` takes.
async fn with<R>(path: &Path, work: impl AsyncFnOnce(Handle<String>) -> R) -> R {
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let (journal, handle) = Journal::open(settings(path.to_path_buf()), metrics).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(journal.run(async {
        let _ = stopped.await;
    }));
    let result = work(handle).await;
    drop(stop);
    running.await.unwrap().unwrap();
    result
}

/// Not a test by itself: the writer, in a process of its own. It says which id and number are on the disk with which text.
#[tokio::test]
async fn writer() {
    let Ok(path) = std::env::var(PATH) else {
        return;
    };
    with(Path::new(&path), async |handle| {
        let mut out = std::io::stdout();
        let mut after = handle.page(None, 1).await.unwrap();
        while after.more {
            after = handle.page(Some(after.next), 1_000).await.unwrap();
        }
        for round in 0_u64.. {
            for part in 0..=round % 7 {
                let text = format!("{}-{round}-{part}", std::process::id());
                handle.record(&text);
            }
            handle.flushed().await.unwrap();
            after = handle.page(Some(after.next), 1_000).await.unwrap();
            for entry in &after.entries {
                let id = entry.id.unwrap();
                writeln!(out, "flushed {id} {} {}", entry.number, entry.payload).unwrap();
            }
        }
    })
    .await;
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

type Said = HashMap<(Id, u64), String>;

fn id_of(id: &str) -> Id {
    id.parse().unwrap()
}

/// Lets the writer say some lines, kills it, and hears what it still said.
fn kill_after(mut child: Child, lines: usize, said: &mut Said) {
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut heard = 0;
    for line in output.lines() {
        let Ok(line) = line else { break };
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["flushed", id, number, text] = words[..] else {
            continue;
        };
        let key = (id_of(id), number.parse().unwrap());
        let before = said.insert(key, text.to_owned());
        assert_eq!(before, None, "{key:?} was given twice");
        heard += 1;
        if heard == lines {
            child.kill().unwrap();
        }
    }
    assert!(heard >= lines);
    child.wait().unwrap();
}

/// Everything that the file holds, and the last number that went for its size.
async fn read(path: &Path) -> (Said, u64) {
    with(path, async |handle| {
        let (mut found, mut gone, mut last) = (Said::new(), 0, 0);
        let mut after: Option<Cursor> = None;
        loop {
            let page = handle.page(after, 1_000).await.unwrap();
            if let Some(gap) = page.gap {
                let Gap::Numbers { from, to } = gap else {
                    panic!("{gap:?}");
                };
                assert_eq!((from, gone), (1, 0), "only the front may be missing");
                (gone, last) = (to, to);
            }
            for entry in page.entries {
                assert_eq!(entry.number, last + 1);
                last = entry.number;
                found.insert((entry.id.unwrap(), entry.number), entry.payload);
            }
            after = Some(page.next);
            if !page.more {
                return (found, gone);
            }
        }
    })
    .await
}

/// Files that rewrites left behind.
fn litter(dir: &Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let ours = ["journal", "journal.damaged"];
    names.filter(|name| !ours.contains(&&**name)).collect()
}

#[tokio::test]
async fn what_was_flushed_survives_being_killed() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("journal");
    let mut said = Said::new();
    let mut rewritten = 0;
    for round in 0..ROUNDS {
        kill_after(start(&path), 1 + round * 13 % 200, &mut said);
        let (found, gone) = read(&path).await;
        assert_eq!(litter(home.path()), [""; 0]);
        for ((id, number), text) in &said {
            if *number > gone {
                assert_eq!(found.get(&(*id, *number)), Some(text), "{id} {number}");
            }
        }
        rewritten = rewritten.max(gone);
        // What was not said may be there; from now on it must stay.
        said.extend(found);
    }
    assert!(rewritten > 0, "the file was never rewritten");
}
