//! What others see: the view, and what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;
use tracing::warn;

use super::view::{Happening, SandboxChange, Shown, View};
use super::{Keeper, VIEW_EVERY};
use crate::{Change, Id, Memory, Moment, Sandbox, Sessions, State, live};

impl Keeper {
    /// Takes a change in, and tells who follows.
    pub(super) fn apply(&mut self, change: Change) {
        let id = match &change {
            Change::Seen { found, .. } => Some(found.facts.id),
            Change::Gone(id) | Change::Active(id) | Change::Measured(id, _) => Some(*id),
            Change::ExecBegan(id, _) | Change::ExecEnded(id, _) => Some(*id),
            Change::Sessions(_) | Change::Disk(_) => None,
        };
        let before = id.and_then(|id| self.outline(id));
        self.inventory.apply(change, self.clock.now());
        if let Some(id) = id {
            self.tell_change(id, before);
        }
    }

    fn outline(&self, id: Id) -> Option<Outline> {
        self.inventory.sandboxes.get(&id).map(Outline::of)
    }

    pub(super) fn outlines(&self) -> BTreeMap<Id, Outline> {
        let sandboxes = self.inventory.sandboxes.iter();
        sandboxes
            .map(|(id, sandbox)| (*id, Outline::of(sandbox)))
            .collect()
    }

    pub(super) fn tell_changes(&mut self, mut before: BTreeMap<Id, Outline>) {
        let mut ids: BTreeSet<Id> = before.keys().copied().collect();
        ids.extend(self.inventory.sandboxes.keys());
        for id in ids {
            self.tell_change(id, before.remove(&id));
        }
    }

    fn tell_change(&mut self, id: Id, before: Option<Outline>) {
        let after = self.outline(id);
        let change = match (&before, &after) {
            (None, Some(after)) => SandboxChange::Appeared(after.state),
            (Some(before), None) => {
                self.metrics.lived(before.created, self.clock.now());
                SandboxChange::Gone
            }
            (Some(before), Some(after)) if before.state != after.state => {
                SandboxChange::State(after.state)
            }
            (Some(before), Some(after)) if before.execs != after.execs => {
                SandboxChange::Execs(after.execs)
            }
            _ => return,
        };
        self.dirty = true;
        let name = after.or(before).map(|outline| outline.name);
        let name = name.unwrap_or_default();
        self.happened(Happening::Sandbox { id, name, change });
    }

    pub(super) fn happened(&self, happening: Happening) {
        // Where nobody follows, nobody misses it.
        let _ = self.happenings.send(happening);
    }

    /// Shows what is known, at most every [`VIEW_EVERY`].
    pub(super) fn publish(&mut self) {
        if !self.dirty || self.published.elapsed() < VIEW_EVERY {
            return;
        }
        self.dirty = false;
        self.published = Instant::now();
        let now = self.clock.now();
        if let Some(activity) = &self.activity {
            self.inventory.hear(activity, &self.settings.limits);
        }
        let inventory = &self.inventory;
        self.metrics.shows(inventory.sandboxes.values(), now);
        let shown = |sandbox: &Sandbox| Shown {
            live: live(
                sandbox,
                inventory.sessions.as_ref(),
                &self.settings.limits,
                now,
            ),
            sandbox: sandbox.clone(),
        };
        self.view.send_replace(View {
            taken: now,
            daemon: self.daemon.clone(),
            sandboxes: Arc::new(inventory.sandboxes.values().map(shown).collect()),
            sessions_known: inventory.sessions.as_ref().is_some_and(Sessions::is_answer),
            disk: inventory.disk,
            step: self.step,
            full_of_live: self.full_of_live,
            images: Arc::new(self.images.known.clone()),
            last_pass: self.last_pass.clone(),
        });
    }

    /// Keeps what is known over a restart, where it changed.
    pub(super) fn remember(&mut self) {
        let Some(file) = &self.file else {
            return;
        };
        if self.inventory.listed.is_none() {
            return;
        }
        let memory = Memory::of(&self.inventory, &self.clock, self.boot_id.clone());
        if self.written.as_ref() == Some(&memory) {
            return;
        }
        match file.write(&memory) {
            Ok(()) => self.written = Some(memory),
            Err(error) => warn!(%error, "what is known of sandboxes cannot be kept"),
        }
    }
}

/// What others are told of a sandbox when it changes.
pub(super) struct Outline {
    name: String,
    created: Moment,
    state: State,
    execs: usize,
}

impl Outline {
    fn of(sandbox: &Sandbox) -> Self {
        Self {
            name: sandbox.facts.name.clone(),
            created: sandbox.created,
            state: sandbox.state,
            execs: sandbox.execs.len(),
        }
    }
}
