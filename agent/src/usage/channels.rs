//! Which channels should be up, and whether they are.

use std::collections::BTreeMap;

use openclaw::{ChannelAccount, Channels};

use super::labels::Labels;

/// Each channel that should be up, by its label, and whether all of its accounts are.
pub fn up(channels: &Channels, labels: &mut Labels) -> Vec<(&'static str, bool)> {
    let mut worst = BTreeMap::new();
    for account in &channels.accounts {
        if let Some(is_up) = is_up(account) {
            let all = worst
                .entry(labels.channel(&account.channel))
                .or_insert(true);
            *all &= is_up;
        }
    }
    worst.into_iter().collect()
}

/// Nothing of one that is switched off, not set up, not linked, or just starting.
fn is_up(account: &ChannelAccount) -> Option<bool> {
    let wanted = [account.enabled, account.configured, account.linked];
    let told = [account.running, account.connected];
    if wanted.contains(&Some(false)) || told == [None, None] {
        return None;
    }
    let is_up = !told.contains(&Some(false));
    let starting = account.lifecycle.as_deref() == Some("starting")
        && account.health_state.as_deref() != Some("disconnected");
    (is_up || !starting).then_some(is_up)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(channel: &str, change: impl FnOnce(&mut ChannelAccount)) -> ChannelAccount {
        let mut account = ChannelAccount {
            channel: channel.to_owned(),
            enabled: Some(true),
            configured: Some(true),
            running: Some(true),
            connected: Some(true),
            ..ChannelAccount::default()
        };
        change(&mut account);
        account
    }

    fn shown(accounts: Vec<ChannelAccount>) -> Vec<(&'static str, bool)> {
        let channels = Channels {
            accounts,
            ..Channels::default()
        };
        up(&channels, &mut Labels::new(100))
    }

    #[test]
    fn an_account_is_up_or_down_or_not_to_be_shown() {
        type Change = fn(&mut ChannelAccount);
        let cases: [(Change, &[(&str, bool)]); 9] = [
            (|_| {}, &[("telegram", true)]),
            (
                |account| account.connected = Some(false),
                &[("telegram", false)],
            ),
            (
                |account| account.running = Some(false),
                &[("telegram", false)],
            ),
            (|account| account.connected = None, &[("telegram", true)]),
            (|account| account.linked = Some(false), &[]),
            (|account| account.enabled = Some(false), &[]),
            (|account| account.configured = Some(false), &[]),
            (
                |account| (account.running, account.connected) = (None, None),
                &[],
            ),
            (
                |account| {
                    account.connected = Some(false);
                    account.lifecycle = Some("starting".to_owned());
                },
                &[],
            ),
        ];
        for (number, (change, want)) in cases.into_iter().enumerate() {
            assert_eq!(
                shown(vec![account("telegram", change)]),
                want,
                "case {number}"
            );
        }
        let late = account("telegram", |account| {
            account.connected = Some(false);
            account.lifecycle = Some("starting".to_owned());
            account.health_state = Some("disconnected".to_owned());
        });
        assert_eq!(shown(vec![late]), [("telegram", false)]);
    }

    #[test]
    fn the_worst_account_counts_and_strangers_share_a_label() {
        let down = |account: &mut ChannelAccount| account.connected = Some(false);
        let channels = shown(vec![
            account("telegram", |_| {}),
            account("telegram", down),
            account("slack", |_| {}),
            account("x", |_| {}),
            account("y", down),
        ]);
        assert_eq!(
            channels,
            [("other", false), ("slack", true), ("telegram", false)]
        );
    }
}
