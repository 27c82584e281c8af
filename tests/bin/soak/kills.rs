//! The agent is killed at random moments while changes stream in.

use std::thread::sleep;
use std::time::Duration;

use crate::chance::Chance;
use crate::result::Part;
use crate::scene::{Scene, user};

/// The longest life of an agent; a start with its proof takes about half of it.
const LIFE: Duration = Duration::from_millis(400);
/// The longest time between two changes.
const BETWEEN: Duration = Duration::from_millis(60);

/// Kills it so many times. After each kill: the document is whole and one of those that were asked for (an older one
/// too: a start brings the last good one back); the next start works; the generation never goes back. At the end the
/// newest change is in force.
pub fn run(kills: usize, part: &mut Part) {
    let mut chance = Chance::new();
    let mut scene = Scene::new();
    let (mut newest, mut generation) = (0, scene.instance.generation());
    for _ in 0..kills {
        let mut left = chance.time(LIFE);
        while !left.is_zero() {
            let pause = chance.time(BETWEEN).min(left);
            sleep(pause);
            left -= pause;
            newest += 1;
            scene.instance.pod.edit_user(&user(newest));
        }
        scene.instance.agent.kill();
        let number = scene.number();
        assert!(
            number <= newest,
            "{number} was never asked for, {newest} is the newest"
        );
        scene.reborn();
        let now = scene.instance.generation();
        assert!(
            now >= generation,
            "the generation went back from {generation} to {now}"
        );
        generation = now;
        part.step();
    }
    scene.runs_with(newest);
    let config = scene.instance.config();
    assert!(
        config["quarantine"].as_array().unwrap().is_empty(),
        "{config}"
    );
    part.note(format!(
        "{newest} changes, {generation} generations, nothing in quarantine"
    ));
}
