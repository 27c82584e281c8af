use crate::Id;

/// What the journal can answer instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened, read or written.
    #[error("the journal's file failed")]
    File(#[from] durable::Error),
    /// The system has no random numbers.
    #[error("cannot draw an id for the journal")]
    Random(#[from] getrandom::Error),
    /// What waits cannot be written now; it is tried again.
    #[error("the journal cannot be written now, and is tried again: {reason}")]
    Unwritable {
        /// What the system said.
        reason: String,
    },
    /// The journal's task has ended, or has no room for a question.
    #[error("the journal has ended")]
    Ended,
    /// An acknowledgement without an id.
    #[error("acknowledge with the id that the page gave, not with a number alone")]
    NoId,
    /// An acknowledgement with an id that this file never had, or has no entry of any more.
    #[error(
        "this journal does not know the id {id}: read from where it begins, and acknowledge with what that page says"
    )]
    UnknownId {
        /// The id.
        id: Id,
    },
    /// An acknowledgement of what was never given.
    #[error("cannot acknowledge {number}: the newest entry is {newest}")]
    BeyondNewest {
        /// What was to be acknowledged.
        number: u64,
        /// The newest that there is.
        newest: u64,
    },
}

impl Error {
    /// The label of this error.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::File(error) => error.reason(),
            Self::Random(_) => "random",
            Self::Unwritable { .. } => "unwritable",
            Self::Ended => "ended",
            Self::NoId => "no_id",
            Self::UnknownId { .. } => "unknown_id",
            Self::BeyondNewest { .. } => "beyond_newest",
        }
    }

    pub(crate) fn unwritable(reason: &str) -> Self {
        let reason = reason.to_owned();
        Self::Unwritable { reason }
    }

    /// What happened, with its causes.
    pub(crate) fn chain(&self) -> String {
        let mut causes = vec![self.to_string()];
        let mut next = std::error::Error::source(self);
        while let Some(cause) = next {
            causes.push(cause.to_string());
            next = cause.source();
        }
        causes.join(": ")
    }
}
