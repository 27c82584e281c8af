//! The journal for callers.

use std::time::{Duration, Instant};

use agent_api::{JournalAckResponse, JournalEvent, JournalResponse, Outcome};

use super::stage::Stage;

#[tokio::test]
async fn what_happened_is_read_page_by_page_and_acknowledged() {
    let began = Instant::now();
    let stage = Stage::started().await;
    for text in ["{ level: 'debug' }", "{ level: 'info' }"] {
        stage.put("?wait=settled", text).await;
    }
    let told = |entry: &agent_api::JournalEntry| match &entry.event {
        JournalEvent::Config { outcome, .. } => Some(*outcome),
        _ => None,
    };
    let mut entries = Vec::new();
    let mut next = String::new();
    while entries.iter().filter_map(told).count() < 2 {
        let path = format!("/v1/journal?limit=1{next}");
        let page: JournalResponse = stage.read(&path).await.json();
        assert_eq!(page.gap, None);
        next = format!("&after={}", page.next);
        entries.extend(page.entries);
        if !page.more {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{entries:?}");
    }
    let outcomes: Vec<Outcome> = entries.iter().filter_map(told).collect();
    assert_eq!(outcomes, [Outcome::Proved; 2]);
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
    let in_order = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1);
    assert!(in_order, "{numbers:?}");

    let up_to = next.trim_start_matches("&after=");
    let answer = stage
        .post("/v1/journal/ack", &format!("{{\"up_to\":\"{up_to}\"}}"))
        .await;
    let ack: JournalAckResponse = answer.json();
    assert_eq!(Some(&ack.acknowledged), numbers.last());
    let page: JournalResponse = stage.read("/v1/journal").await.json();
    assert_eq!(page.acknowledged, ack.acknowledged);
}

#[tokio::test]
async fn what_is_no_place_in_the_journal_is_refused() {
    let stage = Stage::started().await;
    let unknown = "0123456789abcdef0123456789abcdef:1";
    for (query, status, code) in [
        ("?after=x", 400, "bad_cursor"),
        ("?limit=0", 400, "bad_query"),
        ("?limit=1001", 400, "bad_query"),
        ("?since=1", 400, "bad_query"),
    ] {
        let answer = stage.read(&format!("/v1/journal{query}")).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{query}");
    }
    let page: JournalResponse = stage
        .read(&format!("/v1/journal?after={unknown}"))
        .await
        .json();
    assert_eq!(page.gap, Some(agent_api::JournalGap::Unknown));
    for (body, status, code) in [
        ("{}".to_owned(), 400, "bad_body"),
        (r#"{"up_to":"7"}"#.to_owned(), 400, "bad_cursor"),
        (format!(r#"{{"up_to":"{unknown}"}}"#), 409, "unknown_cursor"),
        (r#"{"up_to":"x"}"#.to_owned(), 400, "bad_cursor"),
        (r#"{"up_to":"7","more":1}"#.to_owned(), 400, "bad_body"),
    ] {
        let answer = stage.post("/v1/journal/ack", &body).await;
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{body}");
    }
}
