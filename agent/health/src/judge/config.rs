//! The document.

use crate::facts::{Config, ConfigState};
use crate::{Facts, Finding, Kind};

pub(super) fn judge(facts: &Facts, found: &mut Vec<Finding>) {
    if facts.agent.document == Some(false) {
        let finding = Finding::new(Kind::DocumentAbsent, "no layer gives a document that holds");
        found.push(finding);
    }
    let Some(config) = &facts.config else { return };
    found.extend(state(config));
    if config.drift_fight {
        found.push(Finding::new(
            Kind::DriftFight,
            "the document was changed and put back many times",
        ));
    }
    if config.quarantined > 0 {
        let evidence = format!("candidates in quarantine: {}", config.quarantined);
        found.push(Finding::new(Kind::ConfigQuarantined, evidence));
    }
    if config.paused {
        found.push(Finding::new(Kind::ConfigPaused, "changes are paused"));
    }
}

fn state(config: &Config) -> Option<Finding> {
    let finding = match config.state? {
        ConfigState::Starting | ConfigState::InForce => return None,
        ConfigState::Pending => {
            let number =
                |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
            let (wanted, proved) = (number(config.generation), number(config.proved));
            let evidence =
                format!("generation {wanted} is written, the newest shown to run is {proved}");
            Finding::new(Kind::ConfigPending, evidence)
        }
        ConfigState::Refused => Finding::new(
            Kind::ConfigRefused,
            format!("problems in the layers: {}", config.problems),
        ),
        ConfigState::RolledBack => Finding::new(
            Kind::ConfigRolledBack,
            "the gateway could not live with a change",
        ),
        ConfigState::Failed => {
            Finding::new(Kind::ConfigFailed, "the document could not be written")
        }
    };
    Some(finding.since(config.since))
}
