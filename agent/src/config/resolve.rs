//! From what lies on disk to the layers in force: a broken layer falls back to its last good.
//!
//! In: readings and the ledger. Out: one layer set, what became of each layer, and the user
//! layer's edit if its file brought one (ruling 5). Keeps bytes in the store, decides nothing else.

use std::collections::{BTreeMap, BTreeSet};

use agent_api::{LayerStatus, LayerView, ProblemView};
use config_merge::{Layer, LayerName, Problem, Rules, Source};

use super::error::{Error, chain};
use super::ledger::{LayerFile, LayerFiles, LayerSet, UserLayer};
use super::settings::Settings;
use super::source::{Reading, Readings, missing};
use super::store::{Parsed, Store, files_of};

/// The actor of an edit that came through the user layer's file.
pub const FILE_ACTOR: &str = "file:user";

/// The layers in force.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// What goes into the merge.
    pub set: LayerSet,
    /// What became of each layer.
    pub views: BTreeMap<LayerName, LayerView>,
    /// The edit that the user layer's file, or a caller, brought.
    pub user: Option<UserLayer>,
    /// Layers that have nothing to fall back to: no document can be made.
    pub fatal: BTreeSet<LayerName>,
    /// A layer that had files has none: a folder that is being removed looks so for a moment.
    pub emptied: bool,
    /// What was parsed on the way.
    pub parsed: Parsed,
}

impl Resolved {
    /// Resolves everything that was read.
    pub fn of(settings: &Settings, store: &Store, readings: &Readings) -> Result<Self, Error> {
        let mut resolved = Self::default();
        for name in LayerName::ALL {
            let reading = readings.layers.get(&name);
            match name {
                LayerName::User => resolved.user(settings, store, reading)?,
                LayerName::Runtime => resolved.runtime(store)?,
                _ => resolved.operator(settings, store, name, reading)?,
            }
        }
        resolved.locks(store, readings.locks.as_ref())?;
        resolved.emptied = readings.layers.iter().any(|(name, reading)| {
            let empty = matches!(reading, Reading::Files(sources) if sources.is_empty());
            empty && had_files(store, *name)
        });
        resolved.warn(&readings.passed_over);
        Ok(resolved)
    }

    /// Who asks for these layers instead of the ones before: the user as told, else the files that differ.
    pub fn author(&self, store: &Store, before: Option<&LayerSet>) -> String {
        let none = LayerSet::default();
        let before = before.unwrap_or(&none);
        let name = |layer| match layer {
            LayerName::User => self.user.as_ref().map_or_else(
                || store.ledger().user.actor.clone(),
                |edit| edit.actor.clone(),
            ),
            LayerName::Runtime => "gateway".to_owned(),
            layer => format!("file:{layer}"),
        };
        let mut names: Vec<String> = self.set.differing(before).into_iter().map(name).collect();
        if self.set.locks != before.locks {
            names.push("file:locks".to_owned());
        }
        if names.is_empty() {
            names.push("agent".to_owned());
        }
        names.join(" ")
    }

    /// Whether some layer could not be taken as it lies on disk.
    pub fn is_whole(&self) -> bool {
        !self.emptied
            && self.fatal.is_empty()
            && self.views.values().all(|view| view.problems.is_empty())
    }

    /// All problems, of all layers.
    pub fn problems(&self) -> Vec<ProblemView> {
        self.views
            .values()
            .flat_map(|view| view.problems.iter())
            .cloned()
            .collect()
    }

    /// The problems of one layer.
    pub fn problems_of(&self, name: LayerName) -> Vec<ProblemView> {
        self.views
            .get(&name)
            .map(|view| view.problems.clone())
            .unwrap_or_default()
    }

    /// A layer of the operator: base, plan or policy.
    fn operator(
        &mut self,
        settings: &Settings,
        store: &Store,
        name: LayerName,
        reading: Option<&Reading>,
    ) -> Result<(), Error> {
        let Some(reading) = reading else {
            return Ok(());
        };
        let problems = match reading {
            Reading::Files(sources) => match Layer::parse(name, sources) {
                Ok(layer) => {
                    let files = store.keep(sources)?;
                    self.parsed.layer(name, files.clone(), layer);
                    let pin = store
                        .ledger()
                        .pins
                        .get(&name)
                        .filter(|pin| pin.ignored == files);
                    let files = pin.map_or(files, |pin| pin.files.clone());
                    return self.accept(store, name, files, LayerStatus::Ok, Vec::new());
                }
                Err(problems) => views(&problems),
            },
            Reading::Missing => vec![missing(name, &settings.layers[&name])],
            Reading::Broken(problems) => problems.clone(),
        };
        self.fall_back(store, name, problems)
    }

    fn fall_back(
        &mut self,
        store: &Store,
        name: LayerName,
        problems: Vec<ProblemView>,
    ) -> Result<(), Error> {
        match last_good(store).and_then(|set| set.layers.get(&name)) {
            Some(files) => self.accept(store, name, files.clone(), LayerStatus::FellBack, problems),
            None => {
                self.fail(name, problems);
                Ok(())
            }
        }
    }

    /// Puts files in force, unless they cannot be read back: then they count as none.
    fn accept(
        &mut self,
        store: &Store,
        name: LayerName,
        files: LayerFiles,
        status: LayerStatus,
        mut problems: Vec<ProblemView>,
    ) -> Result<(), Error> {
        if let Err(error) = self.recall(store, name, &files) {
            problems.extend(unreadable(name, &files, &error));
            if name.is_bound() && !is_missed(name, &error) {
                self.show(name, &[], LayerStatus::FellBack, problems);
            } else {
                self.fail(name, problems);
            }
            return Ok(());
        }
        self.show(name, &files, status, problems);
        self.set.layers.insert(name, files);
        Ok(())
    }

    /// Nothing of this layer can be in force, and without it no document is made.
    fn fail(&mut self, name: LayerName, problems: Vec<ProblemView>) {
        self.fatal.insert(name);
        self.show(name, &[], LayerStatus::Absent, problems);
    }

    /// What became of a layer; what it was warned of before stays.
    fn show(
        &mut self,
        name: LayerName,
        files: &[LayerFile],
        status: LayerStatus,
        problems: Vec<ProblemView>,
    ) {
        let view = layer_view(name, files, status, problems);
        let before = self.views.insert(name, view);
        if let (Some(before), Some(view)) = (before, self.views.get_mut(&name)) {
            view.warnings = before.warnings;
        }
    }

    fn warn(&mut self, warnings: &[ProblemView]) {
        for view in self.views.values_mut() {
            let own = |warning: &&ProblemView| warning.layer.as_ref() == Some(&view.name);
            view.warnings = warnings.iter().filter(own).cloned().collect();
        }
    }

    /// Reads a layer back, unless it was parsed a moment ago.
    fn recall(&mut self, store: &Store, name: LayerName, files: &LayerFiles) -> Result<(), Error> {
        if !self.parsed.has(name, files) {
            let layer = store.layer(name, files)?;
            self.parsed.layer(name, files.clone(), layer);
        }
        Ok(())
    }

    fn runtime(&mut self, store: &Store) -> Result<(), Error> {
        let Some(file) = &store.ledger().runtime else {
            return Ok(());
        };
        let files = vec![file.clone()];
        self.accept(
            store,
            LayerName::Runtime,
            files,
            LayerStatus::Ok,
            Vec::new(),
        )
    }

    /// The user layer: a changed file is a new edit and wins, unless it states a lower revision.
    fn user(
        &mut self,
        settings: &Settings,
        store: &Store,
        reading: Option<&Reading>,
    ) -> Result<(), Error> {
        let kept = &store.ledger().user;
        let (status, problems) = match reading {
            None => (LayerStatus::Ok, Vec::new()),
            Some(Reading::Broken(problems)) => (LayerStatus::FellBack, problems.clone()),
            Some(Reading::Missing) if kept.seen.is_empty() => (LayerStatus::Ok, Vec::new()),
            Some(Reading::Missing) => (
                LayerStatus::FellBack,
                vec![missing(LayerName::User, &settings.layers[&LayerName::User])],
            ),
            Some(Reading::Files(sources)) if files_of(sources) == kept.seen => {
                self.seen_again(store, kept, sources)?;
                (LayerStatus::Ok, Vec::new())
            }
            Some(Reading::Files(sources)) => return self.edited(store, sources, FILE_ACTOR),
        };
        self.keep_user(store, kept, status, problems)
    }

    /// The file still holds what is in force: its bytes are at hand, even if the store lost them.
    fn seen_again(
        &mut self,
        store: &Store,
        kept: &UserLayer,
        sources: &[Source],
    ) -> Result<(), Error> {
        if kept.files != kept.seen {
            return Ok(());
        }
        if let Ok(layer) = Layer::parse(LayerName::User, sources) {
            store.keep(sources)?;
            self.parsed
                .layer(LayerName::User, kept.files.clone(), layer);
        }
        Ok(())
    }

    /// Takes an edit of the user layer, from its file or from a caller.
    pub fn edited(&mut self, store: &Store, sources: &[Source], actor: &str) -> Result<(), Error> {
        let kept = &store.ledger().user;
        let layer = match Layer::parse(LayerName::User, sources) {
            Ok(layer) => layer,
            Err(problems) => {
                return self.keep_user(store, kept, LayerStatus::FellBack, views(&problems));
            }
        };
        let stated = layer.stated_revision().unwrap_or(kept.revision + 1);
        // Callers are ordered by If-Match, whatever revision their text states.
        if stated < kept.revision && actor == FILE_ACTOR {
            return self.keep_user(store, kept, LayerStatus::Shadowed, Vec::new());
        }
        let files = store.keep(sources)?;
        self.parsed.layer(LayerName::User, files.clone(), layer);
        let seen = if actor == FILE_ACTOR {
            files.clone()
        } else {
            kept.seen.clone()
        };
        let edit = UserLayer {
            revision: stated.max(kept.revision + 1),
            files,
            seen,
            actor: actor.to_owned(),
        };
        self.keep_user(store, &edit, LayerStatus::Ok, Vec::new())?;
        self.user = Some(edit);
        Ok(())
    }

    /// Drops the edit and goes back to the user layer that is kept.
    pub fn refuse_user(&mut self, store: &Store, problems: Vec<ProblemView>) -> Result<(), Error> {
        self.user = None;
        self.keep_user(store, &store.ledger().user, LayerStatus::FellBack, problems)
    }

    fn keep_user(
        &mut self,
        store: &Store,
        user: &UserLayer,
        status: LayerStatus,
        problems: Vec<ProblemView>,
    ) -> Result<(), Error> {
        let absent = user.files.is_empty() && status == LayerStatus::Ok;
        self.fatal.remove(&LayerName::User);
        self.set.layers.remove(&LayerName::User);
        self.accept(
            store,
            LayerName::User,
            user.files.clone(),
            if absent { LayerStatus::Absent } else { status },
            problems,
        )?;
        if let Some(view) = self.views.get_mut(&LayerName::User) {
            view.revision = Some(user.revision);
            view.etag = Some(etag(user));
        }
        if user.files.is_empty() {
            self.set.layers.remove(&LayerName::User);
        }
        Ok(())
    }

    /// The locks file belongs to the policy: a broken one falls back like a layer.
    fn locks(&mut self, store: &Store, reading: Option<&Reading>) -> Result<(), Error> {
        let problems = match reading {
            None => return Ok(()),
            Some(Reading::Files(sources)) if sources.len() == 1 => {
                match Rules::parse(&sources[0]) {
                    Ok(rules) => {
                        let file = store.keep(sources)?.pop();
                        if let Some(file) = file.clone() {
                            self.parsed.rules(file, rules);
                        }
                        self.set.locks = file;
                        return Ok(());
                    }
                    Err(problems) => views(&problems),
                }
            }
            Some(Reading::Broken(problems)) => problems.clone(),
            Some(_) => vec![no_locks()],
        };
        self.locks_fall_back(store, problems);
        Ok(())
    }

    fn locks_fall_back(&mut self, store: &Store, mut problems: Vec<ProblemView>) {
        let mut status = LayerStatus::Absent;
        if let Some(locks) = last_good(store).and_then(|set| set.locks.clone()) {
            match store.rules(&locks) {
                Ok(rules) => {
                    status = LayerStatus::FellBack;
                    self.parsed.rules(locks.clone(), rules);
                    self.set.locks = Some(locks);
                }
                Err(error) => problems.extend(unreadable(LayerName::Policy, &[locks], &error)),
            }
        }
        if status == LayerStatus::Absent {
            self.fatal.insert(LayerName::Policy);
        }
        let view = self
            .views
            .entry(LayerName::Policy)
            .or_insert_with(|| layer_view(LayerName::Policy, &[], status, Vec::new()));
        view.status = status;
        view.problems.extend(problems);
    }
}

fn layer_view(
    name: LayerName,
    files: &[LayerFile],
    status: LayerStatus,
    problems: Vec<ProblemView>,
) -> LayerView {
    LayerView {
        name: name.to_string(),
        files: files.iter().map(|file| file.name.clone()).collect(),
        status,
        problems,
        warnings: Vec::new(),
        revision: None,
        etag: None,
    }
}

/// Whether a layer that cannot be had is to be waited for. What this version's guards refuse is
/// left out and named (ruling 2); a user's bytes that are gone are put again by their owner; what
/// the gateway once wrote and was lost, nobody could bring again.
fn is_missed(name: LayerName, error: &Error) -> bool {
    match error {
        Error::Layers(_) => false,
        Error::Files(error) if is_lost(error) => name == LayerName::User,
        _ => true,
    }
}

fn is_lost(error: &durable::Error) -> bool {
    error.is_missing() || matches!(error, durable::Error::Corrupt { .. })
}

/// Kept content that cannot be read back, as problems of its layer.
fn unreadable(name: LayerName, files: &[LayerFile], error: &Error) -> Vec<ProblemView> {
    if let Error::Layers(problems) = error {
        return views(problems);
    }
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    vec![ProblemView {
        layer: Some(name.to_string()),
        file: names.join(", "),
        line: 0,
        column: 0,
        path: String::new(),
        kind: error.reason().to_owned(),
        message: format!(
            "what was in force of it cannot be read back: {}",
            chain(error)
        ),
        cure: "put the layer again as it should be; the agent's copy of its older content is lost"
            .to_owned(),
    }]
}

/// Whether the layer in force has files.
fn had_files(store: &Store, name: LayerName) -> bool {
    match name {
        LayerName::User => !store.ledger().user.seen.is_empty(),
        _ => last_good(store)
            .and_then(|set| set.layers.get(&name))
            .is_some_and(|files| !files.is_empty()),
    }
}

/// The entity tag of the user layer: its revision and what it holds.
pub fn etag(user: &UserLayer) -> String {
    let mut text = String::new();
    for LayerFile { name, digest } in &user.files {
        text.push_str(name);
        text.push_str(&digest.to_string());
    }
    let digest = durable::Digest::of(text.as_bytes()).to_string();
    format!("\"{}-{}\"", user.revision, &digest[..12])
}

/// The newest set that is known to be whole: of the last good document, else of one that did not fail.
pub fn last_good(store: &Store) -> Option<&LayerSet> {
    let ledger = store.ledger();
    let mut newest_first = ledger.generations.iter().rev();
    let unfailed = newest_first.find(|g| ledger.quarantine_of(&g.sha256, None).is_none());
    let found = ledger.good.as_ref().or(unfailed);
    found
        .or(ledger.generations.back())
        .map(|generation| &generation.set)
}

/// Problems of the merge as they go over the wire.
pub fn views(problems: &[Problem]) -> Vec<ProblemView> {
    problems.iter().map(view).collect()
}

/// One problem as it goes over the wire.
pub fn view(problem: &Problem) -> ProblemView {
    ProblemView {
        layer: problem.layer.map(|layer| layer.to_string()),
        file: problem.file.clone(),
        line: problem.line,
        column: problem.column,
        path: problem.path.clone(),
        kind: problem.kind.as_str().to_owned(),
        message: problem.message.clone(),
        cure: problem.cure.clone(),
    }
}

fn no_locks() -> ProblemView {
    ProblemView {
        layer: Some(LayerName::Policy.to_string()),
        file: "locks".to_owned(),
        line: 0,
        column: 0,
        path: String::new(),
        kind: "missing".to_owned(),
        message: "the locks file does not exist".to_owned(),
        cure: "mount it again; without locks a user layer could change anything".to_owned(),
    }
}
