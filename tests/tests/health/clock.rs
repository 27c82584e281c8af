//! The wall clock of the agent is set back by a day: one notice, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use support::{Agent, Instance, Knobs, Pod, arguments, live_account};

use crate::scene::{LONG, QUICK, fake, health, journal, ready, told, verdict};

const DAY: i64 = 86_400;

/// Builds the library that shifts the wall clock of a program by what a file says. The linker that Rust needs is all that
/// this needs; Debian's libfaketime would shift the clock that only goes forward as well.
fn shifting(folder: &Path) -> PathBuf {
    let source = support::repository().join("tests/support/clock.c");
    let library = folder.join("clock.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .status()
        .unwrap();
    assert!(built.success());
    library
}

#[test]
fn a_clock_that_is_set_back_by_a_day_is_a_notice_and_nothing_else() {
    let pod = Pod::new();
    let (library, file) = (shifting(pod.root()), pod.path("clock"));
    fs::write(&file, "0").unwrap();
    let shifted = [
        "env".to_owned(),
        format!("LD_PRELOAD={}", library.display()),
        format!("CLOCK_SHIFT={}", file.display()),
    ];
    let agent = Agent::start_under(&pod, &shifted, &arguments(&pod, &QUICK));
    let instance = Instance {
        agent,
        gateway: None,
        pod,
    };
    instance.document_in_place();
    let knobs = Knobs {
        channels: [("telegram".to_owned(), vec![live_account("default")])].into(),
        ..Knobs::default()
    };
    let fake = fake(&instance.pod, knobs);
    instance.settled(LONG);
    verdict(&instance, "healthy");
    let before = journal(&instance);

    fs::write(&file, (-DAY).to_string()).unwrap();
    let cause = told(&instance, "clock", "jumped by -86");
    assert_eq!(cause["severity"], "notice", "{cause}");
    let said = health(&instance);
    assert_eq!(
        (&said["verdict"], ready(&instance)),
        (&json!("healthy"), 200),
        "{said:#}"
    );
    assert_eq!(said["causes"].as_array().unwrap().len(), 1, "{said:#}");

    // Everything goes on: an end is seen, told and over, and the journal has lost nothing.
    fake.kill();
    told(&instance, "gateway", "nobody listens");
    fake.revive();
    verdict(&instance, "healthy");
    let after = journal(&instance);
    assert_eq!(after[..before.len()], before[..]);
    assert!(after.len() > before.len());
    let numbers: Vec<_> = after.iter().map(|entry| entry["number"].as_u64()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}
