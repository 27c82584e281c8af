//! Directories and files that change in every way, with inotify at work.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, timeout, timeout_at};
use watch::{Change, Mode, Settings, Watcher};

/// With the default settings, what is seen within this time was seen by inotify.
const SOON: Duration = Duration::from_secs(1);

fn start(paths: &[&Path]) -> Watcher {
    let watcher = Watcher::start(
        paths.iter().map(PathBuf::from).collect(),
        Settings::default(),
    );
    assert!(
        watcher
            .modes()
            .iter()
            .all(|(_, mode)| *mode == Mode::Inotify),
        "{:?}",
        watcher.modes()
    );
    watcher
}

/// All changes until it has been quiet for a while.
async fn settle(watcher: &mut Watcher) -> Vec<usize> {
    let mut indices = std::collections::BTreeSet::new();
    while let Ok(change) = timeout(Duration::from_millis(150), watcher.changed()).await {
        indices.extend(change.indices());
    }
    indices.into_iter().collect()
}

async fn soon(watcher: &mut Watcher, what: &str) -> Change {
    timeout(SOON, watcher.changed())
        .await
        .unwrap_or_else(|_| panic!("{what}: not seen"))
}

/// Waits until the file holds `text`, looking at it only when told to.
async fn until(watcher: &mut Watcher, file: &Path, text: &str, within: Duration) {
    let deadline = Instant::now() + within;
    loop {
        let told = timeout_at(deadline, watcher.changed()).await;
        let found = fs::read_to_string(file);
        if matches!(&found, Ok(found) if found == text) {
            return;
        }
        assert!(told.is_ok(), "not told of {text:?}; there is {found:?}");
    }
}

fn publish(dir: &Path, version: u32) {
    let name = format!("..v{version}");
    fs::create_dir(dir.join(&name)).unwrap();
    fs::write(dir.join(&name).join("a.json5"), version.to_string()).unwrap();
    let old = fs::read_link(dir.join("..data"));
    symlink(&name, dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    if let Ok(old) = old {
        fs::remove_dir_all(dir.join(old)).unwrap();
    }
}

#[tokio::test]
async fn of_a_thousand_swaps_the_last_one_wins() {
    for as_file in [false, true] {
        let dir = TempDir::new().unwrap();
        publish(dir.path(), 0);
        let file = dir.path().join("a.json5");
        symlink("..data/a.json5", &file).unwrap();
        let mut watcher = start(&[if as_file { &file } else { dir.path() }]);
        let path = dir.path().to_path_buf();
        let swaps = thread::spawn(move || (1..=1_000).for_each(|version| publish(&path, version)));
        until(&mut watcher, &file, "1000", Duration::from_secs(30)).await;
        swaps.join().unwrap();
        settle(&mut watcher).await;
        publish(dir.path(), 1_001);
        until(&mut watcher, &file, "1001", SOON).await;
        assert_eq!(
            watcher.modes(),
            [(
                if as_file { file } else { dir.path().into() },
                Mode::Inotify
            )]
        );
    }
}

#[tokio::test]
async fn a_directory_that_is_removed_and_made_again_is_watched_again() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("layers");
    let file = dir.join("a");
    fs::create_dir(&dir).unwrap();
    let mut watcher = start(&[&dir]);
    for round in 0..10 {
        fs::remove_dir_all(&dir).unwrap();
        soon(&mut watcher, "removed").await;
        settle(&mut watcher).await;
        fs::create_dir(&dir).unwrap();
        soon(&mut watcher, "made again").await;
        settle(&mut watcher).await;
        fs::write(&file, round.to_string()).unwrap();
        until(&mut watcher, &file, &round.to_string(), SOON).await;
        settle(&mut watcher).await;
    }
}

#[tokio::test]
async fn removals_without_a_pause_leave_no_dead_watch() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("layers");
    let file = dir.join("a");
    fs::create_dir(&dir).unwrap();
    let mut watcher = start(&[&dir]);
    for round in 0..20 {
        let at_work = dir.clone();
        let work = thread::spawn(move || {
            for _ in 0..50 {
                fs::remove_dir_all(&at_work).unwrap();
                fs::create_dir(&at_work).unwrap();
                fs::write(at_work.join("a"), "").unwrap();
            }
        });
        while !work.is_finished() {
            let _ = timeout(Duration::from_millis(1), watcher.changed()).await;
        }
        work.join().unwrap();
        settle(&mut watcher).await;
        let text = round.to_string();
        fs::write(&file, &text).unwrap();
        until(&mut watcher, &file, &text, SOON).await;
    }
}

#[tokio::test]
async fn what_is_missing_is_waited_for() {
    let home = TempDir::new().unwrap();
    let deep = home.path().join("a/b/c");
    let mut watcher = start(&[&deep]);
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("x"), "1").unwrap();
    until(&mut watcher, &deep.join("x"), "1", SOON).await;
    settle(&mut watcher).await;
    fs::write(deep.join("x"), "2").unwrap();
    until(&mut watcher, &deep.join("x"), "2", SOON).await;

    fs::remove_dir_all(home.path().join("a")).unwrap();
    soon(&mut watcher, "all removed").await;
    settle(&mut watcher).await;
    for dir in ["a", "a/b", "a/b/c"] {
        fs::create_dir(home.path().join(dir)).unwrap();
        soon(&mut watcher, dir).await;
        settle(&mut watcher).await;
    }
    fs::write(deep.join("x"), "3").unwrap();
    until(&mut watcher, &deep.join("x"), "3", SOON).await;

    let above = home.path().join("a/b");
    fs::rename(&above, home.path().join("a/elsewhere")).unwrap();
    soon(&mut watcher, "moved away").await;
    settle(&mut watcher).await;
    fs::rename(home.path().join("a/elsewhere"), &above).unwrap();
    soon(&mut watcher, "moved back").await;
}

#[tokio::test]
async fn a_file_is_followed_through_every_kind_of_edit() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("user.json5");
    let mut watcher = start(&[&file]);
    let edits: [(&str, &dyn Fn()); 7] = [
        ("made", &|| fs::write(&file, "made").unwrap()),
        ("in place", &|| fs::write(&file, "in place").unwrap()),
        ("renamed over", &|| {
            fs::write(home.path().join("new"), "renamed over").unwrap();
            fs::rename(home.path().join("new"), &file).unwrap();
        }),
        ("in place again", &|| {
            fs::write(&file, "in place again").unwrap()
        }),
        ("removed and made", &|| {
            fs::remove_file(&file).unwrap();
            fs::write(&file, "removed and made").unwrap();
        }),
        ("behind a link", &|| {
            fs::write(home.path().join("real"), "behind a link").unwrap();
            fs::remove_file(&file).unwrap();
            symlink("real", &file).unwrap();
        }),
        ("no link any more", &|| {
            fs::remove_file(&file).unwrap();
            fs::write(&file, "no link any more").unwrap();
        }),
    ];
    for (what, edit) in edits {
        edit();
        until(&mut watcher, &file, what, SOON).await;
        settle(&mut watcher).await;
    }
    fs::write(home.path().join("neighbour"), "x").unwrap();
    assert_eq!(
        settle(&mut watcher).await,
        Vec::<usize>::new(),
        "a neighbour is no change"
    );
    fs::remove_file(&file).unwrap();
    soon(&mut watcher, "removed").await;
}

#[tokio::test]
async fn each_change_names_its_path_and_reading_is_none() {
    let home = TempDir::new().unwrap();
    let dirs: Vec<PathBuf> = ["a", "b", "c"]
        .iter()
        .map(|name| home.path().join(name))
        .collect();
    for dir in &dirs {
        fs::create_dir(dir).unwrap();
        fs::write(dir.join("x"), "1").unwrap();
    }
    let mut watcher = start(&[&dirs[0], &dirs[1], &dirs[2]]);
    fs::write(dirs[1].join("x"), "2").unwrap();
    assert_eq!(settle(&mut watcher).await, [1]);
    fs::write(dirs[2].join("y"), "2").unwrap();
    fs::remove_file(dirs[0].join("x")).unwrap();
    assert_eq!(settle(&mut watcher).await, [0, 2]);
    for dir in &dirs {
        for entry in fs::read_dir(dir).unwrap() {
            fs::read(entry.unwrap().path()).unwrap();
        }
    }
    assert_eq!(settle(&mut watcher).await, Vec::<usize>::new());
}

#[tokio::test]
async fn two_paths_to_one_directory_are_both_told() {
    let home = TempDir::new().unwrap();
    let real = home.path().join("real");
    let link = home.path().join("link");
    fs::create_dir(&real).unwrap();
    symlink("real", &link).unwrap();
    let mut watcher = start(&[&link, &real, &real]);
    fs::write(real.join("x"), "1").unwrap();
    assert_eq!(settle(&mut watcher).await, [0, 1, 2]);
    fs::remove_file(&link).unwrap();
    assert!(settle(&mut watcher).await.contains(&0));
    fs::write(real.join("x"), "2").unwrap();
    assert_eq!(settle(&mut watcher).await, [1, 2]);
    symlink("real", &link).unwrap();
    settle(&mut watcher).await;
    fs::write(real.join("x"), "3").unwrap();
    assert_eq!(settle(&mut watcher).await, [0, 1, 2]);
}

#[tokio::test]
async fn a_change_that_inotify_cannot_see_leads_to_polling() {
    let home = TempDir::new().unwrap();
    let outside = home.path().join("outside");
    let dir = home.path().join("layers");
    fs::create_dir(&dir).unwrap();
    fs::write(&outside, "1").unwrap();
    symlink("../outside", dir.join("x")).unwrap();
    let settings = Settings {
        poll_interval: Duration::from_millis(100),
        resync_interval: Duration::from_millis(300),
    };
    let mut watcher = Watcher::start(vec![dir.clone()], settings);
    // Changes that it does see do not make it suspicious.
    for round in 0..20 {
        fs::write(dir.join("y"), round.to_string()).unwrap();
        let _ = timeout(Duration::from_millis(60), watcher.changed()).await;
    }
    settle(&mut watcher).await;
    assert_eq!(watcher.modes()[0].1, Mode::Inotify);

    fs::write(&outside, "22").unwrap();
    let change = timeout(Duration::from_secs(3), watcher.changed())
        .await
        .unwrap();
    assert!(change.contains(0));
    assert!(
        matches!(&watcher.modes()[0].1, Mode::Polling { why } if why.contains("not told")),
        "{:?}",
        watcher.modes()
    );
    for text in ["333", "4444"] {
        fs::write(&outside, text).unwrap();
        until(&mut watcher, &outside, text, SOON).await;
    }
    assert_eq!(
        settle(&mut watcher).await,
        Vec::<usize>::new(),
        "polling alone is no change"
    );
}

/// The queue's length is read by the kernel when the instance is made, so it is short only for that moment.
#[tokio::test]
async fn lost_events_mean_that_everything_may_have_changed() {
    const LIMIT: &str = "/proc/sys/fs/inotify/max_queued_events";
    let home = TempDir::new().unwrap();
    let (noisy, quiet) = (home.path().join("noisy"), home.path().join("quiet"));
    fs::create_dir(&noisy).unwrap();
    fs::create_dir(&quiet).unwrap();
    let before = fs::read_to_string(LIMIT).unwrap();
    fs::write(LIMIT, "8").expect("this test must be allowed to shorten the queue of events");
    let watcher = Watcher::start(vec![noisy.clone(), quiet.clone()], Settings::default());
    fs::write(LIMIT, before.trim()).unwrap();
    let mut watcher = watcher;

    let deadline = Instant::now() + Duration::from_secs(20);
    let mut all = false;
    while !all {
        assert!(Instant::now() < deadline, "the queue never overflowed");
        for number in 0..500 {
            fs::write(noisy.join(number.to_string()), "x").unwrap();
        }
        all = settle(&mut watcher).await == [0, 1];
    }
    // And the watches are alive.
    fs::write(quiet.join("x"), "1").unwrap();
    assert_eq!(settle(&mut watcher).await, [1]);
}
