//! Edits of the document by others: put back at once, or adopted where that is allowed.

use agent_api::{DriftAction, DriftEvent};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Error;
use super::document::Document;
use super::engine::Engine;
use super::fights::Answer;
use super::settings::Drift;

/// So many changed paths are named.
const NAMED: usize = 8;

impl Engine {
    /// Something happened to the document's file.
    pub(super) fn drifted(&mut self) -> Result<(), Error> {
        let Some(written) = self.written.as_ref().filter(|_| !self.handing) else {
            return Ok(());
        };
        let found = self.file.read();
        if found.as_deref() == Some(&*written.bytes) {
            self.fights.peace();
            return Ok(());
        }
        if self.is_paused() {
            self.note(DriftAction::LeftAlone, &found, "the agent is paused");
            return Ok(());
        }
        if self.settings.drift == Drift::Shared
            && let Some(bytes) = &found
            && let Ok(value) = serde_json::from_slice(bytes)
        {
            let sha256 = durable::Digest::of(bytes);
            return self.adopt(Document {
                value,
                bytes: bytes.clone(),
                sha256,
            });
        }
        match self.fights.edit(Instant::now()) {
            Answer::Waiting => Ok(()),
            Answer::Later(delay) => {
                self.note(
                    DriftAction::Fight,
                    &found,
                    &format!(
                        "somebody keeps editing the document; it is put back in {} ms",
                        delay.as_millis()
                    ),
                );
                Ok(())
            }
            Answer::Now => {
                self.put_back()?;
                self.note(DriftAction::PutBack, &found, "");
                Ok(())
            }
            Answer::Due => {
                self.put_back()?;
                let event = self.told(DriftAction::PutBack, &found, "");
                self.view.send_modify(|view| view.drift.last = Some(event));
                Ok(())
            }
        }
    }

    fn put_back(&mut self) -> Result<(), Error> {
        if let Some(written) = &self.written {
            self.file.write(&written.bytes)?;
        }
        Ok(())
    }

    /// Counts an edit and says what it touched.
    pub(super) fn note(&mut self, action: DriftAction, found: &Option<Vec<u8>>, detail: &str) {
        let event = self.told(action, found, detail);
        self.view.send_modify(|view| view.drifted(event));
    }

    /// Says what was done about an edit.
    fn told(&self, action: DriftAction, found: &Option<Vec<u8>>, detail: &str) -> DriftEvent {
        let paths = self.touched(found);
        tracing::warn!(
            paths = paths.join(", "),
            detail,
            "somebody else edited the document: {}",
            word(action)
        );
        self.metrics.drifted(action);
        DriftEvent {
            at: Timestamp::now().to_string(),
            action,
            paths,
            detail: Some(detail.to_owned()).filter(|detail| !detail.is_empty()),
        }
    }

    fn touched(&self, found: &Option<Vec<u8>>) -> Vec<String> {
        let Some(current) = self.current() else {
            return Vec::new();
        };
        let Some(found) = found else {
            return vec!["the whole file: it is gone or no regular file".to_owned()];
        };
        let Ok(value) = serde_json::from_slice(found) else {
            return vec!["the whole file: it is no JSON".to_owned()];
        };
        let changes = config_merge::changes(&current.value, &value);
        changes
            .iter()
            .take(NAMED)
            .map(|change| change.path.to_string())
            .collect()
    }
}

fn word(action: DriftAction) -> &'static str {
    match action {
        DriftAction::PutBack => "put back",
        DriftAction::Adopted => "adopted as the runtime layer",
        DriftAction::Conflict => "in conflict with the user layer",
        DriftAction::Fight => "a fight",
        DriftAction::LeftAlone | DriftAction::Unknown => "left alone",
    }
}
