//! `exec.approval.list`, `plugin.approval.list`, `channels.pairing.list` and
//! `device.pair.list`: how many wait for a person. Only counted: they say who asks for what.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::lenient::Few;
use crate::{Connection, Error};

/// A list of which nothing but its length is read.
type Count = Few<IgnoredAny, 0>;

/// Who waits to be let in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PairingPending {
    /// People who wrote to a channel.
    pub senders: usize,
    /// Devices.
    pub devices: usize,
}

#[derive(Deserialize)]
struct Senders {
    requests: Count,
}

#[derive(Deserialize)]
struct Devices {
    pending: Count,
}

/// What a release says that may lack the call: nothing waits there.
fn or_none<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Unsupported { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Connection {
    /// How many commands and plugins wait for an approval (scope approvals, which read does
    /// not imply). It costs the gateway 0.55 and 0.4 ms of CPU (2026.9.6).
    pub async fn approvals(&self) -> Result<usize, Error> {
        let commands = self.call::<Count>("exec.approval.list", json!({})).await;
        let plugins = self.call::<Count>("plugin.approval.list", json!({})).await;
        let length = |list: Option<Count>| list.map_or(0, |list| list.total);
        Ok(length(or_none(commands)?) + length(or_none(plugins)?))
    }

    /// Who waits to be paired (scope pairing, which read does not imply). It costs the gateway
    /// 1.8 and 1.3 ms of CPU (2026.9.6).
    pub async fn pairing_pending(&self) -> Result<PairingPending, Error> {
        let senders = self
            .call::<Senders>("channels.pairing.list", json!({}))
            .await;
        let devices = self.call::<Devices>("device.pair.list", json!({})).await;
        Ok(PairingPending {
            senders: or_none(senders)?.map_or(0, |list| list.requests.total),
            devices: or_none(devices)?.map_or(0, |list| list.pending.total),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted_and_nothing_else_is_a_list() {
        let count = |text: &str| serde_json::from_str::<Count>(text).map(|list| list.total);
        assert_eq!(count("[]").unwrap(), 0);
        assert_eq!(
            count(r#"[{"id":"a","request":{"command":"rm"}},7]"#).unwrap(),
            2
        );
        for odd in ["{}", "null", "7"] {
            assert!(count(odd).is_err(), "{odd}");
        }
        let senders: Senders = serde_json::from_str(
            r#"{"accounts":[{"channel":"telegram","accountId":"default"}],
            "requests":[{"requestId":"r","senderId":"555","senderLabel":"Ann"}],"limits":{"ttlMs":3600000}}"#,
        )
        .unwrap();
        assert_eq!(senders.requests.total, 1);
        let devices: Devices =
            serde_json::from_str(r#"{"pending":[{},{}],"paired":[{}]}"#).unwrap();
        assert_eq!(devices.pending.total, 2);
        assert!(serde_json::from_str::<Senders>("{}").is_err());
    }
}
