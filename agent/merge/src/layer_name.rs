//! The names of the layers, in the order of their power.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::path::Error;

/// Who speaks; a later layer wins over an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerName {
    /// The platform's defaults.
    Base,
    /// The limits of the tier.
    Plan,
    /// The user's own settings.
    User,
    /// What the gateway itself wrote, in shared mode.
    Runtime,
    /// Values that nobody below may change.
    Policy,
}

impl LayerName {
    /// Every layer, the weakest first.
    pub const ALL: [LayerName; 5] = [
        LayerName::Base,
        LayerName::Plan,
        LayerName::User,
        LayerName::Runtime,
        LayerName::Policy,
    ];

    /// Whether locks and bounds bind this layer. Base, plan and policy are the operator's own.
    #[must_use]
    pub fn is_bound(self) -> bool {
        matches!(self, LayerName::User | LayerName::Runtime)
    }

    /// The word for this layer.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            LayerName::Base => "base",
            LayerName::Plan => "plan",
            LayerName::User => "user",
            LayerName::Runtime => "runtime",
            LayerName::Policy => "policy",
        }
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LayerName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let found = LayerName::ALL
            .into_iter()
            .find(|name| name.as_str() == text);
        found.ok_or_else(|| Error::UnknownLayer {
            name: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_rise_in_power() {
        for name in LayerName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
        assert!(LayerName::ALL.is_sorted());
        let error = "root".parse::<LayerName>().unwrap_err();
        assert_eq!(error.reason(), "unknown_layer");
    }
}
