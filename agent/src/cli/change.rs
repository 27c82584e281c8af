//! `rollback` and `pause`: what changes something.

use std::time::Duration;

use agent_api::{
    ApplyReport, Outcome, PATH_CONFIG_PAUSE, PATH_CONFIG_ROLLBACK, PauseRequest, PauseResponse,
    RollbackRequest, RollbackResponse, Wait,
};
use clap::ArgMatches;

use super::answer::Answer;
use super::error::Error;
use super::merge::said;
use super::problems::line;
use super::way::{State, Way, actor};
use super::{history, knobs};
use crate::config;
use crate::settings::{Mistake, Mistakes, duration};

/// A longer pause is a decision, not a pause.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Brings the layers of an older generation back.
pub(super) fn rollback(matches: &ArgMatches) -> Result<Answer, Error> {
    let number = matches
        .get_one::<u64>("generation")
        .copied()
        .unwrap_or_default();
    let way = Way::find(matches, State::Needed, |given, config| {
        knobs::need_layers(given, config);
        given.needed("out");
    })?;
    let mut offline = match way {
        Way::Files(offline) => offline,
        Way::Agent(agent) => {
            let request = RollbackRequest {
                generation: number,
                wait: Wait::Proved,
                timeout_seconds: None,
            };
            let answer: RollbackResponse = agent.change(PATH_CONFIG_ROLLBACK, &request)?;
            let text = format!("{}\n", config::line(&answer.report));
            return Ok(Answer::new(text, &answer).with_warnings(warnings(&answer.report)));
        }
    };
    let lost = offline.unnamed(number);
    if !lost.is_empty() {
        let mistake = |name: &&str| Mistake {
            place: format!("generation {number}"),
            message: format!(
                "has {name}, and no path is given for it; without one a rollback would lose it"
            ),
        };
        return Err(Mistakes(lost.iter().map(mistake).collect()).into());
    }
    let report = offline.rollback(number, &actor())?;
    let warnings = warnings(&report);
    let text = said(&report);
    Ok(Answer::new(text, &RollbackResponse { report }).with_warnings(warnings))
}

fn warnings(report: &ApplyReport) -> Vec<String> {
    let unproved = matches!(report.outcome, Outcome::Pending).then(|| {
        format!(
            "{}: a running gateway proves it",
            history::word(report.outcome)
        )
    });
    unproved
        .into_iter()
        .chain(report.problems.iter().map(line))
        .collect()
}

/// Has the agent leave the document alone for a while.
pub(super) fn pause(matches: &ArgMatches) -> Result<Answer, Error> {
    let lasts = lasts(
        matches
            .get_one::<String>("duration")
            .map_or("", String::as_str),
    )?;
    let answer = match Way::find(matches, State::Needed, |_, _| {})? {
        Way::Files(mut offline) => PauseResponse {
            until: offline.pause(lasts)?.map(|until| until.to_string()),
        },
        Way::Agent(agent) => agent.change(
            PATH_CONFIG_PAUSE,
            &PauseRequest {
                duration_seconds: lasts.as_secs(),
            },
        )?,
    };
    let text = match &answer.until {
        Some(until) => format!("the document is left alone until {until}\n"),
        None => "no pause: the document is the agent's\n".to_owned(),
    };
    Ok(Answer::new(text, &answer))
}

fn lasts(text: &str) -> Result<Duration, Mistakes> {
    let mistake = |message: String| {
        Mistakes(vec![Mistake {
            place: "DURATION".to_owned(),
            message,
        }])
    };
    if text == "off" {
        return Ok(Duration::ZERO);
    }
    let lasts = duration(text).map_err(|message| mistake(format!("{message}, or off")))?;
    match lasts {
        lasts if lasts < Duration::from_secs(1) => Err(mistake(
            "a pause lasts a second at least; off ends one".to_owned(),
        )),
        lasts if lasts > LONGEST => Err(mistake(
            "a pause lasts 24h at most, and can be renewed".to_owned(),
        )),
        lasts => Ok(lasts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_has_bounds() {
        assert_eq!(lasts("15m").unwrap(), Duration::from_secs(900));
        assert_eq!(lasts("off").unwrap(), Duration::ZERO);
        for text in ["", "15", "0s", "10ms", "25h", "forever", "-1m"] {
            assert!(lasts(text).is_err(), "{text}");
        }
    }
}
