//! The shipped locks: what a user may set, and every way out of the fence that we know of.

#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

use std::fs;
use std::path::Path;

use config_merge::{
    Layer, LayerName, Merged, Problem, ProblemKind, Rules, Source, merge, merge_lenient,
};
use serde_json::Value;
use support::{Pod, shipped};

fn source(file: &Path) -> Source {
    Source {
        file: file.file_name().unwrap().to_str().unwrap().to_owned(),
        bytes: fs::read(file).unwrap(),
    }
}

fn layer(name: LayerName, folder: &Path) -> Layer {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "json5")
    });
    files.sort();
    let sources: Vec<_> = files.iter().map(|file| source(file)).collect();
    Layer::parse(name, &sources).unwrap_or_else(|problems| panic!("{}", told(&problems)))
}

fn told(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn rules() -> Rules {
    Rules::parse(&source(&shipped("locks.json5")))
        .unwrap_or_else(|problems| panic!("{}", told(&problems)))
}

fn operator(pod: &Pod) -> [Layer; 3] {
    [
        layer(LayerName::Base, pod.layers.base.path()),
        layer(LayerName::Plan, pod.layers.plan.path()),
        layer(LayerName::Policy, pod.layers.policy.path()),
    ]
}

fn with_user(pod: &Pod, file: &str, text: &str) -> Result<Vec<Layer>, Vec<Problem>> {
    let [base, plan, policy] = operator(pod);
    let source = Source {
        file: file.to_owned(),
        bytes: text.as_bytes().to_vec(),
    };
    Ok(vec![
        base,
        plan,
        Layer::parse(LayerName::User, &[source])?,
        policy,
    ])
}

fn strict(pod: &Pod, file: &str, text: &str) -> Result<Merged, Vec<Problem>> {
    merge(&with_user(pod, file, text)?, &rules())
}

#[test]
fn the_merge_is_that_of_the_plain_crates() {
    let pod = Pod::new();
    for plan in ["free", "pro", "enterprise"] {
        pod.set_plan(plan);
        let merged = merge(&operator(&pod), &rules())
            .unwrap_or_else(|problems| panic!("{}", told(&problems)));
        assert_eq!(merged.document, pod.plain_merge(), "{plan}");
    }
}

#[test]
fn a_user_may_live() {
    let pod = Pod::new();
    for text in [
        r#"{ agents: { defaults: { model: { primary: "openai/gpt-5.5" } } } }"#,
        r#"{ agents: { entries: { main: {}, work: { tools: { deny: ["web_search"], profile: "minimal" } } } } }"#,
        r#"{ channels: { telegram: { enabled: true, botToken: { source: "file", provider: "pilotfish", id: "/telegram-bot-token" } } } }"#,
        r#"{ channels: { telegram: { groups: { "-100": { requireMention: false } } } } }"#,
        r#"{ channels: { whatsapp: { dmPolicy: "pairing" } }, plugins: { entries: { whatsapp: { enabled: true } } } }"#,
        r#"{ mcp: { servers: { docs: { url: "https://example.com/mcp" } } } }"#,
        r#"{ models: { providers: { openai: { apiKey: { source: "file", provider: "pilotfish", id: "/openai-api-key" } } } } }"#,
        r#"{ models: { providers: { mine: { baseUrl: "https://llm.example.com/v1", models: [{ id: "m", name: "M" }] } } } }"#,
        r#"{ logging: { level: "debug" } }"#,
        r#"{ tools: { profile: "messaging", exec: { mode: "deny" } } }"#,
        r#"{ agents: { defaults: { timeoutSeconds: 120 } } }"#,
        r#"{ session: { dmScope: "per-peer" }, messages: { ackReaction: "x" }, commands: { text: true } }"#,
        r#"{ memory: { search: { enabled: true, provider: "openai" } } }"#,
    ] {
        if let Err(problems) = strict(&pod, "user.json5", text) {
            panic!("{text}\n{}", told(&problems));
        }
    }
}

/// Each gets a command, a file, an address or a setting that is not the user's.
const ESCAPES: &[&str] = &[
    // the sandbox itself
    r#"{ agents: { defaults: { sandbox: { mode: "off" } } } }"#,
    r#"{ agents: { defaults: { sandbox: null } } }"#,
    r#"{ agents: { defaults: null } }"#,
    r#"{ agents: null }"#,
    r#"{ agents: { defaults: { sandbox: { docker: { binds: ["/:/host"] } } } } }"#,
    r#"{ agents: { defaults: { sandbox: { docker: { network: "host" } } } } }"#,
    r#"{ agents: { defaults: { sandbox: { docker: { memory: "64g" } } } } }"#,
    r#"{ agents: { entries: { main: { sandbox: { mode: "off" } } } } }"#,
    r#"{ agents: { entries: { "a.b": { sandbox: { mode: "off" } } } } }"#,
    r#"{ agents: { entries: { main: { tools: { elevated: { enabled: true } } } } } }"#,
    r#"{ agents: { entries: { main: { tools: { exec: { host: "gateway" } } } } } }"#,
    r#"{ agents: { entries: { main: { tools: { exec: { mode: "full" } } } } } }"#,
    r#"{ agents: { entries: { main: { tools: { exec: { security: "full", ask: "off" } } } } } }"#,
    r#"{ agents: { entries: { main: { tools: { profile: "full" } } } } }"#,
    r#"{ agents: { entries: { main: { runtime: { type: "acp", acp: { agent: "codex" } } } } } }"#,
    r#"{ agents: { list: [{ id: "main", sandbox: { mode: "off" } }] } }"#,
    r#"{ tools: { elevated: { enabled: true, allowFrom: { telegram: ["*"] } } } }"#,
    r#"{ tools: { exec: { host: "gateway" } } }"#,
    r#"{ tools: { exec: { mode: "full" } } }"#,
    r#"{ tools: { exec: { security: "full" } } }"#,
    r#"{ tools: { exec: null } }"#,
    r#"{ tools: null }"#,
    r#"{ tools: { profile: "full" } }"#,
    r#"{ tools: { profile: null } }"#,
    r#"{ tools: { deny: [] } }"#,
    r#"{ tools: { allow: ["gateway"] } }"#,
    r#"{ tools: { fs: { workspaceOnly: false } } }"#,
    r#"{ tools: { sandbox: { tools: { allow: ["*"] } } } }"#,
    // programs beside the gateway
    r#"{ mcp: { servers: { sh: { command: "sh", args: ["-c", "id"] } } } }"#,
    r#"{ models: { providers: { local: { localService: { command: "sh" } } } } }"#,
    r#"{ tools: { media: { audio: { models: [{ type: "cli", command: "sh" }] } } } }"#,
    r#"{ tools: { links: { models: [{ type: "cli", command: "sh" }] } } }"#,
    r#"{ models: { providers: { x: { models: [{ id: "a" }, { id: "b", agentRuntime: { id: "codex" } }] } } } }"#,
    r#"{ audio: { transcription: { command: ["sh"] } } }"#,
    r#"{ tts: { providers: { "tts-local-cli": { command: "sh" } } } }"#,
    r#"{ agents: { defaults: { cliBackends: { x: { command: "sh" } } } } }"#,
    r#"{ browser: { enabled: true, executablePath: "/bin/sh" } }"#,
    r#"{ acp: { enabled: true } }"#,
    r#"{ nodeHost: { browserProxy: { enabled: true } } }"#,
    r#"{ hooks: { enabled: true, mappings: [{ transform: { module: "x.js" } }] } }"#,
    r#"{ memory: { qmd: { command: "sh" } } }"#,
    r#"{ channels: { imessage: { cliPath: "/bin/sh" } } }"#,
    r#"{ secrets: { providers: { x: { source: "exec", command: "/bin/sh" } } } }"#,
    r#"{ security: { installPolicy: { exec: { source: "exec", command: "/bin/sh" } } } }"#,
    r#"{ commands: { bash: true } }"#,
    r#"{ env: { vars: { LD_PRELOAD: "/tmp/x.so" } } }"#,
    r#"{ env: { shellEnv: { enabled: true } } }"#,
    // code inside the gateway
    r#"{ plugins: { load: { paths: ["/tmp/x"] } } }"#,
    r#"{ plugins: { deny: [] } }"#,
    r#"{ plugins: { entries: { acpx: { config: { command: "sh" } } } } }"#,
    r#"{ skills: { load: { extraDirs: ["/"] } } }"#,
    r#"{ skills: { entries: { x: { env: { PATH: "/tmp" } } } } }"#,
    r#"{ memory: { search: { store: { vector: { extensionPath: "/tmp/x.so" } } } } }"#,
    // the document, and who may reach the gateway
    r#"{ gateway: { terminal: { enabled: true } } }"#,
    r#"{ gateway: { auth: { mode: "none" } } }"#,
    r#"{ gateway: null }"#,
    r#"{ gateway: { reload: { mode: "off" } } }"#,
    r#"{ commands: { restart: false } }"#,
    r#"{ commands: { restart: true } }"#,
    r#"{ commands: { config: true } }"#,
    r#"{ commands: null }"#,
    r#"{ channels: { telegram: { configWrites: true } } }"#,
    r#"{ channels: { telegram: { accounts: { a: { configWrites: true } } } } }"#,
    r#"{ update: { auto: { enabled: true } } }"#,
    // files of the host
    r#"{ logging: { file: "/home/node/.bashrc" } }"#,
    r#"{ agents: { defaults: { workspace: "/" } } }"#,
    r#"{ agents: { entries: { main: { workspace: "/" } } } }"#,
    r#"{ session: { store: "/tmp/x" } }"#,
    r#"{ memory: { search: { extraPaths: ["/run/pilotfish"] } } }"#,
    r#"{ channels: { telegram: { tokenFile: "/run/pilotfish/secrets/secrets.json" } } }"#,
    r#"{ channels: { telegram: { trustedLocalFileRoots: ["/"] } } }"#,
    r#"{ diagnostics: { cacheTrace: { filePath: "/tmp/x" } } }"#,
    // addresses inside the cluster
    r#"{ channels: { telegram: { apiRoot: "http://10.0.0.1" } } }"#,
    r#"{ tools: { web: { fetch: { ssrfPolicy: { dangerouslyAllowPrivateNetwork: true } } } } }"#,
    r#"{ proxy: { enabled: true, proxyUrl: "http://10.0.0.1" } }"#,
    // what the plan sells
    r#"{ agents: { defaults: { maxConcurrent: 64 } } }"#,
    r#"{ session: { maintenance: { maxDiskBytes: "500gb" } } }"#,
    r#"{ agents: { defaults: { timeoutSeconds: 1000000 } } }"#,
    r#"{ logging: { level: "silent" } }"#,
];

#[test]
fn no_known_way_out_is_open() {
    let pod = Pod::new();
    let operators = merge(&operator(&pod), &rules()).unwrap().document;
    for text in ESCAPES {
        let Err(problems) = strict(&pod, "user.json5", text) else {
            panic!("accepted: {text}")
        };
        let bound =
            |problem: &Problem| matches!(problem.kind, ProblemKind::Locked | ProblemKind::Bound);
        assert!(problems.iter().all(bound), "{text}\n{}", told(&problems));
        assert!(
            problems.iter().all(|problem| problem.line == 1),
            "{text}\n{}",
            told(&problems)
        );
        // Left out, nothing of it is in the document (an empty object on the way there is no setting).
        let lenient =
            merge_lenient(&with_user(&pod, "user.json5", text).unwrap(), &rules()).unwrap();
        assert_eq!(
            without_empty(&lenient.document),
            without_empty(&operators),
            "{text}"
        );
        assert!(!lenient.left_out.is_empty(), "{text}");
    }
}

#[test]
fn no_file_is_pulled_in() {
    let pod = Pod::new();
    for text in [
        r#"{ $include: "./state/openclaw.json" }"#,
        r#"{ messages: { $include: "./x.json5" } }"#,
        r#"{ agents: { entries: { main: { tools: { exec: { $include: "./x.json5" } } } } } }"#,
    ] {
        let Err(problems) = with_user(&pod, "user.json5", text) else {
            panic!("accepted: {text}")
        };
        assert_eq!(problems[0].kind, ProblemKind::Reserved, "{text}");
    }
}

#[test]
fn patches_do_not_get_past_either() {
    let pod = Pod::new();
    for text in [
        r#"[{ "op": "replace", "path": "/agents/defaults/sandbox/scope", "value": "shared" }]"#,
        r#"[{ "op": "remove", "path": "/agents/defaults/sandbox" }]"#,
        r#"[{ "op": "move", "from": "/agents/defaults/sandbox", "path": "/agents/defaults/model" }]"#,
        r#"[{ "op": "copy", "from": "/commands/restart", "path": "/commands/bash" }]"#,
        r#"[{ "op": "remove", "path": "/gateway" }]"#,
        r#"[{ "op": "replace", "path": "/tools", "value": { "profile": "coding" } }]"#,
        r#"[{ "op": "replace", "path": "", "value": {} }]"#,
        r#"[{ "op": "add", "path": "/agents/entries", "value": { "main": { "sandbox": { "mode": "off" } } } }]"#,
    ] {
        let Err(problems) = strict(&pod, "user.patch.json", text) else {
            panic!("accepted: {text}")
        };
        let locked = problems
            .iter()
            .any(|problem| problem.kind == ProblemKind::Locked);
        assert!(locked, "{text}\n{}", told(&problems));
    }
}

#[test]
fn every_lock_tells_why() {
    let text = fs::read_to_string(shipped("locks.json5")).unwrap();
    let rules: Value = json5::from_str(&text).unwrap();
    for rule in rules["locks"].as_array().unwrap() {
        assert!(
            rule["why"].as_str().is_some_and(|why| why.len() > 5),
            "{rule}"
        );
    }
}

fn without_empty(value: &Value) -> Value {
    let Value::Object(map) = value else {
        return value.clone();
    };
    let kept = map
        .iter()
        .map(|(key, value)| (key.clone(), without_empty(value)));
    Value::Object(
        kept.filter(|(_, value)| value.as_object().is_none_or(|map| !map.is_empty()))
            .collect(),
    )
}
