//! What goes beside sandboxes: build cache, layers, images, and what sandboxes left behind.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use crate::policy::is_fresh;
use crate::remembered::is_built_in;
use crate::{
    Image, ImageLimits, Inventory, KeptImage, Limits, Moment, NetworkRef, Reason, Removal, Sandbox,
    Step, Target,
};

/// Build cache and layers without a name, where the daemon is ours alone.
pub(crate) fn unnamed(
    inventory: &Inventory,
    limits: &Limits,
    step: Step,
    now: Moment,
) -> Vec<Removal> {
    if !limits.daemon_is_ours {
        return Vec::new();
    }
    let since = inventory
        .layers_since
        .filter(|_| inventory.layers.count > 0);
    let layers = since.and_then(|since| {
        let needs = unused(since, limits.images.unused_after, step, now)?;
        Some(gone(Target::Layers, needs))
    });
    let build_cache = build_cache(inventory, limits, step);
    build_cache.into_iter().flatten().chain(layers).collect()
}

/// What is beyond the kept bytes at any time, and the rest once the disk fills.
fn build_cache(inventory: &Inventory, limits: &Limits, step: Step) -> [Option<Removal>; 2] {
    let bytes = inventory.build_cache.bytes;
    let keep_bytes = limits.keep_build_cache_bytes;
    let beyond = Target::BuildCache { keep_bytes };
    let rest = Target::BuildCache { keep_bytes: 0 };
    let has_rest = bytes.min(keep_bytes) > 0 && step >= Step::Tight;
    [
        (bytes > keep_bytes).then(|| gone(beyond, Step::Normal)),
        has_rest.then(|| gone(rest, Step::Tight)),
    ]
}

/// Images of our repositories that nothing uses, the largest first.
pub(crate) fn images(
    inventory: &Inventory,
    limits: &Limits,
    step: Step,
    now: Moment,
) -> Vec<Removal> {
    let Some(wanted) = &limits.images.wanted else {
        return Vec::new();
    };
    let kept = Named::of([wanted, &limits.images.pinned]);
    let used: HashSet<&str> = inventory
        .sandboxes
        .values()
        .flat_map(|sandbox| [&sandbox.facts.image.id, &sandbox.facts.image.name])
        .map(String::as_str)
        .collect();
    let is_free = |image: &Image| {
        is_ours(image, &limits.images)
            && !kept.has(image)
            && !inventory.foreign.images.contains(&image.id)
            && !used.contains(image.id.as_str())
            && !image.names.iter().any(|name| used.contains(name.as_str()))
    };
    let mut free: Vec<&KeptImage> = inventory
        .images
        .values()
        .filter(|kept| is_free(&kept.image))
        .collect();
    free.sort_by_key(|kept| std::cmp::Reverse(kept.image.bytes));
    let removal = |kept: &KeptImage| {
        let needs = unused(kept.last_used, limits.images.unused_after, step, now)?;
        Some(gone(Target::Image(kept.image.id.clone()), needs))
    };
    free.into_iter().filter_map(removal).collect()
}

/// Anonymous volumes, networks and folders that were seen in sandboxes, and that nothing uses any more.
///
/// A whole listing must show that, taken the grace after they were last seen in use: events alone may have been lost.
pub(crate) fn leftovers(inventory: &Inventory, limits: &Limits, now: Moment) -> Vec<Removal> {
    let attached = Attached::of(inventory);
    let Some(listed) = inventory.listed else {
        return Vec::new();
    };
    let is_due = |seen: Moment| listed.since(seen) >= limits.orphan_grace;
    let remembered = &inventory.remembered;
    let volumes = remembered.volumes.iter().filter(|(name, seen)| {
        is_due(**seen)
            && inventory.volumes.contains(*name)
            && !inventory.foreign.volumes.contains(*name)
            && !attached.volumes.contains(name.as_str())
    });
    let networks = remembered.networks.iter().filter(|(id, seen)| {
        let network = inventory.networks.get(*id);
        is_due(**seen) && network.is_some_and(|network| attached.is_free(id, network))
    });
    let sessions = inventory.sessions.as_ref();
    let sessions = sessions.filter(|sessions| is_fresh(sessions, limits, now));
    let folders = remembered.folders.iter().filter(|(name, folder)| {
        is_due(folder.seen)
            && sessions.is_some_and(|sessions| !sessions.has(&folder.session))
            && inventory.folders.contains(*name)
            && !attached.folders.contains(name.as_str())
    });
    let volumes = volumes.map(|(name, _)| Target::Volume(name.clone()));
    let networks = networks.map(|(id, _)| Target::Network(id.clone()));
    let orphan = |(name, _)| Removal {
        target: Target::Folder(String::clone(name)),
        reason: Reason::Orphan,
        needs: Step::Normal,
    };
    let unused = volumes
        .chain(networks)
        .map(|target| gone(target, Step::Normal));
    unused.chain(folders.map(orphan)).collect()
}

fn gone(target: Target, needs: Step) -> Removal {
    Removal {
        target,
        reason: Reason::Unused,
        needs,
    }
}

/// The step at which something goes that was last used so long ago.
fn unused(last: Moment, after: Duration, step: Step, now: Moment) -> Option<Step> {
    if now.since(last) >= after {
        return Some(Step::Normal);
    }
    (step >= Step::Tight).then_some(Step::Tight)
}

/// What sandboxes and others have attached.
struct Attached<'a> {
    volumes: HashSet<&'a str>,
    networks: HashSet<&'a str>,
    folders: HashSet<&'a str>,
    foreign: &'a BTreeSet<String>,
}

impl<'a> Attached<'a> {
    fn of(inventory: &'a Inventory) -> Self {
        let facts = || {
            inventory
                .sandboxes
                .values()
                .map(|Sandbox { facts, .. }| facts)
        };
        let volumes = facts().flat_map(|facts| &facts.volumes);
        let networks = facts().flat_map(|facts| &facts.networks);
        let names = |network: &'a NetworkRef| {
            network
                .id
                .as_deref()
                .into_iter()
                .chain([network.name.as_str()])
        };
        Self {
            volumes: volumes.map(|volume| volume.name.as_str()).collect(),
            networks: networks.flat_map(names).collect(),
            folders: facts()
                .filter_map(|facts| facts.skills.as_deref())
                .collect(),
            foreign: &inventory.foreign.networks,
        }
    }

    fn is_free(&self, id: &str, network: &NetworkRef) -> bool {
        let name = network.name.as_str();
        let used = |word: &str| self.networks.contains(word) || self.foreign.contains(word);
        !is_built_in(name) && !used(id) && !used(name)
    }
}

/// Images that somebody named: by a name, a digest, an id, or several of these.
struct Named(HashSet<String>);

impl Named {
    fn of<'a>(lists: impl IntoIterator<Item = &'a BTreeSet<String>>) -> Self {
        let parts = |name: &String| {
            let name = plain(name);
            // A digest says all: no tag is made up beside it.
            let both = name.split_once('@');
            let both = both.map(|(tagged, digest)| [tagged, digest].map(str::to_owned));
            both.unwrap_or_else(|| [with_tag(name), name.to_owned()])
        };
        Self(lists.into_iter().flatten().flat_map(parts).collect())
    }

    fn has(&self, image: &Image) -> bool {
        let hex = image.id.rsplit(':').next().unwrap_or_default();
        let digest = |full: &String| full.rsplit('@').next().is_some_and(|d| self.0.contains(d));
        self.0.contains(&image.id)
            || self.0.contains(hex)
            || image.digests.iter().any(digest)
            || image
                .names
                .iter()
                .any(|name| self.0.contains(&with_tag(plain(name))))
    }
}

/// Whether all names of an image are of repositories that are ours.
fn is_ours(image: &Image, limits: &ImageLimits) -> bool {
    let ours = |name: &String| limits.repositories.contains(repository(plain(name)));
    !image.names.is_empty() && image.names.iter().chain(&image.digests).all(ours)
}

/// A name without the registry that the daemon adds by itself.
fn plain(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

/// A name without tag and digest.
fn repository(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or_default();
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

fn with_tag(name: &str) -> String {
    if repository(name).len() == name.len() && !name.starts_with("sha256:") {
        return format!("{name}:latest");
    }
    name.to_owned()
}
