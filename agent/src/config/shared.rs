//! Shared mode: the gateway's own writes become the runtime layer, by a three-way merge.

use agent_api::DriftAction;
use config_merge::{KeyPath, LayerName, Pattern, Source};
use serde_json::{Value, json};

use super::Error;
use super::document::Document;
use super::engine::{Engine, Written};
use super::ledger::{Entry, Generation, LayerFile, UserLayer};
use super::resolve::Resolved;
use super::settings::Drift;
use super::source::Readings;

/// Name of the runtime layer's one file.
const FILE: &str = "runtime.json";

impl Engine {
    /// Takes in what the gateway wrote: allowed paths become the runtime layer, others go back.
    pub(super) fn adopt(&mut self, found: Document) -> Result<(), Error> {
        let Some(current) = self.current() else {
            return Ok(());
        };
        if current.value == found.value {
            self.take_its_form(found);
            return Ok(());
        }
        let adoption = config_merge::adopt(
            &current.value,
            &found.value,
            &self.allowed(),
            &self.runtime()?,
        );
        let bytes = Some(found.bytes.clone());
        if adoption.adopted.is_empty() {
            self.note(DriftAction::PutBack, &bytes, "not among the shared paths");
        } else {
            let detail = if adoption.foreign.is_empty() {
                ""
            } else {
                "edits of other paths are put back"
            };
            self.note(DriftAction::Adopted, &bytes, detail);
            self.keep_runtime(&adoption.runtime)?;
        }
        for conflict in &adoption.conflicts {
            self.note(
                DriftAction::Conflict,
                &bytes,
                &format!("{}: the gateway's newer value was taken", conflict.path),
            );
        }
        self.match_found(found)
    }

    /// The gateway orders keys in its own way: the same document, and nothing to do.
    fn take_its_form(&mut self, found: Document) {
        self.fights.peace();
        if let Some(written) = &mut self.written {
            written.bytes = found.bytes.into();
        }
    }

    /// In shared mode the gateway may have written while no agent ran: its edits of the allowed
    /// paths, against the newest document that we wrote, become the runtime layer.
    pub(super) fn adopt_what_was_missed(&mut self) -> Result<(), Error> {
        if self.settings.drift != Drift::Shared || self.written.is_some() {
            return Ok(());
        }
        let newest = self
            .store
            .ledger()
            .generations
            .back()
            .map(|newest| newest.set.clone());
        let found = self
            .file
            .read()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let (Some(set), Some(found)) = (newest, found) else {
            return Ok(());
        };
        let Some(ours) = super::choose::recalled(&self.store, &set) else {
            return Ok(());
        };
        let allow = self.allowed();
        let adoption = config_merge::adopt(&ours.document.value, &found, &allow, &self.runtime()?);
        if adoption.adopted.is_empty() {
            return Ok(());
        }
        tracing::info!(
            paths = adoption.adopted.len(),
            "the gateway wrote while no agent ran: adopted as the runtime layer"
        );
        self.keep_runtime(&adoption.runtime)
    }

    fn keep_runtime(&mut self, runtime: &Value) -> Result<(), Error> {
        let file = self.store.keep(&[runtime_source(runtime)])?.pop();
        self.store.append(Entry::Runtime { file })
    }

    /// After an adoption the document may already be what the layers say: then it is only recorded.
    fn match_found(&mut self, found: Document) -> Result<(), Error> {
        let readings = Readings::read(&self.settings);
        let resolved = Resolved::of(&self.settings, &self.store, &readings)?;
        let merged = super::choose::lenient(&self.store, &resolved.set)?;
        let ours = merged
            .ok()
            .map(|evaluation| evaluation.document)
            .filter(|ours| ours.value == found.value);
        if let Some(written) = &mut self.written
            && ours.is_none()
        {
            written.bytes = found.bytes.into();
            written.sha256 = found.sha256;
            return self.consider();
        }
        let number = self.store.ledger().last_number + 1;
        let changed = self.current().map_or_else(Vec::new, |current| {
            config_merge::changes(&current.value, &found.value)
        });
        self.store.append(Entry::Written(Generation {
            number,
            at: jiff::Timestamp::now(),
            sha256: found.sha256,
            set: resolved.set.clone(),
            actor: "gateway".to_owned(),
            restores: None,
            changed: changed
                .iter()
                .map(|change| change.path.to_string())
                .collect(),
            outcome: agent_api::Outcome::Proved,
            proof: None,
            reason: Some("the gateway wrote it itself".to_owned()),
        }))?;
        if self.attempt.is_none() {
            let version = self.version();
            self.store.append(Entry::Good { number, version })?;
        }
        let layers: Vec<_> = resolved.views.into_values().collect();
        self.view.send_modify(|view| {
            view.wrote(number, &found.sha256);
            view.layers.clone_from(&layers);
        });
        self.written = Some(Written {
            number,
            set: resolved.set,
            bytes: found.bytes.into(),
            // As we would write it, so that the same document is no change.
            sha256: ours.map_or(found.sha256, |ours| ours.sha256),
        });
        Ok(())
    }

    /// Records an edit of the user layer, with what it takes out of the runtime layer.
    pub(super) fn keep_user(&mut self, edit: UserLayer) -> Result<(), Error> {
        let Some((runtime, taken)) = self.yielded(&edit)? else {
            return self.store.append(Entry::User(edit));
        };
        for path in &taken {
            tracing::info!(%path, "the user layer now says this itself: taken out of the runtime layer");
        }
        let user = edit;
        self.store.append(Entry::Yielded { user, runtime })
    }

    /// What the user now says of a path beats what the gateway once wrote there (ruling 10).
    pub(super) fn yield_to_user(&self, resolved: &mut Resolved) -> Result<(), Error> {
        let Some(edit) = &resolved.user else {
            return Ok(());
        };
        if resolved.set.layers.contains_key(&LayerName::Runtime)
            && let Some((runtime, _)) = self.yielded(edit)?
        {
            let runtime = vec![runtime];
            resolved.set.layers.insert(LayerName::Runtime, runtime);
        }
        Ok(())
    }

    /// The runtime layer without what an edit of the user layer says; none where that takes nothing out.
    fn yielded(&self, edit: &UserLayer) -> Result<Option<(LayerFile, Vec<KeyPath>)>, Error> {
        let ledger = self.store.ledger();
        if ledger.runtime.is_none() || ledger.user == *edit {
            return Ok(None);
        }
        // What the edit replaces may be lost; then all that it says is news.
        let before = self.user_value(&ledger.user.files);
        let before = before.unwrap_or_else(|_| json!({}));
        let after = self.user_value(&edit.files)?;
        let mut runtime = self.runtime()?;
        let taken = config_merge::yield_to_user(&mut runtime, &before, &after);
        if taken.is_empty() {
            return Ok(None);
        }
        let kept = self.store.keep(&[runtime_source(&runtime)])?.pop();
        Ok(kept.map(|runtime| (runtime, taken)))
    }

    fn allowed(&self) -> Vec<Pattern> {
        self.settings
            .shared_paths
            .iter()
            .filter_map(|path| path.parse().ok())
            .collect()
    }

    fn runtime(&self) -> Result<Value, Error> {
        let Some(file) = &self.store.ledger().runtime else {
            return Ok(json!({}));
        };
        let sources = self.store.sources(std::slice::from_ref(file))?;
        Ok(sources
            .first()
            .and_then(|source| serde_json::from_slice(&source.bytes).ok())
            .unwrap_or_else(|| json!({})))
    }

    /// What the user layer says alone, as one value; nothing where it only patches other layers.
    fn user_value(&self, files: &[LayerFile]) -> Result<Value, Error> {
        let layer = self.store.layer(LayerName::User, files)?;
        let merged = config_merge::merge(&[layer], &config_merge::Rules::none());
        Ok(merged.map_or_else(|_| json!({}), |merged| merged.document))
    }
}

fn runtime_source(runtime: &Value) -> Source {
    Source {
        file: FILE.to_owned(),
        bytes: config_merge::render(runtime),
    }
}
