//! Cures of channels: what is said and not done, what waits for a user's run, what makes things worse.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use support::{Fake, Instance, Knobs, dead_account, until};

use crate::scene::{LONG, beside, events, health, ready, recorded, sample, told, verdict, word};

/// Longer than a cause has to last (60 s), and than a gateway is left alone after its start (60 s).
const RIPE: Duration = Duration::from_secs(80);

fn dead() -> Knobs {
    let account = dead_account("default", "connection refused");
    Knobs {
        channels: [("telegram".to_owned(), vec![account])].into(),
        ..Knobs::default()
    }
}

fn called(fake: &Fake, method: &str) -> usize {
    fake.calls().iter().filter(|call| *call == method).count()
}

fn given(instance: &Instance) -> Vec<Value> {
    let recent = health(instance)["cures"]["recent"].clone();
    recent.as_array().unwrap().clone()
}

/// Waits until something is given, or would have been.
fn first(instance: &Instance) -> Value {
    until("a cure", LONG, || !given(instance).is_empty());
    given(instance).pop().unwrap()
}

fn counted(outcome: &str) -> String {
    format!("pilotfish_cures_total{{cure=\"channel_restart\",outcome=\"{outcome}\"}}")
}

/// It says what it would do, and does nothing.
pub fn observed() {
    let (instance, fake) = beside(dead(), &["--cures", "observe"]);
    told(&instance, "channel", "telegram/default");
    let cure = first(&instance);
    assert_eq!(
        (&cure["cure"], &cure["outcome"]),
        (&json!("channel_restart"), &json!("observed")),
        "{cure}"
    );
    assert_eq!(cure["subject"], "telegram/default", "{cure}");
    let said = health(&instance);
    assert_eq!(said["cures"]["mode"], "observe");
    let remedy = said["causes"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("only observes"), "{said:#}");
    recorded(&instance, "cure", |event| event["outcome"] == "observed");
    let line = instance.agent.stderr.all().join("\n");
    assert!(line.contains("would cure, but only observes"), "{line}");
    assert!(sample(&instance, &counted("observed")) > Some(0.0));
    assert_eq!(
        (
            called(&fake, "channels.stop"),
            called(&fake, "channels.start")
        ),
        (0, 0)
    );
}

/// A restart of a channel waits for the run; with its end it is given. The bot stays dead, and that is said.
pub fn waits_for_a_run_and_does_not_help() {
    let mut knobs = dead();
    (knobs.active_runs, knobs.incurable) = (1, true);
    let (instance, fake) = beside(knobs, &[]);
    told(&instance, "channel", "telegram/default");
    sleep(RIPE);
    assert_eq!(given(&instance), Vec::<Value>::new(), "a run is active");
    assert_eq!((called(&fake, "channels.stop"), ready(&instance)), (0, 200));
    fake.set(|knobs| knobs.active_runs = 0);
    let cure = first(&instance);
    assert_eq!(
        (&cure["cure"], &cure["outcome"]),
        (&json!("channel_restart"), &json!("pending")),
        "{cure}"
    );
    assert_eq!(
        (
            called(&fake, "channels.stop"),
            called(&fake, "channels.start")
        ),
        (1, 1)
    );
    recorded(&instance, "cure", |event| event["outcome"] == "no_help");
    assert_eq!(sample(&instance, &counted("no_help")), Some(1.0));
    assert_eq!(word(&instance), "degraded");
    assert_eq!(
        called(&fake, "gateway.restart.request"),
        0,
        "one step at a time"
    );
}

/// Starting the bot kills the gateway: it is laid to the cure, which is not given again.
pub fn worse() {
    let mut knobs = dead();
    knobs.deadly = true;
    let (instance, fake) = beside(knobs, &[]);
    told(&instance, "channel", "telegram/default");
    let cure = first(&instance);
    assert_eq!(cure["cure"], "channel_restart", "{cure}");
    recorded(&instance, "cure", |event| event["outcome"] == "worse");
    assert_eq!(sample(&instance, &counted("worse")), Some(1.0));
    assert_eq!(word(&instance), "failing");
    fake.revive();
    verdict(&instance, "degraded");
    sleep(RIPE);
    assert_eq!(given(&instance).len(), 1, "it stops itself");
    assert_eq!(called(&fake, "channels.start"), 1);
    assert_eq!(called(&fake, "gateway.restart.request"), 0);
    let cause = told(&instance, "channel", "telegram/default");
    let remedy = cause["remedy"].as_str().unwrap();
    assert!(remedy.contains("made things worse"), "{cause}");
    assert_eq!(
        events(&instance, "cure").len(),
        2,
        "given, and what came of it"
    );
}

/// An account that nobody has linked is nobody's failure.
#[test]
fn an_account_that_nobody_linked_is_no_failure() {
    let account = json!({
        "accountId": "default", "enabled": true, "configured": true, "running": false, "connected": false,
        "linked": false, "lifecycle": "stopped", "statusState": "not-linked", "stateReason": "not linked",
        "lastError": "not linked", "healthState": "not-running",
    });
    let knobs = Knobs {
        channels: [("whatsapp".to_owned(), vec![account])].into(),
        channel_issues: vec![
            json!({ "channel": "whatsapp", "accountId": "default", "kind": "auth",
            "message": "Not linked (no WhatsApp Web session).", "fix": "openclaw channels login" }),
        ],
        failing: vec!["whatsapp".to_owned()],
        ..Knobs::default()
    };
    let (instance, _fake) = beside(knobs, &[]);
    let cause = told(&instance, "channel", "whatsapp/default");
    assert_eq!(cause["severity"], "notice", "{cause}");
    let said = verdict(&instance, "healthy");
    assert_eq!(
        (&said["channels"][0]["state"], ready(&instance)),
        (&json!("unlinked"), 200),
        "{said:#}"
    );
    assert_eq!(
        sample(&instance, "openclaw_channel_up{channel=\"whatsapp\"}"),
        None
    );
}
