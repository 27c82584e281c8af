//! What was last heard of the gateway, and when.

use std::time::Duration;

use ::health::facts::{EventLoop, Gateway, Healthz, Link, Startup, Suspension};
use openclaw::{ChannelIssue, Channels, Event, Health, LinkState};

use super::translated;

/// What is known of the gateway without asking it again. Everything of a life that is over is forgotten.
#[derive(Debug, Default)]
pub(super) struct Heard {
    link: Option<Link>,
    /// What `/healthz` and `/startupz` said since the connection was lost.
    pub healthz: Option<Healthz>,
    pub startup: Option<Startup>,
    pub ready_failing: Vec<String>,
    pub last_answer: Option<Duration>,
    /// A start that was announced, or that its parent made.
    pub starting_since: Option<Duration>,
    pub leaving_since: Option<Duration>,
    /// Somebody's suspension, by the gateway's word.
    suspended: bool,
    pub event_loop: Option<EventLoop>,
    /// As the gateway told, for who shows them.
    pub channels: Option<Channels>,
    pub plugins_failed: Option<Vec<(String, String)>>,
    pub secrets_degraded: Option<Vec<String>>,
    /// When this life came up.
    pub up_since: Option<Duration>,
}

impl Heard {
    /// The connection is another one, or none. True when it is to another life than before.
    pub(super) fn linked(&mut self, state: &LinkState, now: Duration) -> bool {
        match state {
            LinkState::Up(hello) => {
                let boot_id = hello.boot_id.clone();
                let before = self.boot_id().map(ToOwned::to_owned);
                let reborn = self.up_since.is_none() || before != boot_id;
                if reborn {
                    self.forget();
                    self.up_since = Some(now);
                }
                self.link = Some(Link::Up { boot_id });
                self.healthz = Some(Healthz::Live);
                self.startup = Some(Startup::Started);
                (self.starting_since, self.leaving_since) = (None, None);
                self.last_answer = Some(now);
                reborn
            }
            LinkState::Absent { reason, .. } => {
                let reason = (*reason).to_owned();
                let since = self.gone_since(now, |link| matches!(link, Link::Absent { .. }));
                self.link = Some(Link::Absent { reason, since });
                false
            }
            LinkState::Refused { rejection, .. } => {
                let reason = rejection.message.clone();
                let since = self.gone_since(now, |link| matches!(link, Link::Refused { .. }));
                self.link = Some(Link::Refused { reason, since });
                self.last_answer = Some(now);
                false
            }
        }
    }

    /// Since when the connection has been away in this way. What was said over it before says nothing any more.
    fn gone_since(&mut self, now: Duration, same: impl Fn(&Link) -> bool) -> Duration {
        if self.is_up() {
            (self.healthz, self.startup) = (None, None);
        }
        match &self.link {
            Some(link @ (Link::Absent { since, .. } | Link::Refused { since, .. }))
                if same(link) =>
            {
                *since
            }
            _ => now,
        }
    }

    /// What it pushed. True when it may be news.
    pub(super) fn told(&mut self, event: &Event, now: Duration) -> bool {
        self.last_answer = Some(now);
        match event {
            Event::Shutdown { .. } => self.leaving_since = Some(now),
            Event::Suspension { phase } => {
                self.suspended = matches!(phase.as_str(), "preparing" | "prepared")
            }
            Event::Health(health) => self.health(health),
            _ => return false,
        }
        true
    }

    /// A snapshot of its own; it names no issues of channels.
    pub(super) fn health(&mut self, health: &Health) {
        let issues: Vec<ChannelIssue> = self
            .channels
            .take()
            .map(|said| said.issues)
            .unwrap_or_default();
        self.channels = Some(Channels {
            issues,
            ..health.channels.clone()
        });
        if let Some(event_loop) = &health.event_loop {
            self.event_loop = Some(translated::event_loop(event_loop));
        }
        let faults = health
            .plugin_errors
            .iter()
            .chain(&health.plugins_unavailable);
        let told = faults.map(|fault| {
            let words = [fault.phase.as_deref(), fault.message.as_deref()];
            (
                fault.id.clone(),
                words.into_iter().flatten().collect::<Vec<_>>().join(": "),
            )
        });
        self.plugins_failed = Some(told.collect());
    }

    /// It answered the question for its channels.
    pub(super) fn channels(&mut self, channels: Channels) {
        if let Some(event_loop) = &channels.event_loop {
            self.event_loop = Some(translated::event_loop(event_loop));
        }
        self.channels = Some(channels);
    }

    /// It refuses to answer because it is suspended, or answers again.
    pub(super) fn suspended(&mut self, suspended: bool) {
        self.suspended = suspended;
    }

    pub(super) fn is_suspended(&self) -> bool {
        self.suspended
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.link, Some(Link::Up { .. }))
    }

    pub(super) fn boot_id(&self) -> Option<&str> {
        match &self.link {
            Some(Link::Up { boot_id }) => boot_id.as_deref(),
            _ => None,
        }
    }

    /// Its process is gone, and with it everything that was said.
    pub(super) fn ended(&mut self) {
        self.forget();
        (self.starting_since, self.leaving_since) = (None, None);
        self.up_since = None;
    }

    fn forget(&mut self) {
        self.ready_failing.clear();
        self.suspended = false;
        self.event_loop = None;
        self.channels = None;
        self.plugins_failed = None;
        self.secrets_degraded = None;
    }

    /// As facts. `ours` says that we hold its suspension.
    pub(super) fn gateway(&self, ours: bool) -> Gateway {
        let suspended = match (ours, self.suspended) {
            (true, _) => Some(Suspension::Ours),
            (false, true) => Some(Suspension::Other),
            (false, false) => None,
        };
        Gateway {
            link: self.link.clone(),
            healthz: self.healthz,
            startup: self.startup.clone(),
            ready_failing: self.ready_failing.clone(),
            suspended,
            last_answer: self.last_answer,
            starting_since: self.starting_since,
            leaving_since: self.leaving_since,
            unasked_ends: None,
            child: None,
        }
    }
}
