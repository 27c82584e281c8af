//! How wide the window is in which a bind's source can be swapped behind the guard's back: the numbers in
//! `docs/sandboxes.md`. It takes minutes, as root: `cargo run -p guard --example swap_race`.
#![expect(clippy::print_stdout, reason = "a measurement prints")]
#![expect(
    clippy::unwrap_used,
    reason = "a stage that cannot be set ends the measurement"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use serde_json::json;
use support::{IMAGE, Stage, Version};

/// How many are made while a loop swaps, and how many for each moment of one swap.
const LOOPED: usize = 200;
const TIMED: usize = 20;
const DELAYS: [u64; 9] = [0, 1, 2, 5, 10, 20, 50, 100, 200];

/// What became of a container whose source was swapped.
#[derive(Debug, Default)]
struct Tally {
    refused_at_creation: usize,
    refused_at_start: usize,
    failed: usize,
    saw_the_folder: usize,
    saw_through_the_link: usize,
}

/// A folder that sandboxes may mount, and a link to one that they may not.
struct Swap {
    folder: PathBuf,
    link: PathBuf,
}

impl Swap {
    fn new(stage: &Stage) -> Self {
        let (inside, outside) = (stage.state.join("workspace"), stage.state.join("outside"));
        let swap = Self {
            folder: inside.join("swapped"),
            link: inside.join("link"),
        };
        for (folder, file) in [(&swap.folder, "folder"), (&outside, "link")] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join(file), "").unwrap();
        }
        symlink(&outside, &swap.link).unwrap();
        swap
    }

    /// One takes the other's place, with no moment between.
    fn exchange(&self) {
        let flags = RenameFlags::RENAME_EXCHANGE;
        renameat2(AT_FDCWD, &self.folder, AT_FDCWD, &self.link, flags).unwrap();
    }

    /// The folder is where the guard expects it.
    fn restore(&self) {
        if self.folder.is_symlink() {
            self.exchange();
        }
    }
}

fn create(stage: &Stage, source: &Path, tally: &mut Tally) -> Option<String> {
    let body = json!({
        "Image": IMAGE,
        "Cmd": ["ls", "/x"],
        "Labels": {"openclaw.sandbox": "1"},
        "HostConfig": {"NetworkMode": "none", "Binds": [format!("{}:/x", source.display())]},
    });
    let made = stage.post("/v1.41/containers/create", &body.to_string());
    match made.status {
        201 => Some(made.id().to_owned()),
        403 => {
            tally.refused_at_creation += 1;
            None
        }
        _ => {
            tally.failed += 1;
            None
        }
    }
}

/// Starts a container, and sees what it saw.
fn start(stage: &Stage, id: &str, tally: &mut Tally) {
    let started = stage.post(&format!("/v1.41/containers/{id}/start"), "");
    match started.status {
        204 => {
            stage.post(&format!("/v1.41/containers/{id}/wait"), "");
            let saw = stage.truth(&["logs", id]);
            tally.saw_the_folder += usize::from(saw == "folder");
            tally.saw_through_the_link += usize::from(saw == "link");
        }
        403 => tally.refused_at_start += 1,
        _ => tally.failed += 1,
    }
    stage.truth(&["rm", "-f", id]);
}

/// Containers are made and started while a loop swaps as fast as it can.
fn looped(stage: &Stage, swap: &Swap) -> Tally {
    let (mut tally, over) = (Tally::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                swap.exchange();
            }
        });
        for _ in 0..LOOPED {
            if let Some(id) = create(stage, &swap.folder, &mut tally) {
                start(stage, &id, &mut tally);
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    swap.restore();
    tally
}

/// One swap, so long after a start was asked for.
fn timed(stage: &Stage, swap: &Swap, delay: Duration) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..TIMED {
        let Some(id) = create(stage, &swap.folder, &mut tally) else {
            continue;
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(delay);
                swap.exchange();
            });
            start(stage, &id, &mut tally);
        });
        swap.restore();
    }
    tally
}

fn main() {
    for version in [Version::Old, Version::New] {
        let stage = Stage::new(version);
        let swap = Swap::new(&stage);
        println!(
            "{version:?}: a loop over {LOOPED}: {:?}",
            looped(&stage, &swap)
        );
        for delay in DELAYS {
            let tally = timed(&stage, &swap, Duration::from_millis(delay));
            println!("{version:?}: a swap after {delay} ms, {TIMED} times: {tally:?}");
        }
        // What lies there before the second look is always seen by it.
        let mut tally = Tally::default();
        for _ in 0..TIMED {
            let id = create(&stage, &swap.folder, &mut tally).unwrap();
            swap.exchange();
            start(&stage, &id, &mut tally);
            swap.exchange();
        }
        assert_eq!(tally.refused_at_start, TIMED, "{tally:?}");
    }
}
