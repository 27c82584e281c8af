//! The agent as the gateway's parent: changes over every way in, and how each is proved.

use std::fs;
use std::process::Command;

use serde_json::json;
use support::{Instance, Pod, Version, complaints, newest};

use crate::scene::{EXTRA, LONG, QUICK, base, layer, post, prove, status, tell, text, wait};
use crate::{refused, restored, started, undone};

#[test]
fn a_gateway_lives_under_the_agent() {
    let mut instance = Instance::supervised(Pod::new(), newest(), &QUICK);
    tell(
        &mut instance,
        &[
            (
                "the child is another user, its document out of reach",
                walls,
            ),
            (
                "a change over the API is proved while it runs",
                over_the_api,
            ),
            (
                "a change of the user's file says so in one line",
                over_the_file,
            ),
            ("a swapped ConfigMap is proved", over_a_swap),
            (
                "a change that needs a restart is proved after it",
                over_a_restart,
            ),
            ("another port is taken by a new process", another_port),
            ("an object that holds nothing undoes nothing", hollow),
            ("a diff knows what restarts", diff),
            ("explain knows who set a key and what it hid", explain),
            ("probes and metrics are what Prometheus expects", pages),
            (
                "what breaks a rule is refused with its place",
                refused::rules,
            ),
            (
                "what the gateway does not take is refused before it is written",
                refused::typo,
            ),
            (
                "a literal credential is refused with a hint",
                refused::literal,
            ),
            ("a change must say what it replaces", refused::conditions),
            (
                "a broken user layer holds no policy back",
                refused::broken_user,
            ),
            (
                "a new lock leaves the user's old keys out, and names them",
                refused::new_lock,
            ),
            (
                "TLS without its files is undone, and left alone",
                undone::tls,
            ),
            (
                "a reference without its secret is refused",
                undone::token_reference,
            ),
            (
                "password mode without a password is undone",
                undone::password,
            ),
            ("an address that is not here is undone", undone::address),
            ("a port that is taken is undone", undone::taken_port),
            (
                "a user layer that is undone is given back",
                undone::user_layer,
            ),
            ("an older generation comes back", restored::rollback),
            (
                "a pause leaves the document alone, and ends",
                restored::pause,
            ),
            (
                "a gateway that is killed during a change is waited for",
                restored::gateway_killed,
            ),
            (
                "an agent that is killed during a proof has a successor",
                restored::agent_killed,
            ),
            (
                "a document written by hand meanwhile does not run",
                started::by_hand,
            ),
            (
                "another version of the gateway starts",
                started::new_version,
            ),
            (
                "exit 78 is answered with the last good document",
                started::exit_78,
            ),
        ],
    );
    started::drained(&mut instance);
}

fn walls(instance: &mut Instance) {
    let pid = instance.gateway_pid();
    let of_child = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let uids: Vec<_> = of_child
        .lines()
        .find(|line| line.starts_with("Uid:"))
        .unwrap()
        .split_whitespace()
        .skip(1)
        .collect();
    assert_eq!(uids, ["1000"; 4], "real, effective, saved and for files");
    let planted = instance.pod.document().with_file_name("planted");
    let attempt = Command::new("nsenter")
        .args(["--target", &pid.to_string(), "--mount", "--", "touch"])
        .arg(&planted)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&attempt.stderr).into_owned();
    assert!(
        !attempt.status.success() && said.contains("Read-only file system"),
        "{said}"
    );
    assert!(!planted.exists());
    let status = status(instance);
    assert_eq!(status["gateway"]["protection"]["kind"], "mount", "{status}");
    assert_eq!(status["drift"]["mode"], "read_only", "{status}");
    assert_eq!(status["gateway"]["version"], Version::Newest.number());
}

fn over_the_api(instance: &mut Instance) {
    let before = instance.generation();
    let path = "/v1/config/user?wait=settled&timeout_seconds=180";
    let headers = [("if-match", "*"), ("x-pilotfish-actor", "alice")];
    let user = "{\n  tools: { exec: { mode: \"deny\" } },\n}";
    let answer = instance
        .api()
        .send("PUT", path, &headers, user.as_bytes())
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let report = &body["report"];
    assert_eq!(report["outcome"]["kind"], "proved", "{report}");
    assert_eq!(report["proof"], "hash", "{report}");
    assert_eq!(report["requires_restart"], false, "{report}");
    assert_eq!(report["actor"], "operate:alice", "{report}");
    assert_eq!(report["generation"], before + 1, "{report}");
    let expected = json!({
        "path": "tools.exec.mode", "from": "ask", "to": "deny", "reload": "hot",
        "origin": { "layer": "user", "file": "user.json5", "line": 2, "column": 20 },
    });
    assert_eq!(report["changes"], json!([expected]));
    let config = instance.config();
    assert_eq!(config["state"], "settled", "settled is what was waited for");
    assert_eq!(status(instance)["config"]["proved_generation"], before + 1);
    assert_eq!(
        answer.header("etag"),
        layer(instance, "user")["etag"].as_str()
    );

    let history = instance.api().get("/v1/config/history").json();
    let newest = &history["generations"][0];
    assert_eq!(
        (&newest["generation"], &newest["actor"], &newest["changed"]),
        (
            &json!(before + 1),
            &json!("operate:alice"),
            &json!(["tools.exec.mode"])
        ),
        "{newest}"
    );
    assert_eq!(newest["outcome"]["kind"], "proved");
    // The gateway's own word.
    let runs = instance.rpc().call("config.get", &json!({})).unwrap();
    assert_eq!(runs["configRevisionHash"], runs["appliedConfigHash"]);
    assert_eq!(
        runs["config"]["tools"]["exec"]["mode"], "deny",
        "{}",
        runs["valid"]
    );

    let same = instance.put_user(user, "proved");
    assert_eq!(
        same.json()["report"]["outcome"]["kind"],
        "unchanged",
        "{}",
        same.body
    );
    assert_eq!(
        instance.generation(),
        before + 1,
        "same bytes, no generation"
    );
}

fn over_the_file(instance: &mut Instance) {
    let from = instance.said();
    let next = instance.generation() + 1;
    instance
        .pod
        .edit_user("{\n  logging: {\n    level: \"debug\",\n  },\n}\n");
    let (line, _) = instance.says(from, &format!("applied generation {next} in "), LONG);
    assert!(
        line.contains(" s: logging.level (user.json5:3:5), no restart"),
        "{line}"
    );
    assert_eq!(instance.config()["last_report"]["actor"], "file:user");
    // As somebody does who takes the edit away again.
    instance.pod.edit_user("{}");
    wait("info again", || {
        instance.document()["logging"]["level"] == "info"
    });
}

fn over_a_swap(instance: &mut Instance) {
    let report = base(instance, "{ ui: { seamColor: \"#123456\" } }", "proved");
    assert_eq!(report["actor"], "file:base", "{report}");
    assert_eq!(report["changes"][0]["path"], "ui.seamColor", "{report}");
    assert_eq!(report["changes"][0]["origin"]["file"], EXTRA, "{report}");
    assert_eq!(instance.document()["ui"]["seamColor"], "#123456");
}

fn over_a_restart(instance: &mut Instance) {
    let (pid, boot) = (instance.gateway_pid(), boot(instance));
    let report = base(
        instance,
        "{ gateway: { controlUi: { basePath: \"/oc\" } } }",
        "proved",
    );
    assert_eq!(report["requires_restart"], true, "{report}");
    assert_eq!(report["changes"][0]["reload"], "restart", "{report}");
    assert_eq!(report["proof"], "hash", "{report}");
    instance.settled(LONG);
    assert_ne!(self::boot(instance), boot, "the gateway started anew");
    assert_eq!(instance.gateway_pid(), pid, "in its process");
}

fn boot(instance: &Instance) -> serde_json::Value {
    status(instance)["gateway"]["boot_id"].clone()
}

fn diff(instance: &mut Instance) {
    let (generation, tag) = (
        instance.generation(),
        layer(instance, "user")["etag"].clone(),
    );
    let user = r#"{ logging: { level: "debug" }, tools: { exec: { mode: "deny" } }, memory: { search: { enabled: false } } }"#;
    let answer = post(instance, "/v1/config/diff", &json!({ "user": user })).json();
    let reloads: Vec<_> = answer["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (text(change, "path"), text(change, "reload")))
        .collect();
    assert_eq!(
        reloads,
        [
            ("logging.level", "none"),
            ("memory.search.enabled", "restart"),
            ("tools.exec.mode", "hot"),
        ],
        "{answer}"
    );
    assert_eq!(answer["requires_restart"], true, "{answer}");
    assert_eq!(answer["check"]["kind"], "gateway_valid", "{answer}");
    let bad = json!({ "user": "{ logging: { levle: \"debug\" } }" });
    let answer = post(instance, "/v1/config/diff", &bad).json();
    assert_eq!(answer["check"]["kind"], "gateway_invalid", "{answer}");
    assert_eq!(answer["problems"][0]["line"], 1, "{answer}");
    assert_eq!(instance.generation(), generation, "nothing was changed");
    assert_eq!(layer(instance, "user")["etag"], tag);
}

fn explain(instance: &mut Instance) {
    let report = prove(instance, "{ logging: { level: \"warn\" } }");
    let ask = |path: &str| {
        let path = format!("/v1/config/explain?path={path}");
        instance.api().get(&path).json()
    };
    let level = ask("logging.level");
    assert_eq!(level["value"], "warn", "{level}");
    assert_eq!(level["origin"]["layer"], "user", "{level}");
    assert_eq!(level["hidden"][0]["value"], "info", "{level}");
    assert_eq!(
        level["hidden"][0]["origin"]["file"], "50-records.json5",
        "{level}"
    );
    assert_eq!(level["since_generation"], report["generation"], "{level}");
    let port = ask("gateway.port");
    assert_eq!(port["locked_by"]["rule"], "gateway", "{port}");
    let token = ask("gateway.auth.token");
    assert!(!token.to_string().contains(&instance.pod.gateway_token()));
    assert!(ask("no.such.key").get("value").is_none());
}

fn pages(instance: &mut Instance) {
    prove(instance, "{ logging: { level: \"warn\" } }");
    let probe = instance.agent.probe();
    for path in ["/startupz", "/livez", "/readyz"] {
        assert_eq!(probe.get(path).status, 200, "{path}");
    }
    assert_eq!(
        probe.get("/v1/config").status,
        404,
        "no API without a token"
    );
    let page = probe.get("/metrics");
    assert_eq!(page.status, 200);
    let kind = page.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain"), "{kind}");
    assert_eq!(complaints(&page.body), [""; 0]);
    let generation = instance.generation();
    for line in [
        format!("pilotfish_config_generation {generation}"),
        "pilotfish_config_applies_total{outcome=\"proved\"}".to_owned(),
    ] {
        assert!(page.body.contains(&line), "{line} is not in\n{}", page.body);
    }
}

fn another_port(instance: &mut Instance) {
    let before = instance.gateway_pid();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let layer = format!("{{ gateway: {{ port: {port} }} }}");
    let report = base(instance, &layer, "proved");
    assert_eq!(report["requires_restart"], true, "{report}");
    assert_eq!(instance.document()["gateway"]["port"], port);
    assert_ne!(instance.gateway_pid(), before, "a process keeps its port");
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
}

fn hollow(instance: &mut Instance) {
    let answer = instance.put_user("{ messages: {} }", "proved");
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(instance.document()["messages"].is_object());
    prove(instance, "{ messages: {}, logging: { level: \"warn\" } }");
}
