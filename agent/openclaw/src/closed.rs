//! How a connection ends.

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The gateway said goodbye.
    #[error("by the gateway with {code}: {text}")]
    Peer {
        /// 1012 is a restart, 4001 a changed token, 1008 a refusal.
        code: u16,
        /// Its words.
        text: String,
    },
    /// It was gone without a word.
    #[error("without a goodbye")]
    Lost,
    /// It sent a message above our bound.
    #[error("over a message that is too large")]
    TooLarge,
    /// It sent something that is not this protocol.
    #[error("over a message that is not of this protocol")]
    Garbage,
    /// It sent nothing for too long.
    #[error("after a long silence")]
    Silent,
    /// It took nothing for too long.
    #[error("since the gateway reads nothing")]
    Stalled,
    /// We dropped it.
    #[error("by us")]
    Ours,
}

impl Closed {
    /// A short label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Peer { code: 1012, .. } => "closed_restart",
            Self::Peer { code: 4001, .. } => "closed_auth_changed",
            Self::Peer { code: 1008, .. } => "closed_policy",
            Self::Peer { .. } => "closed",
            Self::Lost => "lost",
            Self::TooLarge => "message_too_large",
            Self::Garbage => "garbage",
            Self::Silent => "silent",
            Self::Stalled => "stalled",
            Self::Ours => "closed_by_us",
        }
    }

    /// Whether the gateway said that it will be back.
    pub fn expects_return(&self) -> bool {
        matches!(
            self,
            Self::Peer {
                code: 1012 | 4001,
                ..
            }
        )
    }
}
