//! Links, pipes, devices and huge files where we read or write: refused, no hang, nothing followed.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use support::{Agent, Instance, Knobs, Pod, arguments, is_root, until};

use crate::scene::{COLOR, LONG, QUICK, Scene, color, fake, layer};

/// Ways to plant something at a place.
type Plant = (&'static str, fn(&Path, &Path));

/// Every plant: the place, and a victim that must stay as it is.
const PLANTS: [Plant; 7] = [
    ("a link to a file", |place, victim| {
        symlink(victim, place).unwrap()
    }),
    ("a link to nothing", |place, victim| {
        symlink(victim.with_extension("gone"), place).unwrap()
    }),
    ("a second name of a file", |place, victim| {
        fs::hard_link(victim, place).unwrap()
    }),
    ("a pipe", |place, _| {
        mkfifo(place, Mode::from_bits_truncate(0o666)).unwrap()
    }),
    ("a device", |place, _| device(place)),
    ("a socket", |place, _| {
        drop(std::os::unix::net::UnixListener::bind(place).unwrap())
    }),
    ("10 GB of nothing", |place, _| {
        File::create(place).unwrap().set_len(10 << 30).unwrap()
    }),
];

fn device(place: &Path) {
    assert!(is_root(), "this test makes devices and must run as root");
    let made = Command::new("mknod")
        .arg("-m")
        .arg("666")
        .arg(place)
        .args(["c", "1", "5"])
        .status()
        .unwrap();
    assert!(made.success());
}

/// A file of somebody else's, in the pod's folder.
fn victim(pod: &Pod) -> std::path::PathBuf {
    let victim = pod.path("victim");
    fs::write(&victim, "precious").unwrap();
    fs::set_permissions(&victim, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    victim
}

fn plant(plant: &Plant, place: &Path, victim: &Path) {
    let part = place.with_extension("planted");
    (plant.1)(&part, victim);
    fs::rename(&part, place).unwrap();
    // Nothing is renamed over a second name of itself.
    let _ = fs::remove_file(&part);
}

#[track_caller]
fn untouched(victim: &Path, what: &str) {
    assert_eq!(fs::read_to_string(victim).unwrap(), "precious", "{what}");
    assert!(!victim.with_extension("gone").exists(), "{what}");
}

/// Whether the document is a plain file with these bytes. A planted thing is never opened: it might not end.
fn holds(document: &Path, ours: &[u8]) -> bool {
    let found = fs::symlink_metadata(document);
    found.is_ok_and(|found| found.is_file() && found.len() == ours.len() as u64)
        && fs::read(document).unwrap() == ours
}

/// An agent with a proved document, whose gateway has ended: it would read what is planted.
fn without_gateway(pod: Pod) -> Instance {
    let Scene { instance, fake } = Scene::on(pod, Knobs::default(), &QUICK);
    drop(fake);
    instance
}

#[test]
fn what_is_planted_at_the_document_is_replaced_and_not_followed() {
    let instance = without_gateway(Pod::new());
    let (document, victim) = (instance.pod.document(), victim(&instance.pod));
    let ours = fs::read(&document).unwrap();
    for what in &PLANTS {
        plant(what, &document, &victim);
        until(what.0, LONG, || holds(&document, &ours));
        untouched(&victim, what.0);
        assert_eq!(
            fs::read_dir(document.parent().unwrap()).unwrap().count(),
            1,
            "{}: no litter",
            what.0
        );
    }
    let drift = instance.config()["drift"].clone();
    assert!(drift["count"].as_u64().unwrap() >= 5, "{drift}");
    assert_eq!(drift["last"]["action"], "put_back", "{drift}");
}

#[test]
fn a_directory_at_the_document_is_named_and_got_over() {
    let instance = without_gateway(Pod::new());
    let document = instance.pod.document();
    let ours = fs::read(&document).unwrap();
    let from = instance.said();
    fs::remove_file(&document).unwrap();
    fs::create_dir(&document).unwrap();
    fs::write(document.join("x"), "x").unwrap();
    let (line, _) = instance.says(from, "is a directory", LONG);
    assert!(
        line.contains("ERROR") && line.contains("openclaw.json"),
        "{line}"
    );
    assert_eq!(
        instance.api().get("/v1/status").status,
        200,
        "the agent lives"
    );
    fs::remove_dir_all(&document).unwrap();
    until("the document is back", LONG, || holds(&document, &ours));
}

#[test]
fn what_is_planted_before_the_start_is_replaced_and_not_followed() {
    let mut instance = without_gateway(Pod::new());
    let (document, victim) = (instance.pod.document(), victim(&instance.pod));
    let ours = fs::read(&document).unwrap();
    for what in &PLANTS {
        instance.agent.kill();
        plant(what, &document, &victim);
        let temporary = document.with_file_name(".openclaw.json.pilotfish-0123456789abcdef");
        plant(what, &temporary, &victim);
        instance.agent = Agent::start(&instance.pod, &arguments(&instance.pod, &QUICK));
        instance.document_in_place();
        assert!(holds(&document, &ours), "{}", what.0);
        untouched(&victim, what.0);
        assert!(
            fs::symlink_metadata(&temporary).is_err(),
            "{}: a temporary name is swept, not opened",
            what.0
        );
    }
}

#[test]
fn what_is_planted_at_the_gateways_log_is_not_read_and_holds_up_nothing() {
    let pod = Pod::new();
    let (folder, victim) = (pod.path("planted"), victim(&pod));
    fs::create_dir(&folder).unwrap();
    // The fake writes its log as the real one does, and would hang at a pipe itself: the agent sees another folder.
    let script = format!(
        "mount --bind {} {} && exec \"$@\"",
        folder.display(),
        pod.path("logs").display()
    );
    let agent = Agent::start_under(
        &pod,
        &[
            "unshare",
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &script,
            "sh",
        ],
        &arguments(&pod, &QUICK),
    );
    let instance = Instance {
        agent,
        gateway: None,
        pod,
    };
    instance.document_in_place();
    let fake = fake(
        &instance.pod,
        Knobs {
            detect: Duration::from_millis(600),
            ..Knobs::default()
        },
    );
    instance.settled(LONG);
    let scene = Scene { instance, fake };
    let log = folder.join("gateway.log");
    for (round, what) in (1..).zip(&PLANTS) {
        // Once before the change, once in the middle of its proof.
        for number in [round * 10, round * 10 + 1] {
            let (user, value) = color(number);
            let in_the_middle = number % 10 == 1;
            if !in_the_middle {
                plant(what, &log, &victim);
            }
            scene.instance.pod.edit_user(&user);
            until("it is written", LONG, || {
                scene.instance.document().pointer(COLOR) == Some(&value)
            });
            if in_the_middle {
                plant(what, &log, &victim);
            }
            answers_at_once(&scene.instance, what.0);
            scene.runs_with(COLOR, &value);
            untouched(&victim, what.0);
        }
    }
    let rss = resident_kb(scene.instance.agent.pid());
    assert!(rss < 100_000, "{rss} KB");
    assert_eq!(scene.quarantined(), 0);
}

/// For longer than a look at the log takes to come, the agent answers without a pause.
fn answers_at_once(instance: &Instance, what: &str) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(700) {
        let asked = Instant::now();
        assert_eq!(instance.agent.probe().get("/livez").status, 200);
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "{what}: the agent was held up for {:?}",
            asked.elapsed()
        );
    }
}

fn resident_kb(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_is_planted_in_a_layer_is_refused_and_the_last_good_stays() {
    let scene = Scene::new(&QUICK);
    let pod = &scene.instance.pod;
    let (user, value) = color(1);
    pod.edit_user(&user);
    scene.runs_with(COLOR, &value);
    let (file, victim) = (pod.user_file(), victim(pod));
    fs::write(&victim, "{ ui: { seamColor: \"#victim\" } }").unwrap();
    for what in PLANTS
        .iter()
        .filter(|(name, _)| *name != "a second name of a file")
    {
        plant(what, &file, &victim);
        until(what.0, LONG, || {
            layer(&scene.instance, "user")["status"] == "fell_back"
        });
        let problem = layer(&scene.instance, "user")["problems"][0].clone();
        assert!(
            problem["message"].as_str().unwrap().len() < 500,
            "{problem}"
        );
        assert_eq!(
            scene.instance.document().pointer(COLOR),
            Some(&value),
            "{}",
            what.0
        );
        pod.edit_user(&user);
        until("whole again", LONG, || {
            layer(&scene.instance, "user")["status"] == "ok"
        });
    }
    assert!(!scene.instance.config().to_string().contains("#victim"));
}

#[test]
fn what_is_planted_in_the_state_directory_ends_the_start_with_its_name() {
    for file in ["ledger", "blobs"] {
        for what in &PLANTS {
            let pod = Pod::new();
            let victim = victim(&pod);
            plant(what, &pod.path("agent-state").join(file), &victim);
            let mut agent = Agent::start(&pod, &arguments(&pod, &QUICK));
            let ended = agent.wait(Duration::from_secs(20));
            let said = agent.stderr.wait("agent-state", LONG);
            assert_eq!(
                ended.and_then(|status| status.code()),
                Some(3),
                "{} at {file}: {ended:?} {said}",
                what.0
            );
            untouched(&victim, what.0);
        }
    }
}
