//! The wire between the agent and its callers: types, paths, version. No behaviour.
//!
//! Rules of this wire:
//! - Names are snake_case. A list of words is a string; an enum that carries, or may come to carry,
//!   more than its name is an object tagged `kind`. Each has an `Unknown` for what a newer peer says.
//! - Fields of an answer that a caller does not know are ignored; new fields are optional. An agent
//!   refuses a request with a field that it does not know.
//! - Times are RFC 3339 strings in UTC, lengths of time are seconds and end in `_seconds`.
//! - Secrets never cross: the sender redacts every document and value before it is put in here.

mod activity;
mod apply;
mod child;
mod config;
mod death;
mod drift;
mod edit;
mod explain;
mod health;
mod history;
mod journal;
mod paths;
mod problem;
mod prune;
mod sandbox_event;
mod sandboxes;
mod status;

pub use activity::{
    ActivityResponse, RestartRequest, RestartResponse, RestartState, RestartWay, ResumeResponse,
    SuspendRequest, SuspendResponse, SuspensionState, SuspensionView,
};
pub use apply::{ApplyReport, ChangeView, OriginView, Outcome, Proof, Reload};
pub use child::{ChildState, ChildView, ExitView, KillerView};
pub use config::{
    ConfigState, ConfigView, LayerStatus, LayerView, ProvenanceEntry, QuarantineEntry,
};
pub use death::{DeathCause, DeathView};
pub use drift::{DriftAction, DriftEvent, DriftMode, DriftView};
pub use edit::{
    CheckView, DiffRequest, DiffResponse, PauseRequest, PauseResponse, PutUserQuery,
    PutUserRequest, PutUserResponse, RollbackRequest, RollbackResponse, Wait,
};
pub use explain::{ExplainQuery, ExplainResponse, HiddenValue, LockView, RefusedValue};
pub use health::{
    CauseView, ChannelState, ChannelView, Component, CureBudgetView, CureKind, CureMode,
    CureOutcome, CureView, CuresView, DiskUsageView, HealthResponse, ResourcesView, Severity,
    Verdict,
};
pub use history::{HistoryEntry, HistoryResponse};
pub use journal::{
    JournalAckRequest, JournalAckResponse, JournalEntry, JournalEvent, JournalGap, JournalQuery,
    JournalResponse, UsageSample,
};
pub use paths::{
    ACTOR_HEADER, PATH_ACTIVITY, PATH_CONFIG, PATH_CONFIG_DIFF, PATH_CONFIG_EXPLAIN,
    PATH_CONFIG_HISTORY, PATH_CONFIG_PAUSE, PATH_CONFIG_ROLLBACK, PATH_CONFIG_USER,
    PATH_GATEWAY_RESTART, PATH_GATEWAY_RESUME, PATH_GATEWAY_SUSPEND, PATH_HEALTH, PATH_JOURNAL,
    PATH_JOURNAL_ACK, PATH_LIVEZ, PATH_METRICS, PATH_METRICS_GATEWAY, PATH_READYZ, PATH_SANDBOX,
    PATH_SANDBOXES, PATH_SANDBOXES_EVENTS, PATH_SANDBOXES_PRUNE, PATH_STARTUPZ, PATH_STATUS,
    PROBLEM_CONTENT_TYPE, STREAM_CONTENT_TYPE,
};
pub use problem::{ProblemDocument, ProblemView};
pub use prune::{
    PassView, PruneRequest, PruneResponse, RemovalKind, RemovalOutcome, RemovalReason, RemovalView,
    RemoveQuery, RemoveResponse,
};
pub use sandbox_event::SandboxEvent;
pub use sandboxes::{
    DaemonState, DaemonView, DiskStep, DiskView, ImageState, ImageView, LiveView, SandboxKind,
    SandboxState, SandboxView, SandboxesQuery, SandboxesResponse, ScopeKind, UsageView,
};
pub use status::{
    ConfigSummary, GatewayState, GatewayView, Protection, SecretsView, StatusResponse, WatchMode,
    WatchView,
};

/// Version of this wire. It grows only when an old reader would misunderstand a new writer.
pub const WIRE_VERSION: u32 = 1;
