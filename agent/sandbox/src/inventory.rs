//! What is known of the daemon, kept true by events and swapped whole by listings.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::mem;

use serde::{Deserialize, Serialize};

use crate::departed::Departed;
use crate::{
    Activity, Disk, ExecId, ForeignUse, Found, Id, Image, Limits, Listing, Moment, NetworkRef,
    Reclaimable, Remembered, Sandbox, Sessions, Usage,
};

/// The most execs that are remembered of sandboxes which nobody has shown us yet.
const EARLY_MAX: usize = 256;

/// Something that happened.
///
/// Changes may be doubled, late or in any order: an activity only ever moves forward, and a state is always
/// what an inspection showed, never what an event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The daemon showed this sandbox.
    Seen {
        /// When it was asked, which is before it answered: what happened later may not be in it.
        asked: Moment,
        /// What it showed.
        found: Box<Found>,
    },
    /// The container is gone.
    Gone(Id),
    /// Something was done in or to a sandbox: a start, a restart, a signal.
    Active(Id),
    /// An exec began.
    ExecBegan(Id, ExecId),
    /// An exec ended.
    ExecEnded(Id, ExecId),
    /// What a sandbox uses was measured.
    Measured(Id, Usage),
    /// The gateway was asked for its sessions; nothing where it could not be asked.
    Sessions(Option<Sessions>),
    /// The disk was read; nothing where it could not be.
    Disk(Option<Disk>),
}

/// An image that may be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptImage {
    /// The image.
    pub image: Image,
    /// When a sandbox last used it, at the earliest when it was first seen.
    pub last_used: Moment,
}

/// An exec that began in a sandbox which nobody has shown us yet.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Early {
    id: Id,
    exec: ExecId,
    at: Moment,
}

/// What was kept of a sandbox over a restart of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// When it was made.
    pub created: Moment,
    /// The last activity that was seen in it.
    pub last_active: Moment,
}

/// What is known of the daemon. It knows no clock: every call that needs the time is told it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inventory {
    /// The sandboxes.
    pub sandboxes: BTreeMap<Id, Sandbox>,
    /// The images by their ids.
    pub images: BTreeMap<String, KeptImage>,
    /// Names of all volumes.
    pub volumes: BTreeSet<String>,
    /// All networks, by their ids.
    pub networks: BTreeMap<String, NetworkRef>,
    /// Names of the skills folders.
    pub folders: BTreeSet<String>,
    /// Dangling layers.
    pub layers: Reclaimable,
    /// Since when there are dangling layers.
    pub layers_since: Option<Moment>,
    /// Build cache.
    pub build_cache: Reclaimable,
    /// What others use.
    pub foreign: ForeignUse,
    /// What the gateway last said of its sessions.
    pub sessions: Option<Sessions>,
    /// How full the disk is.
    pub disk: Option<Disk>,
    /// What was seen attached to sandboxes.
    pub remembered: Remembered,
    /// When the last listing began.
    pub listed: Option<Moment>,
    /// What was kept over a restart of the agent, until the first listing.
    pub(crate) kept: BTreeMap<Id, Kept>,
    /// Sandboxes that are gone.
    gone: Departed<Id>,
    /// Execs that ended.
    ended: Departed<ExecId>,
    /// Execs that began in sandboxes which nobody has shown us yet.
    early: VecDeque<Early>,
}

impl Inventory {
    /// Something happened.
    pub fn apply(&mut self, change: Change, now: Moment) {
        match change {
            Change::Seen { asked, found } => {
                self.admit(*found, asked, now);
                self.remembered.trim();
            }
            Change::Gone(id) => self.lose(id, now),
            Change::Active(id) => self.touch(id, now),
            Change::ExecBegan(id, exec) => self.exec_began(id, exec, now),
            Change::ExecEnded(id, exec) => self.exec_ended(id, exec, now),
            Change::Measured(id, usage) => {
                if let Some(sandbox) = self.sandboxes.get_mut(&id) {
                    sandbox.usage = Some(usage);
                }
            }
            Change::Sessions(sessions) => self.hear_sessions(sessions, now),
            Change::Disk(disk) => self.disk = disk,
        }
    }

    /// Everything was listed: that is the truth, but for what is known to have happened since the asking began.
    ///
    /// Age, activity and execs of sandboxes that are still there are kept.
    pub fn swap(&mut self, listing: Listing, now: Moment) {
        let began = listing.began;
        self.gone.forget_until(began);
        self.ended.forget_until(began);
        self.early.retain(|early| early.at > began);
        self.remembered.keep_existing(&listing);
        let used = self.swap_sandboxes(listing.sandboxes, began, now);
        self.remembered.trim();
        self.swap_images(listing.images, &used, now);
        self.layers_since = (listing.layers.count > 0).then(|| self.layers_since.unwrap_or(now));
        self.layers = listing.layers;
        self.volumes = listing.volumes;
        self.networks = by_id(listing.networks);
        self.folders = listing.folders;
        self.build_cache = listing.build_cache;
        self.foreign = listing.foreign;
        self.listed = Some(began);
        self.kept.clear();
    }

    /// What the exact account says of the sandboxes' activity.
    pub fn hear(&mut self, activity: &Activity, limits: &Limits) {
        for (id, sandbox) in &mut self.sandboxes {
            if let Some(last) = activity.last(*id, limits.exec_limit) {
                sandbox.last_active = sandbox.last_active.max(last);
            }
        }
    }

    /// Takes in what the daemon showed when it was asked, unless a later answer came first.
    fn admit(&mut self, mut found: Found, asked: Moment, now: Moment) {
        let id = found.facts.id;
        if self.gone.has(&id) {
            // Too late for the sandbox, but not for what it left behind.
            self.remembered.see(&found.facts, now);
            return;
        }
        found.execs.retain(|exec| !self.ended.has(exec));
        let sandbox = match self.sandboxes.remove(&id) {
            Some(known) if known.seen > asked => known,
            Some(known) => known.renewed(found, asked, now),
            None => self.newcomer(found, asked, now),
        };
        self.remembered.see(&sandbox.facts, now);
        self.use_image(&sandbox.facts.image.id, now);
        self.sandboxes.insert(id, sandbox);
    }

    /// A sandbox that nobody has shown us before. The last listing did not have it, so it was made after that,
    /// whatever the daemon's wall clock says.
    fn newcomer(&mut self, found: Found, asked: Moment, now: Moment) -> Sandbox {
        let id = found.facts.id;
        let kept = self.kept.get(&id).copied().unwrap_or(Kept {
            created: found.created.max(self.listed.unwrap_or(found.created)),
            last_active: now,
        });
        let mut sandbox = Sandbox::first(found, kept, asked, now);
        let mine = |early: &Early| early.id == id;
        for early in self.early.iter().filter(|early| mine(early)) {
            sandbox.execs.entry(early.exec).or_insert(early.at);
        }
        self.early.retain(|early| !mine(early));
        sandbox
    }

    fn lose(&mut self, id: Id, now: Moment) {
        self.gone.note(id, now);
        self.early.retain(|early| early.id != id);
        if let Some(sandbox) = self.sandboxes.remove(&id) {
            self.remembered.see(&sandbox.facts, now);
            self.use_image(&sandbox.facts.image.id, now);
        }
    }

    fn touch(&mut self, id: Id, now: Moment) {
        if let Some(sandbox) = self.sandboxes.get_mut(&id) {
            sandbox.touch(now);
        }
    }

    fn exec_began(&mut self, id: Id, exec: ExecId, now: Moment) {
        if self.ended.has(&exec) || self.gone.has(&id) {
            return;
        }
        if let Some(sandbox) = self.sandboxes.get_mut(&id) {
            if let Entry::Vacant(entry) = sandbox.execs.entry(exec) {
                entry.insert(now);
                sandbox.touch(now);
            }
            return;
        }
        if self.early.len() == EARLY_MAX {
            self.early.pop_front();
        }
        self.early.push_back(Early { id, exec, at: now });
    }

    fn exec_ended(&mut self, id: Id, exec: ExecId, now: Moment) {
        if self.ended.has(&exec) {
            return;
        }
        self.ended.note(exec, now);
        self.early.retain(|early| early.exec != exec);
        if let Some(sandbox) = self.sandboxes.get_mut(&id) {
            sandbox.execs.remove(&exec);
            sandbox.touch(now);
        }
    }

    fn hear_sessions(&mut self, answer: Option<Sessions>, now: Moment) {
        let Some(answer) = answer else {
            self.miss_answer(now);
            return;
        };
        let asked = answer.asked();
        let before = self.sessions.as_ref();
        if before.is_some_and(|before| asked < before.asked()) {
            return;
        }
        for sandbox in self.sandboxes.values_mut() {
            let scope = &sandbox.facts.scope;
            let was_active = before.is_some_and(|before| before.is_active(scope));
            if was_active || answer.is_active(scope) {
                sandbox.touch(asked);
            }
            sandbox.miss(Some(&answer));
        }
        self.remembered.hear(Some(&answer), asked);
        self.sessions = Some(answer);
    }

    /// The gateway cannot be asked: nothing counts as missing, and the runs that it last told of go on, as far as anybody
    /// knows.
    fn miss_answer(&mut self, now: Moment) {
        for sandbox in self.sandboxes.values_mut() {
            sandbox.miss(None);
        }
        self.remembered.hear(None, now);
        if let Some(sessions) = &mut self.sessions {
            sessions.miss_answer();
        }
    }

    /// Tells the images that sandboxes used up to now.
    fn swap_sandboxes(&mut self, shown: Vec<Found>, began: Moment, now: Moment) -> HashSet<String> {
        let image = |sandbox: &Sandbox| sandbox.facts.image.id.clone();
        let mut before = mem::take(&mut self.sandboxes);
        let mut used: HashSet<String> = before.values().map(image).collect();
        for found in shown {
            let id = found.facts.id;
            if let Some(known) = before.remove(&id) {
                self.sandboxes.insert(id, known);
            }
            self.admit(found, began, now);
        }
        for (id, sandbox) in before {
            if sandbox.seen > began {
                self.sandboxes.insert(id, sandbox);
            } else {
                self.remembered.see(&sandbox.facts, now);
            }
        }
        used.extend(self.sandboxes.values().map(image));
        used
    }

    fn swap_images(&mut self, images: Vec<Image>, used: &HashSet<String>, now: Moment) {
        let mut before = mem::take(&mut self.images);
        for image in images {
            let known = before
                .remove(&image.id)
                .filter(|_| !used.contains(&image.id));
            let last_used = known.map_or(now, |known| known.last_used);
            self.images
                .insert(image.id.clone(), KeptImage { image, last_used });
        }
    }

    fn use_image(&mut self, image: &str, now: Moment) {
        if let Some(image) = self.images.get_mut(image) {
            image.last_used = image.last_used.max(now);
        }
    }
}

fn by_id(networks: Vec<NetworkRef>) -> BTreeMap<String, NetworkRef> {
    let with_id = |network: NetworkRef| Some((network.id.clone()?, network));
    networks.into_iter().filter_map(with_id).collect()
}
