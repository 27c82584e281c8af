//! Sandboxes to make cases of.

use std::sync::Arc;
use std::time::Duration;

use sandbox::{
    ExecId, Facts, Found, Id, ImageRef, Inventory, Kind, Moment, Sandbox, Scope, Sessions, State,
};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);
pub const MILLI: Duration = Duration::from_millis(1);

/// The moment of all cases: a hundred days after the boot.
pub const NOW: Moment = Moment::from_millis(100 * 86_400_000);

pub fn ago(time: Duration) -> Moment {
    before(NOW, time)
}

pub fn before(moment: Moment, time: Duration) -> Moment {
    Moment::from_millis(moment.millis() - i64::try_from(time.as_millis()).unwrap())
}

pub fn id(n: u64) -> Id {
    Id::parse(&format!("{n:064x}")).unwrap()
}

pub fn exec(n: u64) -> ExecId {
    ExecId::parse(&format!("{n:064x}")).unwrap()
}

pub fn session(n: u64) -> String {
    format!("agent:main:s{n}")
}

pub fn facts(n: u64) -> Facts {
    Facts {
        id: id(n),
        name: format!("openclaw-sbx-{n}"),
        scope: Scope::parse(&session(n)),
        kind: Kind::Tool,
        config_hash: Some("h".to_owned()),
        image: ImageRef {
            id: "sha256:aa".to_owned(),
            name: "openclaw-sandbox:bookworm-slim".to_owned(),
        },
        memory_limit: None,
        cpus: None,
        volumes: Vec::new(),
        networks: Vec::new(),
        skills: None,
    }
}

pub fn found(n: u64, created: Moment) -> Found {
    Found {
        facts: facts(n),
        state: State::Running,
        created,
        ended: None,
        execs: Vec::new(),
    }
}

/// One that runs for an hour and was last used ten minutes ago.
pub fn sandbox(n: u64) -> Sandbox {
    Sandbox {
        facts: Arc::new(facts(n)),
        state: State::Running,
        created: ago(HOUR),
        ended: None,
        last_active: ago(10 * MINUTE),
        execs: [].into(),
        usage: None,
        seen: NOW,
        missing_since: None,
    }
}

pub fn ended(n: u64, since: Duration) -> Sandbox {
    Sandbox {
        state: State::Exited,
        ended: Some(ago(since)),
        ..sandbox(n)
    }
}

pub fn holding(sandboxes: impl IntoIterator<Item = Sandbox>) -> Inventory {
    let mut inventory = Inventory::default();
    let by_id = sandboxes.into_iter().map(|s| (s.facts.id, s));
    inventory.sandboxes = by_id.collect();
    inventory
}

pub fn sessions(known: &[&str], active: &[&str], asked: Moment) -> Option<Sessions> {
    let owned = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<Vec<_>>();
    Some(Sessions::new(owned(known), owned(active), asked))
}
