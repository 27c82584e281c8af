//! A real gateway with a bot: the Bot API is well, slow, gone, refuses the token, and comes back.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Instance, Mood, Pod, Telegram, eventually, newest, until};

use crate::scene::{LONG, causes, events, health, ready, recorded, sample, told, verdict};

/// What somebody writes to the bot, and the bot's token: neither may ever be kept.
const WRITTEN: &str = "the-words-of-a-person";
const TOKEN: &str = "123456:AAEplantedPlantedPlantedPlantedPlanted";

/// Two bots of their own, and an account that nobody has given a token.
fn layer(first: &Telegram, second: &Telegram) -> Value {
    let token = json!({ "source": "file", "provider": "pilotfish", "id": "/telegram-bot-token" });
    let bot = |at: &Telegram| json!({ "enabled": true, "botToken": token, "apiRoot": at.root() });
    let accounts = json!({
        "first": bot(first), "second": bot(second), "spare": { "enabled": true },
    });
    json!({ "channels": { "telegram": { "enabled": true, "accounts": accounts } } })
}

fn own_word(instance: &Instance, account: &str) -> Value {
    let said = instance.rpc().call("channels.status", &json!({})).unwrap();
    let accounts = said["channelAccounts"]["telegram"].as_array().cloned();
    let mut accounts = accounts.unwrap_or_default().into_iter();
    let found = accounts.find(|found| found["accountId"] == account);
    found.unwrap_or_default()
}

fn channel(instance: &Instance, account: &str) -> Value {
    let health = health(instance);
    let channels = health["channels"].as_array().unwrap().iter();
    let mut channels = channels.filter(|channel| channel["account"] == account);
    channels.next().cloned().unwrap_or_default()
}

/// Waits until the gateway itself calls it down, and then until the agent names it.
fn dies(instance: &Instance, account: &str) -> Value {
    let down = |said: &Value| said["connected"] == false || said["running"] == false;
    until("the gateway says so", LONG, || {
        down(&own_word(instance, account))
    });
    eprintln!("the gateway on {account}: {}", own_word(instance, account));
    let cause = told(instance, "channel", &format!("telegram/{account}"));
    eprintln!("the agent on {account}: {cause}");
    cause
}

pub fn story() {
    let (mut first, second) = (Telegram::start(), Telegram::start());
    let pod = Pod::new();
    pod.secrets.set("telegram-bot-token", TOKEN);
    pod.layers
        .base
        .set("95-bots.json5", layer(&first, &second).to_string());
    let instance = Instance::sidecar(pod, newest(), &[]);
    let up = || {
        channel(&instance, "first")["state"] == "up"
            && channel(&instance, "second")["state"] == "up"
    };
    if eventually(LONG, || up().then_some(())).is_none() {
        panic!(
            "{:#}\n{:#}",
            health(&instance),
            instance.rpc().call("channels.status", &json!({})).unwrap()
        );
    }
    let healthy = verdict(&instance, "healthy");
    assert!(causes(&healthy, "channel", "telegram/first").is_empty());
    eprintln!("{healthy:#}");
    first.write(WRITTEN);
    first.close();
    second.set(Mood::Refuses);
    dies(&instance, "first");
    dies(&instance, "second");
    let _ = (
        ready(&instance),
        events(&instance, "cure"),
        sample(&instance, "x"),
    );
    std::thread::sleep(Duration::from_secs(5));
    eprintln!("{:#}", health(&instance));
}
