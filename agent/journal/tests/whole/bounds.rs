//! The file stays small, whatever is recorded.

use journal::{Cursor, Gap};

use crate::stage::{Stage, numbers};

#[tokio::test]
async fn a_hundred_thousand_entries_take_the_room_of_a_few() {
    let mut stage = Stage::new();
    stage.settings.max_bytes = 256 * 1024;
    let running = stage.run();
    let mut largest = 0;
    for round in 0..100_u64 {
        running.write(round * 1_000 + 1..=(round + 1) * 1_000).await;
        largest = largest.max(stage.path().metadata().unwrap().len());
    }
    assert!((200_000..=256 * 1024).contains(&largest), "{largest}");
    let (entries, gaps) = running.all(None).await;
    assert!(entries.len() > 1_000, "{}", entries.len());
    let oldest = entries[0].number;
    assert_eq!(numbers(&entries), Vec::from_iter(oldest..=100_000));
    assert!(entries.iter().all(|e| e.payload == e.number.to_string()));
    let to = oldest - 1;
    assert_eq!(gaps, [Gap::Numbers { from: 1, to }]);
    assert_eq!(running.view().bytes, stage.path().metadata().unwrap().len());
    running.stop().await;
    let again = stage.run();
    assert_eq!(again.view().oldest, Some(oldest));
    assert_eq!(again.all(None).await.1, gaps);
    again.stop().await;
}

#[tokio::test]
async fn a_reader_that_keeps_up_loses_nothing() {
    let mut stage = Stage::new();
    stage.settings.max_bytes = 32 * 1024;
    let running = stage.run();
    let (mut after, mut read) = (None, Vec::new());
    for round in 0..100 {
        running.write(round * 50..(round + 1) * 50).await;
        let page = running.page(after).await;
        assert_eq!((page.gap, page.more), (None, false));
        read.extend(numbers(&page.entries));
        running.handle.ack(page.next).await.unwrap();
        after = Some(page.next);
    }
    assert_eq!(read, Vec::from_iter(1..=5_000));
    assert_eq!(running.view().acknowledged, 5_000);
    assert_eq!(running.page(None).await.gap, None);
    // Another reader, which was slower, is told what it will not get.
    let slow = Cursor {
        id: running.view().id,
        number: 7,
    };
    let oldest = running.view().oldest.unwrap();
    let to = oldest - 1;
    let page = running.page(Some(slow)).await;
    assert_eq!(page.gap, Some(Gap::Numbers { from: 8, to }));
    assert_eq!(page.entries[0].number, oldest);
    running.stop().await;
}

#[tokio::test]
async fn a_restart_in_a_loop_does_not_fill_it() {
    let mut stage = Stage::new();
    stage.settings.max_bytes = 32 * 1024;
    for round in 0..400 {
        let running = stage.run();
        running.write([round]).await;
        running.stop().await;
    }
    assert!(stage.path().metadata().unwrap().len() <= 32 * 1024);
    let running = stage.run();
    let (entries, gaps) = running.all(None).await;
    assert_eq!(entries.last().unwrap().number, 400);
    let to = entries[0].number - 1;
    assert_eq!(gaps, [Gap::Numbers { from: 1, to }]);
    running.stop().await;
}
