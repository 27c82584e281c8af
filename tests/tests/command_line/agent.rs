//! A running agent that is asked, or is not there.

use crate::desk::{Desk, Ended, Running};

#[test]
fn where_an_agent_owns_the_state_it_is_asked() {
    let desk = Desk::new();
    let agent = Running::on(&desk);
    let ask = |words: &[&str], tokens: &[&str]| {
        let mut command = desk.command(words);
        command
            .env("PILOTFISH_LAYER", "base=base,user=user")
            .env("PILOTFISH_OUT", "doc/openclaw.json")
            .env("PILOTFISH_STATE", "state");
        command.env("PILOTFISH_LISTEN", &agent.address).args(tokens);
        Ended::of(&command.output().unwrap())
    };
    let read = ["--read-token-file", "read"];
    let said = ask(&["history"], &[]).with(3).stderr;
    assert!(
        said.contains("no token file is known") && said.contains("--read-token-file"),
        "{said}"
    );
    assert!(
        ask(&["merge"], &[])
            .with(3)
            .stderr
            .contains("an agent owns state")
    );
    assert!(ask(&["check"], &read).with(0).stdout.starts_with("ok"));
    assert_eq!(
        ask(&["diff"], &read).with(0).stdout,
        "nothing would change\n"
    );
    assert!(
        ask(&["explain", "gateway.bind"], &read)
            .with(0)
            .stdout
            .contains("locked by  gateway.bind")
    );
    assert!(
        ask(&["explain", "gateway"], &read)
            .with(0)
            .stdout
            .contains("    gateway.port  = 18789")
    );
    assert!(
        ask(&["explain", "gateway.bnid"], &read)
            .with(1)
            .stderr
            .contains("did you mean gateway.bind")
    );
    assert_eq!(
        ask(&["history", "--json"], &read).with(0).json()["generations"][0]["generation"],
        1
    );
    let said = ask(&["pause", "15m"], &["--token-file", "read"])
        .with(3)
        .stderr;
    assert!(said.contains("does not take the token in read"), "{said}");
    let operate = ["--token-file", "operate"];
    assert!(ask(&["pause", "15m", "--json"], &operate).with(0).json()["until"].is_string());
    ask(&["pause", "off"], &operate).with(0);
    assert!(
        ask(&["rollback", "9"], &operate)
            .with(1)
            .stderr
            .contains("it has 1 to 1")
    );
    let elsewhere = format!("http://{}", agent.address);
    desk.bare(&["history", "--agent", &elsewhere, "--token-file", "read"])
        .with(0);
    desk.write("user/user.json5", r#"{ gateway: { bind: "lan" } }"#);
    let refused = ask(&["check", "--json"], &read).with(1).json();
    assert_eq!(refused["problems"][0]["kind"], "locked");
}

#[test]
fn an_agent_that_is_not_there_is_said_to_be_so() {
    let desk = Desk::new();
    desk.write("token", "a-token-of-some-length\n");
    let port = "http://127.0.0.1:9";
    let said = desk
        .bare(&["history", "--agent", port, "--token-file", "token"])
        .with(3)
        .stderr;
    assert!(
        said.contains("cannot reach the agent at http://127.0.0.1:9"),
        "{said}"
    );
    assert!(
        desk.bare(&["history", "--agent", port])
            .with(3)
            .stderr
            .contains("--token-file")
    );
    assert!(
        desk.bare(&["history", "--agent", port, "--token-file", "none"])
            .with(3)
            .stderr
            .contains("cannot read a token from none")
    );
    desk.bare(&["history", "--agent", "localhost", "--token-file", "token"])
        .with(2);
}
