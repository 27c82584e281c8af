//! What an operator sees of a running pod, and does to it.

use serde_json::{Value, json};

use crate::desk::{Desk, Ended, Running};
use crate::teller::{Teller, changed, problem, sample};

/// An agent with a verdict.
fn pod(verdict: &str) -> Teller {
    let health = changed("health_response", "/verdict", verdict.into());
    Teller::new(&[
        ("GET /v1/status", &[(200, &sample("status_response"))]),
        ("GET /v1/health", &[(200, &health)]),
        ("GET /v1/sandboxes", &[(200, &sample("sandboxes_response"))]),
    ])
}

#[test]
fn a_status_is_a_screen_with_an_exit_code() {
    for (verdict, code) in [
        ("healthy", 0),
        ("starting", 0),
        ("draining", 0),
        ("suspended", 0),
        ("degraded", 1),
        ("failing", 1),
        ("of tomorrow", 1),
    ] {
        let ended = pod(verdict).run(&["status"]).with(code);
        assert!(
            ended.stdout.contains("\ngateway     up 2026.9.6"),
            "{}",
            ended.stdout
        );
        assert!(
            ended.stdout.is_ascii() && !ended.stdout.contains('\x1b'),
            "{}",
            ended.stdout
        );
    }
    let json = pod("degraded").run(&["status", "--json"]).with(1).json();
    assert_eq!(json["health"]["verdict"], "degraded");
    assert_eq!(json["status"]["config"]["generation"], 12);
    assert!(json["sandboxes"]["sandboxes"].is_array());
}

#[test]
fn an_agent_without_a_verdict_tells_what_it_can() {
    let old = Teller::new(&[("GET /v1/status", &[(200, &sample("status_response"))])]);
    let said = old.run(&["status"]).with(0).stdout;
    assert!(
        said.contains("no verdict") && said.contains("gateway     up"),
        "{said}"
    );
    let json = old.run(&["status", "--json"]).with(0).json();
    assert_eq!(
        (&json["health"], &json["sandboxes"]),
        (&Value::Null, &Value::Null)
    );
    for words in [
        &["activity"][..],
        &["journal"],
        &["restart"],
        &["suspend"],
        &["resume"],
    ] {
        let said = old.run(words).with(1).stderr;
        assert!(
            said.contains("this agent is older than the command"),
            "{words:?}: {said}"
        );
    }
}

#[test]
fn a_running_agent_without_a_gateway_is_shown() {
    let desk = Desk::new();
    let agent = Running::on(&desk);
    let url = format!("http://{}", agent.address);
    let words = ["status", "--json", "--agent", &url, "--token-file", "read"];
    let ended = desk.bare(&words);
    let json = ended.json();
    assert_eq!(json["status"]["gateway"]["state"], "absent", "{json}");
    assert_eq!(json["sandboxes"]["daemon"]["state"], "off", "{json}");
    assert!(json["health"]["verdict"].is_string(), "{json}");
    let said = desk
        .bare(&["status", "--agent", &url, "--token-file", "read"])
        .stdout;
    assert!(said.contains("\ngateway     absent"), "{said}");
    assert!(said.contains("\nconfig      generation 1, "), "{said}");
}

#[test]
fn the_journal_of_a_running_agent_is_read_and_acknowledged() {
    let desk = Desk::new();
    let agent = Running::on(&desk);
    let url = format!("http://{}", agent.address);
    let ask = |words: &[&str], token: &str| {
        let here = ["--agent", &url, "--token-file", token];
        desk.bare(&[&["journal"][..], words, &here].concat())
    };
    let said = ask(&[], "read").with(0).stdout;
    assert!(said.contains("  the agent 0.1.0 starts\n"), "{said}");
    let refused = ask(&["--ack"], "read").with(3).stderr;
    assert!(refused.contains("does not take the token"), "{refused}");
    let said = ask(&["--ack", "--json"], "operate").with(0).stdout;
    let lines = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let numbers: Vec<_> = lines
        .map(|entry| entry["number"].as_u64().unwrap())
        .collect();
    assert!(numbers[0] == 1 && numbers.is_sorted(), "{said}");
    assert!(said.contains(r#""kind":"agent_started""#), "{said}");
    let said = ask(&["--after", "100000"], "read").with(0).stdout;
    assert_eq!(said, "nothing happened\n");
    ask(&["--after", "not a cursor"], "read").with(2);
}

#[test]
fn an_agent_that_is_not_there_has_no_status() {
    let desk = Desk::new();
    desk.write("token", "a-token-of-some-length\n");
    let words = [
        "status",
        "--agent",
        "http://127.0.0.1:9",
        "--token-file",
        "token",
    ];
    let said = desk.bare(&words).with(3).stderr;
    assert!(said.contains("cannot reach the agent"), "{said}");
}

#[test]
fn activity_says_what_a_stop_costs() {
    let busy = Teller::new(&[("GET /v1/activity", &[(200, &sample("activity_response"))])]);
    let said = busy.run(&["activity"]).with(0).stdout;
    assert!(
        said.contains("in the way of a stop:\n  2 runs are active\n"),
        "{said}"
    );
    assert_eq!(
        busy.run(&["activity", "--json"]).with(0).json()["active_runs"],
        2
    );
}

/// A journal of two pages.
fn journal() -> Teller {
    let mut first: Value = serde_json::from_str(&sample("journal_response")).unwrap();
    (first["more"], first["next"]) = (true.into(), "a1:43".into());
    let entry = json!({"id": "a1", "number": 44, "at": "2026-11-24T09:00:00Z", "event": {"kind": "agent_ending"}});
    let second = json!({"newest": 44, "entries": [entry], "next": "a1:44"});
    Teller::new(&[
        (
            "GET /v1/journal",
            &[(200, &first.to_string()), (200, &second.to_string())],
        ),
        ("POST /v1/journal/ack", &[(200, r#"{"acknowledged": 44}"#)]),
    ])
}

#[test]
fn a_journal_is_read_page_by_page_and_acknowledged_once_it_is_out() {
    let teller = journal();
    let said = teller.run(&["journal", "--ack"]).with(0).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].ends_with("42 is gone for good"), "{said}");
    assert!(
        lines[1].starts_with("2026-11-24 08:12:24      43  the gateway ended: oom"),
        "{said}"
    );
    assert_eq!(lines[2..], ["2026-11-24 09:00:00      44  the agent ends"]);
    let expected = [
        "GET /v1/journal?limit=1000",
        r#"POST /v1/journal/ack {"up_to":"a1:43"}"#,
        "GET /v1/journal?after=a1%3A43&limit=1000",
        r#"POST /v1/journal/ack {"up_to":"a1:44"}"#,
    ];
    assert_eq!(teller.asked(), expected);
}

#[test]
fn a_program_gets_a_line_of_json_for_each_entry() {
    let teller = journal();
    let said = teller
        .run(&["journal", "--json", "--after", "41"])
        .with(0)
        .stdout;
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        lines[0],
        json!({"gap": {"kind": "numbers", "from": 42, "to": 42}})
    );
    assert_eq!(
        (&lines[1]["number"], &lines[2]["number"]),
        (&json!(43), &json!(44))
    );
    assert_eq!(teller.asked()[0], "GET /v1/journal?after=41&limit=1000");
    let none = r#"{"newest": 0, "entries": [], "next": "a1:0"}"#;
    let none = Teller::new(&[("GET /v1/journal", &[(200, none)])]);
    assert_eq!(none.run(&["journal"]).with(0).stdout, "nothing happened\n");
    assert_eq!(none.run(&["journal", "--json"]).with(0).stdout, "");
}

#[test]
fn a_restart_is_waited_for_and_a_busy_gateway_is_left_alone() {
    let busy = problem(409, "gateway_busy", "2 runs are active");
    let late = changed("restart_response", "/state", "scheduled".into());
    let done = sample("restart_response");
    let teller = Teller::new(&[(
        "POST /v1/gateway/restart",
        &[(409, &busy), (200, &done), (200, &late), (200, &late)],
    )]);
    let said = teller.run(&["restart"]).with(1).stderr;
    assert!(said.contains("2 runs are active"), "{said}");
    let said = teller
        .run(&["restart", "--force", "--timeout", "1m"])
        .with(0)
        .stdout;
    assert!(said.starts_with("restarted in 4s (by "), "{said}");
    assert!(
        teller
            .run(&["restart"])
            .with(1)
            .stdout
            .starts_with("asked for")
    );
    teller.run(&["restart", "--timeout", "0s"]).with(0);
    let call = "POST /v1/gateway/restart ";
    let bodies: Vec<String> = teller
        .asked()
        .iter()
        .map(|one| one.replace(call, ""))
        .collect();
    assert_eq!(bodies[0], r#"{"force":false,"timeout_seconds":120}"#);
    assert_eq!(bodies[1], r#"{"force":true,"timeout_seconds":60}"#);
    assert_eq!(bodies[3], r#"{"force":false,"timeout_seconds":0}"#);
    for words in [
        ["--timeout", "141s"],
        ["--timeout", "1500ms"],
        ["--timeout", "soon"],
    ] {
        let said = teller
            .run(&[&["restart"][..], &words].concat())
            .with(2)
            .stderr;
        assert!(said.contains("--timeout"), "{said}");
    }
}

#[test]
fn a_suspension_waits_for_what_runs_and_says_what() {
    let draining = changed("suspend_response", "/suspension/state", "draining".into());
    let running = sample("activity_response");
    let mut idle: Value = serde_json::from_str(&running).unwrap();
    idle["suspension"]["state"] = "suspended".into();
    let teller = Teller::new(&[
        (
            "POST /v1/gateway/suspend",
            &[(200, &draining), (200, &sample("suspend_response"))],
        ),
        (
            "GET /v1/activity",
            &[(200, &running), (200, &running), (200, &idle.to_string())],
        ),
        (
            "POST /v1/gateway/resume",
            &[(200, &sample("resume_response"))],
        ),
    ]);
    let ended = teller.run(&["suspend", "--drain", "--hold", "1h"]).with(0);
    assert!(
        ended
            .stdout
            .starts_with("suspended until 2026-11-24 08:12:24"),
        "{}",
        ended.stdout
    );
    assert_eq!(ended.stderr, "waiting: 2 runs are active\n");
    let asked = teller.asked();
    assert_eq!(
        asked[0],
        r#"POST /v1/gateway/suspend {"drain":true,"hold_seconds":3600}"#
    );
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(
        teller
            .run(&["resume"])
            .with(0)
            .stdout
            .contains("takes work again")
    );
    assert!(
        teller
            .run(&["suspend", "--hold", "5s"])
            .with(2)
            .stderr
            .contains("10 to 3600")
    );
}

#[test]
fn a_suspension_that_ends_meanwhile_is_an_error() {
    let draining = changed("suspend_response", "/suspension/state", "draining".into());
    let teller = Teller::new(&[
        ("POST /v1/gateway/suspend", &[(200, &draining)]),
        ("GET /v1/activity", &[(200, "{}")]),
    ]);
    let said = teller.run(&["suspend", "--drain"]).with(1).stderr;
    assert!(said.contains("the suspension ended while"), "{said}");
}

#[test]
fn a_watched_status_ends_with_its_reader_and_loses_nothing_silently() {
    let teller = pod("healthy");
    let desk = Desk::new();
    let here = teller.words(&desk);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = desk.command(&["status", "--watch", "--json"]);
    let lost = Ended::of(&command.args(&here).stdout(full).output().unwrap()).with(1);
    assert!(
        lost.stderr.contains("cannot write to stdout"),
        "{}",
        lost.stderr
    );
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = desk.command(&["journal", "--follow"]);
    let teller = journal();
    let ended = command
        .args(teller.words(&desk))
        .stdout(writer)
        .output()
        .unwrap();
    assert!(Ended::of(&ended).with(0).stderr.is_empty());
}
