//! The journal over the agent's ends: numbers, ids, restored volumes, acknowledgements, and what is never in it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Agent, Instance, Knobs, Pod, arguments, dead_account};

use crate::scene::{LONG, QUICK, beside, events, journal, recorded, told};

/// Every entry that was ever handed out, by id and number.
#[derive(Default)]
struct Seen(BTreeMap<(String, u64), Value>);

impl Seen {
    /// Takes over what the agent hands out now: nothing else may come under an id and number that were used.
    #[track_caller]
    fn look(&mut self, instance: &Instance) -> Vec<Value> {
        let entries = journal(instance);
        for entry in &entries {
            let id = entry["id"].as_str().unwrap().to_owned();
            let key = (id, entry["number"].as_u64().unwrap());
            let before = self.0.entry(key.clone()).or_insert_with(|| entry.clone());
            assert_eq!(before, entry, "{key:?} means two things");
        }
        let numbers: Vec<_> = entries
            .iter()
            .map(|entry| entry["number"].as_u64())
            .collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        entries
    }
}

fn begin(instance: &mut Instance) {
    instance.agent = Agent::start(&instance.pod, &arguments(&instance.pod, &QUICK));
    instance.document_in_place();
}

fn starts(instance: &Instance) -> Vec<bool> {
    let starts = events(instance, "agent_started").into_iter();
    starts
        .map(|event| event["predecessor_lost"] == true)
        .collect()
}

fn newest(instance: &Instance) -> (String, u64) {
    let page = instance.api().get("/v1/journal").json();
    let id = page["id"].as_str().unwrap().to_owned();
    (id, page["newest"].as_u64().unwrap())
}

/// Waits for the words of this life, so that what comes after is another's.
fn started(instance: &Instance, lives: usize) {
    support::until("the start is told", LONG, || {
        starts(instance).len() >= lives
    });
}

#[test]
fn numbers_go_on_under_another_id_whatever_ended_the_agent() {
    let mut instance = Instance::alone(Pod::new(), &QUICK);
    instance.document_in_place();
    started(&instance, 1);
    let mut seen = Seen::default();
    seen.look(&instance);
    let first = newest(&instance);

    instance.agent.kill();
    begin(&mut instance);
    started(&instance, 2);
    seen.look(&instance);
    let second = newest(&instance);
    assert_ne!(first.0, second.0);
    assert!(second.1 > first.1, "{first:?} {second:?}");
    assert_eq!(starts(&instance), [false, true]);

    assert_eq!(instance.agent.stop(LONG).code(), Some(0));
    begin(&mut instance);
    started(&instance, 3);
    seen.look(&instance);
    assert_eq!(
        starts(&instance),
        [false, true, false],
        "it ended in good order"
    );
    assert_eq!(events(&instance, "agent_ending").len(), 1);
}

#[test]
fn a_restored_volume_uses_no_number_twice_under_one_id() {
    let mut instance = Instance::alone(Pod::new(), &QUICK);
    instance.document_in_place();
    started(&instance, 1);
    let mut seen = Seen::default();
    assert_eq!(instance.agent.stop(LONG).code(), Some(0));
    let (file, copy) = (
        instance.pod.path("agent-state/journal"),
        instance.pod.path("copy"),
    );
    fs::copy(&file, &copy).unwrap();

    begin(&mut instance);
    started(&instance, 2);
    seen.look(&instance);
    let lost = newest(&instance);
    assert_eq!(instance.agent.stop(LONG).code(), Some(0));

    fs::write(&file, fs::read(&copy).unwrap()).unwrap();
    begin(&mut instance);
    started(&instance, 2);
    let entries = seen.look(&instance);
    let id = &entries.last().unwrap()["id"];
    assert_ne!(*id, lost.0);
    assert!(
        entries.iter().any(|entry| entry["number"] == lost.1),
        "the same numbers mean something else"
    );

    // A reader who was further than the snapshot is told that it cannot know what it missed.
    let after = format!("/v1/journal?after={}:{}", lost.0, lost.1);
    let page = instance.api().get(&after).json();
    assert_eq!(page["gap"]["kind"], "unknown", "{page:#}");
    assert_eq!(
        page["entries"][0]["number"], entries[0]["number"],
        "from the oldest on"
    );
}

fn ack(instance: &Instance, up_to: &str) -> (u16, Value) {
    let body = json!({ "up_to": up_to }).to_string();
    let kind = [("content-type", "application/json")];
    let answer = instance
        .api()
        .send("POST", "/v1/journal/ack", &kind, body.as_bytes());
    let answer = answer.unwrap();
    (answer.status, answer.json())
}

#[test]
fn what_is_acknowledged_stays_so() {
    let mut instance = Instance::alone(Pod::new(), &QUICK);
    instance.document_in_place();
    started(&instance, 1);
    let (id, number) = newest(&instance);
    let cursor = |number: u64| format!("{id}:{number}");
    assert_eq!(
        ack(&instance, &cursor(number)),
        (200, json!({ "acknowledged": number }))
    );
    let back = ack(&instance, &cursor(number.saturating_sub(1)));
    assert_eq!(
        back,
        (200, json!({ "acknowledged": number })),
        "it never goes back"
    );
    for wrong in [
        cursor(number + 1000),
        format!("{}:1", "0".repeat(32)),
        "nonsense".to_owned(),
    ] {
        let (status, said) = ack(&instance, &wrong);
        assert!((400..500).contains(&status), "{wrong}: {status} {said}");
        assert!(said["code"].is_string(), "{said}");
    }
    instance.agent.kill();
    begin(&mut instance);
    assert_eq!(
        instance.api().get("/v1/journal").json()["acknowledged"],
        number
    );
    let left = instance
        .api()
        .get(&format!("/v1/journal?after={}", cursor(number)))
        .json();
    assert!(
        left["entries"][0]["number"].as_u64() > Some(number),
        "{left:#}"
    );
}

/// The gateway repeats in an error what it was given, and what somebody wrote.
#[test]
fn neither_secrets_nor_words_of_users_are_kept() {
    let secret = "AAEplantedPlantedPlantedPlantedPlanted";
    let words = "my-secret-diary";
    let error = format!("Call to https://api.telegram.org/bot123456:{secret}/sendMessage failed");
    let mut account = dead_account("default", &error);
    account["lastMessage"] = json!(words);
    account["lastInbound"] = json!({ "text": words });
    let knobs = Knobs {
        channels: [("telegram".to_owned(), vec![account])].into(),
        ..Knobs::default()
    };
    let (instance, fake) = beside(knobs, &[]);
    told(&instance, "channel", "telegram/default");
    fake.push(
        "chat",
        json!({ "state": "final", "message": { "content": [{ "text": words }] } }),
    );
    fake.kill();
    recorded(&instance, "verdict", |event| event["verdict"] == "failing");
    fake.revive();
    recorded(&instance, "gateway_died", |_| true);
    std::thread::sleep(Duration::from_millis(300));
    let kept = fs::read_to_string(instance.pod.path("agent-state/journal")).unwrap();
    assert!(kept.contains("telegram/default"), "{kept}");
    let token = instance.pod.gateway_token();
    for planted in [secret, words, &token, &instance.pod.token("operate")] {
        assert!(!kept.contains(planted), "{planted} is in {kept}");
    }
}
