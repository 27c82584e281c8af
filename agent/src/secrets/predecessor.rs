//! The gateway token before the newest one, kept beside the gateway's secrets on tmpfs until the
//! gateway has taken the newest.

use std::path::Path;

use durable::{Target, read_regular};
use zeroize::Zeroizing;

/// A token longer than this is none.
pub(super) const MAX_TOKEN_BYTES: u64 = 4 << 10;

/// Where it is kept.
#[derive(Clone, Debug)]
pub(super) struct Predecessor(Target);

impl Predecessor {
    /// Beside the gateway's secrets file.
    pub(super) fn beside(file: &Path) -> Option<Self> {
        Some(Self(Target {
            dir: file.parent()?.to_owned(),
            name: ".previous-gateway-token".to_owned(),
            mode: 0o600,
            owner: None,
        }))
    }

    /// The token that is kept.
    pub(super) fn read(&self) -> Option<Zeroizing<String>> {
        let bytes = read_regular(&self.0.dir.join(&self.0.name), MAX_TOKEN_BYTES).ok()?;
        let text = String::from_utf8(bytes).ok().map(Zeroizing::new)?;
        (!text.is_empty()).then_some(text)
    }

    /// Keeps a token. That it cannot is told, and stops nobody.
    pub(super) fn keep(&self, token: &str) {
        if let Err(error) = self.0.write(token.as_bytes()) {
            tracing::warn!("the old token could not be kept: {error}");
        }
    }

    /// Forgets the token that is kept.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_file(self.0.dir.join(&self.0.name));
    }
}
