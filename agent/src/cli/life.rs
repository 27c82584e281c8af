//! `restart`, `suspend` and `resume`: what an operator does to the gateway.

use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use agent_api::{
    ActivityResponse, PATH_ACTIVITY, PATH_GATEWAY_RESTART, PATH_GATEWAY_RESUME,
    PATH_GATEWAY_SUSPEND, RestartRequest, RestartResponse, RestartState, RestartWay,
    ResumeResponse, SuspendRequest, SuspendResponse, SuspensionState, SuspensionView,
};
use clap::ArgMatches;
use jiff::Timestamp;
use serde_json::json;

use super::activity::suspension;
use super::agent::{self, Agent};
use super::answer::Answer;
use super::error::Error;
use super::figures::{moment, short, until};
use super::paint::{Paint, plain};
use super::way;
use crate::settings::{Mistake, Mistakes, duration};

/// The time between two looks at work that is waited for.
const EVERY: Duration = Duration::from_secs(2);
/// What the agent waits for a new start at most.
const LONGEST_WAIT: Duration = Duration::from_secs(140);
/// How long a suspension may hold.
const SHORTEST_HOLD: Duration = Duration::from_secs(10);
const LONGEST_HOLD: Duration = Duration::from_secs(3600);

/// Starts the gateway anew.
pub(super) fn restart(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let wait = length(matches, "timeout", Duration::ZERO, LONGEST_WAIT)?;
    let request = RestartRequest {
        force: matches.get_flag("force"),
        timeout_seconds: Some(wait.as_secs()),
    };
    let agent = way::agent(matches)?;
    let answer: RestartResponse = agent.change(PATH_GATEWAY_RESTART, &request).map_err(told)?;
    let late = answer.state != RestartState::Restarted && !wait.is_zero();
    Ok(Answer::new(restarted(&answer, paint), &answer).refused_if(late))
}

fn restarted(answer: &RestartResponse, paint: Paint) -> String {
    let boot = answer.boot_id.as_deref().map(plain);
    let boot = boot.map(|id| format!(", boot id {id}")).unwrap_or_default();
    let (way, took) = (word(answer.way), short(answer.took_seconds));
    match answer.state {
        RestartState::Restarted => {
            format!("{} in {took} (by {way}{boot})\n", paint.good("restarted"))
        }
        RestartState::Scheduled => format!(
            "{} by {way}: after {took} the gateway has not started anew yet{}; status tells when it has\n",
            paint.warning("asked for"),
            held_back(answer)
        ),
        RestartState::Unknown => "in a state that this version does not know\n".to_owned(),
    }
}

fn word(way: RestartWay) -> &'static str {
    match way {
        RestartWay::Rpc => "its protocol",
        RestartWay::Signal => "a signal",
        RestartWay::Process => "a new process",
        RestartWay::Unknown => "a way that this version does not know",
    }
}

fn held_back(answer: &RestartResponse) -> String {
    let delay = answer.delay_seconds.map(short);
    let delay = delay.map(|delay| format!(" (it holds it back for {delay})"));
    let work: Vec<String> = answer.waits_for.iter().map(|work| plain(work)).collect();
    let work = (!work.is_empty()).then(|| format!(" (it waits for {})", work.join(", ")));
    delay.into_iter().chain(work).collect()
}

/// Lets the gateway take no new work.
pub(super) fn suspend(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let hold = length(matches, "hold", SHORTEST_HOLD, LONGEST_HOLD)?;
    let request = SuspendRequest {
        drain: matches.get_flag("drain"),
        hold_seconds: Some(hold.as_secs()),
    };
    let agent = way::agent(matches)?;
    let mut view = ask(&agent, &request)?;
    let (mut asked, mut said) = (Instant::now(), String::new());
    while view.state == SuspensionState::Draining {
        sleep(EVERY);
        let activity: ActivityResponse = agent.get(PATH_ACTIVITY)?;
        waiting(&waits_for(&activity, &view), &mut said);
        view = activity.suspension.ok_or_else(given_back)?;
        if asked.elapsed() > hold / 2 || view.state != SuspensionState::Draining {
            (view, asked) = (ask(&agent, &request)?, Instant::now());
        }
    }
    let text = suspended(&view, Timestamp::now(), paint);
    Ok(Answer::new(text, &SuspendResponse { suspension: view }))
}

fn ask(agent: &Agent, request: &SuspendRequest) -> Result<SuspensionView, Error> {
    let answer = agent.change(PATH_GATEWAY_SUSPEND, request);
    let answer: SuspendResponse = answer.map_err(told)?;
    Ok(answer.suspension)
}

fn given_back() -> Error {
    Error::Refused {
        what: "the suspension ended while its work was waited for: somebody resumed the gateway, or it restarted".to_owned(),
        problems: Vec::new(),
    }
}

/// Says on stderr what is waited for, once as long as it is the same.
fn waiting(what: &str, said: &mut String) {
    if said != what {
        let _ = writeln!(io::stderr(), "waiting: {what}");
        what.clone_into(said);
    }
}

fn waits_for(activity: &ActivityResponse, view: &SuspensionView) -> String {
    let losses: Vec<String> = activity.losses.iter().map(|loss| plain(loss)).collect();
    match losses.is_empty() {
        true => format!("{} at work", view.active),
        false => losses.join(", "),
    }
}

fn suspended(view: &SuspensionView, now: Timestamp, paint: Paint) -> String {
    if view.state != SuspensionState::Suspended {
        return format!("{}\n", suspension(view, now));
    }
    let left = until(&view.until, now).map(|left| format!(", for {left}"));
    format!(
        "{} until {}{}; suspend again holds it longer, resume ends it\n",
        paint.good("suspended"),
        moment(&view.until),
        left.unwrap_or_default()
    )
}

/// Lets the gateway take work again.
pub(super) fn resume(matches: &ArgMatches) -> Result<Answer, Error> {
    let agent = way::agent(matches)?;
    let answer = agent.change(PATH_GATEWAY_RESUME, &json!({}));
    let answer: ResumeResponse = answer.map_err(told)?;
    let text = match answer.resumed {
        true => "the gateway takes work again\n",
        false => "nothing to resume: this agent holds no suspension\n",
    };
    Ok(Answer::new(text, &answer))
}

/// What an agent said, with the way out where there is a flag for it.
pub(super) fn told(error: agent::Error) -> Error {
    match error {
        error if error.is_too_old() => Error::Refused {
            what: "this agent is older than the command: it has no such call; upgrade it"
                .to_owned(),
            problems: Vec::new(),
        },
        error => error.into(),
    }
}

/// A length of time between two bounds, in whole seconds.
fn length(
    matches: &ArgMatches,
    name: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, Mistakes> {
    let text = matches.get_one::<String>(name).map_or("", String::as_str);
    let mistake = |message| {
        Mistakes(vec![Mistake {
            place: format!("--{name}"),
            message,
        }])
    };
    let lasts = duration(text).map_err(mistake)?;
    let whole = lasts.subsec_nanos() == 0;
    match whole && (least..=most).contains(&lasts) {
        true => Ok(lasts),
        false => Err(mistake(format!(
            "{text:?} is not possible: it is whole seconds, {} to {}",
            least.as_secs(),
            most.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(state: &str) -> SuspensionView {
        let sample = json!({"state": state, "since": "2026-11-24T08:12:00Z", "until": "2026-11-24T08:14:00Z", "actor": "cli:me", "active": 2});
        serde_json::from_value(sample).unwrap()
    }

    #[test]
    fn a_restart_says_how_far_it_is() {
        let with = |state| RestartResponse {
            state,
            way: RestartWay::Rpc,
            boot_id: Some("b\n1".to_owned()),
            took_seconds: 12,
            delay_seconds: Some(20),
            waits_for: vec!["1 run".to_owned()],
        };
        let said = |state| restarted(&with(state), Paint::PLAIN);
        assert_eq!(
            said(RestartState::Restarted),
            "restarted in 12s (by its protocol, boot id b\\n1)\n"
        );
        let asked = said(RestartState::Scheduled);
        assert!(
            asked.starts_with("asked for by its protocol: after 12s"),
            "{asked}"
        );
        let held_back = "yet (it holds it back for 20s) (it waits for 1 run);";
        assert!(asked.contains(held_back), "{asked}");
        assert!(said(RestartState::Unknown).contains("does not know"));
    }

    #[test]
    fn a_suspension_says_until_when() {
        let now = "2026-11-24T08:12:30Z".parse().unwrap();
        let said = suspended(&view("suspended"), now, Paint::PLAIN);
        assert!(
            said.starts_with("suspended until 2026-11-24 08:14:00, for 1m30s; "),
            "{said}"
        );
        let said = suspended(&view("frozen"), now, Paint::PLAIN);
        assert!(said.contains("does not know"), "{said}");
    }

    #[test]
    fn what_is_waited_for_is_named() {
        let mut activity: ActivityResponse = serde_json::from_str("{}").unwrap();
        assert_eq!(waits_for(&activity, &view("draining")), "2 at work");
        activity.losses = vec!["2 runs are active".to_owned(), "a\x1b".to_owned()];
        assert_eq!(
            waits_for(&activity, &view("draining")),
            "2 runs are active, a\\u{1b}"
        );
    }
}
