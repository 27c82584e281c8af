//! What is kept over a restart of the agent.

use std::fs;
use std::os::unix::fs::symlink;

use sandbox::{
    Change, Clock, Inventory, Listing, Memory, MemoryError, MemoryFile, Moment, VolumeRef, boot_id,
};

use crate::stage::*;

const BOOT: &str = "3a0c8c33-6c4c-4a8e-9e0e-0d7b8b8f3f00";

fn with_one(clock: &Clock, last_active: Moment) -> Inventory {
    let mut inventory = Inventory::default();
    let mut one = found(1, before(last_active, DAY));
    one.facts.volumes = vec![VolumeRef {
        name: "v".to_owned(),
        anonymous: true,
    }];
    let listing = Listing {
        began: last_active,
        sandboxes: vec![one],
        ..Listing::default()
    };
    inventory.swap(listing, last_active);
    assert!(last_active <= clock.now());
    inventory
}

fn listed_again(mut inventory: Inventory, now: Moment, ns: &[u64]) -> Inventory {
    let sandboxes = ns
        .iter()
        .map(|n| found(*n, before(now, 30 * DAY)))
        .collect();
    let volumes = ["v".to_owned()].into();
    inventory.swap(
        Listing {
            began: now,
            sandboxes,
            volumes,
            ..Listing::default()
        },
        now,
    );
    inventory
}

#[test]
fn activity_and_age_are_kept_over_a_restart_of_the_agent() {
    let clock = Clock::start();
    let last_active = before(clock.now(), HOUR);
    let inventory = with_one(&clock, last_active);
    let memory = Memory::of(&inventory, &clock, Some(BOOT.to_owned()));
    let (resumed, next) = memory.resume(Some(BOOT));
    assert_eq!(
        resumed.anchor(),
        clock.anchor(),
        "a wall clock that jumped meanwhile moves nothing"
    );
    let now = clock.now();
    let next = listed_again(next, now, &[1, 2]);
    let known = &next.sandboxes[&id(1)];
    assert_eq!(
        (known.created, known.last_active),
        (before(last_active, DAY), last_active)
    );
    let new = &next.sandboxes[&id(2)];
    assert_eq!(
        (new.created, new.last_active),
        (last_active, now),
        "not older than the last listing"
    );
    assert_eq!(
        next.remembered.volumes,
        [("v".to_owned(), last_active)].into()
    );
}

#[test]
fn over_a_boot_all_counts_from_now_but_what_was_seen_is_known() {
    for (then, here) in [
        (Some(BOOT), Some("another")),
        (None, None),
        (Some(BOOT), None),
        (None, Some(BOOT)),
    ] {
        let clock = Clock::start();
        let inventory = with_one(&clock, before(clock.now(), HOUR));
        let memory = Memory::of(&inventory, &clock, then.map(str::to_owned));
        let began = clock.now();
        let (resumed, next) = memory.resume(here);
        let now = resumed.now();
        let next = listed_again(next, now, &[1]);
        assert_eq!(next.sandboxes[&id(1)].last_active, now);
        assert!(next.remembered.volumes["v"] >= began);
    }
}

#[test]
fn what_is_kept_counts_only_for_the_first_listing() {
    let clock = Clock::start();
    let memory = Memory::of(
        &with_one(&clock, before(clock.now(), HOUR)),
        &clock,
        Some(BOOT.to_owned()),
    );
    let (_, mut next) = memory.resume(Some(BOOT));
    let now = clock.now();
    next = listed_again(next, now, &[]);
    let asked = now.plus(MINUTE);
    next.apply(
        Change::Seen {
            asked,
            found: Box::new(found(1, now)),
        },
        asked,
    );
    assert_eq!(next.sandboxes[&id(1)].last_active, asked);
}

#[test]
fn the_file_gives_back_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = MemoryFile::new(folder.path());
    assert_eq!(file.read().unwrap(), None);
    let clock = Clock::start();
    let memory = Memory::of(
        &with_one(&clock, before(clock.now(), HOUR)),
        &clock,
        boot_id(),
    );
    file.write(&memory).unwrap();
    assert_eq!(file.read().unwrap(), Some(memory));
}

#[test]
fn a_damaged_file_is_an_error_and_a_link_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandboxes.json");
    let file = MemoryFile::new(folder.path());
    for bytes in [&b""[..], b"{", b"null", b"{\"boot_id\":1}", &[0xff; 64]] {
        fs::write(&path, bytes).unwrap();
        let error = file.read().unwrap_err();
        assert!(matches!(error, MemoryError::Shape(_)), "{error}");
        assert_eq!(error.reason(), "shape");
    }
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    assert_eq!(file.read().unwrap_err().reason(), "not_regular");
}

#[test]
fn this_machine_tells_its_boot() {
    assert_eq!(boot_id(), boot_id());
    assert_eq!(boot_id().unwrap().len(), BOOT.len());
}
