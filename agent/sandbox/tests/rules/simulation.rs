//! Ten thousand decisions against a model of the gateway that starts runs and execs whenever it likes, above all
//! between a decision and its removal. Events reach the inventory late, doubled or not at all.

mod gateway;
mod owner;

use std::time::Duration;

use sandbox::{Limits, Step};

use crate::stage::*;
use gateway::Gateway;
use owner::Owner;

const DECISIONS: usize = 10_000;

/// A small generator, so that a seed tells a whole history.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    pub fn once_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    /// Up to `most`, short times as likely as long ones.
    pub fn time(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_millis()).unwrap().max(1);
        let scale = most >> self.below(12);
        Duration::from_millis(self.below(scale.max(1)))
    }
}

/// Any limits, zero among them; the document is known and names no image.
fn any_limits(dice: &mut Dice) -> Limits {
    let mut limits = Limits {
        idle: dice.time(2 * DAY),
        max_age: dice.time(9 * DAY),
        max_count: [None, Some(0), Some(2), Some(20)][dice.below(4) as usize],
        max_per_scope: [None, Some(0), Some(1), Some(3)][dice.below(4) as usize],
        exited_after: dice.time(20 * MINUTE),
        orphan_grace: dice.time(30 * MINUTE).max(Limits::default().live_after),
        creating_grace: dice.time(2 * MINUTE),
        ..Limits::default()
    };
    limits.images.wanted = Some([].into());
    limits
}

fn any_step(dice: &mut Dice) -> Step {
    Step::ALL[dice.below(4) as usize]
}

fn simulate(seed: u64, decisions: usize) -> (Gateway, Owner) {
    let mut dice = Dice::new(seed);
    let mut gateway = Gateway::new();
    let mut owner = Owner::new(&mut gateway);
    for _ in 0..decisions {
        let pause = dice.time(HOUR);
        gateway.live_for(pause, &mut dice);
        let limits = any_limits(&mut dice);
        let step = any_step(&mut dice);
        owner.pass(&mut gateway, &limits, step, &mut dice);
    }
    (gateway, owner)
}

#[test]
fn of_ten_thousand_decisions_none_removes_a_live_sandbox() {
    let seeds = 4;
    let mut total = [0; 4];
    for seed in 0..seeds {
        let (gateway, owner) = simulate(seed, DECISIONS / seeds as usize);
        assert_eq!(gateway.killed, [""; 0], "seed {seed}");
        let seen = [owner.decided, owner.removed, owner.saved, gateway.refused];
        total
            .iter_mut()
            .zip(seen)
            .for_each(|(all, one)| *all += one);
    }
    let [decided, removed, saved, refused] = total;
    println!(
        "{decided} decided, {removed} removed, {saved} became live in between, {refused} execs refused"
    );
    assert!(removed > 1_000, "{removed} removed");
    assert!(
        saved > 100,
        "{saved} became live between decision and removal"
    );
    assert!(refused > 100, "{refused} execs began during a removal");
}

#[test]
fn in_the_end_all_goes_that_may_go() {
    for seed in 100..110 {
        let (mut gateway, mut owner) = simulate(seed, 300);
        let mut dice = Dice::new(seed);
        gateway.close();
        let mut limits = Limits::default();
        limits.images.wanted = Some([].into());
        for _ in 0..6 {
            gateway.live_for(DAY, &mut dice);
            owner.pass(&mut gateway, &limits, Step::Normal, &mut dice);
        }
        assert_eq!(gateway.left(), [""; 0], "seed {seed}");
        assert_eq!(gateway.killed, [""; 0], "seed {seed}");
    }
}

#[test]
fn the_model_notices_a_removal_of_what_is_live() {
    let mut dice = Dice::new(7);
    let mut gateway = Gateway::new();
    while gateway.running_execs() == 0 {
        gateway.live_for(MINUTE, &mut dice);
    }
    for id in gateway.ids() {
        gateway.remove(id, gateway.now());
    }
    assert!(!gateway.killed.is_empty());
}
