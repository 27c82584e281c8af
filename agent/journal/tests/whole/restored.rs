//! A volume that was put back from a copy.

use std::fs;

use journal::Gap;

use crate::stage::{Stage, numbers, texts};

#[tokio::test]
async fn a_reader_gets_what_the_copy_says_and_nothing_twice() {
    let stage = Stage::new();
    let copy = stage.beside("copy");
    let first = stage.run();
    first.write(["a", "b"]).await;
    fs::copy(stage.path(), &copy).unwrap();
    first.write(["c", "d"]).await;
    let read = first.page(None).await.next;
    first.stop().await;

    fs::copy(&copy, stage.path()).unwrap();
    let second = stage.run();
    second.write(["C", "D", "E"]).await;
    // The numbers 3 and 4 come again, with other ids.
    let page = second.page(Some(read)).await;
    assert_eq!(texts(&page.entries), ["C", "D", "E"]);
    assert_eq!((numbers(&page.entries), page.gap), (vec![3, 4, 5], None));
    assert_eq!(second.handle.ack(read).await.unwrap(), 2);
    let newer = page.next;
    second.stop().await;

    // Put back once more, past the id with which the reader goes on.
    fs::copy(&copy, stage.path()).unwrap();
    let third = stage.run();
    third.write(["x"]).await;
    let page = third.page(Some(newer)).await;
    assert_eq!(texts(&page.entries), ["a", "b", "x"]);
    assert_eq!(page.gap, Some(Gap::Unknown));
    assert!(third.handle.ack(newer).await.is_err());
    third.stop().await;
}

#[tokio::test]
async fn a_file_that_is_gone_begins_anew() {
    let stage = Stage::new();
    let first = stage.run();
    first.write(["a"]).await;
    let read = first.page(None).await.next;
    first.stop().await;
    fs::remove_file(stage.path()).unwrap();
    let second = stage.run();
    second.write(["b"]).await;
    let page = second.page(Some(read)).await;
    assert_eq!(
        (numbers(&page.entries), page.gap),
        (vec![1], Some(Gap::Unknown))
    );
    second.stop().await;
}
