//! The gateway's shared token, and its predecessor until the gateway has taken the new one.
//!
//! The predecessor lies beside the gateway's secrets on tmpfs while both may be right, so that
//! an agent that starts anew in between still gets in.

use std::path::{Path, PathBuf};

use durable::read_mounted_file;
use openclaw::Token;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::predecessor::{MAX_TOKEN_BYTES, Predecessor};

/// A token and its predecessor.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The newest token.
    pub current: Token,
    /// The one before, until the newest is proved.
    pub previous: Option<Token>,
}

/// The file with the token.
pub struct TokenFile {
    path: Option<PathBuf>,
    keep: Option<Predecessor>,
    text: Zeroizing<String>,
    pair: watch::Sender<Pair>,
}

impl TokenFile {
    /// Reads the token, and a predecessor that was kept. `beside` is the gateway's secrets file.
    pub fn read(path: Option<PathBuf>, beside: Option<&Path>) -> (Self, watch::Receiver<Pair>) {
        let keep = beside.and_then(Predecessor::beside);
        let text = path.as_deref().map(read).unwrap_or_default();
        let kept = keep.as_ref().and_then(Predecessor::read);
        let previous = kept
            .filter(|kept| *kept != text)
            .map(|kept| Token::new(kept.as_str()));
        let (pair, pairs) = watch::channel(Pair {
            current: Token::new(text.as_str()),
            previous,
        });
        (
            Self {
                path,
                keep,
                text,
                pair,
            },
            pairs,
        )
    }

    /// Where the token is read from.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether the gateway may still want the token before.
    pub(super) fn is_unproved(&self) -> bool {
        self.pair.borrow().previous.is_some()
    }

    /// Reads the token again; the old one is kept as predecessor.
    pub fn renew(&mut self) {
        let Some(path) = &self.path else { return };
        let text = read(path);
        if text.is_empty() || text == self.text {
            return;
        }
        if let Some(keep) = &self.keep {
            keep.keep(&self.text);
        }
        let previous = Some(Token::new(self.text.as_str()));
        self.text = text;
        self.pair.send_replace(Pair {
            current: Token::new(self.text.as_str()),
            previous,
        });
    }

    /// The gateway has taken the newest token: the one before is forgotten.
    pub fn proved(&mut self) {
        let forgot = self.pair.borrow().previous.is_some();
        self.pair.send_if_modified(|pair| {
            pair.previous = None;
            false
        });
        if let Some(keep) = self.keep.as_ref().filter(|_| forgot) {
            keep.forget();
        }
    }
}

fn read(path: &Path) -> Zeroizing<String> {
    let bytes = match read_mounted_file(path, MAX_TOKEN_BYTES) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) => {
            tracing::warn!("the gateway's token cannot be read: {error}");
            return Zeroizing::default();
        }
    };
    Zeroizing::new(String::from_utf8_lossy(&bytes).trim().to_owned())
}
