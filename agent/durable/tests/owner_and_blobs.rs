//! One owner for a directory, and bytes under their own digest.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Barrier;
use std::thread;

use durable::{Blobs, Digest, Error, Owner};
use tempfile::TempDir;

#[test]
fn the_second_owner_is_told_of_the_first() {
    let dir = TempDir::new().unwrap();
    let first = Owner::claim(dir.path()).unwrap();
    let error = Owner::claim(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Owned { pid: Some(pid), .. } if pid == std::process::id()));
    assert!(
        error
            .to_string()
            .ends_with(&format!("process {}", std::process::id()))
    );
    drop(first);
    Owner::claim(dir.path()).unwrap();
}

#[test]
fn a_lock_file_that_was_replaced_is_noticed() {
    let dir = TempDir::new().unwrap();
    let owner = Owner::claim(dir.path()).unwrap();
    assert!(owner.holds(dir.path()).unwrap());
    fs::remove_file(dir.path().join("lock")).unwrap();
    assert!(!owner.holds(dir.path()).unwrap());
}

#[test]
fn of_many_at_once_one_wins() {
    let dir = TempDir::new().unwrap();
    let start = Barrier::new(8);
    let end = Barrier::new(8);
    let winners: usize = thread::scope(|scope| {
        let claims: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let claim = Owner::claim(dir.path());
                    end.wait();
                    usize::from(claim.is_ok())
                })
            })
            .collect();
        claims.into_iter().map(|claim| claim.join().unwrap()).sum()
    });
    assert_eq!(winners, 1);
}

#[test]
fn a_stale_pid_does_not_matter() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("lock"), "4194304\nrubbish that is longer").unwrap();
    let _owner = Owner::claim(dir.path()).unwrap();
    let text = fs::read_to_string(dir.path().join("lock")).unwrap();
    assert_eq!(text, format!("{}\n", std::process::id()));
}

#[test]
fn blobs_come_back_whole_or_not_at_all() {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("blobs");
    let blobs = Blobs::open(&dir).unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    let digest = blobs.put(b"abc").unwrap();
    assert_eq!(
        digest.to_string(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(blobs.get(&digest, 3).unwrap(), b"abc");

    let path = dir.join(digest.to_string());
    let before = fs::metadata(&path).unwrap();
    blobs.put(b"abc").unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().ino(),
        before.ino(),
        "the same bytes are not written again"
    );

    fs::write(&path, "abd").unwrap();
    assert!(matches!(blobs.get(&digest, 3), Err(Error::Corrupt { .. })));
    blobs.put(b"abc").unwrap();
    assert_eq!(
        blobs.get(&digest, 3).unwrap(),
        b"abc",
        "putting it again heals it"
    );
}

#[test]
fn only_blobs_that_nobody_needs_are_removed() {
    let dir = TempDir::new().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let digests: Vec<Digest> = (0..5u8).map(|byte| blobs.put(&[byte]).unwrap()).collect();
    fs::write(dir.path().join("stranger"), "x").unwrap();
    fs::write(
        dir.path()
            .join(format!(".{}.pilotfish-0123456789abcdef", digests[0])),
        "x",
    )
    .unwrap();
    let keep = HashSet::from([digests[1], digests[3], Digest::of(b"never put")]);
    assert_eq!(blobs.retain(&keep).unwrap(), 3);
    assert_eq!(blobs.retain(&keep).unwrap(), 0);
    assert_eq!(blobs.get(&digests[3], 1).unwrap(), [3]);
    Blobs::open(dir.path()).unwrap();
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut expected = vec![
        digests[1].to_string(),
        digests[3].to_string(),
        "stranger".to_owned(),
    ];
    expected.sort();
    assert_eq!(names, expected);
}

#[test]
fn a_digest_is_its_text() {
    let digest = Digest::of(b"abc");
    assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    let json = serde_json::to_string(&digest).unwrap();
    assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    for bad in [
        "",
        "ab",
        &"g".repeat(64),
        &"A".repeat(64),
        &"é".repeat(32),
        &"a".repeat(65),
    ] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
    }
}
