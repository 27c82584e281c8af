//! The browsers' network, with both clients on both daemons.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use support::{CLIENTS, IMAGE, LABEL, Stage, Version, said, told};

const NETWORK: &str = "openclaw-sandbox-browser";

#[test]
fn browsers_have_a_network_at_the_old_daemon() {
    browsers_have_a_network(Version::Old);
}

#[test]
fn browsers_have_a_network_at_the_new_daemon() {
    browsers_have_a_network(Version::New);
}

fn browsers_have_a_network(version: Version) {
    let stage = Stage::new(version);
    stage.truth(&["network", "create", "other"]);
    for client in CLIENTS {
        none_but_the_plain_one_is_made(&stage, client);
        let say = |arguments: &[&str]| said(stage.docker(client).args(arguments));
        let id = say(&["network", "create", "--driver", "bridge", NETWORK]);
        let again = refused(&stage, client, &["network", "create", NETWORK]);
        assert!(again.contains("already exists"), "{again}");
        let listed = say(&["network", "ls", "--format", "{{.Name}}"]);
        let mut listed: Vec<_> = listed.lines().collect();
        listed.sort_unstable();
        assert_eq!(listed, ["none", NETWORK]);
        for name in [NETWORK, &id, &id[..12]] {
            assert_eq!(
                say(&["network", "inspect", "-f", "{{.Id}} {{.Driver}}", name]),
                format!("{id} bridge")
            );
        }
        let other = refused(&stage, client, &["network", "inspect", "other"]);
        let is_missing = other.contains("No such network") || other.contains("not found");
        assert!(is_missing, "{other}");
        is_joined_at_a_creation_only(&stage, client);
        is_not_removed(&stage, client);
        stage.truth(&["network", "rm", NETWORK]);
    }
}

/// What lists the networks that somebody made.
const CUSTOM: [&str; 6] = [
    "network",
    "ls",
    "--filter",
    "type=custom",
    "--format",
    "{{.Name}}",
];

/// What a client says that does not get what it wants.
fn refused(stage: &Stage, client: &str, arguments: &[&str]) -> String {
    let output = stage.docker(client).args(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    told(&output)
}

fn is_refused_by_the_guard(stage: &Stage, client: &str, arguments: &[&str]) {
    let said = refused(stage, client, arguments);
    assert!(
        said.contains("refused by the sandbox guard: "),
        "{client} {arguments:?}: {said}"
    );
}

fn none_but_the_plain_one_is_made(stage: &Stage, client: &str) {
    for arguments in [
        &["mine"][..],
        &["--driver=macvlan", NETWORK],
        &["--driver=ipvlan", "-o", "parent=eth0", NETWORK],
        &[
            "-o",
            "com.docker.network.bridge.host_binding_ipv4=0.0.0.0",
            NETWORK,
        ],
        &["--subnet=10.99.0.0/16", NETWORK],
        &["--ipv6", NETWORK],
        &["--attachable", NETWORK],
        &["--label=a=b", NETWORK],
        &["--ipam-driver=other", NETWORK],
        &["--config-only", NETWORK],
    ] {
        let whole = [&["network", "create"], arguments].concat();
        is_refused_by_the_guard(stage, client, &whole);
    }
    assert_eq!(stage.truth(&CUSTOM), "other");
}

fn is_joined_at_a_creation_only(stage: &Stage, client: &str) {
    let say = |arguments: &[&str]| said(stage.docker(client).args(arguments));
    let joining = format!("--network={NETWORK}");
    let ports = ["-p", "127.0.0.1::9222", "-p", "127.0.0.1::6080"];
    let published = [
        &["create", LABEL, "--name=published", &joining],
        &ports[..],
        &[IMAGE],
    ]
    .concat();
    say(&published);
    let bindings = "{{json .HostConfig.PortBindings}}";
    let bindings = stage.truth(&["inspect", "-f", bindings, "published"]);
    assert_eq!(
        bindings
            .matches(r#"{"HostIp":"127.0.0.1","HostPort":""}"#)
            .count(),
        2,
        "{bindings}"
    );
    say(&["run", "-d", LABEL, "--name=browser", &joining, IMAGE]);
    let networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
    assert_eq!(say(&["inspect", "-f", networks, "browser"]).trim(), NETWORK);
    // Who else is on it is not told.
    assert_eq!(
        say(&["network", "inspect", "-f", "{{len .Containers}}", NETWORK]),
        "0"
    );
    for arguments in [
        &["run", LABEL, "--network=other", IMAGE][..],
        &["run", LABEL, &joining, "--network-alias=x", IMAGE],
        &["run", LABEL, &joining, "-p", "9222:9222", IMAGE],
        &["run", LABEL, &joining, "-p", "127.0.0.1:9222:9222", IMAGE],
        &["network", "connect", "other", "browser"],
        &["network", "connect", NETWORK, "browser"],
        &["network", "disconnect", NETWORK, "browser"],
    ] {
        is_refused_by_the_guard(stage, client, arguments);
    }
    say(&["rm", "-f", "browser", "published"]);
}

fn is_not_removed(stage: &Stage, client: &str) {
    for arguments in [
        &["network", "rm", NETWORK][..],
        &["network", "rm", "other"],
        &["network", "prune", "-f"],
    ] {
        is_refused_by_the_guard(stage, client, arguments);
    }
    assert_eq!(stage.truth(&CUSTOM).lines().count(), 2);
}
