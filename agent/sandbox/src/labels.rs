//! The labels that the gateway puts on its sandboxes. Their values are data: whatever stands there does no harm.

use std::collections::HashMap;

use crate::{Kind, Scope};

/// The label that makes a container ours; its value is [`SANDBOX_VALUE`].
pub const SANDBOX: &str = "openclaw.sandbox";

/// The value of [`SANDBOX`].
pub const SANDBOX_VALUE: &str = "1";

const BROWSER: &str = "openclaw.sandboxBrowser";
const SESSION_KEY: &str = "openclaw.sessionKey";
const CONFIG_HASH: &str = "openclaw.configHash";

/// The most characters that are kept of a name or a label.
pub const TEXT_MAX: usize = 256;

/// What the labels of a sandbox say.
///
/// The label `openclaw.createdAtMs` is not read: the daemon knows better, and a label cannot make a sandbox old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Whose it is.
    pub scope: Scope,
    /// What runs in it.
    pub kind: Kind,
    /// The hash of what it was made from, where it is short enough to be one.
    pub config_hash: Option<String>,
}

impl Labels {
    /// Reads the labels of a container; nothing where it is no sandbox.
    #[must_use]
    pub fn read(labels: &HashMap<String, String>) -> Option<Self> {
        let get = |name: &str| labels.get(name).map(String::as_str);
        if get(SANDBOX) != Some(SANDBOX_VALUE) {
            return None;
        }
        Some(Self {
            scope: get(SESSION_KEY).map_or(Scope::Unknown, Scope::parse),
            kind: match get(BROWSER) {
                Some("1") => Kind::Browser,
                _ => Kind::Tool,
            },
            config_hash: get(CONFIG_HASH).and_then(hash),
        })
    }
}

/// At most [`TEXT_MAX`] characters of a text of others, control characters replaced.
#[must_use]
pub fn bounded(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().take(TEXT_MAX).map(shown).collect()
}

fn hash(text: &str) -> Option<String> {
    (text.len() <= TEXT_MAX).then(|| bounded(text))
}
