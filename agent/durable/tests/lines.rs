//! Lines: shown one at a time, appended many at once, rewritten beside their readers.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use durable::{Error, Line, Lines, Sink, Snapshot};
use tempfile::TempDir;

const MAX: u64 = 1_000_000;

fn stage() -> (TempDir, PathBuf) {
    let home = TempDir::new_in("/dev/shm").unwrap();
    let path = home.path().join("lines");
    (home, path)
}

/// Opens the file; returns what it shows, with `-` before what is cut off.
fn open(path: &Path) -> (Lines, Vec<String>) {
    let mut shown = Vec::new();
    let lines = Lines::open(path, MAX, |line| {
        let text = |json: &[u8]| String::from_utf8(json.to_vec()).unwrap();
        shown.push(match line {
            Line::Whole { json, .. } => text(json),
            Line::Cut { json } => format!("-{}", json.map(text).unwrap_or_default()),
        });
        Ok(())
    });
    (lines.unwrap(), shown)
}

fn push(sink: &mut Sink<'_>, texts: &[&str]) -> Result<(), Error> {
    for text in texts {
        sink.push(text.as_bytes())?;
    }
    Ok(())
}

fn append(lines: &mut Lines, texts: &[&str]) {
    lines.append(|sink| push(sink, texts)).unwrap();
}

fn read(snapshot: &Snapshot, from: u64) -> Vec<String> {
    let mut reader = snapshot.read_from(from);
    let mut texts = Vec::new();
    while let Some(line) = reader.read_line().unwrap() {
        let json = line.json.unwrap_or(b"?").to_vec();
        texts.push(String::from_utf8(json).unwrap());
    }
    texts
}

#[test]
fn many_are_appended_at_once_and_found_at_their_places() {
    let (_home, path) = stage();
    let (mut lines, shown) = open(&path);
    assert!(shown.is_empty());
    let mut places = Vec::new();
    let numbers: Vec<String> = (0..5_000).map(|number| number.to_string()).collect();
    let appended = lines.append(|sink| {
        for number in &numbers {
            places.push(sink.push(number.as_bytes())?);
        }
        assert_eq!(sink.pushed_bytes(), places.len() as u64 * 18 + 18_890);
        Ok(())
    });
    appended.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), lines.len_bytes());
    assert_eq!(read(&lines.snapshot(), places[4_321])[0], "4321");
    assert_eq!(open(&path).1, numbers);
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let (_home, path) = stage();
    let (mut lines, _) = open(&path);
    append(&mut lines, &["1", "2"]);
    let before = lines.snapshot();
    append(&mut lines, &["3"]);
    assert_eq!(read(&before, 0), ["1", "2"]);
    lines.rewrite(|sink| push(sink, &["4"])).unwrap();
    append(&mut lines, &["5"]);
    assert_eq!(read(&before, 0), ["1", "2"]);
    assert_eq!(read(&lines.snapshot(), 0), ["4", "5"]);
    assert_eq!(open(&path).1, ["4", "5"]);
}

#[test]
fn a_failure_in_between_leaves_nothing() {
    let (_home, path) = stage();
    let (mut lines, _) = open(&path);
    append(&mut lines, &["1"]);
    let before = fs::read(&path).unwrap();
    // More than is gathered before it is written.
    let long = format!("\"{}\"", "x".repeat(100_000));
    let fail = |sink: &mut Sink<'_>| {
        push(sink, &[&long, "2"])?;
        sink.push(&vec![b'1'; 1_000_000]).map(drop)
    };
    let error = lines.append(fail).unwrap_err();
    assert!(matches!(error, Error::TooLarge { max: MAX, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let error = lines.rewrite(fail).unwrap_err();
    assert!(matches!(error, Error::TooLarge { max: MAX, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    append(&mut lines, &["3"]);
    assert_eq!(open(&path).1, ["1", "3"]);
}

#[test]
fn what_is_cut_off_is_shown_and_kept_beside() {
    let (home, path) = stage();
    let (mut lines, _) = open(&path);
    append(&mut lines, &["1", "2", "3"]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[19] ^= 1;
    bytes.extend(b"torn");
    fs::write(&path, &bytes).unwrap();
    let (mut lines, shown) = open(&path);
    assert_eq!(shown, ["1", "-", "-3"]);
    assert_eq!((lines.len_bytes(), lines.cut_bytes()), (19, 19 * 2 + 4));
    let damaged = fs::read(home.path().join("lines.damaged")).unwrap();
    assert_eq!(damaged, bytes[19..]);
    append(&mut lines, &["4"]);
    assert_eq!(open(&path).1, ["1", "4"]);
}

#[test]
fn an_error_of_the_caller_leaves_the_file_alone() {
    let (_home, path) = stage();
    append(&mut open(&path).0, &["1"]);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend(b"torn");
    fs::write(&path, &bytes).unwrap();
    let refuse = |_: Line<'_>| {
        Err(Error::BadName {
            name: "refused".to_owned(),
        })
    };
    assert!(Lines::open(&path, MAX, refuse).is_err());
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn leftovers_of_a_killed_rewrite_are_swept() {
    let (home, path) = stage();
    for name in ["lines", "lines.damaged", "other"] {
        let name = format!(".{name}.pilotfish-0123456789abcdef");
        fs::write(home.path().join(name), "x").unwrap();
    }
    let (lines, _) = open(&path);
    assert_eq!(lines.sweep().unwrap(), 2);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 2);
}
