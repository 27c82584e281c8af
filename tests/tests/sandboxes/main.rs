//! Everything together: the agent as supervisor and guard, the real gateway as its child, a model that has it run tools,
//! and a daemon of each version, under limits that keep nothing but what is live.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod foreign;
mod stage;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::DaemonVersion;

use crate::stage::{Passes, Stage};

/// A message whose tool works until it is told to end, longer than the gateway waits for a result.
const WORK: &str = "RUN until [ -e /tmp/go ]; do sleep 0.2; done; echo went END";

/// Two tool calls with a pause, the second of which looks for what the first left behind.
const TWO_CALLS: &str = "RUN echo kept > /tmp/file; (sleep 1000 >/dev/null 2>&1 & echo $! > /tmp/job); echo first \
     THEN PAUSE 5 THEN cat /tmp/file && kill -0 $(cat /tmp/job) && echo alive END";

fn the_whole_story(version: DaemonVersion) {
    let stage = Stage::set(version);
    let foreign = foreign::everything(stage.daemon());
    the_raw_socket_is_the_agents_alone(&stage);

    let passes = Passes::every_second(&stage);
    let _working = stage.ask("working", WORK);
    let working_in = stage.sandbox("working");
    let mut slept = stage.ask("slept", "RUN sleep 30; echo woke END");
    let slept_in = stage.sandbox("slept");
    let mut twice = stage.ask("twice", TWO_CALLS);
    assert_eq!(twice.answer(), "done: kept\nalive");
    assert!(stage.model_was_told("first"), "the first of two calls");
    let twice_in = stage.sandbox("twice");

    foreign::is_out_of_reach(&stage, &working_in);
    foreign::nothing_privileged_is_made(&stage);

    assert_eq!(slept.answer(), "done: woke");
    let seen = passes.end();
    assert!(seen.iter().any(|pass| pass["seen"] == 3), "{seen:#?}");
    for pass in &seen {
        assert_eq!(pass["removals"], Value::Array(Vec::new()), "{pass:#}");
    }
    for (session, id) in [
        ("working", &working_in),
        ("slept", &slept_in),
        ("twice", &twice_in),
    ] {
        assert_eq!(&stage.sandbox(session), id, "{session} has another sandbox");
    }

    let ours = [&working_in, &slept_in, &twice_in];
    assert_eq!(foreign::everything_but(stage.daemon(), ours), foreign);
}

/// Only the guard's socket is open to the gateway, and the gateway uses it.
fn the_raw_socket_is_the_agents_alone(stage: &Stage) {
    let raw = stage.docker_as_gateway(&stage.daemon().host(), &["ps"]);
    assert!(!raw.status.success(), "the raw socket is open: {raw:?}");
    let environment = fs::read(
        Path::new("/proc")
            .join(stage.gateway_pid().to_string())
            .join("environ"),
    );
    let environment = environment.unwrap();
    let host = format!("DOCKER_HOST={}", stage.guard());
    let mut variables = environment.split(|byte| *byte == 0);
    assert!(
        variables.any(|variable| variable == host.as_bytes()),
        "the gateway has no {host}"
    );
}

#[test]
fn tools_run_and_sandboxes_go_on_the_oldest_daemon() {
    the_whole_story(DaemonVersion::Oldest);
}

#[test]
fn tools_run_and_sandboxes_go_on_the_newest_daemon() {
    the_whole_story(DaemonVersion::Newest);
}
