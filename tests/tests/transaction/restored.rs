//! What comes back: older layers, a document after a pause, a gateway or an agent that was killed.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use support::{Instance, newest, supervise};

use crate::scene::{LONG, QUICK, bytes, layer, post, prove, reported, status, wait};

/// The layers of then, as a new generation.
pub fn rollback(instance: &mut Instance) {
    let older = "{ logging: { level: \"warn\" } }";
    let target = prove(instance, older)["generation"].clone();
    let newer = prove(instance, "{ logging: { level: \"debug\" } }");
    let revision = layer(instance, "user")["revision"].as_u64().unwrap();
    let body = json!({ "generation": target, "wait": "settled", "timeout_seconds": 180 });
    let answer = post(instance, "/v1/config/rollback", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let report = answer.json()["report"].clone();
    assert_eq!(report["outcome"]["kind"], "proved", "{report}");
    assert_eq!(report["restores"], target, "{report}");
    assert!(report["generation"].as_u64() > newer["generation"].as_u64());
    assert_eq!(instance.document()["logging"]["level"], "warn");
    assert_eq!(instance.api().get("/v1/config/user").body, older);
    assert_eq!(layer(instance, "user")["revision"], revision + 1);
    let history = instance.api().get("/v1/config/history").json();
    assert_eq!(history["generations"][0]["restores"], target, "{history}");
    let nothing = post(
        instance,
        "/v1/config/rollback",
        &json!({ "generation": 99_999 }),
    );
    assert_eq!(nothing.status, 404, "{}", nothing.body);
}

/// A human may work on the document; when the pause ends by itself it is ours again.
pub fn pause(instance: &mut Instance) {
    let ours = bytes(instance);
    let body = json!({ "duration_seconds": 3 });
    let answer = post(instance, "/v1/config/pause", &body);
    assert!(answer.json()["until"].is_string(), "{}", answer.body);
    assert_eq!(instance.config()["state"], "paused");
    let mut edited = instance.document();
    edited["ui"] = json!({ "seamColor": "#fedcba" });
    instance.pod.write_document(&edited);
    wait("the edit is seen", || {
        instance.config()["drift"]["last"]["action"] == "left_alone"
    });
    assert_eq!(instance.document(), edited, "and left alone");
    wait("the pause ends by itself", || bytes(instance) == ours);
    assert!(instance.config().get("paused_until").is_none());
    let last = instance.config()["drift"]["last"].clone();
    assert_eq!(last["action"], "put_back", "{last}");
    assert_eq!(last["paths"], json!(["ui.seamColor"]), "{last}");
}

/// Absence is no verdict: the change is proved when the gateway is back.
pub fn gateway_killed(instance: &mut Instance) {
    let before = instance.document();
    let rollbacks = rolled_back(instance);
    let gateway = instance.gateway_pid();
    let report = reported(instance, "proved", || {
        instance
            .pod
            .edit_user("{ tools: { exec: { mode: \"allowlist\" } } }");
        wait("the document is written", || instance.document() != before);
        kill(pid(gateway), Signal::SIGKILL).unwrap();
    });
    instance.settled(LONG);
    assert_eq!(report["changes"][0]["path"], "tools.exec.mode", "{report}");
    assert_eq!(instance.document()["tools"]["exec"]["mode"], "allowlist");
    assert_eq!(rolled_back(instance), rollbacks, "nothing was undone");
    assert_ne!(instance.gateway_pid(), gateway);
    let child = status(instance)["supervisor"].clone();
    assert_eq!(
        (&child["last_exit"]["kind"], &child["last_exit"]["signal"]),
        (&json!("signal"), &json!(9)),
        "{child}"
    );
}

fn rolled_back(instance: &Instance) -> String {
    let page = instance.agent.probe().get("/metrics").body;
    page.lines()
        .find(|line| line.starts_with("pilotfish_config_rollbacks_total"))
        .unwrap()
        .to_owned()
}

fn pid(number: i64) -> Pid {
    Pid::from_raw(number.try_into().unwrap())
}

/// The next agent adopts the gateway and finishes the proof.
pub fn agent_killed(instance: &mut Instance) {
    let (gateway, before) = (instance.gateway_pid(), instance.generation());
    instance
        .pod
        .edit_user("{ tools: { exec: { mode: \"deny\" } } }");
    support::until("the document is written", Duration::from_secs(10), || {
        instance.document()["tools"]["exec"]["mode"] == "deny"
    });
    kill(Pid::from_raw(instance.agent.pid()), Signal::SIGKILL).unwrap();
    let _ = instance.agent.wait(LONG);
    instance.agent = supervise(&instance.pod, newest(), &QUICK);
    instance.document_in_place();
    instance.settled(LONG);
    assert_eq!(
        instance.gateway_pid(),
        gateway,
        "adopted, not started again"
    );
    assert_eq!(status(instance)["supervisor"]["adopted"], true);
    assert_eq!(
        instance.generation(),
        before + 1,
        "never back, and written once"
    );
    assert_eq!(instance.document()["tools"]["exec"]["mode"], "deny");
    assert_eq!(status(instance)["config"]["proved_generation"], before + 1);
}
