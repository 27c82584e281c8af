//! Why the gateway is not suspended, resumed or restarted.

use jiff::Timestamp;

/// Everything that this component fails with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Work is under way that the caller did not give up.
    #[error("work is under way in the gateway: {}", listed(.work, *.active))]
    Busy {
        /// How much.
        active: u64,
        /// What, in the gateway's words.
        work: Vec<String>,
    },
    /// Somebody else holds a suspension.
    #[error("somebody else has suspended the gateway{}", ends(.until.as_ref()))]
    Elsewhere {
        /// When theirs ends unless they renew it.
        until: Option<Timestamp>,
    },
    /// It is suspended, so that nothing but an end of the suspension is taken.
    #[error(
        "the gateway is suspended, and whoever suspended it has to let it take work again first; where that was a caller of \
        this agent, POST /v1/gateway/resume does"
    )]
    Suspended,
    /// A change of the document is on its way.
    #[error("a change of the document is on its way ({state}); try again when it is settled")]
    ConfigBusy {
        /// How far it is.
        state: &'static str,
    },
    /// Another restart is under way.
    #[error("another restart of the gateway is under way; try again when it has ended")]
    Restarting,
    /// There is no gateway.
    #[error("the gateway does not answer ({reason}); try again when it is up")]
    Absent {
        /// What is known of why.
        reason: String,
    },
    /// It is there and did not answer in time, so it is not known what it did.
    #[error(
        "the gateway did not answer in time; a suspension that it may have begun is given back, or ends by itself \
        within two minutes"
    )]
    Silent,
    /// This release cannot do that.
    #[error("this release of the gateway cannot do that: it has no {what}")]
    Unsupported {
        /// The call that is missing.
        what: &'static str,
    },
    /// Only who started the gateway can restart it.
    #[error(
        "this release of the gateway takes no restart over its protocol, and it is no child of this agent: restart its \
        container, as the kubelet does when its liveness probe fails"
    )]
    NoWay,
    /// It said no.
    #[error("the gateway refused: {why}")]
    Refused {
        /// Its words.
        why: String,
    },
    /// The agent ends.
    #[error("the agent is shutting down")]
    Ended,
}

impl Error {
    /// A stable word for it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "gateway_busy",
            Self::Elsewhere { .. } => "suspended_elsewhere",
            Self::Suspended => "gateway_suspended",
            Self::ConfigBusy { .. } => "config_busy",
            Self::Restarting => "restarting",
            Self::Absent { .. } => "gateway_absent",
            Self::Silent => "gateway_silent",
            Self::Unsupported { .. } => "unsupported",
            Self::NoWay => "kubelet_only",
            Self::Refused { .. } => "gateway_refused",
            Self::Ended => "shutting_down",
        }
    }
}

fn listed(work: &[String], active: u64) -> String {
    match work {
        [] => format!("{active} in all"),
        work => work.join("; "),
    }
}

fn ends(until: Option<&Timestamp>) -> String {
    until.map_or_else(String::new, |until| {
        format!(", until {until} unless it is renewed")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_stands_in_the_way() {
        let busy = |work: &[&str]| {
            let work = work.iter().map(|&work| work.to_owned()).collect();
            Error::Busy { active: 2, work }.to_string()
        };
        assert!(busy(&["1 active run(s)", "x"]).ends_with(": 1 active run(s); x"));
        assert!(busy(&[]).ends_with(": 2 in all"));
        let elsewhere = |until| Error::Elsewhere { until }.to_string();
        assert_eq!(elsewhere(None), "somebody else has suspended the gateway");
        let until = elsewhere(Some(Timestamp::UNIX_EPOCH));
        assert!(until.contains(", until 1970-01-01T00:00:00Z"), "{until}");
    }
}
