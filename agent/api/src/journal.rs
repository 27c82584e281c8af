//! What a caller must not miss, numbered, until it has been collected.

use serde::{Deserialize, Serialize};

use crate::{CauseView, CureKind, CureOutcome, DeathView, Outcome, RemovalView, Verdict};

/// Query of `GET /v1/journal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalQuery {
    /// Entries after this one only: `next` of an earlier answer. A bare number is for people: it cannot tell whether the
    /// volume was put back from a copy meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most so many: 1 to 1000, else 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Answer of `GET /v1/journal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalResponse {
    /// The id under which numbers are given now; absent before the first could be written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The oldest number that is kept; absent in an empty journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
    /// The highest number that was given; 0 before the first.
    #[serde(default)]
    pub newest: u64,
    /// Up to where entries were acknowledged; 0 before the first time.
    #[serde(default)]
    pub acknowledged: u64,
    /// What is missing before the first of these entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<JournalGap>,
    /// The entries in the order of their numbers, with nothing missing between them.
    #[serde(default)]
    pub entries: Vec<JournalEntry>,
    /// Where to read on, and what to acknowledge once these are safe.
    pub next: String,
    /// Whether there is more to read at once.
    #[serde(default)]
    pub more: bool,
}

/// What a reader will never get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JournalGap {
    /// These numbers: dropped before they were acknowledged, lost while the disk was full, or damaged.
    Numbers {
        /// The first.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Nobody can tell: the id that the reader came with is not known here. Also what a newer agent says.
    #[serde(other)]
    Unknown,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The id under which its number was given; absent where that is not known any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its number; never given twice under one id.
    pub number: u64,
    /// When, RFC 3339.
    pub at: String,
    /// What happened.
    pub event: JournalEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JournalEvent {
    /// The agent started.
    AgentStarted {
        /// Its version.
        version: String,
        /// Whether its predecessor ended without saying so: killed, or the machine went.
        #[serde(default)]
        predecessor_lost: bool,
    },
    /// The agent ends in good order.
    AgentEnding,
    /// The gateway answers, for the first time since its start.
    GatewayUp {
        /// Its release.
        version: String,
        /// What names this start of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot_id: Option<String>,
    },
    /// The gateway ended.
    GatewayDied {
        /// How.
        death: DeathView,
    },
    /// The verdict changed.
    Verdict {
        /// What it is now.
        verdict: Verdict,
        /// What it was.
        was: Verdict,
        /// Why, the gravest first; at most 8.
        #[serde(default)]
        causes: Vec<CauseView>,
    },
    /// A cure was given, or its outcome is known.
    Cure {
        /// Which.
        cure: CureKind,
        /// For which one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
        /// Why, for people.
        reason: String,
        /// What came of it.
        outcome: CureOutcome,
    },
    /// A change of the document came to its end.
    Config {
        /// What became of it.
        outcome: Outcome,
        /// The document's generation.
        generation: u64,
        /// How many problems there are.
        #[serde(default)]
        problems: u64,
    },
    /// Something was removed from the sandbox daemon.
    Removal {
        /// What, and why.
        removal: RemovalView,
    },
    /// What was used since the last sample.
    Usage {
        /// By provider and model.
        models: Vec<UsageSample>,
        /// Sessions that the gateway has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sessions: Option<u64>,
        /// Memory in use.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory_bytes: Option<u64>,
        /// Bytes in use on the disk of the state.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state_bytes: Option<u64>,
    },
    /// A caller did something to the gateway.
    Operation {
        /// `restart`, `suspend`, `resume` or `suspension_expired`.
        what: String,
        /// Who.
        actor: String,
    },
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// What one model was used since the last sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageSample {
    /// Its provider.
    pub provider: String,
    /// The model.
    pub model: String,
    /// Tokens that went in, those read from a cache included.
    pub input_tokens: u64,
    /// Tokens that came out.
    pub output_tokens: u64,
    /// What it cost, where the gateway knows prices.
    pub cost_usd: f64,
}

/// Body of `POST /v1/journal/ack`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalAckRequest {
    /// `next` of the last answer whose entries are safe: everything up to there has been collected.
    pub up_to: String,
}

/// Answer of `POST /v1/journal/ack`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalAckResponse {
    /// The newest number that was acknowledged; an older one changes nothing.
    pub acknowledged: u64,
}
