//! Full disks: said clearly, nothing lost, and work goes on when there is room again.

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use support::{Agent, GATEWAY_UID, Instance, Knobs, Pod, document_arguments, until};

use crate::scene::{COLOR, LONG, QUICK, Scene, color};

/// A small file system at a place, gone when dropped.
struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    fn mount(place: &Path, size: &str) -> Self {
        assert!(
            support::is_root(),
            "this test mounts a tmpfs and must run as root"
        );
        let options = format!("size={size},mode=750,uid={GATEWAY_UID},gid={GATEWAY_UID}");
        mount(
            Some("tmpfs"),
            place,
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .expect("this test must be allowed to mount a tmpfs");
        Self {
            place: place.to_owned(),
        }
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        use std::io::Write;
        let mut ballast = fs::File::create(self.place.join("ballast")).unwrap();
        for size in [4096, 1] {
            while ballast.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    fn relieve(&self) {
        fs::remove_file(self.place.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = umount2(&self.place, MntFlags::MNT_DETACH);
    }
}

/// Fills a disk under a running agent, changes a layer in both ways, and makes room again.
fn full_then_not(folder: &str) {
    let pod = Pod::new();
    let disk = SmallDisk::mount(&pod.path(folder), "600k");
    let mut scene = Scene::on(pod, Knobs::default(), &QUICK);
    scene.prove(&color(1).0);
    scene.instance.settled(LONG);
    let (generation, before) = (
        scene.instance.generation(),
        fs::read(scene.instance.pod.document()).unwrap(),
    );
    disk.fill();

    let from = scene.instance.said();
    scene.instance.pod.edit_user(&color(2).0);
    let (line, _) = scene.instance.says(from, "No space left", LONG);
    assert!(line.contains("ERROR") && line.contains(folder), "{line}");
    assert_eq!(
        fs::read(scene.instance.pod.document()).unwrap(),
        before,
        "the old document, whole"
    );
    // Where the state is full the edit cannot be kept, and is not; else it is, and the caller is told so.
    let answer = scene.instance.put_user(&color(3).0, "proved");
    let is_kept = folder == "doc";
    if is_kept {
        assert_eq!(answer.status, 202, "{}", answer.body);
        let report = &answer.json()["report"];
        assert_eq!(report["outcome"]["kind"], "pending", "{report}");
        let reason = report["reason"].as_str().unwrap();
        assert!(reason.contains("No space left"), "{reason}");
    } else {
        assert!(answer.status >= 500, "{}: {}", answer.status, answer.body);
        assert_eq!(answer.json()["code"], "disk_full", "{}", answer.body);
    }
    assert!(
        scene
            .instance
            .agent
            .wait(std::time::Duration::ZERO)
            .is_none(),
        "the agent lives"
    );
    assert_eq!(scene.instance.agent.probe().get("/livez").status, 200);

    let tries = || {
        scene
            .instance
            .agent
            .stderr
            .all()
            .iter()
            .filter(|line| line.contains("No space left"))
            .count()
    };
    let so_far = tries();
    until("it is tried again", LONG, || tries() > so_far);
    let history = scene.instance.api().get("/v1/config/history").json();
    assert!(
        history["generations"].as_array().unwrap().len() <= 4,
        "tries fill the history: {history}"
    );

    disk.relieve();
    let newest = if is_kept { 3 } else { 2 };
    scene.runs_with(COLOR, &color(newest).1);
    assert!(scene.instance.generation() > generation);
    scene.prove(&color(4).0);
    scene.reborn(&QUICK);
    scene.instance.settled(LONG);
    assert_eq!(
        scene.instance.document().pointer(COLOR),
        Some(&color(4).1),
        "nothing was lost"
    );
}

#[test]
fn a_full_state_disk_is_said_and_got_over() {
    full_then_not("agent-state");
}

#[test]
fn a_full_document_disk_is_said_and_got_over() {
    full_then_not("doc");
}

#[test]
fn merge_on_a_full_disk_fails_with_the_name_and_leaves_the_old_document() {
    for folder in ["agent-state", "doc"] {
        let pod = Pod::new();
        let disk = SmallDisk::mount(&pod.path(folder), "600k");
        let line: Vec<String> = std::iter::once("merge".to_owned())
            .chain(document_arguments(&pod))
            .collect();
        assert_eq!(Agent::once(&pod, &line).code, Some(0));
        let before = fs::read(pod.document()).unwrap();
        disk.fill();
        pod.edit_user(&color(1).0);
        let merged = Agent::once(&pod, &line);
        assert_eq!(merged.code, Some(3), "{}", merged.stderr);
        assert!(
            merged.stderr.contains("No space left") && merged.stderr.contains(folder),
            "{}",
            merged.stderr
        );
        assert_eq!(fs::read(pod.document()).unwrap(), before);
        disk.relieve();
        assert_eq!(Agent::once(&pod, &line).code, Some(0));
        assert_eq!(document(&pod).pointer(COLOR), Some(&color(1).1));
    }
}

fn document(pod: &Pod) -> serde_json::Value {
    serde_json::from_slice(&fs::read(pod.document()).unwrap()).unwrap()
}

#[test]
fn an_agent_starts_on_a_full_state_disk_and_its_document_stays() {
    let pod = Pod::new();
    let disk = SmallDisk::mount(&pod.path("agent-state"), "600k");
    let mut scene = Scene::on(pod, Knobs::default(), &QUICK);
    scene.prove(&color(1).0);
    scene.instance.settled(LONG);
    let before = fs::read(scene.instance.pod.document()).unwrap();
    scene.instance.agent.kill();
    disk.fill();
    let Scene {
        instance,
        fake: _fake,
    } = scene;
    let Instance { pod, .. } = instance;
    pod.edit_user(&color(2).0);
    let instance = Instance::alone(pod, &QUICK);
    instance.document_in_place();
    assert_eq!(fs::read(instance.pod.document()).unwrap(), before);
    disk.relieve();
    until("the edit that was made in between is written", LONG, || {
        instance.document().pointer(COLOR) == Some(&color(2).1)
    });
}
