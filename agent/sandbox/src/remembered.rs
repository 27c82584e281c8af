//! What was seen attached to sandboxes: after their removal nothing else tells that it was ours.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::{Facts, Listing, Moment, Sessions, VolumeRef};

/// The most things of one kind that are remembered; the ones seen least recently are forgotten first.
pub const REMEMBERED_MAX: usize = 4096;

/// Networks that every daemon has and nobody may remove.
const BUILT_IN: [&str; 3] = ["bridge", "host", "none"];

/// The longest name of a file.
const NAME_MAX: usize = 255;

/// What was seen attached to sandboxes, and when last.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// Anonymous volumes by name.
    pub volumes: BTreeMap<String, Moment>,
    /// Networks by id.
    pub networks: BTreeMap<String, Moment>,
    /// Skills folders by name.
    pub folders: BTreeMap<String, SeenFolder>,
}

/// A skills folder that was seen in a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFolder {
    /// The session that it was made for.
    pub session: String,
    /// When it was last in use, or its session last known, or the gateway last not to be asked.
    pub seen: Moment,
}

impl Remembered {
    /// A sandbox was seen with what is attached to it.
    pub(crate) fn see(&mut self, facts: &Facts, now: Moment) {
        let anonymous = |volume: &&VolumeRef| volume.anonymous && is_name(&volume.name);
        for volume in facts.volumes.iter().filter(anonymous) {
            self.volumes.insert(volume.name.clone(), now);
        }
        for network in &facts.networks {
            if let Some(id) = network.id.as_ref().filter(|id| is_name(id))
                && !is_built_in(&network.name)
            {
                self.networks.insert(id.clone(), now);
            }
        }
        if let (Some(folder), Some(session)) = (&facts.skills, facts.scope.session())
            && is_name(folder)
        {
            let session = session.to_owned();
            let seen = SeenFolder { session, seen: now };
            self.folders.insert(folder.clone(), seen);
        }
    }

    /// Forgets what the daemon no longer has, so that the name's next owner is not taken for it.
    ///
    /// What was seen after the asking began may not be in the listing, and stays.
    pub(crate) fn keep_existing(&mut self, listing: &Listing) {
        let later = |seen: Moment| seen > listing.began;
        let networks: HashSet<&str> = listing
            .networks
            .iter()
            .filter_map(|network| network.id.as_deref())
            .collect();
        self.volumes
            .retain(|name, seen| later(*seen) || listing.volumes.contains(name));
        self.networks
            .retain(|id, seen| later(*seen) || networks.contains(id.as_str()));
        self.folders
            .retain(|name, folder| later(folder.seen) || listing.folders.contains(name));
    }

    /// A folder's time begins to run when its session is gone.
    pub(crate) fn hear(&mut self, sessions: Option<&Sessions>, now: Moment) {
        for folder in self.folders.values_mut() {
            if sessions.is_none_or(|sessions| sessions.has(&folder.session)) {
                folder.seen = folder.seen.max(now);
            }
        }
    }

    /// Nothing in it is older than `now`: what was remembered over a boot counts from here.
    pub(crate) fn restart(&mut self, now: Moment) {
        self.volumes.values_mut().for_each(|seen| *seen = now);
        self.networks.values_mut().for_each(|seen| *seen = now);
        self.folders
            .values_mut()
            .for_each(|folder| folder.seen = now);
    }

    /// Forgets what is too much, after any number of sandboxes were seen.
    pub(crate) fn trim(&mut self) {
        trim(&mut self.volumes, |seen| *seen);
        trim(&mut self.networks, |seen| *seen);
        trim(&mut self.folders, |folder| folder.seen);
    }
}

/// Whether a network is one that every daemon has.
pub(crate) fn is_built_in(network: &str) -> bool {
    BUILT_IN.contains(&network)
}

/// Whether a text is one path component.
pub(crate) fn is_name(text: &str) -> bool {
    let odd = |c: char| c == '/' || c.is_control();
    !matches!(text, "" | "." | "..") && text.len() <= NAME_MAX && !text.contains(odd)
}

fn trim<T>(things: &mut BTreeMap<String, T>, seen: impl Fn(&T) -> Moment) {
    let beyond = things.len().saturating_sub(REMEMBERED_MAX);
    if beyond == 0 {
        return;
    }
    let mut moments: Vec<Moment> = things.values().map(&seen).collect();
    let last = *moments.select_nth_unstable(beyond - 1).1;
    let older = moments.iter().filter(|moment| **moment < last).count();
    let mut ties = beyond - older;
    things.retain(|_, thing| match seen(thing).cmp(&last) {
        Ordering::Less => false,
        Ordering::Equal if ties > 0 => {
            ties -= 1;
            false
        }
        _ => true,
    });
}
