//! What others have on the daemon, and what the gateway can do to it through the guard.

use std::collections::BTreeSet;

use support::{Daemon, SANDBOX_IMAGE};

use crate::stage::Stage;

/// The name of a container that is somebody else's.
const CONTAINER: &str = "foreign";

/// Things of others, of every kind.
pub(crate) fn furnish(daemon: &Daemon) {
    daemon.docker(&["tag", SANDBOX_IMAGE, "foreign:used"]);
    daemon.docker(&["tag", SANDBOX_IMAGE, "foreign:unused"]);
    daemon.docker(&["volume", "create", "foreign-volume"]);
    daemon.docker(&["network", "create", "foreign-network"]);
    let run = ["run", "--detach", "--init", "--network", "none", "--name"];
    let volumes = ["--volume", "/anonymous", "foreign:used"];
    daemon.docker(&[&run[..], &[CONTAINER], &volumes].concat());
    daemon.docker(&[&run[..], &["foreign-ended"], &volumes, &["true"]].concat());
    daemon.docker(&["wait", "foreign-ended"]);
}

/// The ids of all containers, running or not.
pub(crate) fn containers(daemon: &Daemon) -> BTreeSet<String> {
    lines(daemon, &["ps", "--all", "--quiet", "--no-trunc"])
}

/// All that there is but these containers.
pub(crate) fn everything_but(daemon: &Daemon, but: [&String; 4]) -> BTreeSet<String> {
    let mut all = everything(daemon);
    all.retain(|one| !but.contains(&one));
    all
}

/// All that there is: containers, images, volumes and networks by their ids and names.
pub(crate) fn everything(daemon: &Daemon) -> BTreeSet<String> {
    let mut all = containers(daemon);
    for list in [
        &[
            "images",
            "--all",
            "--format",
            "image {{.Repository}}:{{.Tag}} {{.ID}}",
        ][..],
        &["volume", "ls", "--format", "volume {{.Name}}"],
        &["network", "ls", "--format", "network {{.Name}} {{.ID}}"],
    ] {
        all.extend(lines(daemon, list));
    }
    all
}

fn lines(daemon: &Daemon, arguments: &[&str]) -> BTreeSet<String> {
    let text = daemon.docker(arguments);
    text.lines().map(str::to_owned).collect()
}

/// The gateway's docker command neither sees the foreign container nor does anything to it, though it sees a sandbox.
pub(crate) fn is_out_of_reach(stage: &Stage, sandbox: &str) {
    let guard = stage.guard();
    let listed = stage.docker_as_gateway(&guard, &["ps", "--all", "--quiet", "--no-trunc"]);
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(sandbox), "{sandbox} is not in {listed:?}");
    let foreign = id(stage.daemon());
    assert!(!listed.contains(&foreign), "{foreign} is in {listed:?}");
    for name in [CONTAINER, &foreign] {
        for command in [
            &["inspect", name][..],
            &["logs", name],
            &["exec", name, "true"],
            &["stop", name],
            &["kill", name],
            &["rm", "--force", "--volumes", name],
            &["cp", &format!("{name}:/etc/passwd"), "-"],
            &["start", name],
        ] {
            let output = stage.docker_as_gateway(&guard, command);
            // `rm --force` calls it a success that there is nothing.
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                !output.status.success() || said.contains("No such container"),
                "docker {command:?}: {output:?}"
            );
        }
    }
    let running = ["inspect", "--format", "{{.State.Running}}", CONTAINER];
    assert_eq!(stage.daemon().docker(&running), "true");
}

fn id(daemon: &Daemon) -> String {
    daemon.docker(&["inspect", "--format", "{{.Id}}", CONTAINER])
}

/// What would be a sandbox but for its privileges is refused, and nothing is made; without them it is made.
pub(crate) fn nothing_privileged_is_made(stage: &Stage) {
    let create = |more: &[&str]| {
        let label = [
            "create",
            "--label",
            "openclaw.sandbox=1",
            "--network",
            "none",
        ];
        let arguments = [&label[..], more, &[SANDBOX_IMAGE, "true"]].concat();
        stage.docker_as_gateway(&stage.guard(), &arguments)
    };
    let before = containers(stage.daemon());
    let refused = create(&["--privileged"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "it is made: {refused:?}");
    assert!(said.to_lowercase().contains("privileged"), "{said}");
    assert_eq!(containers(stage.daemon()), before);

    let plain = create(&[]);
    assert!(plain.status.success(), "{plain:?}");
    let made = String::from_utf8(plain.stdout).unwrap();
    let removed = stage.docker_as_gateway(&stage.guard(), &["rm", made.trim()]);
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(containers(stage.daemon()), before);
}
