//! The real gateway beside the agent: what ended it is inferred, and marked so.

use serde_json::{Value, json};
use support::{Gateway, Instance, Pod, newest, until};

use crate::scene::{LONG, death, events, health, ready, told, verdict, word};

#[track_caller]
fn inferred(death: &Value, causes: &[&str]) {
    let cause = death["cause"].as_str().unwrap();
    assert!(causes.contains(&cause), "{death:#}");
    assert_eq!(death["inferred"], true, "{death:#}");
    assert!(
        death.get("signal").is_none() && death.get("code").is_none(),
        "{death:#}"
    );
    assert!(
        !death["evidence"].as_array().unwrap().is_empty(),
        "{death:#}"
    );
}

fn boot(instance: &Instance) -> Value {
    instance.api().get("/v1/status").json()["gateway"]["boot_id"].clone()
}

#[test]
fn beside_a_real_gateway_every_end_is_inferred_and_marked() {
    let mut instance = Instance::sidecar(Pod::new(), newest(), &[]);
    verdict(&instance, "healthy");
    restarted(&instance);
    killed(&mut instance);
    deleted(instance);
}

/// Its process stays, its boot id does not.
fn restarted(instance: &Instance) {
    let before = boot(instance);
    let answer = instance.rpc().call("gateway.restart.request", &json!({}));
    assert_eq!(answer.unwrap()["ok"], true);
    until("another life", LONG, || {
        let now = boot(instance);
        now.is_string() && now != before
    });
    inferred(&death(instance, 1), &["restart"]);
    verdict(instance, "healthy");
}

fn killed(instance: &mut Instance) {
    instance.gateway.take().unwrap().kill();
    let cause = told(instance, "gateway", "nobody listens on its port");
    assert_eq!(cause["severity"], "failing", "{cause}");
    assert_eq!((word(instance).as_str(), ready(instance)), ("failing", 503));
    let mut gateway = Gateway::launch(&instance.pod, newest());
    gateway.wait_ready(LONG);
    instance.gateway = Some(gateway);
    let death = death(instance, 2);
    inferred(&death, &["crashed", "unknown"]);
    assert_eq!(health(instance)["last_death"], death);
    verdict(instance, "healthy");
    assert_eq!(ready(instance), 200);
}

/// The kubelet ends both containers at once.
fn deleted(mut instance: Instance) {
    instance.agent.signal(nix::sys::signal::Signal::SIGTERM);
    let stopped = instance.gateway.take().unwrap().stop(LONG);
    assert_eq!(stopped.code(), Some(0), "{stopped}");
    assert_eq!(instance.agent.wait(LONG).unwrap().code(), Some(0));
    let arguments = support::arguments(&instance.pod, &[]);
    instance.agent = support::Agent::start(&instance.pod, &arguments);
    instance.document_in_place();
    let deaths = events(&instance, "gateway_died");
    let last = &deaths.last().unwrap()["death"];
    eprintln!("{deaths:#?}");
    inferred(last, &["pod_deleted"]);
}
