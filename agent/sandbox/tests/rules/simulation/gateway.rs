//! A gateway and its daemon: what is true, and what of it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sandbox::{
    Activity, Change, ExecId, Found, Id, Image, Listing, Moment, NetworkRef, Permit, Scope,
    Sessions, State, VolumeRef,
};

use super::Dice;
use crate::stage::*;

const SESSIONS: u64 = 12;
/// The most execs of one run at a time.
const EXECS: usize = 3;

const TICK: Duration = Duration::from_secs(1);

/// One container, as it truly is.
struct Container {
    found: Found,
    session: u64,
    execs: BTreeMap<ExecId, (Permit, Moment)>,
    /// When the last exec ended.
    ended: Option<Moment>,
    /// Whether the run that is active now has used it.
    used_by_run: bool,
}

/// A session's run.
struct Run {
    began: Moment,
    until: Moment,
}

/// An event on its way.
struct Told {
    at: Moment,
    change: Change,
}

pub struct Gateway {
    pub activity: Activity,
    /// What was live when it was removed, in words.
    pub killed: Vec<String>,
    /// Execs that could not begin because of a removal.
    pub refused: usize,
    hand: Arc<AtomicI64>,
    containers: BTreeMap<Id, Container>,
    deleted: BTreeSet<u64>,
    runs: BTreeMap<u64, Run>,
    told: Vec<Told>,
    numbers: u64,
    /// Volumes that were shown to anybody while they were attached.
    shown: BTreeSet<String>,
    volumes: BTreeSet<String>,
    networks: BTreeSet<String>,
    folders: BTreeSet<String>,
    image: bool,
    is_open: bool,
}

impl Gateway {
    pub fn new() -> Self {
        let hand = Arc::new(AtomicI64::new(NOW.millis()));
        let shown = hand.clone();
        Self {
            activity: Activity::new(move || Moment::from_millis(shown.load(Ordering::SeqCst))),
            killed: Vec::new(),
            refused: 0,
            hand,
            containers: BTreeMap::new(),
            deleted: BTreeSet::new(),
            runs: BTreeMap::new(),
            told: Vec::new(),
            numbers: 0,
            shown: BTreeSet::new(),
            volumes: ["foreign".to_owned()].into(),
            networks: ["foreign".to_owned()].into(),
            folders: ["foreign".to_owned()].into(),
            image: true,
            is_open: true,
        }
    }

    pub fn now(&self) -> Moment {
        Moment::from_millis(self.hand.load(Ordering::SeqCst))
    }

    pub fn ids(&self) -> Vec<Id> {
        self.containers.keys().copied().collect()
    }

    pub fn running_execs(&self) -> usize {
        self.containers.values().map(|one| one.execs.len()).sum()
    }

    /// No run begins any more, and all sessions but one are deleted.
    pub fn close(&mut self) {
        self.is_open = false;
        self.deleted = (1..SESSIONS).collect();
    }

    /// Time goes on; long times in few steps.
    pub fn live_for(&mut self, time: Duration, dice: &mut Dice) {
        let end = self.now().plus(time);
        while self.now() < end {
            let rest = end.since(self.now());
            let step = (time / 10).max(TICK).min(rest);
            self.hand.fetch_add(
                i64::try_from(step.as_millis()).unwrap().max(1),
                Ordering::SeqCst,
            );
            self.act(dice);
        }
    }

    /// What the gateway does at one moment.
    fn act(&mut self, dice: &mut Dice) {
        let now = self.now();
        self.end_what_is_over(now, dice);
        let session = dice.below(SESSIONS);
        if self.is_open && dice.once_in(3) {
            let until = now.plus(dice.time(30 * MINUTE));
            let began = self.runs.get(&session).map_or(now, |run| run.began);
            self.deleted.remove(&session);
            self.runs.insert(session, Run { began, until });
        }
        let active: Vec<u64> = self.runs.keys().copied().collect();
        for session in active {
            if dice.once_in(2) {
                self.use_tool(session, dice);
            }
        }
        if dice.once_in(20) && !self.runs.contains_key(&session) {
            self.deleted.insert(session);
        }
        if dice.once_in(15) {
            self.something_ends(dice);
        }
    }

    fn end_what_is_over(&mut self, now: Moment, dice: &mut Dice) {
        let mut over = Vec::new();
        for (id, one) in &mut self.containers {
            let ended = one.execs.extract_if(.., |_, (_, until)| *until <= now);
            for (exec, permit) in ended {
                drop(permit);
                one.ended = Some(now);
                over.push(Change::ExecEnded(*id, exec));
            }
            one.found.execs = one.execs.keys().copied().collect();
        }
        over.into_iter().for_each(|change| self.tell(change, dice));
        let ended: Vec<u64> = self
            .runs
            .extract_if(.., |_, run| run.until <= now)
            .map(|(n, _)| n)
            .collect();
        for one in self.containers.values_mut() {
            one.used_by_run &= !ended.contains(&one.session);
        }
    }

    /// A run uses a tool: in the sandbox of its session, in a new one where there is none.
    fn use_tool(&mut self, session: u64, dice: &mut Dice) {
        let usable = |one: &&Container| one.session == session && one.found.state == State::Running;
        let there = self
            .containers
            .values()
            .find(usable)
            .map(|one| one.found.facts.id);
        let id = there.unwrap_or_else(|| self.make(session, dice));
        let is_full = |one: &Container| one.execs.len() == EXECS;
        if self.containers.get(&id).is_some_and(is_full) {
            return;
        }
        let Ok(permit) = self.activity.begin(id) else {
            self.refused += 1;
            return;
        };
        self.numbers += 1;
        let exec = exec(self.numbers);
        let until = self.now().plus(dice.time(20 * MINUTE));
        if let Some(one) = self.containers.get_mut(&id) {
            one.execs.insert(exec, (permit, until));
            one.found.execs.push(exec);
            one.used_by_run = true;
        }
        self.tell(Change::ExecBegan(id, exec), dice);
    }

    fn make(&mut self, session: u64, dice: &mut Dice) -> Id {
        self.numbers += 1;
        let n = self.numbers;
        let mut found = found(n, self.now());
        let (key, folder) = (crate::stage::session(session), format!("session-{session}"));
        found.facts.scope = Scope::parse(&key);
        found.facts.volumes = vec![VolumeRef {
            name: format!("v{n}"),
            anonymous: true,
        }];
        found.facts.networks = vec![NetworkRef {
            id: Some(format!("n{session}")),
            name: format!("net{session}"),
        }];
        found.facts.skills = Some(folder.clone());
        self.volumes.insert(format!("v{n}"));
        self.networks.insert(format!("n{session}"));
        self.folders.insert(folder);
        self.image = true;
        let id = found.facts.id;
        let container = Container {
            found,
            session,
            execs: BTreeMap::new(),
            ended: None,
            used_by_run: true,
        };
        self.containers.insert(id, container);
        self.show(id, dice);
        self.tell(Change::Active(id), dice);
        id
    }

    /// A container ends by itself, or the gateway prunes one, as it does between runs.
    fn something_ends(&mut self, dice: &mut Dice) {
        let free = |one: &&mut Container| one.execs.is_empty() && !one.used_by_run;
        let now = self.now();
        let Some(one) = self.containers.values_mut().find(free) else {
            return;
        };
        let id = one.found.facts.id;
        if dice.once_in(2) {
            self.containers.remove(&id);
            self.tell(Change::Gone(id), dice);
        } else if one.found.state == State::Running {
            one.found.state = State::Exited;
            one.found.ended = Some(now);
            self.show(id, dice);
        }
    }

    fn show(&mut self, id: Id, dice: &mut Dice) {
        let asked = self.now();
        if let Some(one) = self.containers.get(&id) {
            let found = Box::new(one.found.clone());
            self.tell(Change::Seen { asked, found }, dice);
        }
    }

    /// Most events arrive within ten seconds; some twice, some never.
    fn tell(&mut self, change: Change, dice: &mut Dice) {
        let copies = match dice.below(20) {
            0 => 0,
            1 => 2,
            _ => 1,
        };
        if let (Change::Seen { found, .. }, true) = (&change, copies > 0) {
            self.shown.extend(volumes(found));
        }
        for _ in 0..copies {
            let at = self.now().plus(dice.time(Duration::from_secs(10)));
            self.told.push(Told {
                at,
                change: change.clone(),
            });
        }
    }

    /// The events that have arrived by now, in the order of their arrival.
    pub fn arrived(&mut self) -> Vec<Change> {
        let now = self.now();
        let mut here: Vec<Told> = self.told.extract_if(.., |told| told.at <= now).collect();
        here.sort_by_key(|told| told.at);
        here.into_iter().map(|told| told.change).collect()
    }

    pub fn listing(&mut self) -> Listing {
        let attached = self.containers.values().flat_map(|one| volumes(&one.found));
        self.shown.extend(attached);
        let image = Image {
            id: "sha256:aa".to_owned(),
            names: vec!["openclaw-sandbox:bookworm-slim".to_owned()],
            digests: Vec::new(),
            bytes: 1,
        };
        let network = |id: &String| NetworkRef {
            id: Some(id.clone()),
            name: format!("net-{id}"),
        };
        Listing {
            began: self.now(),
            sandboxes: self
                .containers
                .values()
                .map(|one| one.found.clone())
                .collect(),
            images: self.image.then_some(image).into_iter().collect(),
            volumes: self.volumes.clone(),
            networks: self.networks.iter().map(network).collect(),
            folders: self.folders.clone(),
            ..Listing::default()
        }
    }

    /// What the gateway answers when it is asked for its sessions.
    pub fn sessions(&self) -> Sessions {
        let known = (0..SESSIONS)
            .filter(|n| !self.deleted.contains(n))
            .map(session);
        Sessions::new(known, self.runs.keys().map(|n| session(*n)), self.now())
    }

    /// The daemon removes a container. `asked` is when the gateway was last asked for its runs.
    pub fn remove(&mut self, id: Id, asked: Moment) {
        let now = self.now();
        let Some(one) = self.containers.remove(&id) else {
            return;
        };
        let recent = one.ended.is_some_and(|ended| now.since(ended) < MINUTE);
        let run = self.runs.get(&one.session);
        // A run that began after the asking and did nothing here yet loses nothing: it makes a new sandbox.
        let running = run.is_some_and(|run| run.began <= asked || one.used_by_run);
        for (is_live, why) in [
            (!one.execs.is_empty(), "exec"),
            (recent, "recent"),
            (running, "run"),
        ] {
            if is_live {
                self.killed.push(format!("{why} in {id:?} at {now:?}"));
            }
        }
        self.told.push(Told {
            at: now,
            change: Change::Gone(id),
        });
    }

    pub fn remove_image(&mut self) {
        let used = self.containers.len();
        assert_eq!(used, 0, "an image that is in use was removed");
        self.image = false;
    }

    pub fn remove_volume(&mut self, name: &str) {
        let attached = |one: &Container| {
            one.found
                .facts
                .volumes
                .iter()
                .any(|volume| volume.name == name)
        };
        self.forbid(name, attached);
        self.volumes.remove(name);
    }

    pub fn remove_network(&mut self, name: &str) {
        let attached = |one: &Container| {
            one.found
                .facts
                .networks
                .iter()
                .any(|network| network.id.as_deref() == Some(name))
        };
        // The daemon refuses what is attached.
        if !self.containers.values().any(attached) {
            self.forbid(name, attached);
            self.networks.remove(name);
        }
    }

    pub fn remove_folder(&mut self, name: &str) {
        self.forbid(name, |one| {
            one.found.facts.skills.as_deref() == Some(name) && !one.execs.is_empty()
        });
        self.folders.remove(name);
    }

    fn forbid(&mut self, name: &str, used: impl Fn(&Container) -> bool) {
        if name == "foreign" || self.containers.values().any(used) {
            self.killed.push(format!("{name} was not ours or in use"));
        }
    }

    /// What is still there and should not be, in words.
    pub fn left(&self) -> Vec<String> {
        let ours = |names: &BTreeSet<String>| {
            names
                .iter()
                .filter(|name| *name != "foreign")
                .cloned()
                .collect::<Vec<_>>()
        };
        let mut left: Vec<String> = self.ids().iter().map(|id| format!("{id:?}")).collect();
        left.extend(
            ours(&self.volumes)
                .into_iter()
                .filter(|volume| self.shown.contains(volume)),
        );
        left.extend(ours(&self.networks));
        left.extend(
            ours(&self.folders)
                .into_iter()
                .filter(|folder| folder != "session-0"),
        );
        left.extend(self.image.then(|| "image".to_owned()));
        left
    }
}

fn volumes(found: &Found) -> impl Iterator<Item = String> {
    found.facts.volumes.iter().map(|volume| volume.name.clone())
}
