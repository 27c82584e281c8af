//! A daemon with an agent that owns it, and no gateway.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Daemon, DaemonVersion, Instance, Pod, eventually};

use super::fleet::Fleet;

/// Longer than anything takes.
pub const LONG: Duration = Duration::from_secs(300);

/// The label of what is the agent's.
pub const OURS: &str = "openclaw.sandbox=1";

/// An agent and the daemon that it owns.
pub struct Owner {
    /// Declared first, so that it ends first.
    pub instance: Instance,
    pub fleet: Fleet,
    pub daemon: Daemon,
}

impl Owner {
    /// On an empty daemon that has the sandbox's image. It removes only when it is asked to.
    pub fn alone(version: DaemonVersion, more: &[&str]) -> Self {
        let daemon = Daemon::start(version);
        daemon.load_sandbox_image();
        let pod = Pod::new();
        let arguments = daemon.owned_in(&pod);
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(["--sandbox-prune", "off"]);
        arguments.extend(more);
        let owner = Self {
            instance: Instance::alone(pod, &arguments),
            fleet: Fleet::new(&daemon.socket()),
            daemon,
        };
        owner.instance.document_in_place();
        owner.until_known(0);
        owner
    }

    /// The guard's socket, as `DOCKER_HOST` names it.
    pub fn guard(&self) -> String {
        self.instance.pod.guard()
    }

    /// Waits until the agent knows so many sandboxes.
    pub fn until_known(&self, count: usize) {
        let api = self.instance.api();
        let found = eventually(LONG, || {
            let answer = api.get("/v1/sandboxes").json();
            let known = answer["sandboxes"].as_array()?.len();
            (answer["daemon"]["state"] == "up" && known == count).then_some(())
        });
        assert!(found.is_some(), "the agent does not know {count} sandboxes");
    }

    /// Has it make a pass, or say what one would do: the pass.
    pub fn pass(&self, dry_run: bool) -> Value {
        let body = json!({ "dry_run": dry_run }).to_string();
        let headers = [("content-type", "application/json")];
        let api = self.instance.api();
        let answer = api
            .send("POST", "/v1/sandboxes/prune", &headers, body.as_bytes())
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["pass"].take()
    }
}
