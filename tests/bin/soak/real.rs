//! The real gateway: a change that is applied while it runs, and somebody is killed in it.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Instance, Pod, newest, supervise, until};

use crate::chance::Chance;
use crate::result::Part;

const LONG: Duration = Duration::from_secs(180);

/// So many rounds on one instance.
pub fn run(rounds: usize, part: &mut Part) {
    let mut chance = Chance::new();
    let mut instance = Instance::supervised(Pod::new(), newest(), &[]);
    for round in 0..rounds {
        let before = instance.generation();
        let mode = ["deny", "ask"][round % 2];
        instance
            .pod
            .edit_user(&format!("{{ tools: {{ exec: {{ mode: {mode:?} }} }} }}"));
        sleep(chance.time(Duration::from_millis(900)));
        if round % 3 != 0 {
            let gateway = i32::try_from(instance.gateway_pid()).unwrap();
            kill(Pid::from_raw(gateway), Signal::SIGKILL).unwrap();
        }
        if round % 3 != 1 {
            instance.agent.kill();
            let document = std::fs::read(instance.pod.document()).unwrap();
            assert!(
                serde_json::from_slice::<serde_json::Value>(&document).is_ok(),
                "torn"
            );
            instance.agent = supervise(&instance.pod, newest(), &[]);
        }
        until("the change is in force", LONG, || {
            instance.document()["tools"]["exec"]["mode"] == mode
        });
        instance.settled(LONG);
        assert!(instance.gateway_is_well());
        assert!(instance.generation() > before, "the generation went back");
        part.step();
    }
    let quarantined = instance.config()["quarantine"].as_array().unwrap().len();
    assert_eq!(
        quarantined, 0,
        "a kill from outside is no verdict on a document"
    );
    part.note(format!(
        "generation {}, nothing in quarantine",
        instance.generation()
    ));
}
