//! From what lies on disk to the layers in force: a broken layer falls back to its last good.
//!
//! In: readings and the ledger. Out: one layer set, what became of each layer, and the user
//! layer's edit if its file brought one (ruling 5). Keeps bytes in the store, decides nothing else.

use std::collections::BTreeMap;

use agent_api::{LayerStatus, LayerView, ProblemView};
use config_merge::{Layer, LayerName, Problem, Rules, Source};

use super::Error;
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
    /// Problems of layers that have nothing to fall back to: no document can be made.
    pub fatal: Vec<ProblemView>,
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
                LayerName::Runtime => resolved.runtime(store),
                _ => resolved.operator(settings, store, name, reading)?,
            }
        }
        resolved.locks(store, readings.locks.as_ref())?;
        resolved.emptied = readings.layers.iter().any(|(name, reading)| {
            let empty = matches!(reading, Reading::Files(sources) if sources.is_empty());
            empty && had_files(store, *name)
        });
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
            .chain(&self.fatal)
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
                    self.accept(name, files, LayerStatus::Ok, Vec::new());
                    return Ok(());
                }
                Err(problems) => views(&problems),
            },
            Reading::Missing => vec![missing(name, &settings.layers[&name])],
            Reading::Broken(problems) => problems.clone(),
        };
        self.fall_back(store, name, problems);
        Ok(())
    }

    fn fall_back(&mut self, store: &Store, name: LayerName, problems: Vec<ProblemView>) {
        match last_good(store).and_then(|set| set.layers.get(&name)) {
            Some(files) => self.accept(name, files.clone(), LayerStatus::FellBack, problems),
            None => self.fatal.extend(problems),
        }
    }

    fn accept(
        &mut self,
        name: LayerName,
        files: LayerFiles,
        status: LayerStatus,
        problems: Vec<ProblemView>,
    ) {
        let view = LayerView {
            name: name.to_string(),
            files: files.iter().map(|file| file.name.clone()).collect(),
            status,
            problems,
            revision: None,
            etag: None,
        };
        self.views.insert(name, view);
        self.set.layers.insert(name, files);
    }

    fn runtime(&mut self, store: &Store) {
        if let Some(file) = &store.ledger().runtime {
            self.accept(
                LayerName::Runtime,
                vec![file.clone()],
                LayerStatus::Ok,
                Vec::new(),
            );
        }
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
                (LayerStatus::Ok, Vec::new())
            }
            Some(Reading::Files(sources)) => return self.edited(store, sources, FILE_ACTOR),
        };
        self.keep_user(kept, status, problems);
        Ok(())
    }

    /// Takes an edit of the user layer, from its file or from a caller.
    pub fn edited(&mut self, store: &Store, sources: &[Source], actor: &str) -> Result<(), Error> {
        let kept = &store.ledger().user;
        let layer = match Layer::parse(LayerName::User, sources) {
            Ok(layer) => layer,
            Err(problems) => {
                self.keep_user(kept, LayerStatus::FellBack, views(&problems));
                return Ok(());
            }
        };
        let stated = layer.stated_revision().unwrap_or(kept.revision + 1);
        if stated < kept.revision {
            self.keep_user(kept, LayerStatus::Shadowed, Vec::new());
            return Ok(());
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
        self.keep_user(&edit, LayerStatus::Ok, Vec::new());
        self.user = Some(edit);
        Ok(())
    }

    /// Drops the edit and goes back to the user layer that is kept.
    pub fn refuse_user(&mut self, store: &Store, problems: Vec<ProblemView>) {
        self.user = None;
        self.keep_user(&store.ledger().user, LayerStatus::FellBack, problems);
    }

    fn keep_user(&mut self, user: &UserLayer, status: LayerStatus, problems: Vec<ProblemView>) {
        let absent = user.files.is_empty() && status == LayerStatus::Ok;
        self.accept(
            LayerName::User,
            user.files.clone(),
            if absent { LayerStatus::Absent } else { status },
            problems,
        );
        if let Some(view) = self.views.get_mut(&LayerName::User) {
            view.revision = Some(user.revision);
            view.etag = Some(etag(user));
        }
        if user.files.is_empty() {
            self.set.layers.remove(&LayerName::User);
        }
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
        match last_good(store).and_then(|set| set.locks.clone()) {
            Some(locks) => {
                self.set.locks = Some(locks);
                self.locks_problems(problems);
            }
            None => self.fatal.extend(problems),
        }
        Ok(())
    }

    fn locks_problems(&mut self, problems: Vec<ProblemView>) {
        let view = self
            .views
            .entry(LayerName::Policy)
            .or_insert_with(|| LayerView {
                name: LayerName::Policy.to_string(),
                files: Vec::new(),
                status: LayerStatus::FellBack,
                problems: Vec::new(),
                revision: None,
                etag: None,
            });
        view.status = LayerStatus::FellBack;
        view.problems.extend(problems);
    }
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

/// The newest set that is known to be whole.
pub fn last_good(store: &Store) -> Option<&LayerSet> {
    let ledger = store.ledger();
    ledger
        .good
        .as_ref()
        .or(ledger.generations.back())
        .map(|generation| &generation.set)
}

/// Problems of the merge as they go over the wire.
pub fn views(problems: &[Problem]) -> Vec<ProblemView> {
    problems.iter().map(view).collect()
}

fn view(problem: &Problem) -> ProblemView {
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
