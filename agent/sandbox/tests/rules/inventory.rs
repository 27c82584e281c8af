//! Events that are late, doubled, lost or out of order.

use std::time::Duration;

use sandbox::{
    Activity, Change, Disk, Found, Inventory, Limits, Listing, Moment, NetworkRef, State, Usage,
    VolumeRef,
};

use crate::stage::*;

const SECOND: Duration = Duration::from_secs(1);

/// Seconds after the moment of all cases.
fn at(seconds: u32) -> Moment {
    NOW.plus(seconds * SECOND)
}

fn seen(asked: u32, found: Found) -> Change {
    Change::Seen {
        asked: at(asked),
        found: Box::new(found),
    }
}

fn listing(began: u32, sandboxes: Vec<Found>) -> Listing {
    Listing {
        began: at(began),
        sandboxes,
        ..Listing::default()
    }
}

fn running(n: u64) -> Found {
    found(n, ago(HOUR))
}

fn exited(n: u64, when: Option<Moment>) -> Found {
    Found {
        state: State::Exited,
        ended: when,
        ..running(n)
    }
}

fn states(inventory: &Inventory) -> Vec<(u64, State)> {
    let all = 0..100;
    let state = |n| Some((n, inventory.sandboxes.get(&id(n))?.state));
    all.filter_map(state).collect()
}

#[test]
fn the_later_answer_wins_however_they_arrive() {
    let early = || seen(1, running(1));
    let late = || seen(2, exited(1, None));
    for order in [[early(), late()], [late(), early()]] {
        let mut inventory = Inventory::default();
        order
            .into_iter()
            .for_each(|change| inventory.apply(change, at(3)));
        assert_eq!(states(&inventory), [(1, State::Exited)]);
    }
}

#[test]
fn nothing_brings_back_what_is_gone() {
    let mut inventory = Inventory::default();
    inventory.apply(Change::Gone(id(1)), at(2));
    inventory.apply(seen(1, running(1)), at(3));
    inventory.apply(Change::ExecBegan(id(1), exec(1)), at(3));
    inventory.apply(Change::Gone(id(1)), at(4));
    assert_eq!(states(&inventory), []);
    inventory.swap(listing(1, vec![running(1), running(2)]), at(5));
    assert_eq!(
        states(&inventory),
        [(2, State::Running)],
        "gone since the asking began"
    );
    inventory.swap(listing(6, vec![running(1)]), at(7));
    assert_eq!(
        states(&inventory),
        [(1, State::Running)],
        "a later list is the truth"
    );
}

#[test]
fn what_came_since_the_asking_began_is_kept_over_the_swap() {
    let mut inventory = Inventory::default();
    inventory.apply(seen(1, running(1)), at(1));
    inventory.apply(seen(3, running(2)), at(3));
    inventory.apply(seen(3, exited(3, None)), at(3));
    inventory.swap(listing(2, vec![running(3)]), at(4));
    assert_eq!(
        states(&inventory),
        [(2, State::Running), (3, State::Exited)]
    );
}

#[test]
fn execs_are_counted_once_and_never_after_their_end() {
    let mut inventory = Inventory::default();
    inventory.apply(seen(0, running(1)), at(0));
    let began = Change::ExecBegan(id(1), exec(1));
    let ended = Change::ExecEnded(id(1), exec(1));
    inventory.apply(began.clone(), at(10));
    inventory.apply(began.clone(), at(20));
    let one = |inventory: &Inventory| inventory.sandboxes[&id(1)].clone();
    assert_eq!(one(&inventory).execs, [(exec(1), at(10))].into());
    assert_eq!(one(&inventory).last_active, at(10));
    inventory.apply(ended.clone(), at(30));
    assert_eq!(one(&inventory).last_active, at(30));
    let before = inventory.clone();
    inventory.apply(began, at(40));
    inventory.apply(ended, at(40));
    assert_eq!(inventory, before, "late and doubled");
    inventory.apply(
        seen(
            20,
            Found {
                execs: vec![exec(1)],
                ..running(1)
            },
        ),
        at(41),
    );
    assert_eq!(
        one(&inventory).execs,
        [].into(),
        "an answer from before its end"
    );

    inventory.apply(Change::ExecEnded(id(1), exec(2)), at(50));
    inventory.apply(Change::ExecBegan(id(1), exec(2)), at(51));
    assert_eq!(one(&inventory).execs, [].into(), "the end came first");
    assert_eq!(one(&inventory).last_active, at(50));
}

#[test]
fn an_exec_that_began_after_the_asking_is_not_lost() {
    let mut inventory = Inventory::default();
    inventory.apply(Change::ExecBegan(id(1), exec(1)), at(2));
    inventory.apply(Change::ExecBegan(id(2), exec(2)), at(2));
    inventory.apply(seen(1, running(1)), at(3));
    assert_eq!(inventory.sandboxes[&id(1)].execs, [(exec(1), at(2))].into());
    inventory.apply(seen(1, running(1)), at(4));
    inventory.swap(listing(1, vec![running(1), running(2)]), at(5));
    assert_eq!(inventory.sandboxes[&id(1)].execs, [(exec(1), at(2))].into());
    assert_eq!(inventory.sandboxes[&id(2)].execs, [(exec(2), at(2))].into());
    inventory.swap(listing(6, vec![running(1), running(2)]), at(7));
    assert_eq!(
        inventory.sandboxes[&id(1)].execs,
        [].into(),
        "its end was missed"
    );
    assert_eq!(inventory.sandboxes[&id(1)].last_active, at(7));
}

#[test]
fn a_listing_shows_execs_whose_begin_was_missed_and_keeps_the_others() {
    let mut inventory = Inventory::default();
    inventory.apply(seen(0, running(1)), at(0));
    inventory.apply(Change::ExecBegan(id(1), exec(1)), at(1));
    let shown = Found {
        execs: vec![exec(1), exec(2)],
        ..running(1)
    };
    inventory.swap(listing(5, vec![shown.clone()]), at(6));
    let wanted = [(exec(1), at(1)), (exec(2), at(5))].into();
    assert_eq!(inventory.sandboxes[&id(1)].execs, wanted);
    assert_eq!(inventory.sandboxes[&id(1)].last_active, at(6));
    inventory.swap(listing(60, vec![shown]), at(60));
    assert_eq!(
        inventory.sandboxes[&id(1)].execs,
        wanted,
        "since when is kept"
    );
    assert_eq!(
        inventory.sandboxes[&id(1)].last_active,
        at(6),
        "nothing happened"
    );
}

#[test]
fn starts_are_activity_and_activity_never_goes_back() {
    let mut inventory = Inventory::default();
    inventory.swap(listing(0, vec![exited(1, None)]), at(0));
    inventory.apply(Change::Active(id(1)), at(20));
    inventory.apply(Change::Active(id(1)), at(10));
    inventory.apply(Change::Active(id(9)), at(10));
    assert_eq!(inventory.sandboxes[&id(1)].last_active, at(20));
    inventory.apply(seen(30, running(1)), at(30));
    assert_eq!(
        inventory.sandboxes[&id(1)].last_active,
        at(30),
        "a start that was missed"
    );
    assert_eq!(inventory.sandboxes[&id(1)].ended, None);
}

#[test]
fn the_exact_account_counts() {
    let hand = at(100);
    let activity = Activity::new(move || hand);
    let mut inventory = Inventory::default();
    inventory.swap(listing(0, vec![running(1), running(2)]), at(0));
    drop(activity.begin(id(1)).unwrap());
    inventory.hear(&activity, &Limits::default());
    assert_eq!(inventory.sandboxes[&id(1)].last_active, at(100));
    assert_eq!(inventory.sandboxes[&id(2)].last_active, at(0));
}

#[test]
fn runs_are_activity_up_to_the_answer_that_no_longer_has_them() {
    let mut inventory = Inventory::default();
    inventory.swap(listing(0, vec![running(1)]), at(0));
    let mut tell = |answer, now| {
        inventory.apply(Change::Sessions(answer), at(now));
        inventory.sandboxes[&id(1)].last_active
    };
    let active = |when| sessions(&[], &["agent:main:s1"], at(when));
    let idle = |when| sessions(&["agent:main:s1"], &[], at(when));
    assert_eq!(tell(idle(10), 10), at(0));
    assert_eq!(tell(active(20), 21), at(20));
    assert_eq!(tell(active(15), 25), at(20), "an older answer is dropped");
    assert_eq!(tell(idle(30), 31), at(30), "it ended in between");
    assert_eq!(tell(idle(40), 40), at(30));
    assert_eq!(tell(active(50), 50), at(50));
    assert_eq!(tell(None, 60), at(50), "nobody knows");
    assert_eq!(tell(idle(70), 70), at(70), "it ended in between");
    assert_eq!(tell(None, 80), at(70));
}

#[test]
fn a_session_is_missing_since_the_first_answer_without_it() {
    let mut inventory = Inventory::default();
    inventory.swap(listing(0, vec![found(1, at(0))]), at(0));
    let mut tell = |answer, now| {
        inventory.apply(Change::Sessions(answer), at(now));
        inventory.sandboxes[&id(1)].missing_since
    };
    let without = |when| sessions(&["agent:main:s2"], &[], at(when));
    let with = |when| sessions(&["agent:main:s1"], &[], at(when));
    assert_eq!(
        tell(sessions(&[], &[], ago(MINUTE)), 1),
        None,
        "asked before it was made"
    );
    assert_eq!(tell(without(10), 11), Some(at(10)));
    assert_eq!(tell(without(20), 21), Some(at(10)));
    assert_eq!(tell(with(30), 31), None);
    assert_eq!(tell(without(40), 41), Some(at(40)));
    assert_eq!(tell(None, 50), None, "the grace begins anew");
    assert_eq!(tell(without(60), 61), Some(at(60)));
}

#[test]
fn a_disk_and_a_measure_are_taken_as_they_come() {
    let mut inventory = Inventory::default();
    inventory.swap(listing(0, vec![running(1)]), at(0));
    let usage = Usage {
        memory_bytes: 7,
        ..Usage::default()
    };
    inventory.apply(Change::Measured(id(1), usage), at(1));
    inventory.apply(Change::Measured(id(2), usage), at(1));
    inventory.apply(Change::Disk(Some(Disk::default())), at(1));
    assert_eq!(inventory.sandboxes[&id(1)].usage, Some(usage));
    assert_eq!(inventory.disk, Some(Disk::default()));
    inventory.swap(listing(2, vec![running(1)]), at(2));
    assert_eq!(
        inventory.sandboxes[&id(1)].usage,
        Some(usage),
        "kept over a swap"
    );
    inventory.apply(Change::Disk(None), at(3));
    assert_eq!(inventory.disk, None);
}

fn with_leftovers(n: u64) -> Found {
    let mut found = running(n);
    let network = |id: Option<&str>, name: &str| NetworkRef {
        id: id.map(str::to_owned),
        name: name.to_owned(),
    };
    let volume = |name: &str, anonymous| VolumeRef {
        name: name.to_owned(),
        anonymous,
    };
    found.facts.volumes = vec![volume("anonymous", true), volume("named", false)];
    found.facts.networks = vec![
        network(Some("n1"), "sbx"),
        network(None, "later"),
        network(Some("b"), "bridge"),
    ];
    found.facts.skills = Some("workspace-1".to_owned());
    found
}

#[test]
fn what_is_attached_is_remembered_while_the_daemon_has_it() {
    let mut inventory = Inventory::default();
    inventory.apply(seen(0, with_leftovers(1)), at(0));
    inventory.apply(Change::Gone(id(1)), at(5));
    let remembered = &inventory.remembered;
    assert_eq!(remembered.volumes, [("anonymous".to_owned(), at(5))].into());
    assert_eq!(remembered.networks, [("n1".to_owned(), at(5))].into());
    assert_eq!(remembered.folders["workspace-1"].session, session(1));
    inventory.swap(listing(4, vec![]), at(6));
    assert_eq!(
        inventory.remembered.volumes.len(),
        1,
        "seen since the asking began"
    );
    let there = Listing {
        volumes: ["anonymous".to_owned()].into(),
        ..listing(10, vec![])
    };
    inventory.swap(there, at(11));
    assert_eq!(
        inventory.remembered.volumes,
        [("anonymous".to_owned(), at(5))].into()
    );
    assert_eq!(inventory.remembered.networks.len(), 0);
    assert_eq!(inventory.remembered.folders.len(), 0);
}

#[test]
fn what_a_gone_sandbox_left_behind_is_learned_also_afterwards() {
    let mut inventory = Inventory::default();
    inventory.apply(Change::Gone(id(1)), at(1));
    inventory.apply(seen(0, with_leftovers(1)), at(2));
    assert_eq!(states(&inventory), []);
    assert_eq!(
        inventory.remembered.volumes,
        [("anonymous".to_owned(), at(2))].into()
    );
}

#[test]
fn folders_that_are_no_single_name_are_not_remembered() {
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "/",
        "../x",
        "a\0b",
        "a\nb",
        &"x".repeat(256),
    ] {
        let mut found = running(1);
        found.facts.skills = Some(name.to_owned());
        let mut inventory = Inventory::default();
        inventory.apply(seen(0, found), at(0));
        assert_eq!(inventory.remembered.folders.len(), 0, "{name:?}");
    }
}

#[test]
fn the_time_of_a_folder_runs_only_while_its_session_is_known_to_be_gone() {
    let mut inventory = Inventory::default();
    inventory.apply(seen(0, with_leftovers(1)), at(0));
    inventory.apply(Change::Gone(id(1)), at(1));
    let mut tell = |answer, now| {
        inventory.apply(Change::Sessions(answer), at(now));
        inventory.remembered.folders["workspace-1"].seen
    };
    assert_eq!(tell(sessions(&[], &[], at(10)), 10), at(1));
    assert_eq!(tell(sessions(&["agent:main:s1"], &[], at(20)), 20), at(20));
    assert_eq!(tell(None, 30), at(30));
    assert_eq!(tell(sessions(&[], &[], at(40)), 40), at(30));
}

#[test]
fn what_is_remembered_is_bounded() {
    let n_max = u64::try_from(sandbox::REMEMBERED_MAX).unwrap();
    let with_volume = |n| {
        let mut found = running(n);
        let volume = VolumeRef {
            name: format!("v{n}"),
            anonymous: true,
        };
        found.facts.volumes = vec![volume];
        found
    };
    let mut inventory = Inventory::default();
    for n in 0..n_max + 10 {
        let when = u32::try_from(n).unwrap();
        inventory.apply(seen(when, with_volume(n)), at(when));
    }
    let volumes = &inventory.remembered.volumes;
    assert_eq!(volumes.len(), sandbox::REMEMBERED_MAX);
    assert!(
        !volumes.contains_key("v9") && volumes.contains_key("v10"),
        "the oldest go"
    );
    let many = (10_000..10_000 + 2 * n_max).map(with_volume).collect();
    inventory.swap(listing(10_000, many), at(10_000));
    let volumes = &inventory.remembered.volumes;
    assert_eq!(volumes.len(), sandbox::REMEMBERED_MAX);
    assert!(volumes.values().all(|seen| *seen == at(10_000)));
}
