//! `channels.start` and `channels.stop`: one account, without touching its credentials.

use serde::{Deserialize, Serialize};

use crate::clip::NAME;
use crate::lenient::Maybe;
use crate::{Connection, Error};

/// What became of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelStart {
    /// Whether the gateway says that it runs now. It says so of accounts that the
    /// configuration does not know, and before the service was reached: look at
    /// [`channels`](Connection::channels) afterwards.
    pub started: bool,
    /// `handed-off` for one that began, `retry` for one that runs already, `skipped`.
    pub outcome: Option<String>,
    /// Why, such as `task-owned`.
    pub reason: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    channel: &'a str,
    account_id: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wire {
    started: Maybe<bool>,
    stopped: Maybe<bool>,
    outcome: Maybe<Outcome>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome {
    status: Maybe<String>,
    reason: Maybe<String>,
}

impl From<Wire> for ChannelStart {
    fn from(wire: Wire) -> Self {
        let outcome = wire.outcome.or_default();
        Self {
            started: wire.started.or_default(),
            outcome: outcome.status.text(NAME),
            reason: outcome.reason.text(NAME),
        }
    }
}

impl Connection {
    /// `channels.start` (scope admin), also for one that the gateway would not start by
    /// itself. A channel that it does not have is an `INVALID_REQUEST`.
    pub async fn channel_start(&self, channel: &str, account: &str) -> Result<ChannelStart, Error> {
        Ok(self.power("channels.start", channel, account).await?.into())
    }

    /// `channels.stop` (scope admin): whether it does not run now.
    pub async fn channel_stop(&self, channel: &str, account: &str) -> Result<bool, Error> {
        let wire = self.power("channels.stop", channel, account).await?;
        Ok(wire.stopped.or_default())
    }

    async fn power(
        &self,
        method: &'static str,
        channel: &str,
        account: &str,
    ) -> Result<Wire, Error> {
        let account_id = account;
        self.call(
            method,
            Params {
                channel,
                account_id,
            },
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_real_gateway_answers() {
        let cases = [
            (
                r#"{"channel":"telegram","accountId":"default","started":true,"outcome":{"status":"handed-off"}}"#,
                (true, Some("handed-off"), None),
            ),
            (
                r#"{"started":true,"outcome":{"status":"retry","reason":"task-owned"}}"#,
                (true, Some("retry"), Some("task-owned")),
            ),
            (r#"{"started":true}"#, (true, None, None)),
            (r#"{"started":"yes","outcome":7}"#, (false, None, None)),
            ("{}", (false, None, None)),
        ];
        for (text, (started, outcome, reason)) in cases {
            let start = ChannelStart::from(serde_json::from_str::<Wire>(text).unwrap());
            let found = (
                start.started,
                start.outcome.as_deref(),
                start.reason.as_deref(),
            );
            assert_eq!(found, (started, outcome, reason), "{text}");
        }
        let stop: Wire = serde_json::from_str(r#"{"channel":"telegram","stopped":true}"#).unwrap();
        assert_eq!(stop.stopped.0, Some(true));
    }
}
