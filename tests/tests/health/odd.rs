//! Answers of `channels.status` that nobody would expect: other types, unknown fields, and very many accounts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Knobs, dead_account, live_account};

use crate::scene::{LONG, beside, causes, health, ready, told, verdict, word};

/// Accounts that the gateway has in all, and of these dead.
const ACCOUNTS: usize = 500;
const DEAD: usize = 30;
/// An answer about all of them is not larger than that.
const BOUND: usize = 256 * 1024;

#[test]
fn what_can_be_read_of_a_strange_answer_is_read() {
    let mut newer = live_account("newer");
    newer["mood"] = json!({ "word": ["happy"], "since": null });
    newer["lifecycle"] = json!({ "phase": "ready" });
    newer["connected"] = json!("yes");
    newer["reconnectAttempts"] = json!(-3.5);
    let strange = vec![
        json!("not an account"),
        json!(null),
        json!([1, 2]),
        newer,
        dead_account("dead", "connection reset"),
    ];
    let answer = json!({
        "ts": "yesterday", "channelOrder": { "0": "telegram" }, "channels": 7, "somethingNew": { "deep": [[[1]]] },
        "channelAccounts": { "telegram": strange, "carrier-pigeon": "coop", "fax": [{ "accountId": 12, "enabled": "so-so" }] },
        "statusIssues": [3, { "channel": "telegram", "kind": ["odd"] }], "eventLoop": "busy",
    });
    let (instance, fake) = beside(Knobs::default(), &[]);
    verdict(&instance, "healthy");
    fake.set(|knobs| knobs.answers = BTreeMap::from([("channels.status".to_owned(), answer)]));
    let cause = told(&instance, "channel", "telegram/dead");
    assert_eq!(cause["severity"], "degraded", "{cause}");
    let said = health(&instance);
    assert_eq!(
        (&said["verdict"], ready(&instance)),
        (&json!("degraded"), 200),
        "{said:#}"
    );
    assert!(causes(&said, "channel", "newer").is_empty(), "{said:#}");
    assert!(causes(&said, "channel", "fax").is_empty(), "{said:#}");
    fake.set(|knobs| {
        knobs.answers = BTreeMap::from([("channels.status".to_owned(), json!("none"))])
    });
    fake.push_health();
    verdict(&instance, "healthy");
}

fn fleet() -> BTreeMap<String, Vec<Value>> {
    let account = |n: usize| match n < DEAD {
        true => dead_account(&format!("a{n:03}"), &"connection refused ".repeat(60)),
        false => live_account(&format!("a{n:03}")),
    };
    BTreeMap::from([("telegram".to_owned(), (0..ACCOUNTS).map(account).collect())])
}

fn asked(fake: &support::Fake) -> usize {
    let calls = fake.calls();
    calls
        .iter()
        .filter(|call| *call == "channels.status")
        .count()
}

#[test]
fn five_hundred_accounts_are_told_in_bounds_and_asked_for_less_often() {
    let knobs = Knobs {
        channels: fleet(),
        late: BTreeMap::from([("channels.status".to_owned(), Duration::from_millis(300))]),
        ..Knobs::default()
    };
    let (instance, fake) = beside(knobs, &[]);
    verdict(&instance, "degraded");
    told(&instance, "channel", "10 more accounts are dead");
    let answer = instance.api().get("/v1/health");
    assert!(answer.body.len() < BOUND, "{} bytes", answer.body.len());
    let said = answer.json();
    assert_eq!(
        causes(&said, "channel", "telegram/a0").len(),
        20,
        "{said:#}"
    );
    assert_eq!(causes(&said, "channel", "").len(), 21);
    assert_eq!(ready(&instance), 200);
    // An answer that takes 0.3 s is asked for once in 60 s instead of once in 10 s: a slow machine asks less.
    let before = asked(&fake);
    std::thread::sleep(Duration::from_secs(25));
    let after = asked(&fake);
    assert!(
        after <= before + 1,
        "asked {} times in 25 s",
        after - before
    );
    fake.set(|knobs| {
        knobs.late.clear();
        knobs.channels.clear();
    });
    fake.push_health();
    support::until("it is well again", LONG, || word(&instance) == "healthy");
}
