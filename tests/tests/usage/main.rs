//! What an instance uses, on the agent's page of metrics: beside a gateway that is made to say anything, and beside the
//! real one with a model.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod brim;
mod counters;
mod exporter;
mod page;
mod real;

use std::time::Duration;

use support::{Agent, Fake, Instance, Knobs, Pod, arguments};

use crate::page::Page;

/// Longer than anything here takes on a busy machine: a look is taken every ten seconds.
const LONG: Duration = Duration::from_secs(90);

/// Arguments that make a test quick and change nothing that it looks at.
const QUICK: [&str; 4] = ["--probation", "500ms", "--protection", "switch"];

/// An agent beside a fake gateway.
struct Scene {
    instance: Instance,
    fake: Fake,
}

impl Scene {
    fn with(knobs: Knobs, more: &[&str]) -> Self {
        let more = [&QUICK, more].concat();
        let instance = Instance::alone(Pod::new(), &more);
        instance.document_in_place();
        let knobs = Knobs {
            token: instance.pod.gateway_token(),
            ..knobs
        };
        let fake = Fake::start(&instance.pod.document(), instance.pod.ports.gateway, knobs);
        Self { instance, fake }
    }

    /// Kills the agent, and starts another.
    fn reborn(&mut self) {
        self.instance.agent.kill();
        let arguments = arguments(&self.instance.pod, &QUICK);
        self.instance.agent = Agent::start(&self.instance.pod, &arguments);
        self.instance.document_in_place();
    }

    fn page(&self) -> Page {
        Page::of(&self.instance)
    }

    /// Waits for a page that shows this.
    #[track_caller]
    fn shows(&self, sample: &str, value: f64) -> Page {
        Page::wait(&self.instance, sample, value, LONG)
    }
}
