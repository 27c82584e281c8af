//! Why a key has the value that it has.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{OriginView, ProblemView};

/// Query of `GET /v1/config/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainQuery {
    /// Key path with dots; a key with a dot of its own is written `["a.b"]`.
    pub path: String,
}

/// Answer of `GET /v1/config/explain`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainResponse {
    /// The key that was asked for.
    pub path: String,
    /// Its value, redacted; absent when it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Who set it, or removed it; absent when nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<OriginView>,
    /// What lower layers said, nearest first.
    #[serde(default)]
    pub hidden: Vec<HiddenValue>,
    /// What layers asked for and did not get.
    #[serde(default)]
    pub refused: Vec<RefusedValue>,
    /// The lock that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_by: Option<LockView>,
    /// The generation that brought this value in; absent when the key is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_generation: Option<u64>,
}

/// A value that a higher layer hid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HiddenValue {
    /// Who said it.
    pub origin: OriginView,
    /// What it said, redacted; absent when it removed the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// A value that was asked for and kept out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedValue {
    /// What it asked for, redacted; absent when it would have removed the key, or when its layer
    /// cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Where it was asked for, why it is refused, and the cure.
    pub problem: ProblemView,
}

/// The rule that holds a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockView {
    /// The rule's path, which may have `*` in it.
    pub rule: String,
    /// The file with the rule.
    #[serde(default)]
    pub file: String,
    /// Line, counted from 1; 0 where it is not known.
    #[serde(default)]
    pub line: u32,
    /// Column, counted from 1; 0 where it is not known.
    #[serde(default)]
    pub column: u32,
    /// The operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
