//! What a caller must not miss, numbered, until it has been collected.

use serde::{Deserialize, Serialize};

use crate::{
    CauseView, CureKind, CureOutcome, DeathView, Outcome, RemovalKind, RemovalReason, Verdict,
};

/// Query of `GET /v1/journal`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalQuery {
    /// Entries after this number only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The id that came with that number. A volume that was put back goes on with another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// At most so many: 1 to 1000, else 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// Answer of `GET /v1/journal`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalResponse {
    /// The id under which numbers are given now.
    pub id: String,
    /// The oldest number that is kept; absent in an empty journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
    /// The newest number; absent in an empty journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<u64>,
    /// The newest number that was acknowledged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<u64>,
    /// The entries, in the order of their numbers.
    #[serde(default)]
    pub entries: Vec<JournalEntry>,
    /// Whether there are more after the last of these.
    #[serde(default)]
    pub more: bool,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The id under which its number was given.
    pub id: String,
    /// Its number; never given twice under one id.
    pub number: u64,
    /// When, RFC 3339; absent for a gap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What happened.
    pub event: JournalEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JournalEvent {
    /// The numbers from here to `to` are gone for good.
    Gap {
        /// The last number that is gone.
        to: u64,
    },
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
        /// What.
        what: RemovalKind,
        /// Its id or name.
        target: String,
        /// Why.
        reason: RemovalReason,
        /// Bytes that it freed, where the daemon tells.
        #[serde(default)]
        freed_bytes: u64,
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

/// Body of `POST /v1/journal/ack`: everything up to here has been collected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalAckRequest {
    /// The id of the last entry that was collected.
    pub id: String,
    /// Its number.
    pub number: u64,
}

/// Answer of `POST /v1/journal/ack`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalAckResponse {
    /// The newest number that was acknowledged; an older one changes nothing.
    pub acknowledged: u64,
}
