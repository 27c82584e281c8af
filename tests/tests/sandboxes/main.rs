//! Everything together: the agent as supervisor and guard, the real gateway as its child, a model that has it run tools,
//! and a daemon of each version, under limits that keep nothing but what is live.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod foreign;
mod stage;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{DaemonVersion, eventually, until};

use crate::stage::{LONG, Passes, Stage};

/// Two tool calls with a pause, the second of which looks for what the first left behind.
const TWO_CALLS: &str = "RUN echo kept > /tmp/file; (sleep 1000 >/dev/null 2>&1 & echo $! > /tmp/job); echo first \
     THEN PAUSE 5 THEN cat /tmp/file && kill -0 $(cat /tmp/job) && echo alive END";

/// A command that works until it is told to end, and that the run does not wait for.
const LEFT: &str = "RUN LEAVE until [ -e /tmp/go ]; do sleep 0.2; done; touch /tmp/went END";

/// A run without a tool for almost as long as the gateway waits for a model.
const THOUGHT: &str = "RUN PAUSE 110 END";

/// The sandboxes of the story, the oldest first.
struct Sandboxes {
    /// An active run is all that it has.
    thinking: String,
    /// A running exec is all that it has.
    working: String,
    /// Becomes idle first.
    slept: String,
    /// Becomes idle after it.
    twice: String,
}

fn the_whole_story(version: DaemonVersion) {
    let mut stage = Stage::set(version);
    let foreign = foreign::everything(stage.daemon());
    the_raw_socket_is_the_agents_alone(&stage);
    let made = all_are_kept_while_everything_is_young(&stage);
    let ours = [&made.thinking, &made.working, &made.slept, &made.twice];
    assert_eq!(foreign::everything_but(stage.daemon(), ours), foreign);

    stage.let_only_idle_ones_go();
    let left = stage.ask("working", LEFT).answer();
    assert!(left.contains("running"), "it did not leave it: {left}");
    let _thought = stage.ask("thinking", THOUGHT);
    assert_eq!(
        stage.ask("twice", "RUN echo late END").answer(),
        "done: late"
    );

    a_prune_does_what_its_dry_run_said(&stage, &made);
    // It is older than the one that is gone, and no tool ran in it since.
    is_gone(&stage, &made.slept);
    assert_eq!(stage.live(&made.thinking), "run");

    it_is_said_that_idle_ones_went(&stage, &made);
    // It is older than the one that is gone, and what runs in it began before the last tool of that one.
    is_gone(&stage, &made.twice);
    assert_eq!(stage.live(&made.working), "exec");
    it_works_to_its_end(&stage, &made.working);
    assert_eq!(foreign::everything_but(stage.daemon(), ours), foreign);
}

/// Under limits that take everything but what is live, with a pass every second.
fn all_are_kept_while_everything_is_young(stage: &Stage) -> Sandboxes {
    let passes = Passes::every_second(stage);
    let quick = |session: &str| {
        let answer = stage.ask(session, "RUN echo quick END").answer();
        assert_eq!(answer, "done: quick", "{session}");
        stage.sandbox(session)
    };
    let [thinking, working] = ["thinking", "working"].map(quick);
    let sleeping = stage.ask("slept", "RUN sleep 30; echo woke END");
    let slept = stage.sandbox("slept");
    let twice = stage.ask("twice", TWO_CALLS).answer();
    assert_eq!(twice, "done: kept\nalive");
    assert!(stage.model_was_told("first"), "the first of two calls");
    let twice = stage.sandbox("twice");

    foreign::is_out_of_reach(stage, &slept);
    foreign::nothing_privileged_is_made(stage);

    assert_eq!(sleeping.answer(), "done: woke");
    let seen = passes.end();
    assert!(seen.iter().any(|pass| pass["seen"] == 4), "{seen:#?}");
    for pass in &seen {
        assert_eq!(pass["removals"], json!([]), "{pass:#}");
    }
    let made = Sandboxes {
        thinking,
        working,
        slept,
        twice,
    };
    for (session, id) in [
        ("thinking", &made.thinking),
        ("working", &made.working),
        ("slept", &made.slept),
        ("twice", &made.twice),
    ] {
        assert_eq!(&stage.sandbox(session), id, "{session} has another sandbox");
    }
    made
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

/// A pass of the agent's own may come between the two, and take what the dry run named: then the other one is next, which
/// is due long before the agent's next pass.
fn a_prune_does_what_its_dry_run_said(stage: &Stage, made: &Sandboxes) {
    let compared = eventually(LONG, || {
        let planned = stage.prune(&["--dry-run"]);
        if planned["removals"] == json!([]) {
            return None;
        }
        let done = stage.prune(&[]);
        (done["removals"] != json!([])).then_some((planned, done))
    });
    let (planned, done) = compared
        .unwrap_or_else(|| panic!("nothing was due within {LONG:?}: {:#}", stage.sandboxes()));
    assert_eq!(decisions(&planned, "planned"), decisions(&done, "removed"));
    for removal in done["removals"].as_array().unwrap() {
        assert_eq!(
            (&removal["kind"], &removal["reason"]),
            (&json!("container"), &json!("idle"))
        );
        let id = removal["id"].as_str().unwrap();
        assert!(
            [&made.slept, &made.twice].iter().any(|due| *due == id),
            "{done:#}"
        );
    }
}

/// What a pass was to remove and why, once each of that came to this outcome.
fn decisions(pass: &Value, outcome: &str) -> Vec<Value> {
    let mut removals = pass["removals"].as_array().unwrap().clone();
    for removal in &mut removals {
        let removal = removal.as_object_mut().unwrap();
        let became = removal.remove("outcome").unwrap();
        assert_eq!(became["kind"], outcome, "{pass:#}");
        removal.remove("bytes_freed");
    }
    removals
}

/// `GET /v1/sandboxes` tells of the last one, the metrics of both.
fn it_is_said_that_idle_ones_went(stage: &Stage, made: &Sandboxes) {
    let told = eventually(LONG, || {
        let pass = stage.sandboxes()["last_pass"].take();
        let removals = pass["removals"].as_array()?;
        let mut of_last = removals
            .iter()
            .filter(|removal| removal["id"] == *made.twice);
        of_last.next().cloned()
    });
    let told = told.unwrap_or_else(|| {
        panic!(
            "no pass told of {} within {LONG:?}: {:#}",
            made.twice,
            stage.sandboxes()
        )
    });
    assert_eq!(
        (&told["reason"], &told["outcome"]["kind"]),
        (&json!("idle"), &json!("removed"))
    );
    let metric = "pilotfish_sandbox_removals_total{kind=\"container\",reason=\"idle\"} 2";
    until(metric, LONG, || {
        stage.metrics().lines().any(|line| line == metric)
    });
}

fn is_gone(stage: &Stage, id: &str) {
    until(&format!("{id} is gone from the daemon"), LONG, || {
        !foreign::containers(stage.daemon()).contains(id)
    });
}

/// What was left running in a sandbox was never cut.
fn it_works_to_its_end(stage: &Stage, id: &str) {
    let inside = |command: [&str; 2]| {
        let arguments = [&["exec", id][..], &command].concat();
        stage.daemon().try_docker(&arguments).status.success()
    };
    assert!(!inside(["ls", "/tmp/went"]), "it did not wait");
    assert!(inside(["touch", "/tmp/go"]), "{id} takes no exec");
    until("the command went to its end", LONG, || {
        inside(["ls", "/tmp/went"])
    });
}

#[test]
fn tools_run_and_sandboxes_go_on_the_oldest_daemon() {
    the_whole_story(DaemonVersion::Oldest);
}

#[test]
fn tools_run_and_sandboxes_go_on_the_newest_daemon() {
    the_whole_story(DaemonVersion::Newest);
}
