//! The known ways out of a sandbox: each is refused, and nothing is made.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};
use support::{IMAGE, Stage, Version, http::request};

#[test]
fn nothing_escapes_at_the_old_daemon() {
    nothing_escapes(Version::Old);
}

#[test]
fn nothing_escapes_at_the_new_daemon() {
    nothing_escapes(Version::New);
}

fn nothing_escapes(version: Version) {
    let stage = Stage::new(version);
    links(&stage);
    let before = fixtures(&stage);
    for (field, value) in host_tricks(&stage) {
        let mut body = plain();
        body["HostConfig"][field] = value;
        refused(&stage, &body);
    }
    for (field, value) in config_tricks() {
        let mut body = plain();
        body[field] = value;
        refused(&stage, &body);
    }
    let mut unlabelled = plain();
    unlabelled["Labels"] = json!({"openclaw.sandbox": "0"});
    refused(&stage, &unlabelled);
    for (method, path, body) in CALLS {
        let path = path.replace("{id}", &before);
        let answer = request(&stage.socket, method, &path, body);
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
        assert!(
            answer
                .body
                .starts_with("{\"message\":\"refused by the sandbox guard: "),
            "{answer:?}"
        );
    }
    assert_eq!(stage.truth(&["ps", "-aq", "--no-trunc"]), before);
    assert_eq!(stage.truth(&["volume", "ls", "-q"]), "");
    assert_eq!(
        stage.truth(&["network", "ls", "-q", "--filter", "type=custom"]),
        ""
    );
    assert_eq!(stage.truth(&["images", "-q"]).lines().count(), 1);
    let passed = stage.post("/v1.41/containers/create", &plain().to_string());
    assert_eq!(
        passed.status, 201,
        "the plain body of this table itself must pass: {passed:?}"
    );
}

/// One sandbox that is there before and after.
fn fixtures(stage: &Stage) -> String {
    stage.sandbox("innocent")
}

fn links(stage: &Stage) {
    symlink("/", stage.state.join("workspace/link")).unwrap();
    fs::create_dir(stage.state.join("secret")).unwrap();
    fs::create_dir(stage.state.join("workspace/folder")).unwrap();
}

fn plain() -> Value {
    json!({
        "Image": IMAGE,
        "Cmd": ["sleep", "infinity"],
        "Labels": {"openclaw.sandbox": "1"},
        "HostConfig": {"NetworkMode": "none"},
        "NetworkingConfig": {"EndpointsConfig": {}},
    })
}

fn refused(stage: &Stage, body: &Value) {
    let answer = stage.post("/v1.41/containers/create?name=escape", &body.to_string());
    assert_eq!(answer.status, 403, "{body}: {answer:?}");
    assert!(
        answer
            .body
            .starts_with("{\"message\":\"refused by the sandbox guard: "),
        "{answer:?}"
    );
}

fn host_tricks(stage: &Stage) -> Vec<(&'static str, Value)> {
    let state = stage.state.display();
    let socket = stage.daemon.socket();
    let bind = |source: &str| json!([format!("{source}:/x")]);
    let mount = |source: &str| json!([{"Type": "bind", "Source": source, "Target": "/x"}]);
    let workspace = format!("{state}/workspace");
    let mut tricks = vec![("Binds", json!(["named:/x"])), ("Binds", json!(["/x"]))];
    for source in [
        "/",
        "/etc",
        "/proc/self/root",
        "/proc/1/root/etc",
        socket.to_str().unwrap(),
        "/var/run/docker.sock",
        "/var/run",
        &format!("{state}"),
        &format!("{state}/secret"),
        &format!("{workspace}/.."),
        &format!("{workspace}/../secret"),
        &format!("{workspace}/./."),
        &format!("{workspace}//"),
        &format!("{workspace}/link"),
        &format!("{workspace}/link/etc"),
        &format!("{workspace}/absent"),
        &format!("{state}/skills"),
        &format!("{workspace}2"),
    ] {
        tricks.push(("Binds", bind(source)));
        tricks.push(("Mounts", mount(source)));
    }
    for options in [
        "shared",
        "rshared",
        "slave",
        "rw,shared",
        "nocopy",
        "volume-nocopy",
        "delegated",
        "exec",
        "",
    ] {
        tricks.push(("Binds", json!([format!("{workspace}:/x:{options}")])));
    }
    for target in [
        "/",
        "/proc",
        "/proc/sys",
        "/sys",
        "/dev",
        "/x/../proc",
        "x",
        "/etc",
        "/etc/passwd",
        "/usr/bin",
        "/bin/sh",
        "/sbin",
        "/lib64",
    ] {
        tricks.push(("Binds", json!([format!("{workspace}:{target}")])));
        tricks.push(("Tmpfs", json!({target: ""})));
    }
    let nested = |destination: &str| {
        json!([
            format!("{workspace}:/w"),
            format!("{workspace}/folder:{destination}"),
        ])
    };
    for destination in ["/w/link", "/w/link/etc", "/w/link/etc/new"] {
        tricks.push(("Binds", nested(destination)));
    }
    tricks.extend(mounts(&workspace));
    tricks.extend(fields());
    tricks
}

fn mounts(workspace: &str) -> Vec<(&'static str, Value)> {
    let bind = |options: Value| json!([{"Type": "bind", "Source": workspace, "Target": "/x", "BindOptions": options}]);
    let device = json!({"Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}});
    let mut tricks: Vec<_> = [
        bind(json!({"Propagation": "rshared"})),
        bind(json!({"CreateMountpoint": true})),
        bind(json!({"NonRecursive": true})),
        json!([{"Type": "volume", "Target": "/x"}]),
        json!([{"Type": "volume", "Source": "v", "Target": "/x", "VolumeOptions": {"DriverConfig": device}}]),
        json!([{"Type": "image", "Source": IMAGE, "Target": "/x"}]),
        json!([{"Type": "cluster", "Source": "v", "Target": "/x"}]),
        json!([{"Type": "npipe", "Source": "v", "Target": "/x"}]),
        json!([{"Type": "tmpfs", "Target": "/x"}]),
        json!([{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"SizeBytes": 1_u64 << 40}}]),
        json!([{"Type": "tmpfs", "Target": "/x", "TmpfsOptions": {"SizeBytes": 9, "Options": [["exec"]]}}]),
    ]
    .map(|mounts| ("Mounts", mounts))
    .into();
    for options in [
        "exec",
        "suid",
        "dev",
        "rw,exec",
        "size=2g",
        "size=100%",
        "mode=4777",
        "remount",
    ] {
        tricks.push(("Tmpfs", json!({"/tmp": options})));
    }
    tricks
}

fn fields() -> Vec<(&'static str, Value)> {
    let mut tricks = vec![
        ("Privileged", json!(true)),
        ("privileged", json!(true)),
        ("PublishAllPorts", json!(true)),
        ("CapAdd", json!(["SYS_ADMIN"])),
        ("CapAdd", json!(["ALL"])),
        ("Capabilities", json!(["CAP_SYS_ADMIN"])),
        ("CapDrop", json!(["../x"])),
        (
            "Devices",
            json!([{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}]),
        ),
        ("DeviceCgroupRules", json!(["a *:* rwm"])),
        (
            "DeviceRequests",
            json!([{"Count": -1, "Capabilities": [["gpu"]]}]),
        ),
        ("CgroupParent", json!("/")),
        ("Cgroup", json!("container:innocent")),
        ("Runtime", json!("other")),
        ("VolumeDriver", json!("local")),
        ("VolumesFrom", json!(["innocent"])),
        ("Links", json!(["innocent:x"])),
        ("Sysctls", json!({"net.ipv4.ip_forward": "1"})),
        ("Ulimits", json!([{"Name": "nofile", "Soft": 1, "Hard": 1}])),
        ("MaskedPaths", json!([])),
        ("ReadonlyPaths", json!([])),
        ("OomKillDisable", json!(true)),
        ("OomScoreAdj", json!(-1000)),
        ("StorageOpt", json!({"size": "1t"})),
        ("GroupAdd", json!(["0"])),
        ("Annotations", json!({"run.oci.keep_original_groups": "1"})),
        ("Umask", json!(0)),
        ("ContainerIDFile", json!("/etc/x")),
        ("LogConfig", json!({"Type": "syslog"})),
        (
            "LogConfig",
            json!({"Type": "json-file", "Config": {"max-size": "1t"}}),
        ),
        ("RestartPolicy", json!({"Name": "always"})),
        (
            "PortBindings",
            json!({"22/tcp": [{"HostIp": "", "HostPort": "22"}]}),
        ),
        (
            "PortBindings",
            json!({"22/tcp": [{"HostIp": "127.0.0.1", "HostPort": "22"}]}),
        ),
        ("ExtraHosts", json!(["x:host-gateway"])),
        ("CpusetCpus", json!("0")),
        ("BlkioWeight", json!(1000)),
        ("CpuRealtimeRuntime", json!(1)),
        ("KernelMemory", json!(1 << 30)),
        ("Unheard", json!("of")),
        ("Unheard", json!(null)),
    ];
    for limit in [
        "Memory",
        "NanoCpus",
        "PidsLimit",
        "ShmSize",
        "MemorySwap",
        "MemoryReservation",
    ] {
        tricks.push((limit, json!(1_u64 << 40)));
    }
    tricks.extend([
        ("Memory", json!(-1)),
        ("PidsLimit", json!(-2)),
        ("MemorySwap", json!(-1)),
        ("CpuShares", json!(1 << 18)),
    ]);
    for mode in [
        "NetworkMode",
        "PidMode",
        "IpcMode",
        "UTSMode",
        "UsernsMode",
        "CgroupnsMode",
    ] {
        tricks.extend(
            [
                "host",
                "container:innocent",
                "shareable",
                "ns:/proc/1/ns/net",
            ]
            .map(|way| (mode, json!(way))),
        );
    }
    tricks
        .extend(["bridge", "default", "", "other"].map(|network| ("NetworkMode", json!(network))));
    for option in [
        "seccomp=unconfined",
        "seccomp:unconfined",
        "apparmor=unconfined",
        "label=disable",
        "label:disable",
        "systempaths=unconfined",
        "no-new-privileges:false",
        "no-new-privileges=false",
        "credentialspec=file://x",
        "writable-cgroups=true",
    ] {
        tricks.push(("SecurityOpt", json!(["no-new-privileges", option])));
    }
    tricks
}

fn config_tricks() -> Vec<(&'static str, Value)> {
    let mut tricks = vec![
        ("Labels", json!(null)),
        ("Labels", json!({})),
        ("Labels", json!({"Openclaw.sandbox": "1"})),
        ("Volumes", json!({"/x": {}})),
        ("OnBuild", json!(["RUN x"])),
        ("Shell", json!(["sh"])),
        ("MacAddress", json!("02:42:ac:11:00:02")),
        ("Healthcheck", json!({"Test": ["CMD", "true"]})),
        ("WorkingDir", json!("/x/../..")),
        ("WorkingDir", json!("/proc/self/fd/8")),
        ("WorkingDir", json!("/sys")),
        ("hostConfig", json!({"Privileged": true})),
        ("hostconfig", json!({"Privileged": true})),
        ("Privileged", json!(true)),
        ("Unheard", json!("of")),
        ("Platform", json!({"os": "linux"})),
        ("NetworkingConfig", json!({"EndpointsConfig": {"host": {}}})),
        (
            "NetworkingConfig",
            json!({"EndpointsConfig": {"none": {"Links": ["innocent"]}}}),
        ),
        (
            "NetworkingConfig",
            json!({"EndpointsConfig": {"none": {"DriverOpts": {"a": "b"}}}}),
        ),
        (
            "NetworkingConfig",
            json!({"EndpointsConfig": {"none": {"IPAMConfig": {"IPv4Address": "1.2.3.4"}}}}),
        ),
    ];
    tricks.extend(
        [
            "",
            "private",
            "openclaw-sandbox2",
            "x/openclaw-sandbox",
            "sha256:00",
            "openclaw-sandbox@x",
        ]
        .map(|image| ("Image", json!(image))),
    );
    tricks.extend(
        [
            "root",
            "0",
            "0:0",
            "1000:0",
            "1000:root",
            "00",
            "+0",
            "-0",
            "0x0",
            " root",
            "1000:1000:0",
            ":0",
            "sandbox",
            "1000:6",
            "4321:4321",
            "1000:sandbox",
            "1000:",
        ]
        .map(|user| ("User", json!(user))),
    );
    tricks
}

const CALLS: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"Privileged":true}"#,
    ),
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"User":"root"}"#,
    ),
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"User":"0"}"#,
    ),
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"User":"toor"}"#,
    ),
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"User":"1000:6"}"#,
    ),
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"WorkingDir":"/proc/self/fd/8"}"#,
    ),
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"privileged":true}"#,
    ),
    (
        "POST",
        "/v1.41/containers/{id}/exec",
        r#"{"Cmd":["id"],"Unheard":1}"#,
    ),
    ("GET", "/v1.41/containers/{id}/top?ps_args=-e", ""),
    ("PUT", "/v1.41/containers/{id}/archive?path=/", "x"),
    ("POST", "/v1.41/containers/{id}/copy", "{}"),
    ("POST", "/v1.41/containers/{id}/update", r#"{"Memory":0}"#),
    ("POST", "/v1.41/containers/{id}/rename?name=x", ""),
    ("POST", "/v1.41/containers/{id}/checkpoints", "{}"),
    ("GET", "/v1.41/containers/{id}/export", ""),
    ("GET", "/v1.41/containers/{id}/attach/ws?stream=1", ""),
    ("DELETE", "/v1.41/containers/{id}?link=1", ""),
    ("POST", "/v1.41/containers/{id}/start?checkpoint=x", ""),
    ("POST", "/v1.41/containers/prune", ""),
    ("POST", "/v1.41/containers/create?name=0123456789ab", "{}"),
    ("POST", "/v1.41/containers/create?platform=linux", "{}"),
    (
        "POST",
        "/v1.41/commit?container={id}&repo=openclaw-sandbox",
        "",
    ),
    ("POST", "/v1.41/build?t=openclaw-sandbox", ""),
    ("POST", "/v1.41/build/prune", ""),
    ("POST", "/v1.41/session", ""),
    ("POST", "/v1.41/grpc", ""),
    ("POST", "/v1.41/auth", "{}"),
    ("POST", "/v1.41/images/load", ""),
    (
        "POST",
        "/v1.41/images/create?fromImage=openclaw-sandbox",
        "",
    ),
    ("POST", "/v1.41/images/create?fromSrc=-", ""),
    ("POST", "/v1.41/images/openclaw-sandbox/tag?repo=x", ""),
    ("POST", "/v1.41/images/openclaw-sandbox/push", ""),
    ("DELETE", "/v1.41/images/openclaw-sandbox:bookworm-slim", ""),
    ("POST", "/v1.41/images/prune", ""),
    ("GET", "/v1.41/images/get?names=openclaw-sandbox", ""),
    ("POST", "/v1.41/volumes/create", r#"{"Name":"v"}"#),
    ("GET", "/v1.41/volumes", ""),
    ("POST", "/v1.41/networks/create", r#"{"Name":"n"}"#),
    (
        "POST",
        "/v1.41/networks/create",
        r#"{"Name":"openclaw-sandbox-browser","Driver":"macvlan"}"#,
    ),
    ("POST", "/v1.41/networks/none/connect", "{}"),
    ("DELETE", "/v1.41/networks/none", ""),
    ("GET", "/v1.41/plugins", ""),
    ("POST", "/v1.41/plugins/pull?remote=x", "[]"),
    ("POST", "/v1.41/swarm/init", "{}"),
    ("GET", "/v1.41/services", ""),
    ("GET", "/v1.41/secrets", ""),
    ("GET", "/v1.41/system/df", ""),
    ("GET", "/v1.41/debug/vars", ""),
    ("OPTIONS", "/v1.41/info", ""),
    ("GET", "/info", ""),
    ("GET", "/containers/json", ""),
    ("GET", "/v2/info", ""),
    ("GET", "/v1.041/info", ""),
];

#[test]
fn a_source_that_became_a_link_is_neither_started_nor_read() {
    for version in [Version::Old, Version::New] {
        let stage = Stage::new(version);
        let source = stage.state.join("workspace/later");
        fs::create_dir(&source).unwrap();
        let mut by_bind = plain();
        by_bind["HostConfig"]["Binds"] = json!([format!("{}:/x", source.display())]);
        let mut by_mount = plain();
        by_mount["HostConfig"]["Mounts"] =
            json!([{"Type": "bind", "Source": source, "Target": "/x"}]);
        for (name, body) in [("bound", by_bind), ("mounted", by_mount)] {
            let made = stage.post(
                &format!("/v1.41/containers/create?name={name}"),
                &body.to_string(),
            );
            assert_eq!(made.status, 201, "{made:?}");
        }
        assert_eq!(stage.say(&["start", "bound", "mounted"]), "bound\nmounted");
        stage.say(&["stop", "-t", "0", "bound", "mounted"]);
        fs::remove_dir(&source).unwrap();
        symlink("/etc", &source).unwrap();
        for name in ["bound", "mounted"] {
            for (method, call) in [
                ("POST", "start"),
                ("POST", "restart?t=0"),
                ("GET", "archive?path=/x/passwd"),
                ("HEAD", "archive?path=/x/passwd"),
            ] {
                let path = format!("/v1.41/containers/{name}/{call}");
                let answer = request(&stage.socket, method, &path, "");
                assert_eq!(answer.status, 403, "{method} {call}: {answer:?}");
            }
        }
        assert_eq!(stage.truth(&["ps", "-q"]), "");
    }
}
