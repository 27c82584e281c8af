//! The exact account of what happens in sandboxes, when every exec passes through us.
//!
//! An exec needs a [`Permit`] and a removal needs a [`Claim`]; while one of them lives, the other is not given.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Id, Limits, Moment};

/// The sandbox is being removed: no exec may begin in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this sandbox is being removed; the next run makes a new one")]
pub struct Busy;

/// Who is in which sandbox. Cheap to clone; all clones are one account.
#[derive(Clone)]
pub struct Activity {
    accounts: Arc<Mutex<Accounts>>,
    now: Arc<dyn Fn() -> Moment + Send + Sync>,
}

#[derive(Default)]
struct Accounts {
    of: HashMap<Id, Account>,
    permits: u64,
}

#[derive(Default)]
struct Account {
    /// The permits that live, each with its number and its begin.
    permits: HashMap<u64, Moment>,
    /// The last begin or end.
    last: Option<Moment>,
    claimed: bool,
}

impl Activity {
    /// An empty account that asks `now` for the time.
    pub fn new(now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self {
            accounts: Arc::default(),
            now: Arc::new(now),
        }
    }

    /// Something begins in a sandbox, and lasts as long as the permit.
    ///
    /// # Errors
    /// [`Busy`] while the sandbox is claimed for its removal.
    pub fn begin(&self, id: Id) -> Result<Permit, Busy> {
        let mut accounts = self.lock();
        accounts.permits += 1;
        let number = accounts.permits;
        let account = accounts.of.entry(id).or_default();
        if account.claimed {
            return Err(Busy);
        }
        let now = (self.now)();
        account.permits.insert(number, now);
        account.last = Some(now);
        Ok(Permit {
            activity: self.clone(),
            id,
            number,
        })
    }

    /// Claims a sandbox for its removal; nothing while it is live by this account, or claimed.
    #[must_use]
    pub fn claim(&self, id: Id, limits: &Limits) -> Option<Claim> {
        let mut accounts = self.lock();
        let account = accounts.of.entry(id).or_default();
        let now = (self.now)();
        let recent = |last| now.since(last) < limits.live_after;
        let is_live = account.runs(now, limits.exec_limit) || account.last.is_some_and(recent);
        (!is_live).then(|| self.taken(id, account)).flatten()
    }

    /// Claims a sandbox whatever runs in it; nothing where it is claimed already.
    #[must_use]
    pub fn claim_by_force(&self, id: Id) -> Option<Claim> {
        let mut accounts = self.lock();
        self.taken(id, accounts.of.entry(id).or_default())
    }

    /// The last activity in a sandbox: now while something runs that began less than `exec_limit` ago.
    #[must_use]
    pub fn last(&self, id: Id, exec_limit: Duration) -> Option<Moment> {
        let accounts = self.lock();
        let account = accounts.of.get(&id)?;
        let now = (self.now)();
        if account.runs(now, exec_limit) {
            return Some(now);
        }
        account.last
    }

    /// Forgets the sandboxes in which nothing runs and nothing happened since `before`.
    pub fn forget(&self, before: Moment) {
        let kept = |account: &Account| {
            account.claimed || !account.permits.is_empty() || account.last >= Some(before)
        };
        self.lock().of.retain(|_, account| kept(account));
    }

    fn taken(&self, id: Id, account: &mut Account) -> Option<Claim> {
        if account.claimed {
            return None;
        }
        account.claimed = true;
        Some(Claim {
            activity: self.clone(),
            id,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Accounts> {
        // Every change under the lock is whole, also where a thread died with it.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn runs(&self, now: Moment, exec_limit: Duration) -> bool {
        let counts = |began: &Moment| now.since(*began) < exec_limit;
        self.permits.values().any(counts)
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = self.lock().of.len();
        f.debug_struct("Activity")
            .field("accounts", &accounts)
            .finish_non_exhaustive()
    }
}

/// Something runs in a sandbox until this is dropped.
#[derive(Debug)]
#[must_use = "what runs has ended once its permit is dropped"]
pub struct Permit {
    activity: Activity,
    id: Id,
    number: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut accounts = self.activity.lock();
        let account = accounts.of.entry(self.id).or_default();
        account.permits.remove(&self.number);
        account.last = Some((self.activity.now)());
    }
}

/// Nothing begins in a sandbox until this is dropped.
#[derive(Debug)]
#[must_use = "a sandbox is free for execs once its claim is dropped"]
pub struct Claim {
    activity: Activity,
    id: Id,
}

impl Claim {
    /// The sandbox.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(account) = self.activity.lock().of.get_mut(&self.id) {
            account.claimed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::thread;

    use super::*;

    const ID: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

    fn id() -> Id {
        Id::parse(ID).unwrap()
    }

    /// An account, and the hand on its clock.
    fn account() -> (Activity, Arc<AtomicI64>) {
        let hand = Arc::new(AtomicI64::new(1_000_000));
        let shown = hand.clone();
        let activity = Activity::new(move || Moment::from_millis(shown.load(Ordering::SeqCst)));
        (activity, hand)
    }

    fn wait(hand: &AtomicI64, time: Duration) {
        hand.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    #[test]
    fn a_removal_and_an_exec_exclude_each_other() {
        let (activity, hand) = account();
        let limits = Limits::default();
        let claim = activity.claim(id(), &limits).unwrap();
        assert_eq!(claim.id(), id());
        assert_eq!(activity.begin(id()).unwrap_err(), Busy);
        assert!(activity.claim(id(), &limits).is_none(), "claimed once");
        drop(claim);

        let permit = activity.begin(id()).unwrap();
        wait(&hand, limits.live_after * 10);
        assert!(activity.claim(id(), &limits).is_none(), "something runs");
        drop(permit);
        assert!(activity.claim(id(), &limits).is_none(), "just ended");
        wait(&hand, limits.live_after - Duration::from_millis(1));
        assert!(activity.claim(id(), &limits).is_none(), "ended recently");
        wait(&hand, Duration::from_millis(1));
        assert!(activity.claim(id(), &limits).is_some());
    }

    #[test]
    fn every_permit_counts_and_another_sandbox_does_not() {
        let (activity, hand) = account();
        let limits = Limits::default();
        let permits = [activity.begin(id()).unwrap(), activity.begin(id()).unwrap()];
        let other = Id::parse(&"0".repeat(64)).unwrap();
        assert!(activity.claim(other, &limits).is_some());
        let [first, second] = permits;
        drop(first);
        wait(&hand, limits.live_after);
        assert!(activity.claim(id(), &limits).is_none());
        drop(second);
        wait(&hand, limits.live_after);
        assert!(activity.claim(id(), &limits).is_some());
    }

    #[test]
    fn an_exec_that_never_ends_counts_up_to_its_limit() {
        let (activity, hand) = account();
        let limits = Limits::default();
        let began = Moment::from_millis(1_000_000);
        let _permit = activity.begin(id()).unwrap();
        wait(&hand, limits.exec_limit - Duration::from_millis(1));
        let last = activity.last(id(), limits.exec_limit).unwrap();
        assert_eq!(
            last.since(began),
            limits.exec_limit - Duration::from_millis(1)
        );
        assert!(activity.claim(id(), &limits).is_none());
        wait(&hand, Duration::from_millis(1));
        assert_eq!(activity.last(id(), limits.exec_limit), Some(began));
        assert!(activity.claim(id(), &limits).is_some());
    }

    #[test]
    fn force_takes_what_runs_but_not_what_is_claimed() {
        let (activity, _) = account();
        let _permit = activity.begin(id()).unwrap();
        let claim = activity.claim_by_force(id()).unwrap();
        assert_eq!(activity.begin(id()).unwrap_err(), Busy);
        assert!(activity.claim_by_force(id()).is_none());
        drop(claim);
        assert!(activity.begin(id()).is_ok());
    }

    #[test]
    fn only_old_accounts_of_nothing_are_forgotten() {
        let (activity, hand) = account();
        let ids: Vec<Id> = (0..4)
            .map(|n| Id::parse(&format!("{n:064x}")).unwrap())
            .collect();
        drop(activity.begin(ids[0]).unwrap());
        let _permit = activity.begin(ids[1]).unwrap();
        let _claim = activity.claim(ids[2], &Limits::default()).unwrap();
        wait(&hand, Duration::from_secs(10));
        drop(activity.begin(ids[3]).unwrap());
        activity.forget(Moment::from_millis(1_005_000));
        let last = |id: &Id| activity.last(*id, Duration::ZERO).is_some();
        assert_eq!(
            ids.iter().map(last).collect::<Vec<_>>(),
            [false, true, false, true]
        );
        assert_eq!(activity.begin(ids[2]).unwrap_err(), Busy, "a claim is kept");
    }

    #[test]
    fn of_many_threads_never_one_is_in_while_another_removes() {
        let (activity, _) = account();
        let inside = Arc::new(AtomicI64::new(0));
        let limits = Limits {
            live_after: Duration::ZERO,
            ..Limits::default()
        };
        let enters = |_| {
            let (activity, inside) = (activity.clone(), inside.clone());
            thread::spawn(move || {
                for _ in 0..2_000 {
                    if let Ok(permit) = activity.begin(id()) {
                        inside.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(permit);
                    }
                }
            })
        };
        let threads: Vec<_> = (0..3).map(enters).collect();
        let mut claims = 0;
        while threads.iter().any(|thread| !thread.is_finished()) {
            if let Some(claim) = activity.claim(id(), &limits) {
                assert_eq!(inside.load(Ordering::SeqCst), 0);
                claims += 1;
                drop(claim);
            }
        }
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert!(claims > 0 || activity.claim(id(), &limits).is_some());
    }
}
