//! What callers ask for.

use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::Instant;

use super::handle::{Command, KeeperError, Reply};
use super::passes::Order;
use super::{Keeper, Single, VIEW_EVERY};
use crate::{Change, EngineError, Fate, Force, Id, Reason, Removal, Sandbox, Step, Target, Usage};

/// How many sandboxes are measured at once.
const MEASURES: usize = 4;

impl Keeper {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Pass {
                mode,
                request,
                reply,
            } => self.order(Order {
                mode,
                request,
                reply: Some(reply),
            }),
            Command::Remove { id, force, reply } => self.remove(id, force, reply),
            Command::Measure { reply } => self.measure(reply),
        }
    }

    pub(super) fn remove(&mut self, id: Id, force: Force, reply: Reply<()>) {
        if let Some(error) = self.refusal() {
            let _ = reply.send(Err(error));
            return;
        }
        let Some(sandbox) = self.inventory.sandboxes.get(&id) else {
            let _ = reply.send(Err(KeeperError::Unknown(id)));
            return;
        };
        let name = sandbox.facts.name.clone();
        let removal = Removal {
            target: Target::Container(id),
            reason: Reason::Asked,
            needs: Step::Normal,
        };
        let pruner = self.pruner.clone();
        let single = async move {
            let attempt = pruner.attempt(removal, force).await;
            Single {
                attempt,
                name,
                reply,
            }
        };
        self.singles.push(single.boxed());
    }

    pub(super) fn removed(&mut self, single: Single) {
        let Single {
            attempt,
            name,
            reply,
        } = single;
        let result = match &attempt.fate {
            Fate::Removed(_) | Fate::Gone | Fate::NotNeeded => Ok(()),
            Fate::Live(why) => Err(KeeperError::Live(*why)),
            Fate::InUse => Err(KeeperError::InUse),
            Fate::Failed(error) => Err(KeeperError::Failed(EngineError {
                action: error.action.clone(),
                meaning: error.meaning,
                source: error.source.to_string().into(),
            })),
        };
        self.attempted(attempt, name);
        let _ = reply.send(result);
    }

    pub(super) fn measure(&mut self, reply: Reply<()>) {
        if let Some(error) = self.refusal() {
            let _ = reply.send(Err(error));
            return;
        }
        self.measure_replies.push(reply);
        if self.measuring.is_some() {
            return;
        }
        let running = |sandbox: &&Sandbox| sandbox.state.is_up();
        let sandboxes = self.inventory.sandboxes.values().filter(running);
        let ids: Vec<Id> = sandboxes.map(|sandbox| sandbox.facts.id).collect();
        let engine = self.engine.clone();
        let measure = stream::iter(ids)
            .map(move |id| {
                let engine = engine.clone();
                async move { engine.stats(id).await.ok().map(|usage| (id, usage)) }
            })
            .buffer_unordered(MEASURES)
            .filter_map(|measured| async move { measured });
        self.measuring = Some(measure.collect().boxed());
    }

    pub(super) fn measured(&mut self, usages: Vec<(Id, Usage)>) {
        for (id, usage) in usages {
            self.apply(Change::Measured(id, usage));
        }
        self.dirty = true;
        self.published = Instant::now() - VIEW_EVERY;
        self.publish();
        for reply in self.measure_replies.drain(..) {
            let _ = reply.send(Ok(()));
        }
    }
}
