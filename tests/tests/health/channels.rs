//! A real gateway with bots: the Bot API is well, gone, does not take the token, comes back, and is slow.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Instance, Mood, Pod, Telegram, eventually, newest, until};

use crate::scene::{LONG, causes, events, health, over, ready, recorded, sample, told, verdict};

/// What somebody writes to the bot, and the bots' tokens: none of it may ever be kept.
const WRITTEN: &str = "the-words-of-a-person";
const FIRST: &str = "123456:AAEplantedPlantedPlantedPlantedPlanted";
const SECOND: &str = "123457:AAFplantedPlantedPlantedPlantedPlanted";
const UP: &str = "openclaw_channel_up{channel=\"telegram\"}";

/// Two bots of their own, and an account that nobody has given a token.
fn pod(first: &Telegram, second: &Telegram) -> Pod {
    let bot = |at: &Telegram, name: &str| {
        let id = format!("/{name}");
        let token = json!({ "source": "file", "provider": "pilotfish", "id": id });
        json!({ "enabled": true, "botToken": token, "apiRoot": at.root() })
    };
    let accounts = json!({
        "first": bot(first, "first-bot"), "second": bot(second, "second-bot"), "spare": { "enabled": true },
    });
    let layer = json!({ "channels": { "telegram": { "enabled": true, "accounts": accounts } } });
    let pod = Pod::new();
    pod.secrets.set("first-bot", FIRST);
    pod.secrets.set("second-bot", SECOND);
    pod.layers.base.set("95-bots.json5", layer.to_string());
    pod
}

/// An account by the gateway's own word.
fn own_word(instance: &Instance, account: &str) -> Value {
    let said = instance.rpc().call("channels.status", &json!({})).unwrap();
    let accounts = said["channelAccounts"]["telegram"].as_array().cloned();
    let mut accounts = accounts.unwrap_or_default().into_iter();
    let found = accounts.find(|found| found["accountId"] == account);
    found.unwrap_or_default()
}

fn state(instance: &Instance, account: &str) -> Value {
    let health = health(instance);
    let mut channels = health["channels"].as_array().unwrap().iter();
    let found = channels.find(|channel| channel["account"] == account);
    found
        .map(|channel| channel["state"].clone())
        .unwrap_or_default()
}

/// Waits until the gateway itself calls it down, and then until the agent names it.
fn dies(instance: &Instance, account: &str) -> Value {
    until("the gateway says so", LONG, || {
        std::thread::sleep(Duration::from_millis(250));
        let said = own_word(instance, account);
        said["connected"] == false || said["running"] == false
    });
    let cause = told(instance, "channel", &format!("telegram/{account}"));
    assert_eq!(cause["severity"], "degraded", "{cause}");
    cause
}

pub fn story() {
    let (mut first, second) = (Telegram::start(), Telegram::start());
    let instance = Instance::sidecar(pod(&first, &second), newest(), &[]);
    well(&instance);
    first.write(WRITTEN);
    until("the bot has answered", LONG, || {
        first.asked("sendMessage") > 0
    });

    first.close();
    second.set(Mood::Refuses);
    dies(&instance, "first");
    let cause = dies(&instance, "second");
    assert!(
        cause["evidence"].as_str().unwrap().contains("401"),
        "{cause}"
    );
    let said = verdict(&instance, "degraded");
    assert_eq!(
        (state(&instance, "first"), ready(&instance)),
        (json!("down"), 200),
        "{said:#}"
    );
    assert_eq!(sample(&instance, UP), Some(0.0));
    second.set(Mood::Well);

    let of_first = |event: &Value| event["subject"] == "telegram/first";
    recorded(&instance, "cure", of_first);
    first.open();
    over(&instance, "channel", "telegram/first");
    first.set(Mood::Slow(Duration::from_secs(3)));
    let told = recorded(&instance, "cure", |event| {
        of_first(event) && event["outcome"] != "pending"
    });
    assert_eq!(
        (&told["cure"], &told["outcome"]),
        (&json!("channel_restart"), &json!("helped")),
        "{told}"
    );
    over(&instance, "channel", "telegram/second");
    well(&instance);
    let helped = "pilotfish_cures_total{cure=\"channel_restart\",outcome=\"helped\"}";
    assert!(sample(&instance, helped) > Some(0.0));
    let verdicts = events(&instance, "verdict");
    let last = verdicts.last().unwrap();
    assert_eq!(
        (&last["verdict"], &last["was"]),
        (&json!("healthy"), &json!("degraded")),
        "{last}"
    );
    let kept = std::fs::read_to_string(instance.pod.path("agent-state/journal")).unwrap();
    for planted in [WRITTEN, FIRST, SECOND, &FIRST[7..], &SECOND[7..]] {
        assert!(!kept.contains(planted), "{planted} is in {kept}");
    }
}

/// Both bots are up, and the account without a token is nobody's failure.
fn well(instance: &Instance) {
    let up =
        || (state(instance, "first") == "up" && state(instance, "second") == "up").then_some(());
    assert!(eventually(LONG, up).is_some(), "{:#}", health(instance));
    let said = verdict(instance, "healthy");
    let spare = causes(&said, "channel", "telegram/spare");
    assert_eq!(spare[0]["severity"], "notice", "{said:#}");
    assert_eq!(
        (said["causes"].as_array().unwrap().len(), ready(instance)),
        (1, 200),
        "{said:#}"
    );
    assert_eq!(sample(instance, UP), Some(1.0));
}
