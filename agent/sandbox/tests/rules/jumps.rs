//! A wall clock that jumps makes nothing old.

use std::time::Duration;

use proptest::prelude::*;
use sandbox::{
    Anchor, Clock, Found, Inventory, Limits, Listing, Moment, Removal, Request, State, Step, decide,
};

use crate::stage::*;

/// All happens in the past of the test's own machine, so that nothing of it is in the future.
const ORIGIN: Moment = Moment::from_millis(-400 * 86_400_000);
const UNIX_MS: i64 = 1_795_519_752_000;

/// A daemon whose wall clock jumps once, between the first and the second listing.
struct Daemon {
    clock: Clock,
    jump_ms: i64,
}

impl Daemon {
    fn new(jump_ms: i64) -> Self {
        let anchor = Anchor {
            unix_ms: UNIX_MS,
            moment: ORIGIN,
        };
        Self {
            clock: Clock::with_anchor(anchor),
            jump_ms,
        }
    }

    /// What the wall clock's time of so long after the origin becomes, written after the jump.
    fn jumped(&self, after: Duration) -> Moment {
        let millis = i64::try_from(after.as_millis()).unwrap();
        self.clock
            .moment_of((UNIX_MS + millis).saturating_add(self.jump_ms))
    }
}

fn at(after: Duration) -> Moment {
    ORIGIN.plus(after)
}

/// Two sandboxes: one from before the jump that ends after it, and one that is made after it.
fn inventory(jump_ms: i64) -> Inventory {
    let daemon = Daemon::new(jump_ms);
    let listing = |after, sandboxes| Listing {
        began: at(after),
        sandboxes,
        ..Listing::default()
    };
    let mut inventory = Inventory::default();
    let first = found(1, daemon.clock.moment_of(UNIX_MS - 3_600_000));
    let third = found(3, daemon.clock.moment_of(UNIX_MS - 3_600_000));
    inventory.swap(
        listing(MINUTE, vec![first.clone(), third.clone()]),
        at(MINUTE),
    );
    let ended = Found {
        state: State::Exited,
        ended: Some(daemon.jumped(4 * MINUTE)),
        ..first
    };
    let second = found(2, daemon.jumped(3 * MINUTE));
    inventory.swap(
        listing(5 * MINUTE, vec![ended, second, third]),
        at(5 * MINUTE),
    );
    inventory
}

fn decided(inventory: &Inventory, after: Duration) -> Vec<Removal> {
    let request = Request { stale_hash: true };
    decide(
        inventory,
        &Limits::default(),
        request,
        Step::Normal,
        at(after),
    )
}

proptest! {
    #[test]
    fn decisions_are_the_same_with_and_without_a_jump(jump_ms in prop_oneof![any::<i64>(), -400_000_000_000i64..400_000_000_000]) {
        let (calm, jumped) = (inventory(0), inventory(jump_ms));
        for (n, sandbox) in &jumped.sandboxes {
            let truth = &calm.sandboxes[n];
            prop_assert!(sandbox.created >= before(truth.created, 4 * MINUTE), "made old");
            prop_assert_eq!(sandbox.last_active, truth.last_active);
        }
        for after in [6 * MINUTE, 20 * MINUTE, HOUR, 6 * DAY, 8 * DAY] {
            prop_assert_eq!(decided(&calm, after), decided(&jumped, after));
        }
    }
}

#[test]
fn the_rules_do_hold_without_a_jump() {
    let calm = inventory(0);
    let going = [6 * MINUTE, 20 * MINUTE, 8 * DAY].map(|after| decided(&calm, after).len());
    assert_eq!(going, [0, 1, 3]);
}
