//! Whether the gateway is there, and with which of two tokens it lets us in.
//!
//! A rotated token keeps its predecessor until the gateway has taken the new one: when one is
//! refused, the other is tried.

use openclaw::{LinkHandle, LinkState, Token};
use tokio::sync::watch;

use crate::config::gateway::Presence;

/// The token in force and the one before it.
#[derive(Debug)]
pub struct Tokens {
    sender: watch::Sender<Token>,
    pair: watch::Receiver<Pair>,
    on_previous: bool,
}

/// A token and its predecessor.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The newest token.
    pub current: Token,
    /// The one before, until the newest is proved.
    pub previous: Option<Token>,
}

impl Tokens {
    /// Follows a pair; the link reads the token that is tried now from the returned channel.
    pub fn new(pair: watch::Receiver<Pair>) -> (Self, watch::Receiver<Token>) {
        let (sender, receiver) = watch::channel(pair.borrow().current.clone());
        (Self { sender, pair, on_previous: false }, receiver)
    }

    /// The pair changed: the newest token is tried.
    fn renew(&mut self) {
        let current = self.pair.borrow_and_update().current.clone();
        self.on_previous = false;
        self.sender.send_replace(current);
    }

    /// The token that is tried was refused: the other one is tried.
    fn swap(&mut self) {
        let pair = self.pair.borrow().clone();
        let Some(previous) = pair.previous else { return };
        self.on_previous = !self.on_previous;
        self.sender.send_replace(if self.on_previous { previous } else { pair.current });
    }
}

/// Turns the link's states into presence, for as long as the link lives.
pub async fn follow(link: LinkHandle, mut tokens: Tokens, presence: watch::Sender<Presence>) {
    let mut state = link.state();
    loop {
        let now = of(&state.borrow_and_update());
        if matches!(now, Presence::Refused { .. }) {
            tokens.swap();
        }
        presence.send_if_modified(|old| std::mem::replace(old, now.clone()) != now);
        tokio::select! {
            changed = state.changed() => if changed.is_err() { return },
            Ok(()) = tokens.pair.changed() => tokens.renew(),
        }
    }
}

fn of(state: &LinkState) -> Presence {
    match state {
        LinkState::Absent { reason, .. } => Presence::Absent { reason: (*reason).to_owned() },
        LinkState::Refused { rejection, .. } => Presence::Refused { reason: rejection.message.clone() },
        LinkState::Up(hello) => Presence::Up { version: hello.version.clone(), boot_id: hello.boot_id.clone() },
    }
}
