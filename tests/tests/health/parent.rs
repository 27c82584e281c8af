//! The agent as parent of a gateway that refuses to start: the state directory is another's, or its document is not to its
//! liking. Started again on the same it ends the same: a loop.

use std::fs::File;

use nix::fcntl::{Flock, FlockArg};
use serde_json::json;
use support::{Knobs, Pod, Refusal};

use crate::scene::{death, health, knobs, over, parent, ready, sample, told, verdict, word};

#[test]
fn a_gateway_that_ends_again_and_again_is_a_loop_and_its_words_say_why() {
    let pod = Pod::new();
    knobs(&pod, &Knobs::default());
    let file = File::create(pod.path("state/gateway.state.lock")).unwrap();
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).unwrap();
    let instance = parent(pod, &[]);
    let first = death(&instance, 1);
    assert_eq!(
        (&first["cause"], &first["code"]),
        (&json!("exit"), &json!(78)),
        "{first:#}"
    );
    assert_eq!(first["inferred"], false, "{first:#}");
    assert_eq!(
        first["meaning"], "another gateway holds the state directory",
        "{first:#}"
    );
    let cause = told(&instance, "startup", "times within 15 min");
    assert_eq!(cause["severity"], "failing", "{cause}");
    assert_eq!(
        (word(&instance).as_str(), ready(&instance)),
        ("failing", 503)
    );
    assert_eq!(
        health(&instance)["cures"]["recent"],
        json!([]),
        "its parent starts it anyway"
    );
    assert!(sample(&instance, "pilotfish_gateway_deaths_total{cause=\"exit\"}") >= Some(3.0));

    // The next one does not like the document either.
    let dislikes = Refusal {
        path: "gateway".to_owned(),
        message: "no".to_owned(),
    };
    knobs(
        &instance.pod,
        &Knobs {
            refuse: vec![dislikes],
            ..Knobs::default()
        },
    );
    drop(lock);
    support::until("it refuses the document", crate::scene::LONG, || {
        let last = &health(&instance)["last_death"];
        last["cause"] == "refused_config" && last["code"] == 78
    });
    knobs(&instance.pod, &Knobs::default());
    over(&instance, "gateway", "its process ended");
    // What ended three times in a quarter of an hour stays a loop for that long.
    let said = verdict(&instance, "failing");
    assert_eq!(said["causes"][0]["component"], "startup", "{said:#}");
}
