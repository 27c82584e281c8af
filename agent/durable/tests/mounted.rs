//! A mounted ConfigMap or Secret: one consistent view, and no way out of it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use durable::{Error, Found, read_mounted_dir, read_mounted_file};
use tempfile::TempDir;

/// Publishes a version of the volume as the kubelet does.
fn publish(dir: &Path, version: u32, files: &[&str]) {
    let name = format!("..v{version}");
    fs::create_dir(dir.join(&name)).unwrap();
    for file in files {
        fs::write(dir.join(&name).join(file), version.to_string()).unwrap();
        if dir.join(file).symlink_metadata().is_err() {
            symlink(format!("..data/{file}"), dir.join(file)).unwrap();
        }
    }
    let old = fs::read_link(dir.join("..data"));
    symlink(&name, dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    if let Ok(old) = old {
        fs::remove_dir_all(dir.join(old)).unwrap();
    }
}

/// Ends the publisher also when the reader fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

fn json5(name: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|end| end == "json5")
}

#[test]
fn files_come_in_order_and_only_those_asked_for() {
    let dir = TempDir::new().unwrap();
    publish(dir.path(), 1, &["b.json5", "a.json5", "notes.txt"]);
    fs::write(dir.path().join(".hidden.json5"), "x").unwrap();
    let found = read_mounted_dir(dir.path(), &json5, 100, 10).unwrap();
    let found: Vec<Found> = found.into_iter().map(Result::unwrap).collect();
    let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["a.json5", "b.json5"]);
    assert_eq!(found[0].bytes, b"1");
    assert_eq!(
        read_mounted_file(&dir.path().join("notes.txt"), 1).unwrap(),
        b"1"
    );
    assert!(matches!(
        read_mounted_dir(dir.path(), &json5, 100, 1),
        Err(Error::TooMany { max: 1, .. })
    ));
}

#[test]
fn a_bad_file_does_not_hide_the_good_ones() {
    let dir = TempDir::new().unwrap();
    publish(dir.path(), 1, &["good.json5"]);
    fs::write(dir.path().join("big.json5"), [b'x'; 200]).unwrap();
    fs::create_dir(dir.path().join("dir.json5")).unwrap();
    symlink("gone", dir.path().join("gone.json5")).unwrap();
    symlink("/etc/hostname", dir.path().join("out.json5")).unwrap();
    symlink("../../../../etc/hostname", dir.path().join("up.json5")).unwrap();
    symlink(
        "/proc/self/root/etc/hostname",
        dir.path().join("magic.json5"),
    )
    .unwrap();
    let found = read_mounted_dir(dir.path(), &json5, 100, 10).unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|file| match file {
            Ok(found) => (found.name, "good"),
            Err((name, error)) => (name, error.reason()),
        })
        .collect();
    let expected = [
        ("big.json5", "too_large"),
        ("dir.json5", "not_regular"),
        ("gone.json5", "io"),
        ("good.json5", "good"),
        ("magic.json5", "escapes"),
        ("out.json5", "escapes"),
        ("up.json5", "escapes"),
    ];
    assert_eq!(
        found,
        expected.map(|(name, reason)| (name.to_owned(), reason))
    );
}

#[test]
fn a_view_is_of_one_version_while_the_volume_is_swapped() {
    let dir = TempDir::new().unwrap();
    let files: Vec<String> = (0..20).map(|number| format!("{number:02}.json5")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    publish(dir.path(), 0, &files);
    let going = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1.. {
                if !going.load(Ordering::Relaxed) {
                    break;
                }
                publish(dir.path(), version, &files);
                thread::sleep(Duration::from_millis(3));
            }
        });
        let _stop = Stop(&going);
        let mut seen = BTreeSet::new();
        let deadline = Instant::now() + Duration::from_secs(60);
        while seen.len() < 30 {
            assert!(
                Instant::now() < deadline,
                "only {} versions seen",
                seen.len()
            );
            let found = read_mounted_dir(dir.path(), &json5, 100, 50);
            let Ok(found) = found else {
                // Swapped again and again: said, not hidden.
                assert_eq!(found.unwrap_err().reason(), "unsettled");
                continue;
            };
            let versions: Vec<_> = found.into_iter().map(|file| file.unwrap().bytes).collect();
            assert_eq!(versions.len(), files.len());
            assert!(
                versions.iter().all(|version| *version == versions[0]),
                "mixed: {versions:?}"
            );
            seen.insert(versions[0].clone());
        }
    });
}

#[test]
fn a_missing_directory_is_said_to_be_missing() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("missing");
    assert!(
        read_mounted_dir(&missing, &json5, 1, 1)
            .unwrap_err()
            .is_missing()
    );
    assert!(read_mounted_file(&missing, 1).unwrap_err().is_missing());
    assert!(
        read_mounted_file(&missing.join("file"), 1)
            .unwrap_err()
            .is_missing()
    );
}
