//! What becomes of attached streams when the agent ends.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::{io::Write, net::Shutdown, os::unix::net::UnixStream, process::Stdio, time::Duration};

use guard::Settings;
use support::{
    CLIENTS, Front, Stage, Version,
    stream::{CAT, attach, exec, rest},
    told, until,
};

#[test]
fn streams_end_with_the_agent_at_the_old_daemon() {
    streams_end_with_the_agent(Version::Old);
}

#[test]
fn streams_end_with_the_agent_at_the_new_daemon() {
    streams_end_with_the_agent(Version::New);
}

fn streams_end_with_the_agent(version: Version) {
    let stage = Stage::new(version);
    let id = stage.sandbox("streaming");
    they_have_its_goodbye(&stage, &id);
    they_are_not_waited_for_without_a_client(&stage, &id);
    for client in CLIENTS {
        they_are_cut_after_it(&stage, client);
    }
}

/// Another guard before the same daemon, as the agent's next start is one.
fn front(stage: &Stage, goodbye: Duration) -> Front {
    let settings = Settings {
        listen: stage.daemon.folder().join("another.sock"),
        ..stage.settings.clone()
    };
    Front::open(settings, goodbye)
}

/// Far longer than the test: what does not end by itself fails it.
const LONG: Duration = Duration::from_secs(3600);

fn they_have_its_goodbye(stage: &Stage, id: &str) {
    let mut front = front(stage, LONG);
    let (status, mut stream) = attach(&front, &exec(&front, id, CAT), "early ");
    assert_eq!(status, 101);
    front.drain.start();
    until("nobody new is let in", || {
        UnixStream::connect(&front.socket).is_err()
    });
    stream.write_all(b"late ").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let said = rest(stream);
    assert!(said.contains("late ") && said.contains("over"), "{said}");
    front.end();
    assert_eq!(front.seen.live(), Vec::<String>::new());
}

fn they_are_not_waited_for_without_a_client(stage: &Stage, id: &str) {
    let mut front = front(stage, LONG);
    let endless = r#"{"AttachStdout":true,"Cmd":["sleep","infinity"]}"#;
    let (status, stream) = attach(&front, &exec(&front, id, endless), "");
    assert_eq!(status, 101);
    // One that has said all still listens; one that is gone does not.
    stream.shutdown(Shutdown::Write).unwrap();
    front.drain.start();
    until("nobody new is let in", || {
        UnixStream::connect(&front.socket).is_err()
    });
    assert!(front.streams() == 1.0);
    drop(stream);
    front.end();
}

fn they_are_cut_after_it(stage: &Stage, client: &str) {
    let mut old = front(stage, Duration::ZERO);
    let place = client.replace('/', "_");
    let waiting =
        format!("while ! [ -e /tmp/end{place} ]; do sleep 0.1; done; touch /tmp/over{place}");
    let call = old
        .docker(client)
        .args(["exec", "streaming", "sh", "-c", &waiting])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("it runs", || {
        stage.truth(&["top", "streaming"]).contains(&place)
    });
    old.end();
    let output = call.wait_with_output().unwrap();
    assert!(!output.status.success(), "{client}: {}", told(&output));
    let new = front(stage, Duration::ZERO);
    let run = |program: &str, place: String| {
        let mut exec = new.docker(client);
        exec.args(["exec", "streaming", program, &place]);
        exec.output().unwrap().status.success()
    };
    assert!(run("touch", format!("/tmp/end{place}")));
    until("what ran has come to its end", || {
        run("ls", format!("/tmp/over{place}"))
    });
}
