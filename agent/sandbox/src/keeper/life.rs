//! The last look at a sandbox's life, right before its removal: the keeper's own loop answers.

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::{Found, Inventory, Life, Limits, Moment, Reason, Removal, Target, Why, live};

/// A question that waits for the loop.
pub(super) struct Check {
    pub(super) removal: Removal,
    pub(super) asked: Moment,
    pub(super) found: Option<Found>,
    pub(super) reply: oneshot::Sender<Option<Why>>,
}

/// Asks the loop.
pub(super) struct AskLoop(pub(super) mpsc::Sender<Check>);

#[async_trait]
impl Life for AskLoop {
    async fn spares(&self, removal: &Removal, asked: Moment, found: Option<Found>) -> Option<Why> {
        let (reply, answer) = oneshot::channel();
        let check = Check {
            removal: removal.clone(),
            asked,
            found,
            reply,
        };
        // Where nobody answers, nothing is removed.
        let nobody = Some(Why::Creating);
        if self.0.send(check).await.is_err() {
            return nobody;
        }
        answer.await.unwrap_or(nobody)
    }
}

/// Why a sandbox may not go, by all that is known now.
pub(super) fn spared(
    inventory: &Inventory,
    limits: &Limits,
    removal: &Removal,
    now: Moment,
) -> Option<Why> {
    let Target::Container(id) = &removal.target else {
        return None;
    };
    let sandbox = inventory.sandboxes.get(id)?;
    let why = live(sandbox, inventory.sessions.as_ref(), limits, now);
    match removal.reason {
        // Who asks for it does not wait for it to become quiet.
        Reason::Asked => why.filter(|why| matches!(why, Why::Exec | Why::Run)),
        Reason::Exited if sandbox.state.is_up() => Some(why.unwrap_or(Why::Creating)),
        _ => why,
    }
}
