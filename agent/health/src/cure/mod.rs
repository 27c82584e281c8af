//! What to do about causes: grades of cures, each with a budget, the next only when the last did not help.

mod book;
mod ladder;
mod rules;
mod situation;
mod trial;

pub use book::{Book, Decision, Prescription, Report, Standing};
pub use ladder::{Ladder, Step};
pub use rules::{RULES, Rule};
pub use situation::{Hands, Mode, Situation};
pub use trial::Outcome;

/// A grade of cure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// One account of a channel is stopped and started.
    RestartChannel,
    /// The gateway reads its secrets again.
    ReloadSecrets,
    /// The gateway is asked to restart: it looks first, and waits for its runs.
    RestartGateway,
    /// The gateway is told to restart inside its process, by SIGUSR2. Only its parent can.
    RestartInside,
    /// Its process is ended: SIGTERM, and SIGKILL after the drain budget. Only its parent can.
    EndGateway,
    /// The agent can do nothing from where it is: the kubelet's liveness probe has to.
    LeaveToKubelet,
}

impl Grade {
    /// All of them, the mildest first.
    pub const ALL: [Self; 6] = [
        Self::RestartChannel,
        Self::ReloadSecrets,
        Self::RestartGateway,
        Self::RestartInside,
        Self::EndGateway,
        Self::LeaveToKubelet,
    ];

    /// A stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::RestartChannel => "channel_restart",
            Self::ReloadSecrets => "secrets_reload",
            Self::RestartGateway => "gateway_restart",
            Self::RestartInside => "gateway_signal",
            Self::EndGateway => "gateway_end",
            Self::LeaveToKubelet => "left_to_kubelet",
        }
    }

    /// Its rule.
    pub fn rule(self) -> &'static Rule {
        &RULES[self as usize]
    }

    /// Whether a user's run can be lost by it.
    pub fn interrupts(self) -> bool {
        !matches!(self, Self::ReloadSecrets | Self::LeaveToKubelet)
    }
}

/// A cure, for one patient.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cure {
    /// Stop and start this account.
    RestartChannel {
        /// Such as `telegram`.
        channel: String,
        /// Such as `default`; all of the channel where the cause names none.
        account: Option<String>,
    },
    /// Call `secrets.reload`.
    ReloadSecrets,
    /// Ask for a restart over RPC.
    RestartGateway,
    /// Send SIGUSR2.
    RestartInside,
    /// Send SIGTERM, then SIGKILL.
    EndGateway,
    /// Say that the kubelet has to act.
    LeaveToKubelet,
}

impl Cure {
    /// Its grade.
    pub fn grade(&self) -> Grade {
        match self {
            Self::RestartChannel { .. } => Grade::RestartChannel,
            Self::ReloadSecrets => Grade::ReloadSecrets,
            Self::RestartGateway => Grade::RestartGateway,
            Self::RestartInside => Grade::RestartInside,
            Self::EndGateway => Grade::EndGateway,
            Self::LeaveToKubelet => Grade::LeaveToKubelet,
        }
    }

    fn of(grade: Grade, subject: &str) -> Self {
        match grade {
            Grade::RestartChannel => {
                let (channel, account) = match subject.split_once('/') {
                    Some((channel, account)) => (channel, Some(account.to_owned())),
                    None => (subject, None),
                };
                Self::RestartChannel {
                    channel: channel.to_owned(),
                    account,
                }
            }
            Grade::ReloadSecrets => Self::ReloadSecrets,
            Grade::RestartGateway => Self::RestartGateway,
            Grade::RestartInside => Self::RestartInside,
            Grade::EndGateway => Self::EndGateway,
            Grade::LeaveToKubelet => Self::LeaveToKubelet,
        }
    }
}
