//! What the agent must not forget, as a list of entries and the state that they fold into.
//!
//! The order on disk is: the entry first, the document's rename after it. So the newest entry
//! may name a document that never came to be; who opens the ledger compares hashes.

use std::collections::{BTreeMap, VecDeque};

use agent_api::{HistoryEntry, HistoryResponse, Outcome, Proof};
use config_merge::LayerName;
use durable::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;

/// How many generations are kept for `history` and `rollback`.
pub const KEPT_GENERATIONS: usize = 50;
/// How many refused candidates are remembered.
pub const KEPT_QUARANTINE: usize = 100;

/// One file of a layer: its name and the SHA-256 of its bytes, which lie in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LayerFile {
    /// Name inside the layer's directory.
    pub name: String,
    /// SHA-256 of the bytes.
    pub digest: Digest,
}

/// The files of one layer, in name order.
pub type LayerFiles = Vec<LayerFile>;

/// The exact input of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerSet {
    /// Files by layer; an absent layer has no entry.
    pub layers: BTreeMap<LayerName, LayerFiles>,
    /// The locks file in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locks: Option<LayerFile>,
}

impl LayerSet {
    /// The layers whose files differ between two sets.
    pub fn differing(&self, other: &Self) -> Vec<LayerName> {
        LayerName::ALL
            .into_iter()
            .filter(|name| self.layers.get(name) != other.layers.get(name))
            .collect()
    }

    /// All its files, the locks too.
    pub fn files(&self) -> impl Iterator<Item = &LayerFile> {
        self.layers.values().flatten().chain(&self.locks)
    }

    /// Takes one layer (and with `policy` the locks) from another set.
    pub fn take(&mut self, name: LayerName, from: &Self) {
        match from.layers.get(&name) {
            Some(files) => self.layers.insert(name, files.clone()),
            None => self.layers.remove(&name),
        };
        if name == LayerName::Policy {
            self.locks.clone_from(&from.locks);
        }
    }
}

/// One document that was written, or was about to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Generation {
    /// Its number; never given twice.
    pub number: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// SHA-256 of the document's bytes.
    pub sha256: Digest,
    /// What it was made of.
    pub set: LayerSet,
    /// Who asked for it.
    pub actor: String,
    /// The generation whose layers it brings back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u64>,
    /// Paths that it changed, against the document before it.
    #[serde(default)]
    pub changed: Vec<String>,
    /// What became of it.
    #[serde(default = "pending")]
    pub outcome: Outcome,
    /// How it was proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Why it was undone, or not proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn pending() -> Outcome {
    Outcome::Pending
}

/// The user layer in force, and how it came to be (ruling 5: two ways in).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserLayer {
    /// Counts edits of this layer, apart from generations.
    pub revision: u64,
    /// Its files.
    pub files: LayerFiles,
    /// The content of the user path on disk when it was last taken in.
    #[serde(default)]
    pub seen: LayerFiles,
    /// Who made the edit.
    pub actor: String,
}

/// A layer that a rollback holds at older content until its files change again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The content on disk that is passed over.
    pub ignored: LayerFiles,
    /// The content in force instead.
    pub files: LayerFiles,
}

/// What a rollback brings back beside the generation, in one record: all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Held layers.
    pub pins: BTreeMap<LayerName, Pin>,
    /// The user layer.
    pub user: UserLayer,
}

/// A candidate that is not tried again until a layer or the gateway's version changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// SHA-256 of the document.
    pub sha256: Digest,
    /// The gateway's version that it failed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The generation it had, when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Why it failed.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// One line of the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// A document is about to be written.
    Written(Generation),
    /// What became of a generation.
    Judged {
        /// Which one.
        number: u64,
        /// What became of it.
        outcome: Outcome,
        /// How it was proved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<Proof>,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A generation finished its probation: it is the last good one.
    Good {
        /// Which one.
        number: u64,
        /// The gateway's version that it was proved on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// The user layer changed.
    User(UserLayer),
    /// The user layer changed, and says itself what the runtime layer said before.
    Yielded {
        /// The user layer.
        user: UserLayer,
        /// What is left of the runtime layer.
        runtime: LayerFile,
    },
    /// The runtime layer changed; empty bytes are no layer.
    Runtime {
        /// Its one file.
        file: Option<LayerFile>,
    },
    /// A rollback, or its end: what is held at older content, and the user layer that goes with it.
    Held(Held),
    /// A candidate was refused or undone.
    Quarantined(Quarantine),
    /// A candidate may be tried again: it was not the reason.
    Released {
        /// SHA-256 of the document.
        sha256: Digest,
    },
    /// The agent leaves the document alone until then; none ends it.
    Paused {
        /// The end of the pause.
        until: Option<Timestamp>,
    },
    /// Where numbering goes on after old entries were dropped.
    Counted {
        /// The highest number given so far.
        last: u64,
    },
}

/// The state that the entries fold into.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// The newest generations, oldest first.
    pub generations: VecDeque<Generation>,
    /// The last number given.
    pub last_number: u64,
    /// The last good generation.
    pub good: Option<Generation>,
    /// The gateway's version that the last good one was proved on.
    pub good_version: Option<String>,
    /// The user layer in force.
    pub user: UserLayer,
    /// The runtime layer.
    pub runtime: Option<LayerFile>,
    /// Held layers.
    pub pins: BTreeMap<LayerName, Pin>,
    /// Refused candidates.
    pub quarantine: VecDeque<Quarantine>,
    /// End of the pause.
    pub paused_until: Option<Timestamp>,
}

impl Ledger {
    /// Folds entries in their order.
    pub fn fold(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut ledger = Self::default();
        for entry in entries {
            ledger.apply(entry);
        }
        ledger
    }

    /// Takes in one entry.
    pub fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Written(generation) => self.written(generation),
            Entry::Judged {
                number,
                outcome,
                proof,
                reason,
            } => {
                if let Some(found) = self.generations.iter_mut().find(|g| g.number == number) {
                    found.outcome = outcome;
                    found.proof = proof;
                    found.reason = reason;
                }
            }
            Entry::Good { number, version } => {
                self.good = self
                    .generation(number)
                    .cloned()
                    .or_else(|| self.good.take());
                self.good_version = version;
            }
            Entry::User(user) => self.user = user,
            Entry::Yielded { user, runtime } => {
                self.user = user;
                self.runtime = Some(runtime);
            }
            Entry::Runtime { file } => self.runtime = file,
            Entry::Held(held) => {
                self.pins = held.pins;
                self.user = held.user;
            }
            Entry::Quarantined(quarantine) => self.quarantined(quarantine),
            Entry::Released { sha256 } => self.quarantine.retain(|old| old.sha256 != sha256),
            Entry::Paused { until } => self.paused_until = until,
            Entry::Counted { last } => self.last_number = self.last_number.max(last),
        }
    }

    fn written(&mut self, generation: Generation) {
        self.last_number = self.last_number.max(generation.number);
        self.generations.push_back(generation);
        if self.generations.len() > KEPT_GENERATIONS {
            self.generations.pop_front();
        }
    }

    fn quarantined(&mut self, quarantine: Quarantine) {
        self.quarantine
            .retain(|old| (&old.sha256, &old.version) != (&quarantine.sha256, &quarantine.version));
        self.quarantine.push_back(quarantine);
        if self.quarantine.len() > KEPT_QUARANTINE {
            self.quarantine.pop_front();
        }
    }

    /// The generation of that number, while it is kept.
    pub fn generation(&self, number: u64) -> Option<&Generation> {
        self.generations.iter().find(|g| g.number == number)
    }

    /// The same, or an error that says what is kept.
    pub fn kept(&self, number: u64) -> Result<&Generation, Error> {
        self.generation(number).ok_or_else(|| Error::NoGeneration {
            number,
            oldest: self.generations.front().map_or(0, |g| g.number),
            newest: self.generations.back().map_or(0, |g| g.number),
        })
    }

    /// What is held now, to be given back when a rollback comes to nothing.
    pub fn held(&self) -> Held {
        Held {
            pins: self.pins.clone(),
            user: self.user.clone(),
        }
    }

    /// Why this document is not tried on this version of the gateway.
    pub fn quarantine_of(&self, sha256: &Digest, version: Option<&str>) -> Option<&Quarantine> {
        self.quarantine.iter().find(|q| {
            q.sha256 == *sha256
                && match (q.version.as_deref(), version) {
                    (Some(failed), Some(running)) => failed == running,
                    _ => true,
                }
        })
    }

    /// The generation since which a path has its value: the newest kept one that changed it.
    pub fn since(&self, path: &str) -> Option<u64> {
        self.generations
            .iter()
            .rev()
            .find(|g| g.changed.iter().any(|changed| covers(changed, path)))
            .map(|g| g.number)
    }

    /// Past generations, newest first.
    pub fn history(&self) -> HistoryResponse {
        HistoryResponse {
            generations: self.generations.iter().rev().map(entry).collect(),
        }
    }

    /// The fewest entries that fold into this same state.
    pub fn compact(&self) -> Vec<Entry> {
        let mut entries = vec![Entry::Counted {
            last: self.last_number,
        }];
        let good = self.good.iter().map(|good| Entry::Good {
            number: good.number,
            version: self.good_version.clone(),
        });
        let is_old = |good: &&Generation| self.generation(good.number).is_none();
        if let Some(old) = self.good.as_ref().filter(is_old) {
            entries.push(Entry::Written(old.clone()));
            entries.extend(good.clone());
        }
        entries.extend(self.generations.iter().cloned().map(Entry::Written));
        entries.extend(good);
        entries.push(Entry::Held(self.held()));
        entries.push(Entry::Runtime {
            file: self.runtime.clone(),
        });
        entries.extend(self.quarantine.iter().cloned().map(Entry::Quarantined));
        entries.push(Entry::Paused {
            until: self.paused_until,
        });
        entries
    }

    /// Every blob that something in the ledger still needs.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        let sets = self
            .generations
            .iter()
            .chain(&self.good)
            .flat_map(|g| g.set.files());
        let pins = self.pins.values().flat_map(|pin| pin.files.iter());
        sets.chain(pins)
            .chain(&self.user.files)
            .chain(&self.runtime)
            .map(|file| file.digest)
    }
}

fn entry(generation: &Generation) -> HistoryEntry {
    HistoryEntry {
        generation: generation.number,
        restores: generation.restores,
        at: generation.at.to_string(),
        actor: generation.actor.clone(),
        document_sha256: generation.sha256.to_string(),
        outcome: generation.outcome,
        proof: generation.proof,
        changed: generation.changed.clone(),
        reason: generation.reason.clone(),
    }
}

/// Whether a changed path is the path itself, above it or below it.
fn covers(changed: &str, path: &str) -> bool {
    let below = |upper: &str, lower: &str| {
        lower
            .strip_prefix(upper)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    changed.is_empty() || below(changed, path) || below(path, changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(number: u64, changed: &[&str]) -> Generation {
        Generation {
            number,
            at: Timestamp::UNIX_EPOCH,
            sha256: Digest::of(&number.to_be_bytes()),
            set: LayerSet::default(),
            actor: "test".to_owned(),
            restores: None,
            changed: changed.iter().map(ToString::to_string).collect(),
            outcome: Outcome::Pending,
            proof: None,
            reason: None,
        }
    }

    #[test]
    fn compaction_changes_nothing_that_is_asked_for() {
        let mut entries: Vec<Entry> = (1..=70)
            .map(|n| Entry::Written(generation(n, &["a"])))
            .collect();
        entries.insert(
            3,
            Entry::Good {
                number: 3,
                version: Some("1".to_owned()),
            },
        );
        entries.push(Entry::Paused {
            until: Some(Timestamp::UNIX_EPOCH),
        });
        let whole = Ledger::fold(entries);
        let small = Ledger::fold(whole.compact());
        assert_eq!(small.last_number, 70);
        assert_eq!(
            small.good.as_ref().map(|g| g.number),
            Some(3),
            "the last good one outlives its place in history"
        );
        assert_eq!(small.good_version.as_deref(), Some("1"));
        assert_eq!(small.generations.len(), KEPT_GENERATIONS);
        assert_eq!(small.paused_until, whole.paused_until);
    }

    #[test]
    fn numbers_are_not_given_twice_after_old_entries_went() {
        let ledger = Ledger::fold([
            Entry::Counted { last: 9 },
            Entry::Written(generation(4, &[])),
        ]);
        assert_eq!(ledger.last_number, 9);
    }

    #[test]
    fn a_quarantine_binds_the_version_that_it_was_seen_on() {
        let mut ledger = Ledger::default();
        ledger.apply(Entry::Quarantined(Quarantine {
            sha256: Digest::of(b"x"),
            version: Some("1".to_owned()),
            generation: None,
            reason: "no".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }));
        assert!(ledger.quarantine_of(&Digest::of(b"x"), Some("1")).is_some());
        assert!(
            ledger.quarantine_of(&Digest::of(b"x"), None).is_some(),
            "an unknown version proves nothing new"
        );
        assert!(ledger.quarantine_of(&Digest::of(b"x"), Some("2")).is_none());
        assert!(ledger.quarantine_of(&Digest::of(b"y"), Some("1")).is_none());
    }

    #[test]
    fn since_is_the_newest_generation_that_touched_the_path() {
        let ledger = Ledger::fold([
            Entry::Written(generation(1, &["gateway", "logging"])),
            Entry::Written(generation(2, &["logging.level"])),
            Entry::Written(generation(3, &["loggingx"])),
        ]);
        for (path, since) in [
            ("logging.level", Some(2)),
            ("logging", Some(2)),
            ("gateway.port", Some(1)),
            ("tools", None),
        ] {
            assert_eq!(ledger.since(path), since, "{path}");
        }
    }
}
