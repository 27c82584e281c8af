//! What every story asks: the verdict, its causes, the journal, the metrics.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use support::{Agent, Fake, Instance, Knobs, Pod, arguments, eventually};

/// Longer than anything here takes on a busy machine.
pub const LONG: Duration = Duration::from_secs(400);

/// For an agent beside a gateway that is told to write nothing.
pub const QUICK: [&str; 4] = ["--probation", "500ms", "--protection", "switch"];

/// An agent beside the fake gateway; waits until its document is settled and its verdict is no start.
pub fn beside(knobs: Knobs, more: &[&str]) -> (Instance, Fake) {
    beside_on(Pod::new(), knobs, more)
}

/// The same on a pod that was made before.
pub fn beside_on(pod: Pod, knobs: Knobs, more: &[&str]) -> (Instance, Fake) {
    let instance = Instance::alone(pod, &[QUICK.as_slice(), more].concat());
    instance.document_in_place();
    let fake = fake(&instance.pod, knobs);
    instance.settled(LONG);
    eventually(LONG, || (word(&instance) != "starting").then_some(())).unwrap();
    (instance, fake)
}

/// A fake gateway for this pod.
pub fn fake(pod: &Pod, knobs: Knobs) -> Fake {
    let token = pod.gateway_token();
    Fake::start(&pod.document(), pod.ports.gateway, Knobs { token, ..knobs })
}

/// The program of the fake gateway.
pub fn program() -> OsString {
    env!("CARGO_BIN_EXE_fake-gateway").into()
}

/// The environment of that program.
pub fn environment(pod: &Pod) -> Vec<(OsString, OsString)> {
    vec![
        ("OPENCLAW_CONFIG_PATH".into(), pod.document().into()),
        ("OPENCLAW_STATE_DIR".into(), pod.path("state").into()),
        ("FAKE_KNOBS".into(), pod.path("knobs.json").into()),
    ]
}

/// Tells the fake gateway in a process of its own how to behave.
pub fn knobs(pod: &Pod, knobs: &Knobs) {
    let part = pod.path("knobs.part");
    std::fs::write(&part, serde_json::to_vec(knobs).unwrap()).unwrap();
    std::fs::rename(part, pod.path("knobs.json")).unwrap();
}

/// The agent as parent of the fake gateway.
pub fn parent(pod: Pod, more: &[&str]) -> Instance {
    let line = arguments(&pod, &[&["--protection", "switch"], more].concat());
    let agent = Agent::supervise_program(&pod, &line, &[program()], &environment(&pod));
    let instance = Instance {
        agent,
        gateway: None,
        pod,
    };
    instance.document_in_place();
    instance
}

/// `GET /v1/health`.
pub fn health(instance: &Instance) -> Value {
    instance.api().get("/v1/health").json()
}

/// The verdict.
pub fn word(instance: &Instance) -> String {
    health(instance)["verdict"].as_str().unwrap().to_owned()
}

/// Waits for a verdict.
#[track_caller]
pub fn verdict(instance: &Instance, wanted: &str) -> Value {
    let found = eventually(LONG, || {
        let health = health(instance);
        (health["verdict"] == wanted).then_some(health)
    });
    found.unwrap_or_else(|| panic!("never {wanted}: {:#}", health(instance)))
}

/// The causes of this component whose evidence or subject has these words.
pub fn causes(health: &Value, component: &str, words: &str) -> Vec<Value> {
    let causes = health["causes"].as_array().unwrap().iter();
    let about = |cause: &&Value| {
        let text = |key: &str| cause[key].as_str().unwrap_or_default().contains(words);
        cause["component"] == component && (text("evidence") || text("subject"))
    };
    causes.filter(about).cloned().collect()
}

/// Waits for a cause.
#[track_caller]
pub fn told(instance: &Instance, component: &str, words: &str) -> Value {
    let found = eventually(LONG, || causes(&health(instance), component, words).pop());
    found.unwrap_or_else(|| panic!("no {component} with {words}: {:#}", health(instance)))
}

/// Waits until no such cause is told any more.
#[track_caller]
pub fn over(instance: &Instance, component: &str, words: &str) {
    let found = eventually(LONG, || {
        causes(&health(instance), component, words)
            .is_empty()
            .then_some(())
    });
    assert!(found.is_some(), "still there: {:#}", health(instance));
}

/// The code of `/readyz`.
pub fn ready(instance: &Instance) -> u16 {
    instance.agent.probe().get("/readyz").status
}

/// Everything in the journal, oldest first.
pub fn journal(instance: &Instance) -> Vec<Value> {
    let (mut entries, mut after) = (Vec::new(), None);
    loop {
        let query = after.map_or(String::new(), |after| format!("?after={after}"));
        let page = instance.api().get(&format!("/v1/journal{query}")).json();
        entries.extend(page["entries"].as_array().unwrap().iter().cloned());
        if page["more"] != true {
            return entries;
        }
        after = Some(page["next"].as_str().unwrap().to_owned());
    }
}

/// The events of a kind in the journal, oldest first.
pub fn events(instance: &Instance, kind: &str) -> Vec<Value> {
    let entries = journal(instance).into_iter();
    let events = entries.map(|entry| entry["event"].clone());
    events.filter(|event| event["kind"] == kind).collect()
}

/// Waits for an event in the journal.
#[track_caller]
pub fn recorded(instance: &Instance, kind: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    let found = eventually(LONG, || {
        std::thread::sleep(Duration::from_millis(100));
        events(instance, kind)
            .into_iter()
            .find(|event| is_it(event))
    });
    found.unwrap_or_else(|| panic!("not in the journal: {:#?}", events(instance, kind)))
}

/// Waits for the death number `number` (from 1) in the journal.
#[track_caller]
pub fn death(instance: &Instance, number: usize) -> Value {
    let found = eventually(LONG, || {
        std::thread::sleep(Duration::from_millis(100));
        events(instance, "gateway_died").into_iter().nth(number - 1)
    });
    let found = found.unwrap_or_else(|| panic!("no death {number}: {:#}", health(instance)));
    found["death"].clone()
}

/// A sample of the page of metrics.
pub fn sample(instance: &Instance, name: &str) -> Option<f64> {
    let page = instance.agent.probe().get("/metrics").body;
    let line = page.lines().find(|line| {
        line.rsplit_once(' ')
            .is_some_and(|(found, _)| found == name)
    });
    line.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

/// A small file system at a place, gone when dropped.
pub struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    pub fn mount(place: &Path, size: &str) -> Self {
        use nix::mount::{MsFlags, mount};
        assert!(
            support::is_root(),
            "this test mounts a tmpfs and must run as root"
        );
        let user = support::GATEWAY_UID;
        let options = format!("size={size},mode=750,uid={user},gid={user}");
        let flags = MsFlags::empty();
        mount(
            Some("tmpfs"),
            place,
            Some("tmpfs"),
            flags,
            Some(options.as_str()),
        )
        .unwrap();
        Self(place.to_owned())
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        use std::io::Write;
        let mut ballast = std::fs::File::create(self.0.join("ballast")).unwrap();
        for size in [65_536, 4096, 1] {
            while ballast.write_all(&vec![b'x'; size]).is_ok() {}
        }
    }

    pub fn relieve(&self) {
        std::fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}
