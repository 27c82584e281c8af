//! Images, layers, cache, and what sandboxes left behind.

use std::sync::Arc;
use std::time::Duration;

use sandbox::{
    Image, Inventory, KeptImage, Limits, NetworkRef, Reason, Reclaimable, Removal, Request,
    SeenFolder, Step, Target, VolumeRef, decide,
};

use crate::stage::*;

fn image(id: &str, names: &[&str], unused: Duration) -> KeptImage {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    KeptImage {
        image: Image {
            id: format!("sha256:{id}"),
            names: owned(names),
            digests: Vec::new(),
            bytes: 1,
        },
        last_used: ago(unused),
    }
}

fn with_images(images: impl IntoIterator<Item = KeptImage>) -> Inventory {
    let mut inventory = Inventory::default();
    let by_id = images.into_iter().map(|i| (i.image.id.clone(), i));
    inventory.images = by_id.collect();
    inventory
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.images.wanted = Some([].into());
    limits
}

fn going(inventory: &Inventory, limits: &Limits, step: Step) -> Vec<Removal> {
    decide(inventory, limits, Request::default(), step, NOW)
}

fn gone(target: Target, needs: Step) -> Removal {
    Removal {
        target,
        reason: Reason::Unused,
        needs,
    }
}

#[test]
fn an_image_goes_when_it_is_ours_and_unused() {
    const OURS: &str = "openclaw-sandbox:old";
    type Case = (
        &'static str,
        &'static [&'static str],
        Duration,
        Step,
        Option<Step>,
    );
    let cases: &[Case] = &[
        ("unused", &[OURS], DAY, Step::Normal, Some(Step::Normal)),
        ("not for long", &[OURS], DAY - MILLI, Step::Normal, None),
        (
            "not for long, tight",
            &[OURS],
            MILLI,
            Step::Tight,
            Some(Step::Tight),
        ),
        (
            "for long, tight",
            &[OURS],
            DAY,
            Step::Tight,
            Some(Step::Normal),
        ),
        (
            "by its full name",
            &["docker.io/library/openclaw-sandbox:x"],
            DAY,
            Step::Normal,
            Some(Step::Normal),
        ),
        (
            "browser",
            &["openclaw-sandbox-browser:x"],
            DAY,
            Step::Normal,
            Some(Step::Normal),
        ),
        ("foreign", &["debian:13"], DAY, Step::Critical, None),
        (
            "with ours as its path",
            &["host:5000/openclaw-sandbox:x"],
            DAY,
            Step::Critical,
            None,
        ),
        (
            "with ours as its begin",
            &["openclaw-sandboxes:x"],
            DAY,
            Step::Critical,
            None,
        ),
        (
            "ours and foreign",
            &[OURS, "debian:13"],
            DAY,
            Step::Critical,
            None,
        ),
        ("without a name", &[], DAY, Step::Critical, None),
    ];
    for (name, names, unused, step, wanted) in cases {
        let inventory = with_images([image("1", names, *unused)]);
        let wanted = wanted.map(|needs| gone(Target::Image("sha256:1".to_owned()), needs));
        let wanted: Vec<_> = wanted.into_iter().collect();
        assert_eq!(going(&inventory, &limits(), *step), wanted, "{name}");
    }
}

#[test]
fn an_image_stays_that_somebody_named_or_uses() {
    let named = |name: &str| {
        let mut limits = limits();
        limits.images.pinned.insert(name.to_owned());
        limits
    };
    let mut kept = image("11", &["openclaw-sandbox:latest"], DAY);
    kept.image.digests = vec!["openclaw-sandbox@sha256:dd".to_owned()];
    let inventory = with_images([kept]);
    assert_eq!(going(&inventory, &limits(), Step::Critical).len(), 1);
    for name in [
        "openclaw-sandbox",
        "openclaw-sandbox:latest",
        "docker.io/library/openclaw-sandbox:latest",
        "sha256:11",
        "11",
        "openclaw-sandbox@sha256:dd",
        "openclaw-sandbox:moved@sha256:dd",
        "openclaw-sandbox:latest@sha256:ee",
    ] {
        assert_eq!(
            going(&inventory, &named(name), Step::Critical),
            [],
            "{name}"
        );
    }
    for name in [
        "",
        "openclaw-sandbox:other",
        "1",
        "sha256:1",
        "openclaw-sandbox@sha256:ee",
    ] {
        assert_eq!(
            going(&inventory, &named(name), Step::Critical).len(),
            1,
            "{name}"
        );
    }
    let mut wanted = limits();
    wanted.images.wanted = Some(["openclaw-sandbox".to_owned()].into());
    assert_eq!(
        going(&inventory, &wanted, Step::Critical),
        [],
        "the document names it"
    );
    let unknown = Limits::default();
    assert_eq!(
        going(&inventory, &unknown, Step::Critical),
        [],
        "nobody knows the document"
    );

    let mut foreign = inventory.clone();
    foreign.foreign.images.insert("sha256:11".to_owned());
    assert_eq!(going(&foreign, &limits(), Step::Critical), []);

    let mut by_id = inventory.clone();
    let mut user = sandbox(1);
    Arc::make_mut(&mut user.facts).image.id = "sha256:11".to_owned();
    user.execs.insert(exec(1), NOW);
    by_id.sandboxes.insert(id(1), user.clone());
    assert_eq!(going(&by_id, &limits(), Step::Critical), []);
    Arc::make_mut(&mut user.facts).image.id = "sha256:99".to_owned();
    Arc::make_mut(&mut user.facts).image.name = "openclaw-sandbox:latest".to_owned();
    by_id.sandboxes.insert(id(1), user);
    assert_eq!(going(&by_id, &limits(), Step::Critical), []);
}

#[test]
fn layers_and_cache_go_only_where_the_daemon_is_ours() {
    let mut inventory = Inventory::default();
    inventory.layers = Reclaimable { count: 1, bytes: 1 };
    inventory.layers_since = Some(ago(DAY));
    inventory.build_cache = Reclaimable {
        count: 1,
        bytes: 100,
    };
    for step in Step::ALL {
        assert_eq!(going(&inventory, &limits(), step), []);
    }
    let mut ours = limits();
    ours.daemon_is_ours = true;
    ours.keep_build_cache_bytes = 60;
    let beyond = gone(Target::BuildCache { keep_bytes: 60 }, Step::Normal);
    let rest = gone(Target::BuildCache { keep_bytes: 0 }, Step::Tight);
    let layers = |needs| gone(Target::Layers, needs);
    let normal = going(&inventory, &ours, Step::Normal);
    assert_eq!(normal, [beyond.clone(), layers(Step::Normal)]);
    inventory.layers_since = Some(ago(HOUR));
    assert_eq!(
        going(&inventory, &ours, Step::Normal),
        std::slice::from_ref(&beyond)
    );
    let tight = going(&inventory, &ours, Step::Tight);
    assert_eq!(tight, [beyond, rest.clone(), layers(Step::Tight)]);
    inventory.layers = Reclaimable::default();
    inventory.build_cache.bytes = 60;
    assert_eq!(going(&inventory, &ours, Step::Normal), []);
    assert_eq!(going(&inventory, &ours, Step::Tight), [rest]);
    inventory.build_cache.bytes = 0;
    assert_eq!(going(&inventory, &ours, Step::Critical), []);
}

const VOLUME: &str = "v1";
const NETWORK: &str = "n1";
const FOLDER: &str = "workspace-f1";

/// A daemon with a volume, a network and a folder that were last seen in a sandbox so long ago.
fn left_behind(since: Duration) -> Inventory {
    let mut inventory = Inventory::default();
    inventory.volumes.insert(VOLUME.to_owned());
    inventory
        .networks
        .insert(NETWORK.to_owned(), network("sbx"));
    inventory.folders.insert(FOLDER.to_owned());
    inventory.sessions = sessions(&[], &[], ago(MINUTE));
    inventory.listed = Some(NOW);
    let seen = ago(since);
    let remembered = &mut inventory.remembered;
    remembered.volumes.insert(VOLUME.to_owned(), seen);
    remembered.networks.insert(NETWORK.to_owned(), seen);
    let folder = SeenFolder {
        session: session(1),
        seen,
    };
    remembered.folders.insert(FOLDER.to_owned(), folder);
    inventory
}

fn network(name: &str) -> NetworkRef {
    NetworkRef {
        id: Some(NETWORK.to_owned()),
        name: name.to_owned(),
    }
}

#[test]
fn what_was_seen_in_a_sandbox_goes_after_it() {
    let seen = going(&left_behind(15 * MINUTE), &limits(), Step::Normal);
    let folder = Removal {
        target: Target::Folder(FOLDER.to_owned()),
        reason: Reason::Orphan,
        needs: Step::Normal,
    };
    let wanted = [
        gone(Target::Volume(VOLUME.to_owned()), Step::Normal),
        gone(Target::Network(NETWORK.to_owned()), Step::Normal),
        folder,
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn what_is_used_foreign_or_unknown_is_left_alone() {
    type Change = fn(&mut Inventory);
    let cases: &[(&str, Change, &[&str])] = &[
        (
            "seen just now",
            |i| *i = left_behind(15 * MINUTE - MILLI),
            &[],
        ),
        ("listed before", |i| i.listed = Some(ago(DAY - MINUTE)), &[]),
        ("never listed", |i| i.listed = None, &[]),
        ("never seen", |i| i.remembered = Default::default(), &[]),
        (
            "no longer there",
            |i| {
                i.volumes.clear();
                i.networks.clear();
                i.folders.clear();
            },
            &[],
        ),
        (
            "used by others",
            |i| {
                i.foreign.volumes.insert(VOLUME.to_owned());
                i.foreign.networks.insert(NETWORK.to_owned());
            },
            &["folder"],
        ),
        (
            "used by name",
            |i| {
                i.foreign.networks.insert("sbx".to_owned());
            },
            &["volume", "folder"],
        ),
        (
            "built in",
            |i| {
                i.networks.insert(NETWORK.to_owned(), network("bridge"));
            },
            &["volume", "folder"],
        ),
        (
            "its session is there",
            |i| i.sessions = sessions(&["agent:main:s1"], &[], NOW),
            &["volume", "network"],
        ),
        (
            "nobody to ask",
            |i| i.sessions = None,
            &["volume", "network"],
        ),
        (
            "asked long ago",
            |i| i.sessions = sessions(&[], &[], ago(DAY)),
            &["volume", "network"],
        ),
        (
            "attached again",
            |i| {
                let mut user = sandbox(1);
                Arc::make_mut(&mut user.facts).volumes = vec![VolumeRef {
                    name: VOLUME.to_owned(),
                    anonymous: true,
                }];
                Arc::make_mut(&mut user.facts).networks = vec![network("sbx")];
                Arc::make_mut(&mut user.facts).skills = Some(FOLDER.to_owned());
                i.sandboxes.insert(id(1), user);
            },
            &[],
        ),
        (
            "attached by name, not started",
            |i| {
                let mut user = sandbox(1);
                Arc::make_mut(&mut user.facts).networks = vec![NetworkRef {
                    id: None,
                    name: "sbx".to_owned(),
                }];
                i.sandboxes.insert(id(1), user);
            },
            &["volume", "folder"],
        ),
    ];
    for (name, change, wanted) in cases {
        let mut inventory = left_behind(DAY);
        change(&mut inventory);
        let seen = going(&inventory, &limits(), Step::Normal);
        let kinds: Vec<_> = seen.iter().map(|r| r.target.kind()).collect();
        assert_eq!(&kinds, wanted, "{name}");
    }
}

#[test]
fn what_is_cheap_to_lose_goes_first() {
    let mut inventory = left_behind(DAY);
    inventory.sandboxes = holding([sandbox(1), ended(2, HOUR)]).sandboxes;
    inventory.images = with_images([
        image("1", &["openclaw-sandbox:x"], DAY),
        image("2", &["openclaw-sandbox:y"], DAY),
    ])
    .images;
    inventory.images.get_mut("sha256:2").unwrap().image.bytes = 2;
    inventory.layers = Reclaimable { count: 1, bytes: 1 };
    inventory.layers_since = Some(NOW);
    inventory.build_cache = Reclaimable { count: 1, bytes: 1 };
    let mut ours = limits();
    ours.daemon_is_ours = true;
    let going = going(&inventory, &ours, Step::Critical);
    let kinds: Vec<_> = going.iter().map(|r| r.target.kind()).collect();
    let wanted = [
        "build_cache",
        "layers",
        "image",
        "image",
        "volume",
        "network",
        "folder",
        "container",
        "container",
    ];
    assert_eq!(kinds, wanted);
    assert_eq!(
        going[2].target,
        Target::Image("sha256:2".to_owned()),
        "the largest"
    );
    assert_eq!(going[7].target, Target::Container(id(2)), "the ended one");
    let mut kinds = kinds;
    kinds.dedup();
    assert_eq!(kinds, Target::KINDS);
}
