//! From what components tell to events of the journal.

use agent_api::JournalEvent;
use sandbox::Happening;
use service::Drain;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Journal;
use crate::config::{self, Verdict};
use crate::operations::{self, Happened};
use crate::sandbox::{Owner, removal_view};

/// How far back the last words of a predecessor may lie.
const LAST_WORDS: u64 = 1;

/// Records what document, sandboxes and callers of the gateway tell, from the start of the agent to its drain.
pub async fn tell(
    journal: Journal,
    document: config::Handle,
    sandboxes: Option<Owner>,
    operations: operations::Handle,
    drain: Drain,
) {
    let mut verdicts = Some(document.verdicts());
    let mut happenings = sandboxes.map(|owner| owner.handle.events());
    let mut done = Some(operations.happenings());
    journal.record(&started(&journal).await);
    loop {
        let event = tokio::select! {
            () = drain.signalled() => return,
            verdict = next(&mut verdicts) => Some(ended(verdict)),
            happening = next(&mut happenings) => removal(&happening),
            happened = next(&mut done) => Some(operation(happened)),
        };
        if let Some(event) = event {
            journal.record(&event);
        }
    }
}

/// The next thing that is told; never, when nobody tells. Whoever tells so fast that something is missed, tells it in its
/// log and metrics as well.
async fn next<T: Clone>(told: &mut Option<Receiver<T>>) -> T {
    while let Some(receiver) = told {
        match receiver.recv().await {
            Ok(told) => return told,
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(
                    missed,
                    "so much happened at once that the journal missed some"
                );
            }
            Err(RecvError::Closed) => *told = None,
        }
    }
    std::future::pending().await
}

/// A predecessor that ended in good order said so with its last words.
async fn started(journal: &Journal) -> JournalEvent {
    let newest = journal.view().borrow().newest;
    let before = ::journal::Cursor {
        id: None,
        number: newest.saturating_sub(LAST_WORDS),
    };
    let last = journal.page(Some(before), 1).await.ok();
    let last = last.and_then(|page| page.entries.into_iter().next_back());
    let predecessor_lost =
        newest > 0 && !last.is_some_and(|last| last.payload == JournalEvent::AgentEnding);
    JournalEvent::AgentStarted {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        predecessor_lost,
    }
}

fn ended(verdict: Verdict) -> JournalEvent {
    JournalEvent::Config {
        outcome: verdict.outcome,
        generation: verdict.generation,
        problems: verdict.problems,
    }
}

fn operation(happened: Happened) -> JournalEvent {
    JournalEvent::Operation {
        what: happened.what.as_str().to_owned(),
        actor: happened.actor,
    }
}

fn removal(happening: &Happening) -> Option<JournalEvent> {
    let Happening::Removed {
        target,
        name,
        reason,
    } = happening
    else {
        return None;
    };
    let removal = removal_view(target, *reason, name);
    Some(JournalEvent::Removal { removal })
}
