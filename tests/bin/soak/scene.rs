//! An agent beside a fake gateway.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use support::{Agent, Fake, Instance, Knobs, Pod, arguments, eventually};

/// Longer than anything takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(60);

/// Arguments that make rounds short.
const QUICK: [&str; 8] = [
    "--probation",
    "0s",
    "--protection",
    "switch",
    "--hot-deadline",
    "1s",
    "--restart-deadline",
    "3s",
];

/// Both of them.
pub struct Scene {
    pub instance: Instance,
    pub fake: Fake,
}

impl Scene {
    /// Starts both, and waits until the document is settled.
    pub fn new() -> Self {
        let instance = Instance::alone(Pod::new(), &QUICK);
        instance.document_in_place();
        // As many checks as one likes: thirty a minute would be used up at once.
        let knobs = Knobs {
            token: instance.pod.gateway_token(),
            writes_per_minute: usize::MAX,
            ..Knobs::default()
        };
        let fake = Fake::start(&instance.pod.document(), instance.pod.ports.gateway, knobs);
        instance.settled(LONG);
        Self { instance, fake }
    }

    /// Starts the agent again after it was killed.
    pub fn reborn(&mut self) {
        self.instance.agent =
            Agent::start(&self.instance.pod, &arguments(&self.instance.pod, &QUICK));
        self.instance.document_in_place();
    }

    /// The number in the document on disk, which is whole.
    pub fn number(&self) -> u64 {
        let bytes = fs::read(self.instance.pod.document()).unwrap();
        let document: Value = serde_json::from_slice(&bytes)
            .unwrap_or_else(|why| panic!("torn ({why}): {} bytes", bytes.len()));
        number_in(&document)
    }

    /// Waits until the gateway runs with this number, and nothing is on its way.
    pub fn runs_with(&self, number: u64) {
        let found = eventually(LONG, || {
            (number_in(&self.fake.running()) == number).then_some(())
        });
        assert!(
            found.is_some(),
            "the gateway does not run with {number}: {}",
            self.instance.config()["last_report"]
        );
        self.instance.settled(LONG);
        assert_eq!(self.number(), number);
    }

    /// Waits until the document on disk has this number.
    pub fn is_written(&self, number: u64) {
        support::until("the change is written", LONG, || self.number() == number);
    }
}

/// A user layer that carries a number. Applied hot.
pub fn user(number: u64) -> String {
    format!("{{ ui: {{ seamColor: \"#{number:06x}\" }} }}")
}

fn number_in(document: &Value) -> u64 {
    let color = document.pointer("/ui/seamColor").and_then(Value::as_str);
    color.map_or(0, |color| {
        u64::from_str_radix(color.trim_start_matches('#'), 16).unwrap()
    })
}
