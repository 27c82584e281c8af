//! The owner's loop in small: listen, list now and then, ask, decide, look again, claim, remove.

use std::time::Duration;

use sandbox::{Change, Id, Inventory, Limits, Moment, Request, Step, Target, decide, live};

use super::Dice;
use super::gateway::Gateway;
use crate::stage::*;

pub struct Owner {
    inventory: Inventory,
    /// Sandboxes that a decision named.
    pub decided: usize,
    /// Sandboxes that were removed.
    pub removed: usize,
    /// Sandboxes that became live between the decision and their removal.
    pub saved: usize,
}

impl Owner {
    pub fn new(gateway: &mut Gateway) -> Self {
        let mut inventory = Inventory::default();
        inventory.swap(gateway.listing(), gateway.now());
        Self {
            inventory,
            decided: 0,
            removed: 0,
            saved: 0,
        }
    }

    pub fn pass(&mut self, gateway: &mut Gateway, limits: &Limits, step: Step, dice: &mut Dice) {
        self.listen(gateway, limits);
        if dice.once_in(3) || !self.is_listed(gateway.now()) {
            self.inventory.swap(gateway.listing(), gateway.now());
        }
        let mut asked = self.ask(gateway);
        let request = Request {
            stale_hash: dice.once_in(10),
        };
        for removal in decide(&self.inventory, limits, request, step, gateway.now()) {
            // The gateway goes on while the pruner works off its list, and what it does may be heard too late.
            if dice.once_in(2) {
                gateway.live_for(Duration::from_millis(dice.below(40_000)), dice);
            }
            if dice.once_in(2) {
                self.listen(gateway, limits);
            }
            if gateway.now().since(asked) >= limits.live_after / 2 {
                asked = self.ask(gateway);
            }
            self.carry_out(gateway, &removal.target, limits, asked, dice);
        }
        self.listen(gateway, limits);
    }

    fn is_listed(&self, now: Moment) -> bool {
        self.inventory
            .listed
            .is_some_and(|listed| now.since(listed) < DAY)
    }

    fn ask(&mut self, gateway: &Gateway) -> Moment {
        let sessions = Some(gateway.sessions());
        self.inventory
            .apply(Change::Sessions(sessions), gateway.now());
        gateway.now()
    }

    fn listen(&mut self, gateway: &mut Gateway, limits: &Limits) {
        let now = gateway.now();
        for change in gateway.arrived() {
            self.inventory.apply(change, now);
        }
        self.inventory.hear(&gateway.activity, limits);
        gateway.activity.forget(before(now, HOUR));
    }

    fn carry_out(
        &mut self,
        gateway: &mut Gateway,
        target: &Target,
        limits: &Limits,
        asked: Moment,
        dice: &mut Dice,
    ) {
        match target {
            Target::Container(id) => self.remove(gateway, *id, limits, asked, dice),
            Target::Image(_) if gateway.ids().is_empty() => gateway.remove_image(),
            Target::Image(_) => {}
            Target::Volume(name) => gateway.remove_volume(name),
            Target::Network(name) => gateway.remove_network(name),
            Target::Folder(name) => {
                self.ask(gateway);
                let going = decide(
                    &self.inventory,
                    limits,
                    Request::default(),
                    Step::Normal,
                    gateway.now(),
                );
                if going.iter().any(|removal| removal.target == *target) {
                    gateway.remove_folder(name);
                }
            }
            Target::Layers | Target::BuildCache { .. } => panic!("the daemon is not ours alone"),
        }
    }

    fn remove(
        &mut self,
        gateway: &mut Gateway,
        id: Id,
        limits: &Limits,
        asked: Moment,
        dice: &mut Dice,
    ) {
        self.decided += 1;
        let Some(known) = self.inventory.sandboxes.get(&id) else {
            return;
        };
        let sessions = self.inventory.sessions.as_ref();
        let is_free = live(known, sessions, limits, gateway.now()).is_none();
        let Some(claim) = is_free
            .then(|| gateway.activity.claim(id, limits))
            .flatten()
        else {
            self.saved += 1;
            return;
        };
        // The daemon takes its time, and whoever wants to begin meanwhile is refused.
        gateway.live_for(MILLI + Duration::from_millis(dice.below(15_000)), dice);
        gateway.remove(claim.id(), asked);
        self.removed += 1;
    }
}
