//! Layers that are broken, too large, swapped a thousand times, gone, or that nobody tells us of.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use support::{Agent, Instance, Pod, arguments, until};

use crate::scene::{COLOR, LONG, QUICK, Scene, color, layer};

/// What a layer may be made of by mistake or on purpose, and the word for it.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let brackets = format!("{{ ui: {}{} }}", "[".repeat(10_000), "]".repeat(10_000));
    let large = format!("{{ ui: {{ seamColor: {:?} }} }}", "x".repeat(5 << 20));
    vec![
        ("an open brace", b"{ ui: {".to_vec()),
        ("an empty file", Vec::new()),
        ("nothing but a comment", b"// nothing\n".to_vec()),
        ("5 MB", large.into_bytes()),
        ("10,000 brackets", brackets.into_bytes()),
        ("an array", b"[1, 2]".to_vec()),
        (
            "broken UTF-8",
            b"{ ui: { seamColor: \"\xff\xfe\" } }".to_vec(),
        ),
        ("a key twice", b"{ ui: { a: 1, a: 2 } }".to_vec()),
        ("infinity", b"{ ui: { a: Infinity } }".to_vec()),
        ("zeros", vec![0; 4096]),
    ]
}

#[test]
fn a_broken_layer_is_refused_with_its_place_and_never_replaces_a_good_document() {
    let scene = Scene::new(&QUICK);
    let (user, value) = color(1);
    scene.prove(&user);
    scene.instance.settled(LONG);
    let generation = scene.instance.generation();
    let before = fs::read(scene.instance.pod.document()).unwrap();
    for (what, bytes) in broken() {
        let from = scene.instance.said();
        fs::write(scene.instance.pod.user_file(), &bytes).unwrap();
        let (line, _) = scene.instance.says(from, "refused:", LONG);
        assert!(line.contains("user.json5"), "{what}: {line}");
        assert!(
            line.len() < 2_000,
            "{what}: {} bytes in the log",
            line.len()
        );
        let view = layer(&scene.instance, "user");
        assert_eq!(view["status"], "fell_back", "{what}: {view}");
        let problem = &view["problems"][0];
        assert!(
            !problem["cure"].as_str().unwrap().is_empty(),
            "{what}: {problem}"
        );
        assert_eq!(
            fs::read(scene.instance.pod.document()).unwrap(),
            before,
            "{what}"
        );
        scene.instance.pod.edit_user(&user);
        until("the layer is whole again", LONG, || {
            layer(&scene.instance, "user")["status"] == "ok"
        });
    }
    assert_eq!(
        (
            scene.instance.generation(),
            scene.instance.document().pointer(COLOR)
        ),
        (generation, Some(&value))
    );
}

#[test]
fn an_unreadable_file_is_named_and_falls_back_until_it_can_be_read() {
    let scene = Scene::new(&QUICK);
    let (user, _) = color(1);
    scene.prove(&user);
    let before = scene.instance.document();
    let from = scene.instance.said();
    let file = scene.instance.pod.user_file();
    scene.instance.pod.edit_user(&color(2).0);
    until("the edit is taken in", LONG, || {
        scene.instance.document() != before
    });
    scene.instance.settled(LONG);
    let taken = scene.instance.document();
    fs::write(file.with_extension("part"), color(3).0).unwrap();
    fs::set_permissions(file.with_extension("part"), Permissions::from_mode(0o000)).unwrap();
    fs::rename(file.with_extension("part"), &file).unwrap();
    let (line, _) = scene.instance.says(from, "refused:", LONG);
    assert!(
        line.contains("user.json5") && line.contains("denied"),
        "{line}"
    );
    assert_eq!(scene.instance.document(), taken);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    scene.runs_with(COLOR, &color(3).1);
}

#[test]
fn a_broken_user_layer_does_not_hold_back_a_new_policy() {
    let scene = Scene::new(&QUICK);
    let from = scene.instance.said();
    let (user, value) = color(1);
    scene.prove(&user);
    fs::write(scene.instance.pod.user_file(), "{ ui: {").unwrap();
    drop(scene.instance.says(from, "refused:", LONG));
    scene.instance.pod.layers.policy.set(
        "90-more.json5",
        r#"{ ui: { assistant: { name: "policy" } } }"#,
    );
    scene.runs_with("/ui/assistant/name", &json!("policy"));
    assert_eq!(
        scene.fake.running().pointer(COLOR),
        Some(&value),
        "the user's last good edit stays"
    );
    assert_eq!(layer(&scene.instance, "user")["status"], "fell_back");
}

#[test]
fn of_a_thousand_swaps_the_last_one_wins() {
    let scene = Scene::new(&QUICK);
    let generation = scene.instance.generation();
    let base = scene.instance.pod.layers.base.clone();
    let files = base.files();
    for round in 1..=1_000 {
        let mut files = files.clone();
        files.push(("95-swap.json5".to_owned(), color(round).0.into_bytes()));
        base.publish(&files);
    }
    scene.runs_with(COLOR, &color(1_000).1);
    scene.instance.state("settled", LONG);
    let after = scene.instance.generation();
    assert!(
        after > generation && after <= generation + 1_000,
        "{generation} to {after}"
    );
    assert_eq!(layer(&scene.instance, "base")["status"], "ok");
    let blobs = fs::read_dir(scene.instance.pod.path("agent-state/blobs"))
        .unwrap()
        .count();
    assert!(blobs < 2_500, "{blobs} blobs are kept");
}

#[test]
fn a_layers_directory_may_go_and_come_back() {
    let scene = Scene::new(&QUICK);
    let (user, value) = color(1);
    scene.instance.pod.edit_user(&user);
    scene.runs_with(COLOR, &value);
    let user_folder = scene.instance.pod.layers.user.clone();
    let base = scene.instance.pod.layers.base.clone();
    let (files, before) = (base.files(), scene.instance.document());
    for folder in [user_folder.as_path(), base.path()] {
        let from = scene.instance.said();
        fs::remove_dir_all(folder).unwrap();
        let (line, _) = scene.instance.says(from, "does not exist", LONG);
        assert!(line.contains(folder.to_str().unwrap()), "{line}");
    }
    assert_eq!(
        (
            layer(&scene.instance, "user")["status"].clone(),
            layer(&scene.instance, "base")["status"].clone()
        ),
        (json!("fell_back"), json!("fell_back"))
    );
    assert_eq!(
        scene.instance.document(),
        before,
        "the last good ones stay in force"
    );
    fs::create_dir(&user_folder).unwrap();
    scene.instance.pod.edit_user(&color(2).0);
    scene.runs_with(COLOR, &color(2).1);
    fs::create_dir(base.path()).unwrap();
    let mut more = files;
    more.push((
        "95-back.json5".to_owned(),
        br#"{ ui: { assistant: { name: "back" } } }"#.to_vec(),
    ));
    base.publish(&more);
    scene.runs_with("/ui/assistant/name", &json!("back"));
    until("nothing is missing", LONG, || {
        layer(&scene.instance, "base")["status"] == "ok"
    });
}

#[test]
fn without_inotify_layers_are_polled_and_both_status_and_log_say_so() {
    let pod = Pod::new();
    let script = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    let agent = Agent::start_under(
        &pod,
        &[
            "unshare",
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            script,
            "sh",
        ],
        &arguments(&pod, &[QUICK.as_slice(), &["--poll", "200ms"]].concat()),
    );
    let instance = Instance {
        agent,
        gateway: None,
        pod,
    };
    instance.document_in_place();
    let (line, _) = instance.says(0, "polling instead of inotify", LONG);
    assert!(
        line.contains("WARN") && line.contains("max_user_instances"),
        "{line}"
    );
    let watches = instance.api().get("/v1/status").json()["watches"].clone();
    let all = watches.as_array().unwrap();
    assert!(
        all.len() >= 5
            && all
                .iter()
                .all(|watch| watch["mode"] == "polling" && watch["why"].is_string()),
        "{watches}"
    );
    let (user, value) = color(1);
    instance.pod.edit_user(&user);
    until("the edit is seen", LONG, || {
        instance.document().pointer(COLOR) == Some(&value)
    });
    instance.pod.layers.policy.set(
        "90-more.json5",
        r#"{ ui: { assistant: { name: "policy" } } }"#,
    );
    until("the swap is seen", LONG, || {
        instance.document().pointer("/ui/assistant/name") == Some(&json!("policy"))
    });
}
