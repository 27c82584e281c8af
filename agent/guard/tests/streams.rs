//! Attached streams and the life that they are told to be.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::{
    io::{Read, Write},
    net::Shutdown,
    process::Stdio,
};

use support::{
    CLIENTS, Stage, Version,
    http::request,
    stream::{CAT, attach, exec, rest},
    until,
};

#[test]
fn streams_pass_at_the_old_daemon() {
    streams_pass(Version::Old);
}

#[test]
fn streams_pass_at_the_new_daemon() {
    streams_pass(Version::New);
}

fn streams_pass(version: Version) {
    let stage = Stage::new(version);
    let id = stage.sandbox("streaming");
    half_closes_pass(&stage, &id);
    much_passes_both_ways(&stage);
    nothing_is_smuggled(&stage, &id);
    an_exec_lives_to_its_end(&stage, &id);
    a_detached_exec_lives_to_its_end(&stage, &id);
    a_removal_excludes_an_exec(&stage, &id);
    until("all uses have ended", || stage.seen.live().is_empty());
}

fn half_closes_pass(stage: &Stage, id: &str) {
    let (status, mut stream) = attach(stage, &exec(stage, id, CAT), "early ");
    assert_eq!(status, 101);
    stream.write_all(b"late ").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let said = rest(stream);
    let words: String = said
        .chars()
        .filter(|char| char.is_ascii_lowercase() || *char == ' ')
        .collect();
    assert_eq!(words, "early late over");
}

fn much_passes_both_ways(stage: &Stage) {
    for client in CLIENTS {
        let mut cat = stage.docker(client);
        let mut cat = cat
            .args(["exec", "-i", "streaming", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdin, mut stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
        let sent: Vec<u8> = (0..16_u32 << 20)
            .map(|count| (count.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let sending = std::thread::spawn({
            let sent = sent.clone();
            move || stdin.write_all(&sent).unwrap()
        });
        let mut came = Vec::new();
        stdout.read_to_end(&mut came).unwrap();
        sending.join().unwrap();
        assert!(cat.wait().unwrap().success());
        assert!(
            came == sent,
            "{} of {} bytes came back, or others",
            came.len(),
            sent.len()
        );
    }
}

/// A second request behind an upgrade is what the exec reads, and behind a refused one it is a request like any other.
fn nothing_is_smuggled(stage: &Stage, id: &str) {
    let smuggled = "POST /v1.41/containers/create?name=smuggled HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}";
    let (status, stream) = attach(stage, &exec(stage, id, CAT), smuggled);
    assert_eq!(status, 101);
    stream.shutdown(Shutdown::Write).unwrap();
    let said = rest(stream);
    assert!(
        said.contains("name=smuggled") && said.ends_with("over\n"),
        "{said}"
    );
    let last = smuggled.replace("Host: docker", "Host: docker\r\nConnection: close");
    let (status, stream) = attach(stage, &"0".repeat(64), &last);
    assert_eq!(status, 404);
    let said = rest(stream);
    assert!(
        said.contains("HTTP/1.1 403") && !said.contains("201 Created"),
        "{said}"
    );
    assert_eq!(stage.truth(&["ps", "-aq", "--no-trunc"]), id);
}

fn an_exec_lives_to_its_end(stage: &Stage, id: &str) {
    until("the execs before have ended", || {
        stage.seen.live().is_empty()
    });
    let sleeping =
        r#"{"AttachStdout":true,"Cmd":["sh","-c","while ! [ -e /tmp/end ]; do sleep 0.1; done"]}"#;
    let (_, stream) = attach(stage, &exec(stage, id, sleeping), "");
    until("it runs", || {
        stage.truth(&["top", "streaming"]).contains("/tmp/end")
    });
    assert_eq!(stage.seen.live(), [id]);
    drop(stream);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(
        stage.seen.live(),
        [id],
        "the client went away, the exec did not"
    );
    stage.truth(&["exec", "streaming", "touch", "/tmp/end"]);
    until("it has ended", || stage.seen.live().is_empty());
}

fn a_detached_exec_lives_to_its_end(stage: &Stage, id: &str) {
    let exec = exec(
        stage,
        id,
        r#"{"Cmd":["sh","-c","while ! [ -e /tmp/detached ]; do sleep 0.1; done"]}"#,
    );
    assert_eq!(stage.seen.live(), [id], "it lives from before it was made");
    let started = stage.post(&format!("/v1.41/exec/{exec}/start"), r#"{"Detach":true}"#);
    assert_eq!(started.status, 200, "{started:?}");
    until("it runs", || {
        stage.truth(&["top", "streaming"]).contains("/tmp/detached")
    });
    assert_eq!(stage.seen.live(), [id]);
    stage.truth(&["exec", "streaming", "touch", "/tmp/detached"]);
    until("it has ended", || stage.seen.live().is_empty());
}

fn a_removal_excludes_an_exec(stage: &Stage, id: &str) {
    stage.seen.set_busy(true);
    let made = stage.post(
        &format!("/v1.41/containers/{id}/exec"),
        r#"{"Cmd":["true"]}"#,
    );
    assert_eq!(made.status, 409, "{made:?}");
    assert!(made.body.contains("is already in progress"));
    let past_the_guard = request(
        &stage.daemon.socket(),
        "POST",
        &format!("/v1.41/containers/{id}/exec"),
        CAT,
    );
    assert_eq!(attach(stage, past_the_guard.id(), "").0, 409);
    stage.seen.set_busy(false);
}

#[test]
fn what_passes_is_counted() {
    let stage = Stage::new(Version::New);
    stage.sandbox("counted");
    stage.say(&["exec", "counted", "head", "-c", "1000", "/dev/zero"]);
    stage.get("/v1.41/swarm");
    let families = stage.registry.gather();
    let value = |name: &str, labels: [&str; 2]| {
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .unwrap();
        let found = family.get_metric().iter().find(|metric| {
            let named: Vec<&str> = metric
                .get_label()
                .iter()
                .map(|label| label.value())
                .collect();
            named.is_empty() || named == labels
        });
        found.unwrap().get_counter().get_value() as u64
    };
    assert_eq!(
        value("pilotfish_guard_requests_total", ["create", "passed"]),
        1
    );
    assert_eq!(
        value("pilotfish_guard_requests_total", ["other", "refused"]),
        1
    );
    assert!(value("pilotfish_guard_stream_bytes_total", ["", ""]) >= 1000);
}
