//! A full disk: what was there stays, whole, and there is no litter.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use durable::{Blobs, Digest, Error, Records, Target, Written, read_regular};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

/// A file system of 64 KB, gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test mounts a tmpfs and must run as root"
        );
        let dir = TempDir::new().unwrap();
        mount(
            Some("tmpfs"),
            dir.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=64k"),
        )
        .expect("this test must be allowed to mount a tmpfs");
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_document_that_does_not_fit_changes_nothing() {
    let disk = SmallDisk::mount();
    let target = Target {
        dir: disk.path().into(),
        name: "document".to_owned(),
        mode: 0o600,
        owner: None,
    };
    target.write(&[b'o'; 40_000]).unwrap();
    let error = target.write(&[b'n'; 40_000]).unwrap_err();
    assert_eq!(error.reason(), "disk_full", "{error:?}");
    assert_eq!(
        read_regular(&disk.path().join("document"), 100_000).unwrap(),
        [b'o'; 40_000]
    );
    assert_eq!(disk.names(), ["document"]);
    assert_eq!(target.write(&[b'o'; 40_000]).unwrap(), Written::Same);
    assert_eq!(target.write(b"small").unwrap(), Written::Changed);
}

#[test]
fn records_stay_as_they_were_and_go_on_when_there_is_room() {
    let disk = SmallDisk::mount();
    let path = disk.path().join("journal");
    let (mut records, found) = Records::<String>::open(&path, 10_000_000).unwrap();
    assert!(found.is_empty());
    fs::write(disk.path().join("ballast"), [0; 30_000]).unwrap();

    let mut kept = Vec::new();
    let error = loop {
        // Longer than a page, so that a part of it fits before the disk is full.
        let record = format!("{:05}{}", kept.len(), "x".repeat(6_000));
        match records.append(&record) {
            Ok(()) => kept.push(record),
            Err(error) => break error,
        }
    };
    assert!(error.is_disk_full(), "{error:?}");
    assert!(!kept.is_empty());
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        records.len_bytes(),
        "cut back"
    );
    let (_, found) = Records::<String>::open(&path, 10_000_000).unwrap();
    assert_eq!(found, kept);

    let error = records.rewrite(&vec!["y".repeat(9_000); 8]).unwrap_err();
    assert!(error.is_disk_full(), "{error:?}");
    assert_eq!(Records::<String>::open(&path, 10_000_000).unwrap().1, kept);

    fs::remove_file(disk.path().join("ballast")).unwrap();
    records.append(&"after".to_owned()).unwrap();
    kept.push("after".to_owned());
    let (reopened, found) = Records::<String>::open(&path, 10_000_000).unwrap();
    assert_eq!((found, reopened.cut_bytes()), (kept, 0));
    assert_eq!(disk.names(), ["journal"]);
}

#[test]
fn a_blob_that_does_not_fit_is_absent() {
    let disk = SmallDisk::mount();
    let blobs = Blobs::open(disk.path()).unwrap();
    let small = blobs.put(b"small").unwrap();
    let large = [7; 100_000];
    assert!(blobs.put(&large).unwrap_err().is_disk_full());
    assert!(
        blobs
            .get(&Digest::of(&large), 1_000_000)
            .unwrap_err()
            .is_missing()
    );
    assert_eq!(blobs.get(&small, 10).unwrap(), b"small");
    assert!(matches!(blobs.get(&small, 4), Err(Error::TooLarge { .. })));
    assert_eq!(disk.names(), [small.to_string()]);
}

#[test]
fn a_torn_file_is_opened_and_cut_back() {
    let disk = SmallDisk::mount();
    let path = disk.path().join("journal");
    let (mut records, _) = Records::<String>::open(&path, 10_000_000).unwrap();
    records.append(&"whole".to_owned()).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(b"torn");
    fs::write(&path, bytes).unwrap();
    assert!(fs::write(disk.path().join("ballast"), [0; 100_000]).is_err());
    let (records, found) = Records::<String>::open(&path, 10_000_000).unwrap();
    assert_eq!((found, records.cut_bytes()), (vec!["whole".to_owned()], 4));
    assert!(!disk.names().contains(&"journal.damaged".to_owned()));
}
