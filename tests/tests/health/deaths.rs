//! The real gateway as child of the agent: what ended it is seen, not guessed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::{Instance, Pod, newest, until};

use crate::group::Group;
use crate::scene::{LONG, causes, death, health, ready, sample, told, verdict, word};

const GIB: u64 = 1 << 30;
const MIB: u64 = 1 << 20;

fn signal(pid: i64, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

/// Waits until another process than this one lives under the agent, and is well.
fn another(instance: &Instance, before: i64) -> i64 {
    until("another process", LONG, || {
        let pid = instance.gateway_pid();
        pid > 0 && pid != before
    });
    verdict(instance, "healthy");
    instance.gateway_pid()
}

#[test]
fn as_parent_of_a_real_gateway_every_end_is_seen() {
    let instance = Instance::supervised(Pod::new(), newest(), &[]);
    verdict(&instance, "healthy");
    blocked(&instance);
    killed(&instance);
    out_of_memory(&instance);
}

/// As a reload of its plugins blocks it.
fn blocked(instance: &Instance) {
    let pid = instance.gateway_pid();
    signal(pid, Signal::SIGSTOP);
    let end = Instant::now() + Duration::from_secs(3);
    let calm = |instance: &Instance| {
        let said = health(instance);
        assert_ne!(said["verdict"], "failing", "{said:#}");
        assert!(causes(&said, "gateway", "").is_empty(), "{said:#}");
        sleep(Duration::from_millis(50));
    };
    while Instant::now() < end {
        calm(instance);
    }
    signal(pid, Signal::SIGCONT);
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        calm(instance);
    }
    verdict(instance, "healthy");
    assert_eq!(instance.gateway_pid(), pid);
}

fn killed(instance: &Instance) {
    let pid = instance.gateway_pid();
    signal(pid, Signal::SIGKILL);
    let cause = told(instance, "gateway", "its process ended");
    assert_eq!(cause["severity"], "failing", "{cause}");
    assert_eq!((word(instance).as_str(), ready(instance)), ("failing", 503));
    let death = death(instance, 1);
    seen(&death, "signal", "healthy");
    assert_eq!(health(instance)["last_death"], death);
    another(instance, pid);
    assert_eq!(ready(instance), 200);
    let deaths = "pilotfish_gateway_deaths_total{cause=\"signal\"}";
    assert_eq!(sample(instance, deaths), Some(1.0));
}

#[track_caller]
fn seen(death: &Value, cause: &str, before: &str) {
    assert_eq!(
        (
            &death["cause"],
            &death["inferred"],
            &death["signal"],
            &death["last_verdict"]
        ),
        (&json!(cause), &json!(false), &json!(9), &json!(before)),
        "{death:#}"
    );
    assert!(death["lived_seconds"].as_u64().is_some(), "{death:#}");
}

/// The group gets the running gateway, and then a limit that it has reached already.
fn out_of_memory(instance: &Instance) {
    let group = Group::new(4 * GIB);
    let pid = instance.gateway_pid();
    group.take(pid);
    until("the agent has seen the group", LONG, || {
        health(instance)["resources"]["memory_limit_bytes"] == 4 * GIB
    });
    group.set(group.used() + 2 * MIB);
    let starved = || {
        // It answers from memory of its own.
        if let Ok(mut rpc) =
            support::Rpc::connect(instance.pod.ports.gateway, &instance.pod.gateway_token())
        {
            let _ = rpc.call("config.schema", &json!({}));
        }
        instance.gateway_pid() != pid
    };
    until("the kernel kills it", LONG, starved);
    let death = death(instance, 2);
    seen(&death, "oom", "healthy");
    another(instance, pid);
    assert_eq!(
        sample(instance, "pilotfish_gateway_deaths_total{cause=\"oom\"}"),
        Some(1.0)
    );
}
