//! Secrets: rotated while the gateway runs, named when one is missing, and found nowhere of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::{Instance, Pod, Rpc, newest};

use crate::scene::{EXTRA, LONG, QUICK, prove, reported, status, tell, wait};

/// Values that are nowhere but where they have to be.
const KEY: &str = "planted-provider-key-4f1b77c09a";
const ROTATED: &str = "planted-rotated-key-8d20e3a516";
const TOKEN: &str = "planted-gateway-token-c6615b9e02";
const UNUSED: &str = "planted-unused-secret-27aa90fd31";
const LITERAL: &str = "sk-planted-Lq7Zt2Wm9Xc4Vb8Nk3Rj6Hf5";
const TORN: &str = "sk-planted-Ty3Pw8Qe5Ur2Io7Az4Sx9Dc6";
const BEARER: &str = "planted-wrong-bearer-e09d4471b8";
const PLANTED: [&str; 7] = [KEY, ROTATED, TOKEN, UNUSED, LITERAL, TORN, BEARER];

#[test]
fn secrets_reach_the_gateway_and_nobody_else() {
    let pod = Pod::new();
    pod.secrets.set("mock-key", KEY);
    pod.secrets.set("unused", UNUSED);
    pod.layers
        .plan
        .set("90-provider.json5", provider("/mock-key"));
    let mut instance = Instance::supervised(pod, newest(), &QUICK);
    tell(
        &mut instance,
        &[
            ("a provider's key is rotated", rotated),
            ("a secret that is missing is named", missing),
            (
                "the gateway's token keeps its predecessor until it is proved",
                token,
            ),
            ("what was refused is not kept", refused),
            ("no secret is found in anything of ours", nowhere),
        ],
    );
}

fn provider(id: &str) -> String {
    json!({ "models": { "providers": { "mock": {
        "baseUrl": "http://127.0.0.1:9/v1", "api": "openai-completions",
        "apiKey": { "source": "file", "provider": "pilotfish", "id": id },
        "models": [{
            "id": "m", "name": "m", "reasoning": false, "input": ["text"],
            "cost": { "input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0 },
            "contextWindow": 8000, "maxTokens": 1000,
        }],
    } } } })
    .to_string()
}

/// Swaps one secret, and waits until the agent says what became of it.
fn swap(instance: &Instance, name: &str, value: Option<&str>, said: &str) {
    let from = instance.said();
    match value {
        Some(value) => instance.pod.secrets.set(name, value),
        None => instance.pod.secrets.remove(name),
    }
    let _ = instance.says(from, said, LONG);
}

/// What the gateway itself says of owners without their secret.
fn degraded(instance: &Instance) -> Vec<Value> {
    let status = instance.rpc().call("status", &json!({})).unwrap();
    let owners = status["degradedSecretOwners"].as_array();
    owners.cloned().unwrap_or_default()
}

fn rotated(instance: &mut Instance) {
    assert_eq!(degraded(instance), [Value::Null; 0]);
    let (generation, before) = (instance.generation(), status(instance)["secrets"].clone());
    swap(
        instance,
        "mock-key",
        Some(ROTATED),
        "has read its secrets again",
    );
    let file = instance.pod.secrets_file();
    let held: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(held["mock-key"], ROTATED);
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::symlink_metadata(&file).unwrap().is_file());
    let after = status(instance)["secrets"].clone();
    assert_eq!(after["degraded"], json!([]), "{after}");
    assert!(
        after["generation"].as_u64() > before["generation"].as_u64(),
        "{after}"
    );
    assert_ne!(after["last_reload"], before["last_reload"], "{after}");
    assert_eq!(degraded(instance), [Value::Null; 0]);
    assert_eq!(
        instance.generation(),
        generation,
        "the document holds references"
    );
}

fn missing(instance: &mut Instance) {
    swap(instance, "mock-key", None, "has not taken its secrets over");
    let named = status(instance)["secrets"]["degraded"].clone();
    assert!(
        named.to_string().contains("models.providers.mock.apiKey"),
        "{named}"
    );
    assert_eq!(degraded(instance).len(), 1, "the gateway says so too");
    swap(
        instance,
        "mock-key",
        Some(ROTATED),
        "has read its secrets again",
    );
    let named = status(instance)["secrets"]["degraded"].clone();
    assert_eq!(named, json!([]));
    assert_eq!(degraded(instance), [Value::Null; 0]);
}

/// Nobody knows which token the gateway takes until it has let the agent in with the new one.
fn token(instance: &mut Instance) {
    let old = instance.pod.gateway_token();
    let file = instance.pod.secrets_file();
    let folder = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
    let events = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE;
    folder.add_watch(file.parent().unwrap(), events).unwrap();
    swap(
        instance,
        "gateway-token",
        Some(TOKEN),
        "has read its secrets again",
    );
    let kept = file.with_file_name(".previous-gateway-token");
    wait("the old token is forgotten", || !kept.exists());
    let seen: Vec<_> = folder
        .read_events()
        .unwrap()
        .into_iter()
        .filter(|event| event.name.as_deref() == kept.file_name())
        .map(|event| event.mask)
        .collect();
    assert_eq!(
        seen,
        [AddWatchFlags::IN_MOVED_TO, AddWatchFlags::IN_DELETE],
        "kept, then forgotten"
    );
    instance.settled(LONG);
    let port = instance.pod.ports.gateway;
    assert!(
        Rpc::connect(port, &old).is_err(),
        "the old token is refused"
    );
    assert!(Rpc::connect(port, TOKEN).is_ok(), "the new one is taken");
    prove(instance, "{ tools: { exec: { mode: \"deny\" } } }");
}

fn refused(instance: &mut Instance) {
    let before = instance.document();
    let literal = format!("{{ channels: {{ telegram: {{ botToken: {LITERAL:?} }} }} }}");
    let torn = format!("{{ channels: {{ telegram: {{ botToken: \"{TORN}");
    for text in [&literal, &torn] {
        let answer = instance.put_user(text, "proved");
        assert_eq!(answer.status, 422, "{}", answer.body);
        silent("the answer", answer.body.as_bytes());
    }
    let from = instance.said();
    instance.pod.edit_user(&literal);
    let _ = instance.says(from, "refused: user.json5", LONG);
    let from = instance.said();
    instance.pod.layers.base.set(EXTRA, &literal);
    let _ = instance.says(from, &format!("refused: {EXTRA}"), LONG);
    let from = instance.said();
    instance.pod.layers.base.set(EXTRA, &torn);
    let _ = instance.says(from, &format!("refused: {EXTRA}"), LONG);
    let stranger = support::Client::new(instance.pod.ports.api).with_token(BEARER);
    assert_eq!(stranger.get("/v1/config").status, 401);
    assert_eq!(instance.document(), before);
    everywhere(instance);
    instance.pod.edit_user("{ /* without */ }");
}

/// After everything: a change of the reference, an undo, a restart of the agent.
fn nowhere(instance: &mut Instance) {
    let _ = reported(instance, "proved", || {
        let plan = &instance.pod.layers.plan;
        plan.set("90-provider.json5", provider("/unused"));
    });
    let _ = reported(instance, "rolled_back", || {
        let layer = r#"{ gateway: { auth: { mode: "trusted-proxy" } } }"#;
        instance.pod.layers.base.set(EXTRA, layer);
    });
    instance.settled(LONG);
    everywhere(instance);
    let limits = fs::read_to_string(format!("/proc/{}/limits", instance.agent.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    eprintln!("          {core}");
    instance.agent.signal(Signal::SIGABRT);
    let _ = instance.agent.wait(LONG);
    instance.agent = support::supervise(&instance.pod, newest(), &QUICK);
    instance.document_in_place();
    instance.settled(LONG);
    everywhere(instance);
    kept_by_the_gateway(instance);
}

/// Looks through all that is the agent's own.
fn everywhere(instance: &Instance) {
    let paths = [
        "/v1/config",
        "/v1/config/user",
        "/v1/config/history",
        "/v1/status",
        "/v1/config/explain?path=models.providers.mock.apiKey",
        "/v1/config/explain?path=channels.telegram.botToken",
        "/v1/config/explain?path=gateway.auth",
    ];
    for path in paths {
        let answer = instance.api().get(path);
        assert_eq!(answer.status, 200, "{path}");
        silent(path, answer.body.as_bytes());
    }
    for path in ["/metrics", "/readyz"] {
        silent(path, instance.agent.probe().get(path).body.as_bytes());
    }
    let said = [instance.agent.stderr.all(), instance.agent.stdout.all()].concat();
    silent("what it said", said.join("\n").as_bytes());
    for page in ["cmdline", "environ", "comm"] {
        let path = format!("/proc/{}/{page}", instance.agent.pid());
        silent(&path, &fs::read(&path).unwrap());
    }
    for folder in ["agent-state", "doc"] {
        for file in files(&instance.pod.path(folder)) {
            silent(&file.display().to_string(), &fs::read(&file).unwrap());
        }
    }
    for file in files(instance.pod.root()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with("core"), "{name} is a memory image");
    }
}

#[track_caller]
fn silent(place: &str, bytes: &[u8]) {
    for secret in PLANTED {
        assert!(!holds(bytes, secret), "{secret} is in {place}");
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes
        .windows(secret.len())
        .any(|part| part == secret.as_bytes())
}

/// What is not ours is measured and told.
fn kept_by_the_gateway(instance: &Instance) {
    for folder in ["state", "logs", "home", "workspace"] {
        for file in files(&instance.pod.path(folder)) {
            let bytes = fs::read(&file).unwrap_or_default();
            for secret in PLANTED.into_iter().filter(|secret| holds(&bytes, secret)) {
                let place = file.strip_prefix(instance.pod.root()).unwrap();
                eprintln!(
                    "          the gateway keeps {secret} in {}",
                    place.display()
                );
            }
        }
    }
}

/// Every regular file below a folder, nothing followed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && entry.file_name() != "image" {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}
