//! One state directory, one owner.

use std::time::Duration;

use support::{Agent, Instance, Pod, arguments, document_arguments};

use crate::scene::QUICK;

#[test]
fn a_second_agent_on_a_state_directory_says_so_and_ends() {
    let first = Instance::alone(Pod::new(), &QUICK);
    first.document_in_place();
    let other = Pod::new();
    let mut line = arguments(&other, &QUICK);
    let state = line.iter().position(|word| word == "--state").unwrap();
    line[state + 1] = first.pod.path("agent-state").display().to_string();
    let mut second = Agent::start(&other, &line);
    let status = second
        .wait(Duration::from_secs(20))
        .expect("the second agent ends");
    let said = second.stderr.wait("agent-state", Duration::from_secs(5));
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains(&first.agent.pid().to_string()), "{said}");
    assert!(!other.document().exists(), "it wrote nothing");

    let mut merge = vec!["merge".to_owned()];
    merge.extend(document_arguments(&first.pod));
    let merged = Agent::once(&first.pod, &merge);
    assert_eq!(merged.code, Some(3), "{}", merged.stderr);
    assert_eq!(
        first.agent.api().get("/v1/config").json()["generation"],
        1,
        "the first one lives on"
    );
}
