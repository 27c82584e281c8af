//! Files that were torn or damaged.

use std::fs;
use std::os::unix::fs::symlink;

use journal::{Gap, Journal, Metrics};
use prometheus::Registry;

use crate::stage::{Stage, numbers, texts};

/// A journal with entries from 1 on, which has ended.
async fn written(count: u64) -> Stage {
    let stage = Stage::new();
    let running = stage.run();
    running.write(1..=count).await;
    running.stop().await;
    stage
}

#[tokio::test]
async fn a_tail_torn_anywhere_costs_what_it_held() {
    let stage = written(5).await;
    let bytes = fs::read(stage.path()).unwrap();
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let ends: Vec<usize> = ends.map(|(at, _)| at + 1).collect();
    for len in (0..bytes.len()).step_by(7) {
        fs::write(stage.path(), &bytes[..len]).unwrap();
        let whole = ends.iter().filter(|end| **end <= len).count() as u64;
        let entries = whole.saturating_sub(1);
        let running = stage.run();
        running.write(["next"]).await;
        let page = running.page(None).await;
        assert_eq!(numbers(&page.entries), Vec::from_iter(1..=entries + 1));
        assert_eq!(page.entries.last().unwrap().payload, "next");
        assert_eq!(page.gap, None);
        running.stop().await;
    }
}

#[tokio::test]
async fn numbers_behind_a_damage_are_not_given_again() {
    let stage = written(9).await;
    let bytes = fs::read(stage.path()).unwrap();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    // The line 0 is the epoch, and the line N the entry N.
    for (damaged, gap) in [(0, (1, 9)), (4, (4, 9)), (9, (9, 9))] {
        let at = lines[..damaged].concat().len() + 20;
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        fs::write(stage.path(), &bytes).unwrap();
        let running = stage.run();
        running.write(["next"]).await;
        let (entries, gaps) = running.all(None).await;
        let (from, to) = gap;
        assert_eq!(
            numbers(&entries),
            [Vec::from_iter(1..from), vec![10]].concat()
        );
        assert_eq!(gaps, [Gap::Numbers { from, to }]);
        assert!(stage.beside("journal.damaged").exists());
        running.stop().await;
    }
}

#[tokio::test]
async fn a_line_damaged_while_it_runs_is_a_hole_for_readers() {
    let stage = Stage::new();
    let running = stage.run();
    running.write(1..=3).await;
    let bytes = fs::read(stage.path()).unwrap();
    let at = bytes
        .windows(12)
        .position(|part| part == b"\"number\":2,\"")
        .unwrap();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(stage.path())
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"X", at as u64).unwrap();
    let (entries, gaps) = running.all(None).await;
    assert_eq!(texts(&entries), ["1", "3"]);
    assert_eq!(gaps, [Gap::Numbers { from: 2, to: 2 }]);
    running.stop().await;
}

#[tokio::test]
async fn what_a_killed_rewrite_left_behind_is_swept() {
    let stage = written(1).await;
    let left = stage.beside(".journal.pilotfish-0123456789abcdef");
    fs::write(&left, "half a file").unwrap();
    let running = stage.run();
    assert!(!left.exists());
    assert_eq!(texts(&running.page(None).await.entries), ["1"]);
    running.stop().await;
}

#[tokio::test]
async fn a_planted_link_is_refused() {
    let stage = Stage::new();
    let other = stage.beside("other");
    fs::write(&other, "precious").unwrap();
    symlink(&other, stage.path()).unwrap();
    let metrics = Metrics::register(&Registry::new()).unwrap();
    let error = Journal::open::<String>(stage.settings.clone(), metrics).unwrap_err();
    assert_eq!(error.reason(), "not_regular");
    assert_eq!(fs::read(&other).unwrap(), b"precious");
}
