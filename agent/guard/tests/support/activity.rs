//! What the guard told of the life that it saw.

use std::{
    any::Any,
    sync::{Arc, Mutex},
};

use guard::{Activity, Busy};

/// The uses that live, and whether new ones may begin.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    live: Vec<String>,
    begun: usize,
    busy: bool,
}

struct Permit(Seen, String);

impl Seen {
    pub fn as_activity(&self) -> Arc<dyn Activity> {
        Arc::new(self.clone())
    }

    /// The containers in which something lives now.
    pub fn live(&self) -> Vec<String> {
        self.0.lock().unwrap().live.clone()
    }

    /// How many uses have begun so far.
    pub fn begun(&self) -> usize {
        self.0.lock().unwrap().begun
    }

    /// From now on every container is being removed, or none is.
    pub fn set_busy(&self, busy: bool) {
        self.0.lock().unwrap().busy = busy;
    }
}

impl Activity for Seen {
    fn begin(&self, container: &str) -> Result<Box<dyn Any + Send>, Busy> {
        let mut state = self.0.lock().unwrap();
        if state.busy {
            return Err(Busy);
        }
        state.begun += 1;
        state.live.push(container.to_owned());
        Ok(Box::new(Permit(self.clone(), container.to_owned())))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap();
        if let Some(at) = state.live.iter().position(|live| *live == self.1) {
            state.live.swap_remove(at);
        }
    }
}
