//! Records: whatever happens to the tail, no wrong record comes back and no earlier one is lost.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use durable::{Error, Records};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

const MAX: u64 = 1_000_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    number: u64,
    text: String,
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let entry =
        (any::<u64>(), ".{0,20}|\n|\u{0}").prop_map(|(number, text)| Entry { number, text });
    prop::collection::vec(entry, 1..6)
}

/// In memory: thousands of fsyncs would wait for the disk, and no power is lost here.
fn stage() -> (TempDir, PathBuf) {
    let home = TempDir::new_in("/dev/shm").unwrap();
    let path = home.path().join("journal");
    (home, path)
}

/// Writes the entries; returns the length of the file after each.
fn write(path: &Path, entries: &[Entry]) -> Vec<u64> {
    let (mut records, found) = Records::open(path, MAX).unwrap();
    assert_eq!(found, Vec::<Entry>::new());
    let lengths = entries.iter().map(|entry| {
        records.append(entry).unwrap();
        records.len_bytes()
    });
    lengths.collect()
}

proptest! {
    // Each case is a walk over every length of a file, with an fsync at each.
    #![proptest_config(ProptestConfig::with_cases(10))]

    #[test]
    fn a_file_cut_anywhere_holds_every_record_before_the_cut_and_takes_more(entries in entries()) {
        let (_home, path) = stage();
        let ends = write(&path, &entries);
        let bytes = fs::read(&path).unwrap();
        prop_assert_eq!(bytes.len() as u64, *ends.last().unwrap());
        for length in 0..=bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let whole = ends.iter().filter(|end| **end <= length as u64).count();
            let (mut records, found) = Records::<Entry>::open(&path, MAX).unwrap();
            prop_assert_eq!(&found[..], &entries[..whole]);
            let end = whole.checked_sub(1).map_or(0, |last| ends[last]);
            prop_assert_eq!(records.cut_bytes(), length as u64 - end);
            prop_assert_eq!(fs::metadata(&path).unwrap().len(), end);

            records.append(&entries[0]).unwrap();
            let found = Records::<Entry>::open(&path, MAX).unwrap().1;
            prop_assert_eq!(found.len(), whole + 1);
            prop_assert_eq!(found.last(), entries.first());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_damaged_byte_costs_its_record_and_what_follows(entries in entries(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let (_home, path) = stage();
        let ends = write(&path, &entries);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let whole = ends.iter().filter(|end| **end <= at as u64).count();
        let (records, found) = Records::<Entry>::open(&path, MAX).unwrap();
        prop_assert_eq!(&found[..], &entries[..whole]);
        prop_assert!(records.cut_bytes() > 0);
    }

    #[test]
    fn a_tail_of_garbage_is_cut_off(entries in entries(), tail in prop::collection::vec(any::<u8>(), 1..80)) {
        let (_home, path) = stage();
        write(&path, &entries);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(&tail);
        fs::write(&path, &bytes).unwrap();
        let (records, found) = Records::<Entry>::open(&path, MAX).unwrap();
        prop_assert_eq!(found, entries);
        prop_assert_eq!(records.cut_bytes(), tail.len() as u64);
    }

    #[test]
    fn a_rewrite_replaces_everything(old in entries(), new in entries(), next in entries()) {
        let (_home, path) = stage();
        write(&path, &old);
        let (mut records, found) = Records::<Entry>::open(&path, MAX).unwrap();
        prop_assert_eq!(found, old);
        records.rewrite(&new).unwrap();
        for entry in &next {
            records.append(entry).unwrap();
        }
        let found = Records::<Entry>::open(&path, MAX).unwrap().1;
        prop_assert_eq!(found, [new, next].concat());
    }
}

#[test]
fn the_limit_holds_and_a_rewrite_makes_room() {
    let (_home, path) = stage();
    let (mut records, _) = Records::<u64>::open(&path, 60).unwrap();
    // A record of one digit takes 19 bytes.
    for number in 0..3 {
        records.append(&number).unwrap();
    }
    assert!(matches!(
        records.append(&3),
        Err(Error::TooLarge { max: 60, .. })
    ));
    assert!(matches!(
        records.rewrite(&[1, 2, 3, 4]),
        Err(Error::TooLarge { .. })
    ));
    assert_eq!(records.len_bytes(), 57);
    records.rewrite(&[2]).unwrap();
    records.append(&3).unwrap();
    assert_eq!(Records::<u64>::open(&path, 60).unwrap().1, [2, 3]);
    assert!(matches!(
        Records::<u64>::open(&path, 37),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn a_whole_record_of_another_shape_is_left_alone() {
    let (_home, path) = stage();
    Records::<String>::open(&path, MAX)
        .unwrap()
        .0
        .append(&"newer".to_owned())
        .unwrap();
    let before = fs::read(&path).unwrap();
    let error = Records::<u64>::open(&path, MAX).unwrap_err();
    assert!(
        matches!(error, Error::Decode { number: 1, .. }),
        "{error:?}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
}
