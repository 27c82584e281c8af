//! Whether the gateway is there, and with which of two tokens it lets us in.
//!
//! A rotated token keeps its predecessor until the gateway has taken the new one: when one is
//! refused, the other is tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use openclaw::{LinkHandle, LinkState, Token};
use tokio::sync::watch;

use crate::config::gateway::Presence;
use crate::secrets::Pair;

/// The token that is tried now, of a pair.
#[derive(Debug)]
pub struct Tokens {
    tried: watch::Sender<Token>,
    pair: watch::Receiver<Pair>,
    on_previous: AtomicBool,
    accepted: watch::Sender<bool>,
    /// The gateway that answered last said that it has the hashes.
    modern: AtomicBool,
}

impl Tokens {
    /// Follows a pair.
    pub fn new(pair: watch::Receiver<Pair>) -> Self {
        let (tried, _) = watch::channel(pair.borrow().current.clone());
        let (accepted, _) = watch::channel(false);
        Self {
            tried,
            pair,
            on_previous: AtomicBool::new(false),
            accepted,
            modern: AtomicBool::new(true),
        }
    }

    /// Whether the gateway that answered last takes SIGUSR2 for a restart inside its process. An
    /// older release dies of it.
    pub fn restarts_inside(&self) -> bool {
        self.modern.load(Ordering::Relaxed)
    }

    /// The token to try.
    pub fn tried(&self) -> watch::Receiver<Token> {
        self.tried.subscribe()
    }

    /// True once the gateway has let us in with the newest token.
    pub fn accepted(&self) -> watch::Receiver<bool> {
        self.accepted.subscribe()
    }

    /// The pair changed: the newest token is tried.
    fn renew(&self, current: Token) {
        self.on_previous.store(false, Ordering::Relaxed);
        self.accepted.send_replace(false);
        self.tried.send_replace(current);
    }

    /// The token that is tried was refused: the other one is tried. False when there is none.
    pub fn swap(&self) -> bool {
        let pair = self.pair.borrow().clone();
        let Some(previous) = pair.previous else {
            return false;
        };
        let on_previous = !self.on_previous.fetch_xor(true, Ordering::Relaxed);
        self.tried
            .send_replace(if on_previous { previous } else { pair.current });
        true
    }

    fn let_in(&self) {
        if !self.on_previous.load(Ordering::Relaxed) {
            self.accepted.send_replace(true);
        }
    }
}

/// Turns the link's states into presence, for as long as the link lives.
pub async fn follow(link: LinkHandle, tokens: Arc<Tokens>, presence: watch::Sender<Presence>) {
    let mut state = link.state();
    let mut pair = tokens.pair.clone();
    loop {
        let now = of(&state.borrow_and_update());
        match &now {
            Presence::Refused { .. } => drop(tokens.swap()),
            Presence::Up { .. } => {
                let modern = state.borrow().hello().is_some_and(|hello| hello.can.hashes);
                tokens.modern.store(modern, Ordering::Relaxed);
                tokens.let_in();
            }
            Presence::Absent { .. } => {}
        }
        presence.send_if_modified(|old| std::mem::replace(old, now.clone()) != now);
        loop {
            tokio::select! {
                changed = state.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    break;
                }
                Ok(()) = pair.changed() => {
                    let current = pair.borrow_and_update().current.clone();
                    tokens.renew(current);
                }
            }
        }
    }
}

fn of(state: &LinkState) -> Presence {
    match state {
        LinkState::Absent { reason, .. } => Presence::Absent {
            reason: (*reason).to_owned(),
        },
        LinkState::Refused { rejection, .. } => Presence::Refused {
            reason: rejection.message.clone(),
        },
        LinkState::Up(hello) => Presence::Up {
            version: hello.version.clone(),
            boot_id: hello.boot_id.clone(),
        },
    }
}
