//! The way in for callers: commands to the engine, and the view that it publishes.

use std::sync::Arc;
use std::time::Duration;

use agent_api::{
    ApplyReport, ChangeView, ExplainResponse, HistoryResponse, ProblemView, ProvenanceEntry,
};
use config_merge::KeyPath;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use super::Error;
use super::attempt::Until;
use super::document::Document;
use super::gateway::{Check, Gateway, Purpose};
use super::verdicts::Verdict;
use super::view::View;

/// What the engine is asked to do. Each carries its way back.
pub enum Command {
    /// Change the user layer.
    PutUser {
        text: Vec<u8>,
        if_match: String,
        actor: String,
        until: Option<Until>,
        reply: Reply<Edited>,
    },
    /// Bring the layers of an older generation back.
    Rollback {
        number: u64,
        actor: String,
        until: Option<Until>,
        reply: Reply<oneshot::Receiver<ApplyReport>>,
    },
    /// Leave the document alone for so long; zero ends that.
    Pause {
        lasts: Duration,
        actor: String,
        reply: Reply<Option<Timestamp>>,
    },
    /// What would such a user layer change?
    Preview {
        user: Option<Vec<u8>>,
        reply: Reply<Preview>,
    },
    /// The document, redacted, with the reason for each key.
    Inspect { reply: Reply<Inspection> },
    /// Everything about one key.
    Explain {
        path: KeyPath,
        reply: Reply<ExplainResponse>,
    },
    /// Past generations.
    History { reply: Reply<HistoryResponse> },
    /// The user layer's text.
    User { reply: Reply<UserText> },
}

/// A way back to the caller.
pub type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// An edit that was taken in, or refused before it was.
#[derive(Debug)]
pub struct Edited {
    /// The revision of the user layer after it.
    pub revision: u64,
    /// Its entity tag.
    pub etag: String,
    /// Brings the report when it is there.
    pub report: oneshot::Receiver<ApplyReport>,
}

/// What a change would do.
#[derive(Debug)]
pub struct Preview {
    /// The document it would make; none when the layers do not allow one.
    pub document: Option<Document>,
    /// What differs from the document in force, redacted.
    pub changes: Vec<ChangeView>,
    /// The same as paths.
    pub paths: Vec<KeyPath>,
    /// What stands in the way.
    pub problems: Vec<ProblemView>,
}

/// The document with its reasons.
#[derive(Debug)]
pub struct Inspection {
    /// Redacted.
    pub document: Value,
    /// Who set each key.
    pub provenance: Vec<ProvenanceEntry>,
    /// Candidates that are not tried again.
    pub quarantine: Vec<agent_api::QuarantineEntry>,
}

/// The user layer as it stands.
#[derive(Debug)]
pub struct UserText {
    /// Its entity tag.
    pub etag: String,
    /// Its text; several files follow one another.
    pub text: Vec<u8>,
}

/// A cheap way to the engine.
#[derive(Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<View>,
    verdicts: broadcast::Sender<Verdict>,
    gateway: Arc<dyn Gateway>,
}

impl Handle {
    pub(super) fn new(
        commands: mpsc::Sender<Command>,
        view: watch::Receiver<View>,
        verdicts: broadcast::Sender<Verdict>,
        gateway: Arc<dyn Gateway>,
    ) -> Self {
        Self {
            commands,
            view,
            verdicts,
            gateway,
        }
    }

    /// What the engine last published.
    pub fn view(&self) -> View {
        self.view.borrow().clone()
    }

    /// Waits for what the engine publishes from now on, and for as long as it lives.
    pub fn news(&self) -> watch::Receiver<View> {
        let mut view = self.view.clone();
        view.mark_unchanged();
        view
    }

    /// What becomes of changes from now on. Who is slow misses the oldest, and is told how much.
    pub fn verdicts(&self) -> broadcast::Receiver<Verdict> {
        self.verdicts.subscribe()
    }

    /// Changes the user layer and brings the report.
    pub async fn put_user(
        &self,
        text: Vec<u8>,
        if_match: String,
        actor: String,
        until: Option<Until>,
    ) -> Result<Edited, Error> {
        self.ask(|reply| Command::PutUser {
            text,
            if_match,
            actor,
            until,
            reply,
        })
        .await
    }

    /// Brings an older generation back.
    pub async fn rollback(
        &self,
        number: u64,
        actor: String,
        until: Option<Until>,
    ) -> Result<oneshot::Receiver<ApplyReport>, Error> {
        self.ask(|reply| Command::Rollback {
            number,
            actor,
            until,
            reply,
        })
        .await
    }

    /// Leaves the document alone for so long.
    pub async fn pause(&self, lasts: Duration, actor: String) -> Result<Option<Timestamp>, Error> {
        self.ask(|reply| Command::Pause {
            lasts,
            actor,
            reply,
        })
        .await
    }

    /// What such a user layer would change, what the gateway says of it, and how it would take it.
    pub async fn diff(&self, user: Option<Vec<u8>>) -> Result<(Preview, Check), Error> {
        let mut preview = self.ask(|reply| Command::Preview { user, reply }).await?;
        let Some(document) = &preview.document else {
            return Ok((
                preview,
                Check::Unasked {
                    why: "the layers have problems".to_owned(),
                },
            ));
        };
        let (check, reloads) = tokio::join!(
            self.gateway.check(document, Purpose::Ask),
            self.gateway.reload_kinds(&preview.paths)
        );
        for (change, reload) in preview.changes.iter_mut().zip(reloads) {
            change.reload = reload;
        }
        Ok((preview, check))
    }

    /// The document with its reasons.
    pub async fn inspect(&self) -> Result<Inspection, Error> {
        self.ask(|reply| Command::Inspect { reply }).await
    }

    /// Everything about one key.
    pub async fn explain(&self, path: KeyPath) -> Result<ExplainResponse, Error> {
        self.ask(|reply| Command::Explain { path, reply }).await
    }

    /// Past generations.
    pub async fn history(&self) -> Result<HistoryResponse, Error> {
        self.ask(|reply| Command::History { reply }).await
    }

    /// The user layer's text.
    pub async fn user(&self) -> Result<UserText, Error> {
        self.ask(|reply| Command::User { reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| Error::Ended)?;
        answer.await.map_err(|_| Error::Ended)?
    }
}
