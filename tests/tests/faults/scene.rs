//! An agent beside a fake gateway, and the questions that every test asks of them.

use std::time::Duration;

use serde_json::{Value, json};
use support::{Agent, Answer, Fake, Instance, Knobs, Pod, arguments, eventually};

/// Longer than anything here takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(40);

/// Arguments that make a test quick and change nothing that it looks at.
pub const QUICK: [&str; 4] = ["--probation", "500ms", "--protection", "switch"];

/// A pod with an agent beside a fake gateway.
pub struct Scene {
    pub instance: Instance,
    pub fake: Fake,
}

impl Scene {
    /// Starts both, and waits until the document is settled.
    pub fn new(more: &[&str]) -> Self {
        Self::with(Knobs::default(), more)
    }

    /// The same with a gateway that behaves in such a way.
    pub fn with(knobs: Knobs, more: &[&str]) -> Self {
        Self::on(Pod::new(), knobs, more)
    }

    /// The same on a pod that was made before.
    pub fn on(pod: Pod, knobs: Knobs, more: &[&str]) -> Self {
        let instance = Instance::alone(pod, more);
        instance.document_in_place();
        let fake = fake(&instance.pod, knobs);
        instance.settled(LONG);
        Self { instance, fake }
    }

    /// Kills the agent, and starts another.
    pub fn reborn(&mut self, more: &[&str]) {
        self.instance.agent.kill();
        self.instance.agent =
            Agent::start(&self.instance.pod, &arguments(&self.instance.pod, more));
        self.instance.document_in_place();
    }

    /// Changes the user layer over the API, and waits for the proof.
    pub fn prove(&self, user: &str) -> Value {
        let report = self.report(&self.instance.put_user(user, "proved"));
        assert_eq!(report["outcome"]["kind"], "proved", "{report}");
        report
    }

    /// The report in an answer of the API.
    #[track_caller]
    pub fn report(&self, answer: &Answer) -> Value {
        let report = answer.json()["report"].clone();
        assert!(report.is_object(), "{}: {}", answer.status, answer.body);
        report
    }

    /// Waits until the gateway runs with this value at that place, and nothing is on its way.
    #[track_caller]
    pub fn runs_with(&self, pointer: &str, value: &Value) {
        let found = eventually(LONG, || {
            (self.fake.running().pointer(pointer) == Some(value)).then_some(())
        });
        assert!(
            found.is_some(),
            "{pointer} is not {value}: {}",
            self.instance.config()["last_report"]
        );
        self.instance.settled(LONG);
    }

    /// Waits for a report of such an outcome that is newer than the report `before`.
    #[track_caller]
    pub fn newer_report(&self, before: &Value, outcome: &str) -> Value {
        let newer = || {
            let report = self.instance.config()["last_report"].clone();
            (report["started_at"] != before["started_at"] && report["outcome"]["kind"] == outcome)
                .then_some(report)
        };
        eventually(LONG, newer)
            .unwrap_or_else(|| panic!("no {outcome}: {}", self.instance.config()["last_report"]))
    }

    /// The newest report.
    pub fn last_report(&self) -> Value {
        self.instance.config()["last_report"].clone()
    }

    /// What is in quarantine.
    pub fn quarantined(&self) -> usize {
        self.instance.config()["quarantine"]
            .as_array()
            .unwrap()
            .len()
    }
}

/// A fake gateway for this pod.
pub fn fake(pod: &Pod, knobs: Knobs) -> Fake {
    Fake::start(
        &pod.document(),
        pod.ports.gateway,
        Knobs {
            token: pod.gateway_token(),
            ..knobs
        },
    )
}

/// A user layer that says nothing but this, and its value. Applied hot.
pub fn color(number: u32) -> (String, Value) {
    let value = format!("#{number:06x}");
    (
        format!("{{ ui: {{ seamColor: {value:?} }} }}"),
        json!(value),
    )
}

/// Where the value of [`color`] is in the document.
pub const COLOR: &str = "/ui/seamColor";

/// What a layer is to the agent.
pub fn layer(instance: &Instance, name: &str) -> Value {
    let layers = instance.config()["layers"].clone();
    let found = layers
        .as_array()
        .unwrap()
        .iter()
        .find(|layer| layer["name"] == name);
    found.cloned().unwrap_or_default()
}
