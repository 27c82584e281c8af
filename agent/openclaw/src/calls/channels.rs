//! `channels.status`: how each account of each channel is.

use serde::Deserialize;
use serde_json::json;

use super::event_loop::{EventLoop, WireLoop};
use crate::clip::{MESSAGE, NAME, clip};
use crate::lenient::{Entries, Few, Maybe};
use crate::{Connection, Error};

/// Accounts that are kept.
const ACCOUNTS: usize = 500;
/// Channels that are read.
const CHANNELS: usize = 100;
/// Issues that are kept.
const ISSUES: usize = 64;

/// The channels of a gateway. The strings are its own words, cut to bounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Channels {
    /// The accounts, in the gateway's order, at most 500.
    pub accounts: Vec<ChannelAccount>,
    /// What the gateway itself complains about, at most 64.
    pub issues: Vec<ChannelIssue>,
    /// Its event loop, where the answer tells.
    pub event_loop: Option<EventLoop>,
    /// Accounts that are left out: beyond the bound, or of a shape that could not be read.
    pub more: usize,
}

/// One account of a channel. A field is absent where the gateway does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelAccount {
    /// Such as `telegram`.
    pub channel: String,
    /// Such as `default`.
    pub account: String,
    /// Whether the configuration switches it on.
    pub enabled: Option<bool>,
    /// Whether it has what it needs, such as a token.
    pub configured: Option<bool>,
    /// Whether its task runs.
    pub running: Option<bool>,
    /// Whether it has reached its service.
    pub connected: Option<bool>,
    /// Whether a person has linked it, where that is a step.
    pub linked: Option<bool>,
    /// Such as `starting`, `ready`, `stopped`.
    pub lifecycle: Option<String>,
    /// Such as `disconnected`.
    pub health_state: Option<String>,
    /// Why it is in this state.
    pub state_reason: Option<String>,
    /// Such as `not-linked`.
    pub status_state: Option<String>,
    /// What failed last.
    pub last_error: Option<String>,
    /// When something came in, in milliseconds since 1970; so are all the following times.
    pub last_inbound_ms: Option<u64>,
    /// When something went out.
    pub last_outbound_ms: Option<u64>,
    /// When it last reached its service; for one that polls, each poll counts.
    pub last_connected_ms: Option<u64>,
    /// When its task started.
    pub last_start_ms: Option<u64>,
    /// Attempts since it was last connected.
    pub reconnect_attempts: Option<u64>,
    /// Whether the gateway is about to start it again by itself.
    pub restart_pending: Option<bool>,
}

/// A complaint of the gateway about an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelIssue {
    /// Such as `telegram`.
    pub channel: String,
    /// Such as `default`.
    pub account: String,
    /// `intent`, `permissions`, `config`, `auth` or `runtime`.
    pub kind: String,
    /// What is wrong.
    pub message: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    channel_accounts: Maybe<Entries<Few<WireAccount, ACCOUNTS>, CHANNELS>>,
    status_issues: Maybe<Few<WireIssue, ISSUES>>,
    event_loop: Maybe<WireLoop>,
}

/// The `channels` of `health`: each has its accounts by name.
pub(crate) type WireHealthChannels = Entries<WireHealthChannel, CHANNELS>;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct WireHealthChannel {
    accounts: Maybe<Entries<WireAccount, ACCOUNTS>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireAccount {
    account_id: Maybe<String>,
    enabled: Maybe<bool>,
    configured: Maybe<bool>,
    running: Maybe<bool>,
    connected: Maybe<bool>,
    linked: Maybe<bool>,
    lifecycle: Maybe<String>,
    health_state: Maybe<String>,
    state_reason: Maybe<String>,
    status_state: Maybe<String>,
    last_error: Maybe<String>,
    last_inbound_at: Maybe<u64>,
    last_outbound_at: Maybe<u64>,
    last_connected_at: Maybe<u64>,
    last_start_at: Maybe<u64>,
    reconnect_attempts: Maybe<u64>,
    restart_pending: Maybe<bool>,
}

impl WireAccount {
    fn named(self, channel: &str, account: Option<&str>) -> ChannelAccount {
        let account = account.map_or_else(
            || self.account_id.text(NAME).unwrap_or_default(),
            |account| clip(account, NAME),
        );
        ChannelAccount {
            channel: clip(channel, NAME),
            account,
            enabled: self.enabled.0,
            configured: self.configured.0,
            running: self.running.0,
            connected: self.connected.0,
            linked: self.linked.0,
            lifecycle: self.lifecycle.text(NAME),
            health_state: self.health_state.text(NAME),
            state_reason: self.state_reason.text(MESSAGE),
            status_state: self.status_state.text(NAME),
            last_error: self.last_error.text(MESSAGE),
            last_inbound_ms: self.last_inbound_at.0,
            last_outbound_ms: self.last_outbound_at.0,
            last_connected_ms: self.last_connected_at.0,
            last_start_ms: self.last_start_at.0,
            reconnect_attempts: self.reconnect_attempts.0,
            restart_pending: self.restart_pending.0,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireIssue {
    channel: Maybe<String>,
    account_id: Maybe<String>,
    kind: Maybe<String>,
    message: Maybe<String>,
}

impl From<WireIssue> for ChannelIssue {
    fn from(wire: WireIssue) -> Self {
        let short = |text: &Maybe<String>| text.text(NAME).unwrap_or_default();
        Self {
            channel: short(&wire.channel),
            account: short(&wire.account_id),
            kind: short(&wire.kind),
            message: wire.message.text(MESSAGE).unwrap_or_default(),
        }
    }
}

impl From<Wire> for Channels {
    fn from(wire: Wire) -> Self {
        let mut channels = Self {
            event_loop: wire.event_loop.0.map(EventLoop::from),
            ..Self::default()
        };
        let issues = wire.status_issues.or_default().kept;
        channels.issues = issues.into_iter().map(ChannelIssue::from).collect();
        for (name, list) in wire.channel_accounts.or_default().kept {
            let total = list.total;
            let accounts = list.kept.into_iter();
            channels.add(total, accounts.map(|account| account.named(&name, None)));
        }
        channels
    }
}

impl Channels {
    /// What the answer to `health` says of the same accounts. It names no issues.
    pub(crate) fn from_health(wire: WireHealthChannels) -> Self {
        let mut channels = Self::default();
        for (name, channel) in wire.kept {
            let list = channel.accounts.or_default();
            let accounts = list.kept.into_iter();
            channels.add(
                list.total,
                accounts.map(|(id, account)| account.named(&name, Some(&id))),
            );
        }
        channels
    }

    fn add(&mut self, total: usize, accounts: impl Iterator<Item = ChannelAccount>) {
        let before = self.accounts.len();
        self.accounts.extend(accounts.take(ACCOUNTS - before));
        self.more += total - (self.accounts.len() - before);
    }
}

impl Connection {
    /// `channels.status` (scope read), without asking the services themselves. It costs the
    /// gateway 2.0 ms of CPU (2026.9.6, one account).
    pub async fn channels(&self) -> Result<Channels, Error> {
        Ok(self
            .call::<Wire>("channels.status", json!({}))
            .await?
            .into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    /// As 2026.9.6 answers with a bot that polls.
    const RECORDED: &str = include_str!("../../samples/channels.status.json");

    fn read(text: &str) -> Channels {
        serde_json::from_str::<Wire>(text).unwrap().into()
    }

    fn many(count: usize) -> Value {
        let accounts: Vec<Value> = (0..count)
            .map(|n| json!({"accountId": format!("a{n}"), "running": true, "newer": {"x": [1]}}))
            .collect();
        json!({ "channelAccounts": { "telegram": accounts } })
    }

    #[test]
    fn reads_a_recorded_answer() {
        let channels = read(RECORDED);
        let [account] = channels.accounts.as_slice() else {
            panic!("{channels:?}")
        };
        let want = ChannelAccount {
            channel: "telegram".into(),
            account: "default".into(),
            enabled: Some(true),
            configured: Some(true),
            running: Some(true),
            connected: Some(true),
            lifecycle: Some("ready".into()),
            last_connected_ms: Some(1_795_547_822_557),
            last_start_ms: Some(1_795_547_615_773),
            reconnect_attempts: Some(0),
            restart_pending: Some(false),
            ..ChannelAccount::default()
        };
        assert_eq!(account, &want);
        assert_eq!((channels.more, channels.issues.len()), (0, 0));
        let late = channels.event_loop.and_then(|said| said.delay_p99);
        assert_eq!(late, Some(Duration::from_micros(20_400)));
    }

    #[test]
    fn an_odd_field_is_absent_and_hides_no_other() {
        let channels = read(
            r#"{"channelAccounts":{"telegram":[{"accountId":7,"running":"yes","connected":false,
            "lifecycle":["x"],"lastError":"down\nfor good","lastInboundAt":-4,"lastOutboundAt":"now",
            "reconnectAttempts":1.5,"newer":{"deep":[[]]}},12,null],"other":"none","x":{}},
            "statusIssues":[{"channel":"telegram","kind":"auth","message":"m","fix":"f"},9],"eventLoop":7}"#,
        );
        let want = ChannelAccount {
            channel: "telegram".into(),
            connected: Some(false),
            last_error: Some("down for good".into()),
            ..ChannelAccount::default()
        };
        assert_eq!(channels.accounts, [want]);
        assert_eq!(channels.more, 2);
        assert_eq!(channels.issues.len(), 1);
        assert_eq!(channels.event_loop, None);
        for odd in [
            "{}",
            r#"{"channelAccounts":[]}"#,
            r#"{"channelAccounts":null}"#,
        ] {
            assert_eq!(read(odd), Channels::default(), "{odd}");
        }
    }

    #[test]
    fn strings_and_lists_are_cut() {
        let long = "x".repeat(100_000);
        let accounts = json!([{"accountId": long, "lastError": long, "lifecycle": long}]);
        let issues = vec![json!({"message": long}); 1000];
        let answer = json!({"channelAccounts": {long.as_str(): accounts}, "statusIssues": issues});
        let channels = read(&answer.to_string());
        let account = &channels.accounts[0];
        assert_eq!((account.channel.len(), account.account.len()), (NAME, NAME));
        assert_eq!(account.last_error.as_ref().unwrap().len(), MESSAGE);
        assert_eq!(channels.issues.len(), ISSUES);
    }

    #[test]
    fn five_hundred_accounts_are_kept_and_more_are_counted() {
        for (count, kept, more) in [(500, 500, 0), (501, 500, 1), (5000, 500, 4500)] {
            let channels = read(&many(count).to_string());
            assert_eq!((channels.accounts.len(), channels.more), (kept, more));
        }
        let mut two = many(400);
        two["channelAccounts"]["slack"] = two["channelAccounts"]["telegram"].clone();
        let channels = read(&two.to_string());
        assert_eq!((channels.accounts.len(), channels.more), (500, 300));
        assert_eq!(channels.accounts[499].channel, "slack");
    }
}
