//! What a caller may ask to change.

use serde::{Deserialize, Serialize};

use crate::{ApplyReport, ChangeView, ProblemView};

/// Query of `PUT /v1/config/user`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutUserQuery {
    /// When to answer; `proved` when nothing is said.
    #[serde(default)]
    pub wait: Wait,
    /// The longest wait; what is not finished then is answered as `pending` and goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
}

/// When a change is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// When the gateway has shown that it runs it, or it is undone.
    #[default]
    Proved,
    /// When its probation is over as well.
    Settled,
    /// As soon as it is checked and kept.
    None,
    /// Asked for by a newer caller; answered as `proved` is.
    #[serde(other)]
    Unknown,
}

/// Body of `PUT /v1/config/user` when its content type is `application/json`.
///
/// With any other content type the body is the text itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutUserRequest {
    /// The whole user layer as JSON5 text; references to secrets, never their values.
    pub text: String,
}

/// Answer of `PUT /v1/config/user`: 200, or 412 and 428 as a problem document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutUserResponse {
    /// The user layer's revision after this edit.
    pub revision: u64,
    /// The user layer's ETag after this edit, for the next `If-Match`.
    pub etag: String,
    /// What became of it.
    pub report: ApplyReport,
}

/// Body of `POST /v1/config/diff`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffRequest {
    /// A user layer to try, as JSON5 text; the one in force when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Answer of `POST /v1/config/diff`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiffResponse {
    /// Keys that would differ from the document in force, sorted by path.
    #[serde(default)]
    pub changes: Vec<ChangeView>,
    /// Whether the gateway would have to restart.
    #[serde(default)]
    pub requires_restart: bool,
    /// Everything that would be refused or left out.
    #[serde(default)]
    pub problems: Vec<ProblemView>,
    /// What may be meant otherwise, such as a file that is passed over. It holds nothing back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ProblemView>,
    /// What the gateway itself says to it.
    pub check: CheckView,
}

/// What the running gateway says to a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CheckView {
    /// It would take it.
    GatewayValid,
    /// It would refuse it; `problems` say why.
    GatewayInvalid,
    /// It was not asked.
    Unchecked {
        /// Why not, for people.
        #[serde(default)]
        why: String,
    },
    /// Said by a newer agent.
    #[serde(other)]
    Unknown,
}

/// Body of `POST /v1/config/rollback`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// The generation whose layers come back, merged anew under the policy in force.
    pub generation: u64,
    /// When to answer; `proved` when nothing is said.
    #[serde(default)]
    pub wait: Wait,
    /// The longest wait; what is not finished then is answered as `pending` and goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
}

/// Answer of `POST /v1/config/rollback`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RollbackResponse {
    /// What became of it.
    pub report: ApplyReport,
}

/// Body of `POST /v1/config/pause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRequest {
    /// How long the document is left alone; 0 ends a pause.
    pub duration_seconds: u64,
}

/// Answer of `POST /v1/config/pause`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseResponse {
    /// When the pause ends by itself, RFC 3339; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}
