//! The guard's execs in the owner's account, so that a removal and a starting exec exclude each other.

use std::any::Any;

use guard::Busy;
use sandbox::{Activity, Id};

/// The owner's account of activity, as the guard writes into it.
pub(super) struct Account(Activity);

impl Account {
    pub(super) fn new(activity: Activity) -> Self {
        Self(activity)
    }
}

impl guard::Activity for Account {
    /// A text that is no full id is none of the daemon's: nothing of that name can be removed either.
    fn begin(&self, container: &str) -> Result<Box<dyn Any + Send>, Busy> {
        let Some(id) = Id::parse(container) else {
            return Ok(Box::new(()));
        };
        match self.0.begin(id) {
            Ok(permit) => Ok(Box::new(permit)),
            Err(sandbox::Busy) => Err(Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use guard::Activity as _;
    use sandbox::{Limits, Moment};

    use super::*;

    #[test]
    fn what_the_guard_begins_keeps_the_owner_from_removing() {
        let activity = Activity::new(|| Moment::from_millis(1_000_000));
        let account = Account::new(activity.clone());
        let (text, limits) = ("0f".repeat(32), Limits::default());
        let id = Id::parse(&text).unwrap();
        let permit = account.begin(&text).unwrap();
        assert!(activity.claim(id, &limits).is_none());
        drop(permit);
        let claim = activity.claim_by_force(id).unwrap();
        assert_eq!(account.begin(&text).unwrap_err(), Busy);
        drop(claim);
        assert!(account.begin(&text).is_ok());
    }
}
