//! Faults of a gateway, each in many rounds with changing moments.

use std::thread::sleep;
use std::time::Duration;

use crate::chance::Chance;
use crate::result::Part;
use crate::scene::{LONG, Scene, user};

/// One round: brings the fault while this change is on its way.
type Fault = fn(&Scene, &mut Chance);

/// How a change ends that met a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Proved: the fault is no verdict on it.
    Proved,
    /// Undone, and in quarantine.
    Undone,
}

/// Every fault, with its title and what comes of it.
pub const ALL: &[(&str, Fault, Ends)] = &[
    (
        "a gateway killed during an apply, back later",
        killed,
        Ends::Proved,
    ),
    (
        "a gateway that restarts during a proof",
        restarts,
        Ends::Proved,
    ),
    ("a gateway that stands still", blocked, Ends::Proved),
    (
        "connections closed with 1012 and 4001",
        closed,
        Ends::Proved,
    ),
    ("answers late and out of order", unordered, Ends::Proved),
    (
        "a token that is wrong for a while",
        wrong_token,
        Ends::Proved,
    ),
    (
        "a hash that never comes, undone",
        never_applied,
        Ends::Undone,
    ),
];

/// Plays so many rounds: in each a change meets the fault, and ends proved, or undone and the next one proved.
pub fn run(fault: Fault, ends: Ends, rounds: usize, part: &mut Part) {
    let mut chance = Chance::new();
    let scene = Scene::new();
    let mut number = 0;
    for _ in 0..rounds {
        number += 1;
        scene.instance.pod.edit_user(&user(number));
        fault(&scene, &mut chance);
        if ends == Ends::Undone {
            undone(&scene, number);
        } else {
            scene.runs_with(number);
        }
        part.step();
    }
    let config = scene.instance.config();
    let quarantined = config["quarantine"].as_array().unwrap().len();
    let expected = if ends == Ends::Undone {
        rounds.min(100)
    } else {
        0
    };
    assert_eq!(quarantined, expected, "in quarantine");
    part.note(format!(
        "generation {}, {quarantined} in quarantine",
        config["generation"]
    ));
}

fn killed(scene: &Scene, chance: &mut Chance) {
    sleep(chance.time(Duration::from_millis(200)));
    scene.fake.kill();
    sleep(chance.time(Duration::from_millis(300)));
    scene.fake.revive();
}

fn restarts(scene: &Scene, chance: &mut Chance) {
    sleep(chance.time(Duration::from_millis(200)));
    scene.fake.restart();
}

fn blocked(scene: &Scene, chance: &mut Chance) {
    sleep(chance.time(Duration::from_millis(200)));
    scene.fake.block(chance.time(Duration::from_millis(700)));
}

fn closed(scene: &Scene, chance: &mut Chance) {
    sleep(chance.time(Duration::from_millis(200)));
    let code = if chance.below(2) == 0 { 1012 } else { 4001 };
    scene.fake.close_all(code, "go away");
}

fn unordered(scene: &Scene, chance: &mut Chance) {
    let delay = chance.time(Duration::from_millis(60));
    scene.fake.set(|knobs| {
        knobs.unordered = true;
        knobs.answer_delay = delay;
    });
}

fn wrong_token(scene: &Scene, chance: &mut Chance) {
    sleep(chance.time(Duration::from_millis(200)));
    scene.fake.rotate_token("another one");
    sleep(chance.time(Duration::from_millis(300)));
    scene
        .fake
        .set(|knobs| knobs.token = scene.instance.pod.gateway_token());
}

fn never_applied(scene: &Scene, _: &mut Chance) {
    scene.fake.set(|knobs| knobs.never_applied = true);
}

/// The change was undone: the document without a number is back, and the gateway runs with it.
fn undone(scene: &Scene, number: u64) {
    scene.is_written(number);
    support::until("the last good document is back", LONG, || {
        scene.number() == 0
    });
    scene.fake.set(|knobs| knobs.never_applied = false);
    scene.runs_with(0);
}
