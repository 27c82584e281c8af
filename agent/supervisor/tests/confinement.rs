//! Another user, read-only directories, and the gate, seen from outside. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use std::path::Path;
use std::process::Command as Shell;

use stage::{Running, Stage, confine, eventually, need_root, status_line, words};
use supervisor::{How, Protection, RunAs, Settings, probe};

const NOBODY: RunAs = RunAs {
    uid: 65534,
    gid: 65533,
};
const AS_NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];
const NO_MOUNTS: [&str; 3] = [
    "setpriv",
    "--bounding-set=-sys_admin",
    "--inh-caps=-sys_admin",
];

/// The example where any user can execute it.
fn public_launcher(stage: &Stage) -> std::path::PathBuf {
    let path = stage.dir("bin").join("supervise");
    std::fs::copy(stage::example(), &path).unwrap();
    stage::open_to_all(&path, 0o755);
    path
}

#[tokio::test]
async fn the_child_is_another_user_without_groups_and_new_privileges() {
    need_root();
    let stage = Stage::new();
    let mut settings = stage.shell("echo word > /dev/stderr; exec sleep 60");
    settings.run_as = Some(NOBODY);
    settings.launcher = words(&["setpriv", "--groups=4,24"]);
    settings
        .launcher
        .extend([stage::example().into(), "confine".into()]);
    let mut running = Running::started(settings).await;
    let pid = running.pid().await;
    eventually("its word", || stage.spool().contains("word")).await;
    assert_eq!(status_line(pid, "Uid"), ["65534"; 4].join(" "));
    assert_eq!(status_line(pid, "Gid"), ["65533"; 4].join(" "));
    assert_eq!(status_line(pid, "Groups"), "");
    assert_eq!(status_line(pid, "NoNewPrivs"), "1");
    assert_eq!(status_line(pid, "CapEff"), "0000000000000000");
    assert_eq!(status_line(pid, "CapPrm"), "0000000000000000");
    let ignored = |pid| u64::from_str_radix(&status_line(pid, "SigIgn"), 16).unwrap();
    // Who is started by nohup ignores more, and so does what it starts. SIGPIPE is Rust's own.
    let ours = ignored(std::process::id().cast_signed()) & !(1 << 12);
    assert_eq!(
        ignored(pid) & 0x7fff_ffff & !ours,
        0,
        "all but the two that glibc keeps for itself"
    );
    assert_eq!(status_line(pid, "SigBlk"), "0000000000000000");
    running.drain().await;
}

/// Tries to write in every way, follows what is renamed in from outside, and reports.
const WRITER: &str = "
    for try in 'echo x > $D/new' 'echo x >> $D/old' 'rm $D/old' 'mkdir $D/dir' 'mv $D/old $D/other' \
               'chmod 777 $D/old' 'mv $D $D.away' 'umount $D' 'mount -o remount,bind,rw $D'; do
        eval \"$try\" 2>&1 && echo \"DID $try\"
    done
    while :; do cat $D/old; sleep 0.1; done";

async fn stays_read_only(stage: &Stage, mut settings: Settings) {
    let dir = stage.dir("config");
    std::fs::write(dir.join("old"), "first").unwrap();
    stage::open_to_all(&dir.join("old"), 0o666);
    settings.read_only = vec![dir.clone()];
    settings.env.push(("D".into(), dir.clone().into()));
    assert_eq!(probe(&settings).await, Protection::Mount);
    let running = Running::started(settings).await;
    eventually("what was there", || stage.spool().contains("first")).await;
    std::fs::write(dir.join("temp"), "second").unwrap();
    std::fs::rename(dir.join("temp"), dir.join("old")).unwrap();
    eventually("what was renamed in", || stage.spool().contains("second")).await;
    let said = stage.spool();
    assert!(!said.contains("DID "), "{said}");
    assert!(said.matches("Read-only file system").count() >= 6, "{said}");
    assert_eq!(running.now().protection, Some(Protection::Mount));
    running.drain().await;
}

#[tokio::test]
async fn a_read_only_directory_is_read_only_for_the_child_alone() {
    need_root();
    let stage = Stage::new();
    let mut settings = stage.shell(WRITER);
    settings.run_as = Some(NOBODY);
    stays_read_only(&stage, settings).await;
}

#[tokio::test]
async fn it_needs_no_root_where_there_are_user_namespaces() {
    need_root();
    let stage = Stage::new();
    let mut settings = stage.shell(WRITER);
    settings.launcher = words(&AS_NOBODY);
    settings.launcher.push(public_launcher(&stage).into());
    settings.launcher.push("confine".into());
    stays_read_only(&stage, settings).await;
}

#[tokio::test]
async fn flags_of_the_mount_beneath_stay_in_a_user_namespace() {
    need_root();
    let stage = Stage::new();
    let dir = stage.dir("tmpfs");
    let mounted = |args: &[&str]| {
        let status = Shell::new(args[0])
            .args(&args[1..])
            .arg(&dir)
            .status()
            .unwrap();
        assert!(status.success(), "{args:?}");
    };
    mounted(&[
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "noexec,nosuid,nodev,noatime,mode=777",
        "none",
    ]);
    let launcher = public_launcher(&stage);
    let mut settings = stage.shell("true");
    settings.launcher = words(&AS_NOBODY);
    settings
        .launcher
        .extend([launcher.into(), "confine".into()]);
    settings.read_only = vec![dir.clone()];
    let found = probe(&settings).await;
    mounted(&["umount"]);
    assert_eq!(found, Protection::Mount);
}

#[tokio::test]
async fn where_no_mounts_are_allowed_the_child_runs_and_it_is_said() {
    need_root();
    let stage = Stage::new();
    let dir = stage.dir("config");
    let mut settings = stage.shell("exit 9");
    settings.launcher = words(&NO_MOUNTS);
    settings
        .launcher
        .extend([stage::example().into(), "confine".into()]);
    settings.read_only = vec![dir];
    let mut running = Running::started(settings).await;
    assert_eq!(running.exit(1).await.how, How::Code(9));
    let status = running.drain().await;
    match status.protection.unwrap() {
        Protection::None { why } => assert!(why.contains("not permitted"), "{why}"),
        Protection::Mount => panic!("there can be no mount"),
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_no_protection() {
    let stage = Stage::new();
    let mut settings = stage.shell("true");
    settings.read_only = vec!["/no/such/dir".into()];
    assert!(
        matches!(probe(&settings).await, Protection::None { why } if why.contains("/no/such/dir"))
    );
    settings.read_only.clear();
    assert!(matches!(probe(&settings).await, Protection::None { .. }));
}

#[tokio::test]
async fn our_own_mounts_are_untouched() {
    need_root();
    let stage = Stage::new();
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut settings = stage.shell("exec sleep 60");
    settings.read_only = vec![stage.dir("config")];
    let mut running = Running::started(settings).await;
    let pid = running.pid().await;
    eventually("its mount", || mounts(pid).contains("/config ")).await;
    let after = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(
        !after.contains(stage.path("config").to_str().unwrap()),
        "{before}\n{after}"
    );
    running.drain().await;
}

fn mounts(pid: i32) -> String {
    std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("mountinfo")).unwrap()
}

#[tokio::test]
async fn only_an_opened_gate_lets_the_command_run() {
    let stage = Stage::new();
    let file = stage.path("ran");
    let touch = ["--", "touch", file.to_str().unwrap()];
    let (code, said) = confine(&["env"], &touch, b"").await;
    assert_eq!((code, file.exists()), (Some(126), false), "{said}");
    let (code, said) = confine(&["env"], &touch, b"\n").await;
    assert_eq!((code, file.exists()), (Some(0), true), "{said}");
}

#[tokio::test]
async fn a_user_that_cannot_be_had_is_no_start() {
    need_root();
    let stage = Stage::new();
    let launcher = public_launcher(&stage);
    let mut line: Vec<&str> = AS_NOBODY.to_vec();
    line.extend([
        launcher.to_str().unwrap(),
        "confine",
        "--uid",
        "1",
        "--gid",
        "1",
        "--",
        "true",
    ]);
    let output = tokio::process::Command::new(line[0])
        .args(&line[1..])
        .stdin(std::fs::File::open("/etc/passwd").unwrap())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(126), "{said}");
    assert!(said.contains("uid 1"), "{said}");
}
