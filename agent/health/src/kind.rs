//! The table of causes: every kind with its component, its severity and its times.

use std::time::Duration;

use crate::{Component, Severity};

/// A kind of cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Its process ended.
    GatewayExited,
    /// It ends again and again.
    CrashLoop,
    /// Nobody listens on its port.
    PortClosed,
    /// Somebody else answers on its port.
    PortForeign,
    /// It answers nothing.
    GatewaySilent,
    /// It does not let the agent in.
    TokenRefused,
    /// It answers, and there is no connection to it.
    RpcAbsent,
    /// Nothing is known of it.
    GatewayUnseen,
    /// It does not end though it says so.
    DrainOverdue,
    /// The database of an agent is broken.
    DatabaseFailing,
    /// It does not come up.
    NotStarted,
    /// It is too busy.
    EventLoopDelayed,
    /// An account is down.
    ChannelDead,
    /// More accounts of a channel are down than are named.
    ChannelsDead,
    /// An account is not linked.
    ChannelUnlinked,
    /// An account is not configured.
    ChannelUnconfigured,
    /// An account was stopped.
    ChannelStopped,
    /// The gateway has advice on an account.
    ChannelAdvice,
    /// A plugin did not load.
    PluginFailed,
    /// Plugins are being loaded anew, for long.
    PluginReloading,
    /// Somebody lacks a secret.
    SecretsDegraded,
    /// The sandbox daemon does not answer.
    DaemonAbsent,
    /// The sandbox daemon lacks an image.
    ImageMissing,
    /// The rules of removal are stricter than usual.
    DiskStep,
    /// The daemon's disk is full of what lives.
    FullOfLive,
    /// A disk is nearly full.
    DiskHigh,
    /// The state's disk is full.
    StateFull,
    /// Memory is near its limit.
    MemoryHigh,
    /// What the layers ask for is refused.
    ConfigRefused,
    /// A change was undone.
    ConfigRolledBack,
    /// The document could not be written.
    ConfigFailed,
    /// A change does not come to an end.
    ConfigPending,
    /// Candidates are in quarantine.
    ConfigQuarantined,
    /// Changes are paused.
    ConfigPaused,
    /// Somebody fights over the document.
    DriftFight,
    /// There is no document.
    DocumentAbsent,
    /// The wall clock jumped.
    ClockJumped,
    /// The journal cannot be written.
    JournalUnwritable,
}

/// What holds for all causes of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The kind.
    pub kind: Kind,
    /// A stable word for it.
    pub word: &'static str,
    /// What it is about.
    pub component: Component,
    /// How grave it is.
    pub severity: Severity,
    /// How long it has to hold before it is told.
    pub confirm: Duration,
    /// How long it has to be absent before it is no longer told.
    pub clear: Duration,
    /// What is seen.
    pub when: &'static str,
    /// What the agent does about it.
    pub remedy: &'static str,
}

impl Kind {
    /// What holds for this kind.
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The whole table.
    pub fn all() -> &'static [Row] {
        &ROWS
    }
}

const fn row(
    kind: Kind,
    word: &'static str,
    (component, severity): (Component, Severity),
    (confirm, clear): (u64, u64),
    when: &'static str,
    remedy: &'static str,
) -> Row {
    Row {
        kind,
        word,
        component,
        severity,
        confirm: Duration::from_secs(confirm),
        clear: Duration::from_secs(clear),
        when,
        remedy,
    }
}

use Component as C;
use Severity::{Degraded, Failing, Notice};

/// In the order of [`Kind`].
const ROWS: [Row; 38] = [
    row(
        Kind::GatewayExited,
        "gateway_exited",
        (C::Gateway, Failing),
        (0, 15),
        "its process ended by itself, or stays ended",
        "the supervisor starts it again after a pause",
    ),
    row(
        Kind::CrashLoop,
        "crash_loop",
        (C::Startup, Failing),
        (0, 60),
        "it ended 3 times within 15 min unasked",
        "it is started again after ever longer pauses; a person has to look at why it ends",
    ),
    row(
        Kind::PortClosed,
        "port_closed",
        (C::Gateway, Failing),
        (0, 15),
        "nobody listens on its port, and it is neither starting nor ending",
        "it is restarted",
    ),
    row(
        Kind::PortForeign,
        "port_foreign",
        (C::Gateway, Failing),
        (0, 15),
        "what answers on its port is no gateway, such as a page of HTML",
        "nothing: a person has to look at who listens there",
    ),
    row(
        Kind::GatewaySilent,
        "gateway_silent",
        (C::Gateway, Failing),
        (30, 15),
        "its port is open and it has answered nothing",
        "it is restarted",
    ),
    row(
        Kind::TokenRefused,
        "token_refused",
        (C::Gateway, Failing),
        (10, 15),
        "it refuses the agent's token",
        "the agent tries the token before this one and the newest in turn",
    ),
    row(
        Kind::RpcAbsent,
        "rpc_absent",
        (C::Gateway, Degraded),
        (30, 30),
        "its port answers, and there is no connection to it",
        "the agent connects again",
    ),
    row(
        Kind::GatewayUnseen,
        "gateway_unseen",
        (C::Gateway, Degraded),
        (300, 15),
        "nothing is known of it",
        "the agent goes on asking",
    ),
    row(
        Kind::DrainOverdue,
        "drain_overdue",
        (C::Gateway, Failing),
        (340, 15),
        "it says that it ends and does not",
        "its process is ended",
    ),
    row(
        Kind::DatabaseFailing,
        "database_failing",
        (C::Gateway, Degraded),
        (30, 30),
        "its `/readyz` names the database of an agent",
        "nothing: a person has to look at the disk and the gateway's log",
    ),
    row(
        Kind::NotStarted,
        "not_started",
        (C::Startup, Failing),
        (300, 15),
        "it starts and does not come to an end with it",
        "its process is ended and started anew",
    ),
    row(
        Kind::EventLoopDelayed,
        "event_loop_delayed",
        (C::EventLoop, Degraded),
        (30, 30),
        "it calls its event loop degraded, or the 99th percentile of the delay is 1 s or more",
        "nothing: it is under load",
    ),
    row(
        Kind::ChannelDead,
        "channel_dead",
        (C::Channel, Degraded),
        (0, 30),
        "enabled, configured, not unlinked, and down by the gateway's own status",
        "the account is restarted, later the gateway",
    ),
    row(
        Kind::ChannelsDead,
        "channels_dead",
        (C::Channel, Degraded),
        (0, 30),
        "more dead accounts than are named one by one",
        "the named ones are cured first",
    ),
    row(
        Kind::ChannelUnlinked,
        "channel_unlinked",
        (C::Channel, Notice),
        (0, 30),
        "nobody has linked the account",
        "nothing: its user has to link it",
    ),
    row(
        Kind::ChannelUnconfigured,
        "channel_unconfigured",
        (C::Channel, Notice),
        (0, 30),
        "enabled and not configured",
        "nothing: its user has to configure it",
    ),
    row(
        Kind::ChannelStopped,
        "channel_stopped",
        (C::Channel, Notice),
        (0, 30),
        "it does not run, and no error is known: somebody stopped it",
        "nothing",
    ),
    row(
        Kind::ChannelAdvice,
        "channel_advice",
        (C::Channel, Notice),
        (0, 30),
        "the gateway has advice on its settings",
        "nothing: its user has to follow it",
    ),
    row(
        Kind::PluginFailed,
        "plugin_failed",
        (C::Plugin, Degraded),
        (0, 30),
        "it did not load",
        "nothing: a person has to look at the plugin",
    ),
    row(
        Kind::PluginReloading,
        "plugin_reloading",
        (C::Plugin, Degraded),
        (60, 30),
        "`/readyz` says `plugin-reload`",
        "nothing: the gateway is at it",
    ),
    row(
        Kind::SecretsDegraded,
        "secrets_degraded",
        (C::Secrets, Degraded),
        (10, 30),
        "somebody lacks a secret",
        "the gateway reads its secrets again",
    ),
    row(
        Kind::DaemonAbsent,
        "daemon_absent",
        (C::Sandbox, Degraded),
        (10, 30),
        "the sandbox daemon does not answer",
        "the agent connects again",
    ),
    row(
        Kind::ImageMissing,
        "image_missing",
        (C::Sandbox, Degraded),
        (60, 30),
        "the daemon lacks an image that the document asks for",
        "the agent loads it where it has it",
    ),
    row(
        Kind::DiskStep,
        "disk_step",
        (C::Sandbox, Notice),
        (0, 60),
        "the daemon's disk makes the rules of removal stricter",
        "idle sandboxes are removed earlier",
    ),
    row(
        Kind::FullOfLive,
        "full_of_live",
        (C::Sandbox, Degraded),
        (30, 60),
        "the daemon's disk is full, and everything on it is in use",
        "what is no longer used is removed; what lives is not",
    ),
    row(
        Kind::DiskHigh,
        "disk_high",
        (C::Disk, Degraded),
        (30, 60),
        "more than 85 % of bytes or inodes are used",
        "on the daemon's disk, unused sandboxes are removed; else nothing",
    ),
    row(
        Kind::StateFull,
        "state_full",
        (C::Disk, Failing),
        (0, 30),
        "the state's disk has less than 1 % or 16 MiB free, or no inodes: writes fail",
        "nothing: a person has to make room",
    ),
    row(
        Kind::MemoryHigh,
        "memory_high",
        (C::Memory, Degraded),
        (30, 60),
        "more than 90 % of the limit is used",
        "nothing: at the limit the kernel kills",
    ),
    row(
        Kind::ConfigRefused,
        "config_refused",
        (C::Config, Degraded),
        (0, 15),
        "what the layers ask for is refused",
        "the last good document is in force",
    ),
    row(
        Kind::ConfigRolledBack,
        "config_rolled_back",
        (C::Config, Degraded),
        (0, 15),
        "a change was undone",
        "the last good document is in force",
    ),
    row(
        Kind::ConfigFailed,
        "config_failed",
        (C::Config, Degraded),
        (0, 15),
        "the document could not be written",
        "it is written again",
    ),
    row(
        Kind::ConfigPending,
        "config_pending",
        (C::Config, Degraded),
        (300, 15),
        "a change is not shown to run",
        "the agent goes on asking and undoes nothing",
    ),
    row(
        Kind::ConfigQuarantined,
        "config_quarantined",
        (C::Config, Notice),
        (0, 15),
        "candidates that failed are not tried again",
        "the last good document is in force",
    ),
    row(
        Kind::ConfigPaused,
        "config_paused",
        (C::Config, Notice),
        (0, 15),
        "an operator has paused it",
        "nothing is written until it is resumed",
    ),
    row(
        Kind::DriftFight,
        "drift_fight",
        (C::Config, Degraded),
        (0, 60),
        "somebody writes the document again and again",
        "it is put back, with pauses",
    ),
    row(
        Kind::DocumentAbsent,
        "document_absent",
        (C::Config, Failing),
        (300, 15),
        "there is no document that the gateway could start with",
        "`/startupz` says no until there is one",
    ),
    row(
        Kind::ClockJumped,
        "clock_jumped",
        (C::Clock, Notice),
        (0, 300),
        "the wall clock jumped by 60 s or more",
        "nothing: the agent counts time by another clock",
    ),
    row(
        Kind::JournalUnwritable,
        "journal_unwritable",
        (C::Journal, Degraded),
        (10, 30),
        "the agent's journal cannot be written",
        "what happens is told in log and metrics only",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_its_own_row_and_word() {
        let mut words = BTreeSet::new();
        for (place, row) in Kind::all().iter().enumerate() {
            assert_eq!(
                row.kind as usize, place,
                "{} is in the wrong place",
                row.word
            );
            assert!(words.insert(row.word), "{} twice", row.word);
            assert_eq!(row.kind.row(), row);
        }
        let components: BTreeSet<_> = Kind::all().iter().map(|row| row.component).collect();
        assert_eq!(
            components.len(),
            Component::ALL.len(),
            "a component without a cause"
        );
    }

    #[test]
    fn nothing_is_cleared_sooner_than_after_15_s() {
        for row in Kind::all() {
            assert!(row.clear >= Duration::from_secs(15), "{}", row.word);
        }
    }
}
