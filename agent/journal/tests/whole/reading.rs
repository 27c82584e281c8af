//! What was recorded is read, in order, by cursors and acknowledgements.

use std::os::unix::fs::PermissionsExt;

use journal::{Cursor, Error, Gap};

use crate::stage::{Stage, numbers, texts};

#[tokio::test]
async fn numbers_go_on_over_openings_and_ids_do_not() {
    let stage = Stage::new();
    let first = stage.run();
    first.write(["a", "b"]).await;
    let id = first.view().id;
    first.stop().await;

    let second = stage.run();
    second.write(["c"]).await;
    let page = second.page(None).await;
    assert_eq!(numbers(&page.entries), [1, 2, 3]);
    assert_eq!(texts(&page.entries), ["a", "b", "c"]);
    assert_eq!((page.entries[1].id, page.entries[2].id), (id, page.id));
    assert_ne!(id, page.id);
    assert_eq!((page.oldest, page.newest, page.more), (Some(1), 3, false));
    let next = Cursor {
        id: page.id,
        number: 3,
    };
    assert_eq!((page.next, page.gap), (next, None));
    let mode = stage.path().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    second.stop().await;
}

#[tokio::test]
async fn a_cursor_says_what_follows() {
    let stage = Stage::new();
    let first = stage.run();
    first.write(["a", "b"]).await;
    let old = first.view().id;
    first.stop().await;
    let running = stage.run();
    running.write(["c", "d"]).await;
    let new = running.view().id;
    let unknown = Some("0123456789abcdef0123456789abcdef".parse().unwrap());
    for (id, number, expected, gap) in [
        (old, 1, vec![2, 3, 4], None),
        (old, 2, vec![3, 4], None),
        // The volume was put back: these numbers of the old id were lost with it.
        (old, 90, vec![3, 4], None),
        (new, 3, vec![4], None),
        (new, 90, vec![], None),
        (unknown, 3, vec![1, 2, 3, 4], Some(Gap::Unknown)),
        (None, 0, vec![1, 2, 3, 4], None),
        (None, 3, vec![4], None),
        (None, 90, vec![], None),
    ] {
        let cursor = Cursor { id, number };
        let page = running.page(Some(cursor)).await;
        assert_eq!(numbers(&page.entries), expected, "{cursor}");
        assert_eq!(page.gap, gap, "{cursor}");
    }
    running.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_lasts_and_never_goes_back() {
    let stage = Stage::new();
    let first = stage.run();
    first.write(["a", "b", "c"]).await;
    let id = first.view().id;
    let ack = |number| first.handle.ack(Cursor { id, number });
    assert_eq!(ack(2).await.unwrap(), 2);
    assert_eq!(ack(1).await.unwrap(), 2);
    let error = ack(4).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot acknowledge 4: the newest entry is 3"
    );
    assert_eq!(first.metric("pilotfish_journal_unacknowledged"), 1);
    let nobody = Cursor {
        id: None,
        number: 3,
    };
    assert!(matches!(first.handle.ack(nobody).await, Err(Error::NoId)));
    let stranger = Cursor {
        id: Some("0123456789abcdef0123456789abcdef".parse().unwrap()),
        number: 3,
    };
    let error = first.handle.ack(stranger).await.unwrap_err();
    assert!(matches!(error, Error::UnknownId { .. }), "{error}");
    first.stop().await;

    let second = stage.run();
    assert_eq!(second.view().acknowledged, 2);
    // Of an older id, and beyond its end.
    let acknowledged = second.handle.ack(Cursor { id, number: 9 }).await;
    assert_eq!(acknowledged.unwrap(), 3);
    assert_eq!(second.view().acknowledged, 3);
    assert_eq!(second.metric("pilotfish_journal_unacknowledged"), 0);
    second.stop().await;
}

#[tokio::test]
async fn a_burst_takes_few_writes() {
    let mut stage = Stage::new();
    stage.settings.queue = 10_000;
    let running = stage.run();
    let before = running.metric("pilotfish_journal_writes_total");
    running.write(0..10_000).await;
    let writes = running.metric("pilotfish_journal_writes_total") - before;
    assert!((1..=20).contains(&writes), "{writes}");
    assert_eq!(running.metric("pilotfish_journal_entries_total"), 10_000);
    assert_eq!(running.all(None).await.0.len(), 10_000);
    running.stop().await;
}

#[tokio::test]
async fn what_finds_no_room_is_lost_and_said_to_be() {
    let mut stage = Stage::new();
    stage.settings.queue = 4;
    let running = stage.run();
    // Nothing else runs while this task does not wait.
    running.write(0..10).await;
    running.write(["after", &"x".repeat(200_000), "last"]).await;
    let (entries, gaps) = running.all(None).await;
    assert_eq!(numbers(&entries), [1, 2, 3, 4, 11, 12]);
    assert_eq!(
        gaps,
        [
            Gap::Numbers { from: 5, to: 10 },
            Gap::Numbers { from: 13, to: 13 }
        ]
    );
    assert_eq!(running.view().lost, 7);
    assert_eq!(running.metric("pilotfish_journal_lost_total"), 7);
    running.stop().await;
}

#[tokio::test]
async fn what_waits_at_the_end_is_written() {
    let stage = Stage::new();
    let running = stage.run();
    let handle = running.handle.clone();
    for number in 0..500 {
        handle.record(&number.to_string());
    }
    running.stop().await;
    handle.record(&"too late".to_owned());
    assert!(matches!(handle.flushed().await, Err(Error::Ended)));
    let again = stage.run();
    assert_eq!(again.all(None).await.0.len(), 500);
    again.stop().await;
}

#[tokio::test]
async fn pages_are_whole_while_others_write() {
    let mut stage = Stage::new();
    stage.settings.max_bytes = 64 * 1024;
    let running = stage.run();
    let handle = running.handle.clone();
    let writer = tokio::spawn(async move {
        for number in 1..=3_000_u64 {
            handle.record(&number.to_string());
            if number % 20 == 0 {
                handle.flushed().await.unwrap();
            }
        }
        handle.flushed().await.unwrap();
    });
    let mut follow = running.handle.view();
    let (mut last, mut after) = (0, None);
    while last < 3_000 {
        let page = running.page(after).await;
        if let Some(Gap::Numbers { from, to }) = page.gap {
            assert_eq!(from, last + 1);
            last = to;
        }
        for entry in &page.entries {
            assert_eq!(entry.number, last + 1);
            assert_eq!(entry.payload, entry.number.to_string());
            last = entry.number;
        }
        assert_eq!(page.next.number, last);
        after = Some(page.next);
        if !page.more && last < 3_000 {
            follow.wait_for(|view| view.newest > last).await.unwrap();
        }
    }
    writer.await.unwrap();
    running.stop().await;
}
