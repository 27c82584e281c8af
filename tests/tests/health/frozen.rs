//! A gateway that stands still for long: its parent ends it, and beside it that is left to the kubelet.

use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::{Instance, Knobs, Pod, dead_account, until};

use crate::scene::{
    LONG, QUICK, environment, health, knobs, parent, program, ready, recorded, sample, told,
    verdict, word,
};

fn signal(pid: i64, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

fn silent(instance: &Instance) {
    let cause = told(instance, "gateway", "no answer came");
    assert_eq!(cause["severity"], "failing", "{cause}");
    assert_eq!((word(instance).as_str(), ready(instance)), ("failing", 503));
}

fn cures(instance: &Instance) -> Vec<Value> {
    let recent = health(instance)["cures"]["recent"].clone();
    recent.as_array().unwrap().clone()
}

/// It ends the process at last, though a run was active: nobody gets anything from it any more.
pub fn ended_by_its_parent() {
    let pod = Pod::new();
    let busy = Knobs {
        active_runs: 1,
        channels: [(
            "telegram".to_owned(),
            vec![dead_account("default", "refused")],
        )]
        .into(),
        ..Knobs::default()
    };
    knobs(&pod, &busy);
    let instance = parent(pod, &["--drain", "3s"]);
    instance.settled(LONG);
    told(&instance, "channel", "telegram/default");
    let pid = instance.gateway_pid();
    signal(pid, Signal::SIGSTOP);
    silent(&instance);
    until("another process", LONG, || {
        let now = instance.gateway_pid();
        now > 0 && now != pid
    });
    let given = cures(&instance);
    let ended = given.iter().find(|cure| cure["cure"] == "gateway_end");
    assert_eq!(ended.unwrap()["component"], "gateway", "{given:#?}");
    assert!(
        given.iter().all(|cure| cure["component"] == "gateway"),
        "{given:#?}"
    );
    let died = recorded(&instance, "gateway_died", |_| true)["death"].clone();
    assert_eq!(
        (&died["cause"], &died["inferred"]),
        (&json!("restart"), &json!(false)),
        "{died:#}"
    );
    assert_eq!(died["last_verdict"], "failing", "{died:#}");
    verdict(&instance, "degraded");
    assert_eq!(ready(&instance), 200);
}

/// The fake gateway in a process of its own, beside the agent.
struct Beside(Child);

impl Beside {
    fn start(pod: &Pod) -> Self {
        let mut command = Command::new(program());
        command.envs(environment(pod)).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn left_to_the_kubelet() {
    let pod = Pod::new();
    knobs(&pod, &Knobs::default());
    let instance = Instance::alone(pod, &QUICK);
    instance.document_in_place();
    let gateway = Beside::start(&instance.pod);
    instance.settled(LONG);
    verdict(&instance, "healthy");
    let pid = i64::from(gateway.0.id());
    signal(pid, Signal::SIGSTOP);
    silent(&instance);
    let left = |event: &Value| event["cure"] == "left_to_kubelet";
    recorded(&instance, "cure", left);
    let said = instance.agent.stderr.all().join("\n");
    assert!(said.contains("left_to_kubelet"), "{said}");
    let pending = "pilotfish_cures_total{cure=\"gateway_end\",outcome=\"helped\"}";
    assert_eq!(
        sample(&instance, pending),
        None,
        "it has no hand on that process"
    );
    signal(pid, Signal::SIGCONT);
    verdict(&instance, "healthy");
    assert_eq!(ready(&instance), 200);
}
