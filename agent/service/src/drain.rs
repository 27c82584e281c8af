//! The end of a process, said once and seen by all of its parts.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// What is left for the drain once somebody is in a hurry.
const HURRY: Duration = Duration::from_secs(5);

/// Tells every part of the process that it ends, and how long the goodbye may take.
///
/// Clones share one state. It starts once; nothing stops it.
#[derive(Clone, Debug)]
pub struct Drain {
    deadline: Arc<watch::Sender<Option<Instant>>>,
    budget: Duration,
}

impl Drain {
    /// A drain that may last `budget` from the moment it starts.
    pub fn new(budget: Duration) -> Self {
        Self {
            deadline: Arc::new(watch::Sender::new(None)),
            budget,
        }
    }

    /// Starts the drain; later calls change nothing.
    pub fn start(&self) {
        let deadline = Instant::now() + self.budget;
        self.deadline.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(deadline);
            first
        });
    }

    /// Starts the drain if need be and leaves it five seconds at most.
    pub fn hurry(&self) {
        let hurried = Instant::now() + HURRY.min(self.budget);
        self.deadline.send_if_modified(|current| {
            let sooner = current.is_none_or(|deadline| hurried < deadline);
            if sooner {
                *current = Some(hurried);
            }
            sooner
        });
    }

    /// Whether the drain has started.
    pub fn is_signalled(&self) -> bool {
        self.deadline.borrow().is_some()
    }

    /// Ends when the drain starts.
    pub async fn signalled(&self) {
        // It cannot fail: we hold the sender.
        let _ = self.deadline.subscribe().wait_for(Option::is_some).await;
    }

    /// Ends when the drain has used its time up, a hurry included.
    pub async fn expired(&self) {
        self.signalled().await;
        let mut deadlines = self.deadline.subscribe();
        loop {
            let Some(deadline) = *deadlines.borrow_and_update() else {
                return;
            };
            tokio::select! {
                () = sleep_until(deadline) => return,
                _ = deadlines.changed() => {}
            }
        }
    }

    /// What is left of the budget: all of it before the drain starts, nothing after its end.
    pub fn remaining(&self) -> Duration {
        match *self.deadline.borrow() {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => self.budget,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(drain: &Drain) -> Duration {
        let begun = Instant::now();
        drain.expired().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_lasts_its_budget_and_no_longer() {
        let drain = Drain::new(Duration::from_secs(60));
        assert!(!drain.is_signalled());
        assert_eq!(drain.remaining(), Duration::from_secs(60));
        drain.start();
        drain.signalled().await;
        tokio::time::advance(Duration::from_secs(20)).await;
        drain.start();
        assert_eq!(drain.remaining(), Duration::from_secs(40));
        assert_eq!(after(&drain).await.as_secs(), 40);
        assert_eq!(drain.remaining(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hurry_shortens_and_never_lengthens() {
        let long = Drain::new(Duration::from_secs(60));
        long.start();
        let waiting = tokio::spawn({
            let long = long.clone();
            async move { after(&long).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        long.hurry();
        assert_eq!(waiting.await.unwrap().as_secs(), 6);

        let short = Drain::new(Duration::from_secs(8));
        short.start();
        tokio::time::advance(Duration::from_secs(6)).await;
        short.hurry();
        assert_eq!(after(&short).await.as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_of_any_clone_wake() {
        let drain = Drain::new(Duration::from_secs(1));
        let waiting = tokio::spawn({
            let drain = drain.clone();
            async move { drain.signalled().await }
        });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(!waiting.is_finished());
        drain.hurry();
        waiting.await.unwrap();
    }
}
