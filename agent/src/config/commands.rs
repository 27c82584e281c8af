//! What callers may ask of the engine.

use std::time::Duration;

use agent_api::{
    ApplyReport, ConfigState, ExplainResponse, HiddenValue, Outcome, ProvenanceEntry,
    QuarantineEntry,
};
use config_merge::{KeyPath, LayerName, Source};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Error;
use super::attempt::{Until, Waiter};
use super::choose::{Choice, choose, recalled};
use super::engine::Engine;
use super::handle::{Command, Edited, Inspection, Preview, UserText};
use super::ledger::Entry;
use super::refused::OnDisk;
use super::resolve::{Resolved, etag};
use super::source::Readings;
use super::view::{changes, line, origin_view};

/// Name of the user layer's file when it came over the API.
pub const USER_FILE: &str = "user.json5";

impl Engine {
    /// Answers one command. A caller that went away is no error.
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::PutUser {
                text,
                if_match,
                actor,
                until,
                reply,
            } => {
                let _ = reply.send(self.put_user(text, &if_match, &actor, until));
            }
            Command::Rollback {
                number,
                actor,
                until,
                reply,
            } => {
                let _ = reply.send(self.rollback(number, &actor, until));
            }
            Command::Pause {
                lasts,
                actor,
                reply,
            } => {
                let _ = reply.send(self.pause(lasts, &actor));
            }
            Command::Preview { user, reply } => {
                let _ = reply.send(self.preview(user));
            }
            Command::Inspect { reply } => {
                let _ = reply.send(self.inspect());
            }
            Command::Explain { path, reply } => {
                let _ = reply.send(self.explain(&path));
            }
            Command::History { reply } => {
                let _ = reply.send(Ok(self.store.ledger().history()));
            }
            Command::User { reply } => {
                let _ = reply.send(self.user());
            }
        }
    }

    fn put_user(
        &mut self,
        text: Vec<u8>,
        if_match: &str,
        actor: &str,
        until: Option<Until>,
    ) -> Result<Edited, Error> {
        let user = &self.store.ledger().user;
        let tag = etag(user);
        if if_match != "*" && if_match != tag {
            return Err(Error::Stale {
                revision: user.revision,
                etag: tag,
            });
        }
        let mut resolved = self.resolved()?;
        resolved.user = None;
        let source = Source {
            file: USER_FILE.to_owned(),
            bytes: text,
        };
        resolved.edited(&self.store, &[source], actor)?;
        let problems = resolved.problems_of(LayerName::User);
        if !problems.is_empty() {
            return Err(Error::Refused(problems));
        }
        let edit = resolved.user.clone();
        self.refuse_what_breaks_a_rule(&resolved)?;
        let (reply, report) = oneshot::channel();
        self.quiet_until = None;
        let before = self.store.ledger().user.clone();
        let keep = edit.clone().filter(|_| until == Some(Until::Kept));
        if let Some(edit) = keep.clone() {
            self.yield_to_user(&mut resolved)?;
            self.keep_user(edit)?;
        }
        let waiter = Waiter {
            until: until.unwrap_or(Until::Proved),
            reply,
        };
        let begun = self.pursue(resolved, actor, Some(waiter));
        let report = match (begun, &keep) {
            (Ok(()), _) => report,
            (Err(error), Some(_)) => self.kept_for_later(&error, actor),
            (Err(error), None) => return Err(error),
        };
        if let Some(attempt) = self
            .attempt
            .as_mut()
            .filter(|attempt| keep.is_some() && attempt.user == keep)
        {
            attempt.kept = true;
            attempt.user_before = before;
        }
        let user = edit.unwrap_or_else(|| self.store.ledger().user.clone());
        Ok(Edited {
            revision: user.revision,
            etag: etag(&user),
            report,
        })
    }

    /// An edit over the API that breaks a lock or bound is answered with every place at once.
    fn refuse_what_breaks_a_rule(&self, resolved: &Resolved) -> Result<(), Error> {
        let (layers, rules) = self.store.layers(&resolved.set)?;
        match config_merge::merge(&layers, &rules) {
            Err(problems)
                if problems
                    .iter()
                    .any(|problem| problem.layer == Some(LayerName::User)) =>
            {
                Err(Error::Refused(super::resolve::views(&problems)))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn resolved(&self) -> Result<Resolved, Error> {
        Resolved::of(&self.settings, &self.store, &Readings::read(&self.settings))
    }

    fn pause(&mut self, lasts: Duration, actor: &str) -> Result<Option<Timestamp>, Error> {
        if lasts.is_zero() {
            self.end_pause()?;
            self.drifted()?;
            self.consider()?;
            return Ok(None);
        }
        let until = Timestamp::now()
            .checked_add(lasts)
            .map_err(|_| Error::TooLong)?;
        self.store.append(Entry::Paused { until: Some(until) })?;
        tracing::info!(actor, %until, "paused: the document is left alone until then");
        self.view
            .send_modify(|view| view.paused_until = Some(until.to_string()));
        self.state(ConfigState::Paused);
        Ok(Some(until))
    }

    pub(super) fn end_pause(&mut self) -> Result<(), Error> {
        self.store.append(Entry::Paused { until: None })?;
        tracing::info!("the pause is over: the document is ours again");
        self.view.send_modify(|view| view.paused_until = None);
        self.settle_state();
        Ok(())
    }

    fn preview(&mut self, user: Option<Vec<u8>>) -> Result<Preview, Error> {
        let mut resolved = self.resolved()?;
        if let Some(bytes) = user {
            resolved.user = None;
            resolved.edited(
                &self.store,
                &[Source {
                    file: USER_FILE.to_owned(),
                    bytes,
                }],
                "diff",
            )?;
            resolved.user = resolved
                .user
                .or_else(|| Some(self.store.ledger().user.clone()));
        }
        let mut problems = resolved.problems();
        if let Err(Error::Refused(more)) = self.refuse_what_breaks_a_rule(&resolved) {
            problems.extend(more);
        }
        let choice = if problems.is_empty() {
            choose(&self.store, resolved, None, &[])?
        } else {
            Choice::Nothing(Vec::new())
        };
        Ok(match choice {
            Choice::Nothing(more) => {
                problems.extend(more);
                Preview {
                    document: None,
                    changes: Vec::new(),
                    paths: Vec::new(),
                    problems,
                }
            }
            Choice::Candidate(candidate) => {
                let (changes, paths) = changes(self.current().as_ref(), &candidate.evaluation);
                Preview {
                    document: Some(candidate.evaluation.document),
                    changes,
                    paths,
                    problems,
                }
            }
        })
    }

    fn inspect(&self) -> Result<Inspection, Error> {
        let ledger = self.store.ledger();
        let quarantine = ledger.quarantine.iter().map(|q| QuarantineEntry {
            document_sha256: q.sha256.to_string(),
            gateway_version: q.version.clone(),
            generation: q.generation,
            reason: q.reason.clone(),
            at: q.at.to_string(),
        });
        let quarantine = quarantine.collect();
        let Some(written) = &self.written else {
            return Ok(Inspection {
                document: serde_json::Value::Null,
                provenance: Vec::new(),
                quarantine,
            });
        };
        let Some(evaluation) = recalled(&self.store, &written.set) else {
            let document = self.current().map(|document| document.value);
            return Ok(Inspection {
                document: document
                    .as_ref()
                    .map(config_merge::redact)
                    .unwrap_or_default(),
                provenance: Vec::new(),
                quarantine,
            });
        };
        let entry = |(path, origin): (KeyPath, config_merge::Origin)| {
            let path = path.to_string();
            ProvenanceEntry {
                since_generation: ledger.since(&path).unwrap_or(written.number),
                layer: origin.layer.to_string(),
                file: origin.file,
                line: origin.line,
                column: origin.column,
                path,
            }
        };
        let provenance = evaluation.provenance.entries().map(entry).collect();
        Ok(Inspection {
            document: config_merge::redact(&evaluation.document.value),
            provenance,
            quarantine,
        })
    }

    fn explain(&self, path: &KeyPath) -> Result<ExplainResponse, Error> {
        let Some(written) = &self.written else {
            return Ok(super::explain::unknown(path));
        };
        let (layers, rules) = self.store.layers(&written.set)?;
        let evaluation =
            super::document::Evaluation::lenient(&layers, &rules).map_err(Error::Layers)?;
        let mut answer = super::explain::explain(path, &layers, &evaluation, &rules);
        let value = answer.value.as_ref();
        answer.since_generation = value.and_then(|_| self.store.ledger().since(&answer.path));
        let view = self.view.borrow();
        let on_disk = OnDisk {
            readings: &Readings::read(&self.settings),
            views: &view.layers,
            problems: &view.problems,
            seen: &self.store.ledger().user.seen,
        };
        on_disk.tell(path, &layers, &mut answer);
        Ok(answer)
    }

    fn user(&self) -> Result<UserText, Error> {
        let user = &self.store.ledger().user;
        let sources = self.store.sources(&user.files)?;
        let text = sources
            .into_iter()
            .flat_map(|source| source.bytes)
            .collect();
        Ok(UserText {
            etag: etag(user),
            text,
        })
    }

    /// Shows a report to everybody: log, view.
    pub(super) fn publish(&mut self, report: &ApplyReport) {
        match report.outcome {
            Outcome::Proved | Outcome::NotProvable | Outcome::Pending => {
                tracing::info!("{}", line(report))
            }
            _ => tracing::warn!("{}", line(report)),
        }
        self.view
            .send_modify(|view| view.last_report = Some(report.clone()));
    }

    /// Publishes, counts, and answers everybody who waits.
    pub(super) fn finish(&mut self, report: &ApplyReport, waiters: Vec<Waiter>) {
        self.ended(report.outcome);
        self.publish(report);
        self.settle_state();
        self.answer(waiters, report);
    }

    pub(super) fn answer(&self, waiters: Vec<Waiter>, report: &ApplyReport) {
        for waiter in waiters {
            let _ = waiter.reply.send(report.clone());
        }
    }

    pub(super) fn answer_refused(
        &self,
        waiter: Option<Waiter>,
        actor: &str,
        problems: Vec<agent_api::ProblemView>,
    ) {
        let mut report = ApplyReport {
            generation: self.written.as_ref().map_or(0, |written| written.number),
            restores: None,
            actor: actor.to_owned(),
            started_at: Timestamp::now().to_string(),
            duration_seconds: 0.0,
            outcome: Outcome::Refused,
            proof: None,
            changes: Vec::new(),
            requires_restart: false,
            reason: Some("the layers have problems; nothing was written".to_owned()),
            problems,
            waiting_for: None,
        };
        if report
            .problems
            .iter()
            .all(|problem| matches!(problem.kind.as_str(), "gateway" | "undone"))
        {
            report.reason = Some(
                "this document failed before on this version of the gateway and is in quarantine"
                    .to_owned(),
            );
            report.outcome = Outcome::Quarantined;
            if waiter.is_some() {
                self.ended(Outcome::Quarantined);
            }
        }
        self.answer(waiter.into_iter().collect(), &report);
    }
}

/// A value that a lower layer said, as it goes over the wire.
pub fn hidden(origin: &config_merge::Origin, value: Option<serde_json::Value>) -> HiddenValue {
    HiddenValue {
        origin: origin_view(origin),
        value,
    }
}
