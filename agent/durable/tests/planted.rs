//! Whatever another process plants where we read or write: refused or replaced, never followed, never waited for.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use durable::{Error, Owner, Records, Target, Written, read_mounted_file, read_regular, read_tail};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

const SECRET: &[u8] = b"not yours";
const TEN_GB: u64 = 10_000_000_000;

type Plant = fn(&Path, &Path);

/// Each plants something at the given path; the second path is a file outside that must stay as it is.
const PLANTS: [(&str, Plant); 9] = [
    ("symlink", |path, outside| symlink(outside, path).unwrap()),
    ("dangling symlink", |path, _| {
        symlink("nowhere", path).unwrap()
    }),
    ("symlink to itself", |path, _| symlink(path, path).unwrap()),
    ("symlink to /dev/zero", |path, _| {
        symlink("/dev/zero", path).unwrap()
    }),
    ("pipe", |path, _| mkfifo(path, Mode::S_IRWXU).unwrap()),
    ("socket", |path, _| drop(UnixListener::bind(path).unwrap())),
    ("directory", |path, _| fs::create_dir(path).unwrap()),
    ("10 GB sparse", |path, _| {
        File::create(path).unwrap().set_len(TEN_GB).unwrap()
    }),
    ("hard link", |path, outside| {
        fs::hard_link(outside, path).unwrap()
    }),
];

/// Runs `check` beside each planted thing; one that does not return within seconds hangs.
fn each_plant(check: fn(&'static str, &Path)) {
    for (what, plant) in PLANTS {
        let home = TempDir::new().unwrap();
        let outside = home.path().join("outside");
        fs::write(&outside, SECRET).unwrap();
        let dir = home.path().join("dir");
        fs::create_dir(&dir).unwrap();
        let path = dir.join("lock");
        plant(&path, &outside);

        let (done, finished) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            check(what, &path);
            done.send(()).unwrap();
        });
        match finished.recv_timeout(Duration::from_secs(10)) {
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{what}: hangs"),
            _ => thread.join().unwrap_or_else(|_| panic!("{what}")),
        }
        assert_eq!(
            fs::read(&outside).unwrap(),
            SECRET,
            "{what}: the other end was written"
        );
        assert_eq!(left_over(&dir), Vec::<PathBuf>::new(), "{what}");
    }
}

fn left_over(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.filter(|path| !path.ends_with("lock")).collect()
}

fn target(path: &Path) -> Target {
    Target {
        dir: path.parent().unwrap().into(),
        name: path.file_name().unwrap().to_str().unwrap().into(),
        mode: 0o600,
        owner: None,
    }
}

#[test]
fn the_end_of_a_planted_file_is_refused_or_bounded() {
    each_plant(|what, path| match read_tail(path, 1024) {
        Ok(bytes) if what == "10 GB sparse" => assert_eq!(bytes, [0; 1024]),
        Ok(bytes) => assert_eq!((what, &bytes[..]), ("hard link", SECRET)),
        Err(error) => assert!(
            !["10 GB sparse", "hard link"].contains(&what),
            "{what}: {error}"
        ),
    });
    let home = TempDir::new().unwrap();
    let path = home.path().join("log");
    fs::write(&path, "abcdef").unwrap();
    for (max, expected) in [(0, ""), (2, "ef"), (6, "abcdef"), (u64::MAX, "abcdef")] {
        assert_eq!(read_tail(&path, max).unwrap(), expected.as_bytes());
    }
    assert!(
        read_tail(&home.path().join("none"), 1)
            .unwrap_err()
            .is_missing()
    );
}

#[test]
fn a_read_gives_the_plain_reason() {
    each_plant(|what, path| {
        let found = read_regular(path, 1_000_000);
        match what {
            // A hard link is a regular file: who may link it may read it.
            "hard link" => assert_eq!(found.unwrap(), SECRET),
            "10 GB sparse" => assert!(matches!(found, Err(Error::TooLarge { max: 1_000_000, .. }))),
            _ => {
                let Err(Error::NotRegular { found, .. }) = found else {
                    panic!("{found:?}")
                };
                assert!(what.contains(found), "{what} is called a {found}");
            }
        }
    });
}

#[test]
fn devices_are_refused() {
    for device in ["/dev/zero", "/dev/null", "/dev/tty"] {
        match read_regular(Path::new(device), 10) {
            Err(Error::NotRegular {
                found: "device", ..
            }) => {}
            // Without a controlling terminal this one cannot even be opened.
            Err(Error::NotRegular { .. } | Error::Io { .. }) if device == "/dev/tty" => {}
            other => panic!("{device}: {other:?}"),
        }
    }
}

#[test]
fn a_mounted_read_never_leaves_its_directory() {
    each_plant(|what, path| {
        let found = read_mounted_file(path, 1_000_000);
        match what {
            "hard link" => assert_eq!(found.unwrap(), SECRET),
            "10 GB sparse" => assert!(matches!(found, Err(Error::TooLarge { .. }))),
            "dangling symlink" => assert!(found.unwrap_err().is_missing()),
            "pipe" | "socket" | "directory" => {
                assert!(matches!(found, Err(Error::NotRegular { .. })))
            }
            _ => assert!(matches!(found, Err(Error::Escapes { .. })), "{found:?}"),
        }
    });
}

#[test]
fn a_write_replaces_what_is_planted_and_spares_a_directory() {
    each_plant(|what, path| {
        let written = target(path).write(b"new");
        if what == "directory" {
            assert!(matches!(
                written,
                Err(Error::NotRegular {
                    found: "directory",
                    ..
                })
            ));
            assert!(path.is_dir());
            return;
        }
        assert_eq!(written.unwrap(), Written::Changed);
        let now = path.symlink_metadata().unwrap();
        assert!(now.is_file() && now.nlink() == 1);
        assert_eq!(now.permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read(path).unwrap(), b"new");
        assert_eq!(target(path).write(b"new").unwrap(), Written::Same);
    });
}

#[test]
fn equal_bytes_behind_a_link_are_not_the_same_file() {
    each_plant(|what, path| {
        if !matches!(what, "symlink" | "hard link") {
            return;
        }
        assert_eq!(target(path).write(SECRET).unwrap(), Written::Changed);
        assert_eq!(path.symlink_metadata().unwrap().nlink(), 1);
    });
}

#[test]
fn records_and_locks_refuse_what_is_planted() {
    each_plant(|what, path| {
        let opened = Records::<u8>::open(path, 1_000_000);
        match what {
            // A file that is not ours: what it holds is no record and would be cut off.
            "hard link" => assert!(
                matches!(opened, Err(Error::NotRegular { .. })),
                "{opened:?}"
            ),
            "10 GB sparse" => assert!(matches!(opened, Err(Error::TooLarge { .. }))),
            _ => assert!(
                matches!(opened, Err(Error::NotRegular { .. })),
                "{opened:?}"
            ),
        }
        let claimed = Owner::claim(path.parent().unwrap());
        match what {
            "10 GB sparse" => assert!(claimed.is_ok()),
            _ => assert!(
                matches!(claimed, Err(Error::NotRegular { .. })),
                "{claimed:?}"
            ),
        }
    });
}

#[test]
fn a_directory_that_is_a_symlink_is_not_written_to() {
    let home = TempDir::new().unwrap();
    fs::create_dir(home.path().join("real")).unwrap();
    symlink("real", home.path().join("link")).unwrap();
    let target = target(&home.path().join("link/file"));
    assert_eq!(target.write(b"x").unwrap_err().reason(), "io");
    assert_eq!(target.sweep().unwrap_err().reason(), "io");
    assert!(Owner::claim(&home.path().join("link")).is_err());
    assert_eq!(left_over(&home.path().join("real")), Vec::<PathBuf>::new());
}

#[test]
fn a_sweep_takes_stale_temporary_files_of_this_target_only() {
    let home = TempDir::new().unwrap();
    let ours = [
        ".file.pilotfish-0123456789abcdef",
        ".file.pilotfish-fedcba9876543210",
    ];
    let others = [
        ".file.pilotfish-short",
        ".file.pilotfish-0123456789abcdeg",
        ".other.pilotfish-0123456789abcdef",
        "file.pilotfish-0123456789abcdef",
        "file",
    ];
    for name in ours.iter().chain(&others) {
        fs::write(home.path().join(name), "x").unwrap();
    }
    symlink("file", home.path().join(".file.pilotfish-1111111111111111")).unwrap();
    fs::create_dir(home.path().join(".file.pilotfish-2222222222222222")).unwrap();

    let target = target(&home.path().join("file"));
    assert_eq!(target.sweep().unwrap(), 3);
    assert_eq!(target.sweep().unwrap(), 0);
    for name in others {
        assert!(home.path().join(name).exists(), "{name}");
    }
    assert!(
        home.path()
            .join(".file.pilotfish-2222222222222222")
            .is_dir()
    );
}

#[test]
fn mode_and_owner_are_part_of_the_file() {
    let home = TempDir::new().unwrap();
    let path = home.path().join("file");
    let mut target = target(&path);
    assert_eq!(target.write(b"x").unwrap(), Written::Changed);
    target.mode = 0o640;
    assert_eq!(target.write(b"x").unwrap(), Written::Changed);
    assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o640);
    assert_eq!(target.write(b"x").unwrap(), Written::Same);
    assert_eq!(target.write(b"y").unwrap(), Written::Changed);

    assert!(
        nix::unistd::geteuid().is_root(),
        "this test changes owners and must run as root"
    );
    target.owner = Some((1234, 4321));
    assert_eq!(target.write(b"y").unwrap(), Written::Changed);
    let now = path.metadata().unwrap();
    assert_eq!(
        (now.uid(), now.gid(), now.mode() & 0o7777),
        (1234, 4321, 0o640)
    );
    assert_eq!(target.write(b"y").unwrap(), Written::Same);
}

#[test]
fn names_that_are_paths_are_refused() {
    let home = TempDir::new().unwrap();
    for name in ["", ".", "..", "a/b", "../a", "a\0b", &"x".repeat(250)] {
        let target = Target {
            name: name.to_owned(),
            ..target(&home.path().join("file"))
        };
        assert!(
            matches!(target.write(b"x"), Err(Error::BadName { .. })),
            "{name:?}"
        );
    }
    let longest = "x".repeat(227);
    assert_eq!(
        target(&home.path().join(longest)).write(b"x").unwrap(),
        Written::Changed
    );
}
