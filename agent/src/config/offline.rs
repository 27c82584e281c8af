//! The document without a gateway and without a task: what the command line does on files alone.
//!
//! In: layers on disk and, where there is one, the state directory. Out: problems, a document
//! written once, what would change, the reason for a key. Same rules and same ledger as the
//! engine; nothing is proved here, so nothing here becomes the last good.

mod inspect;
mod rollback;

use std::time::Instant;

use agent_api::{ApplyReport, ChangeView, LayerStatus, Outcome, ProblemView};
use config_merge::{Layer, LayerName, Rules};
use jiff::Timestamp;

use super::Error;
use super::choose::{Candidate, Choice, choose};
use super::document::{Document, DocumentFile, Evaluation};
use super::ledger::{Entry, Generation, LayerSet, Ledger, UserLayer};
use super::resolve::{Resolved, views};
use super::settings::Settings;
use super::source::{Reading, Readings, missing};
use super::store::Store;
use super::view::changes;

pub use inspect::Reasons;

/// The config component for one command.
pub struct Offline {
    settings: Settings,
    store: Option<Store>,
    file: DocumentFile,
}

/// A document that the layers allow, before it is written.
pub struct Proposal {
    evaluation: Evaluation,
    set: LayerSet,
    user: Option<UserLayer>,
    reverted: Vec<LayerName>,
    /// What of the layers is not in it, and why.
    pub problems: Vec<ProblemView>,
}

impl Proposal {
    /// The bytes of the document.
    pub fn bytes(&self) -> &[u8] {
        &self.evaluation.document.bytes
    }

    fn new(candidate: Candidate) -> Self {
        let mut problems: Vec<_> = candidate
            .layers
            .iter()
            .flat_map(|layer| layer.problems.clone())
            .collect();
        problems.extend(views(&candidate.evaluation.left_out));
        let Candidate {
            set,
            evaluation,
            user,
            reverted,
            ..
        } = candidate;
        Self {
            evaluation,
            set,
            user,
            reverted,
            problems,
        }
    }

    /// Why some layers are older than what lies on disk.
    pub fn reason(&self) -> Option<String> {
        let names: Vec<&str> = self.reverted.iter().map(|name| name.as_str()).collect();
        let names = names.join(", ");
        (!names.is_empty()).then(|| format!("a document with the newest {names} failed before: their last good content was taken"))
    }
}

impl Offline {
    /// On the layers alone.
    pub fn stateless(settings: Settings) -> Self {
        Self {
            file: DocumentFile::new(&settings),
            settings,
            store: None,
        }
    }

    /// With the state directory, of which it becomes the only owner for as long as it lives.
    pub fn open(settings: Settings) -> Result<Self, Error> {
        let store = Store::open(&settings.state)?;
        Ok(Self {
            file: DocumentFile::new(&settings),
            settings,
            store: Some(store),
        })
    }

    /// Every problem of the layers as they lie on disk, those of all layers at once.
    pub fn check(&self) -> Vec<ProblemView> {
        match self.parse() {
            (layers, rules, problems) if problems.is_empty() => Evaluation::strict(&layers, &rules)
                .err()
                .map(|found| views(&found))
                .unwrap_or_default(),
            (layers, rules, mut problems) => {
                // Where a layer is missing, what others make of it would mislead; broken rules would not.
                let found = Evaluation::strict(&layers, &rules)
                    .err()
                    .unwrap_or_default();
                let bound: Vec<_> = found
                    .into_iter()
                    .filter(|problem| problem.layer.is_some_and(LayerName::is_bound))
                    .collect();
                problems.extend(views(&bound));
                problems
            }
        }
    }

    /// What was lost of the ledger, for people.
    pub fn damage(&self) -> Option<String> {
        let lost = self.store.as_ref()?.cut_bytes();
        let state = self.settings.state.display();
        (lost > 0).then(|| format!(
            "the ledger in {state} was damaged: {lost} bytes from the first broken entry on are lost to history, and lie in {state}/ledger.damaged"
        ))
    }

    /// What of the layers may be meant otherwise; it holds nothing back.
    pub fn warnings(&self) -> Vec<ProblemView> {
        Readings::read(&self.settings).passed_over
    }

    /// The document that the layers make; layers that cannot be taken fall back to their last good.
    pub fn propose(&self) -> Result<Proposal, Error> {
        let Some(store) = &self.store else {
            return self.propose_stateless();
        };
        let resolved = Resolved::of(&self.settings, store, &Readings::read(&self.settings))?;
        self.chosen(store, resolved)
    }

    fn propose_stateless(&self) -> Result<Proposal, Error> {
        let problems = self.check();
        if !problems.is_empty() {
            return Err(Error::Refused(problems));
        }
        let (layers, rules, _) = self.parse();
        let evaluation = Evaluation::strict(&layers, &rules).map_err(Error::Layers)?;
        Ok(Proposal {
            evaluation,
            set: LayerSet::default(),
            user: None,
            reverted: Vec::new(),
            problems: Vec::new(),
        })
    }

    fn chosen(&self, store: &Store, resolved: Resolved) -> Result<Proposal, Error> {
        let first = store.ledger().generations.is_empty();
        match choose(
            store,
            resolved,
            self.settings.gateway_version.as_deref(),
            &[],
        )? {
            Choice::Nothing(problems) => Err(Error::Refused(problems)),
            Choice::Candidate(candidate) => {
                let fell_back = candidate
                    .layers
                    .iter()
                    .any(|layer| layer.status == LayerStatus::FellBack);
                let proposal = Proposal::new(*candidate);
                // Before the first document there is nothing to fall back to.
                if first && fell_back {
                    Err(Error::Refused(proposal.problems))
                } else {
                    Ok(proposal)
                }
            }
        }
    }

    /// What a proposal changes in the document in place, redacted.
    pub fn changes(&self, proposal: &Proposal) -> Vec<ChangeView> {
        changes(self.in_place().as_ref(), &proposal.evaluation).0
    }

    /// Writes a proposal: first the record, then the document. The same bytes are no new generation.
    pub fn write(
        &mut self,
        proposal: &Proposal,
        actor: &str,
        restores: Option<u64>,
    ) -> Result<ApplyReport, Error> {
        let (started, at) = (Instant::now(), Timestamp::now());
        let before = self.in_place();
        let (changes, paths) = changes(before.as_ref(), &proposal.evaluation);
        let changed = paths.iter().map(ToString::to_string).collect();
        let generation = self.record(
            proposal,
            Generation {
                number: 0,
                at,
                sha256: proposal.evaluation.document.sha256,
                set: proposal.set.clone(),
                actor: actor.to_owned(),
                restores,
                changed,
                outcome: Outcome::Pending,
                proof: None,
                reason: None,
            },
        )?;
        let written = self.file.write(proposal.bytes())?;
        let outcome = if written == durable::Written::Same {
            Outcome::Unchanged
        } else {
            Outcome::Pending
        };
        Ok(ApplyReport {
            generation,
            restores,
            actor: actor.to_owned(),
            started_at: at.to_string(),
            duration_seconds: started.elapsed().as_secs_f64(),
            outcome,
            proof: None,
            changes,
            requires_restart: false,
            reason: proposal.reason(),
            problems: proposal.problems.clone(),
            waiting_for: None,
        })
    }

    /// The number of the generation with this document: the newest one's, or a new one.
    fn record(&mut self, proposal: &Proposal, mut generation: Generation) -> Result<u64, Error> {
        let Some(store) = &mut self.store else {
            return Ok(0);
        };
        self.file.sweep()?;
        if let Some(user) = &proposal.user {
            store.append(Entry::User(user.clone()))?;
        }
        let newest = store.ledger().generations.back();
        let same = newest.filter(|newest| {
            newest.sha256 == generation.sha256 && newest.outcome != Outcome::Failed
        });
        if let Some(same) = same {
            return Ok(same.number);
        }
        generation.number = store.ledger().last_number + 1;
        let number = generation.number;
        store.append(Entry::Written(generation))?;
        Ok(number)
    }

    /// What the state directory remembers, where there is one.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.store.as_ref().map(Store::ledger)
    }

    /// The document that is in place now.
    fn in_place(&self) -> Option<Document> {
        let bytes = self.file.read()?;
        let value = serde_json::from_slice(&bytes).ok()?;
        let sha256 = durable::Digest::of(&bytes);
        Some(Document {
            value,
            bytes,
            sha256,
        })
    }

    /// What lies at the layers' paths, as far as it can be read.
    fn parse(&self) -> (Vec<Layer>, Rules, Vec<ProblemView>) {
        let readings = Readings::read(&self.settings);
        let (mut layers, mut problems) = (Vec::new(), Vec::new());
        for (name, reading) in &readings.layers {
            match reading {
                Reading::Files(sources) => match Layer::parse(*name, sources) {
                    Ok(layer) => layers.push(layer),
                    Err(found) => problems.extend(views(&found)),
                },
                // A user who never said anything is no problem.
                Reading::Missing if *name == LayerName::User => {}
                Reading::Missing => problems.push(missing(*name, &self.settings.layers[name])),
                Reading::Broken(found) => problems.extend(found.iter().cloned()),
            }
        }
        let rules = self.rules(readings.locks, &mut problems);
        (layers, rules, problems)
    }

    fn rules(&self, reading: Option<Reading>, problems: &mut Vec<ProblemView>) -> Rules {
        match reading {
            None => return Rules::none(),
            Some(Reading::Files(sources)) if sources.len() == 1 => {
                match Rules::parse(&sources[0]) {
                    Ok(rules) => return rules,
                    Err(found) => problems.extend(views(&found)),
                }
            }
            Some(Reading::Broken(found)) => problems.extend(found),
            Some(_) => problems.extend(
                self.settings
                    .locks
                    .as_deref()
                    .map(|path| missing(LayerName::Policy, path)),
            ),
        }
        Rules::none()
    }
}
