//! `activity`: is it idle, since when, and what would be lost.

use agent_api::{ActivityResponse, PATH_ACTIVITY, SuspensionState, SuspensionView};
use clap::ArgMatches;
use jiff::Timestamp;

use super::answer::Answer;
use super::error::Error;
use super::figures::{age, moment, until};
use super::page::Page;
use super::paint::{Paint, plain};
use super::screen::Screen;
use super::{life, way};

/// More lines than this of one list are counted.
const MOST: usize = 20;

/// Tells whether the instance is idle, and what a stop would cost.
pub(super) fn activity(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let agent = way::agent(matches)?;
    let answer: ActivityResponse = agent.get(PATH_ACTIVITY).map_err(life::told)?;
    let width = Screen::of_stdout().width();
    let text = text(&answer, Timestamp::now(), width, paint);
    Ok(Answer::new(text, &answer))
}

fn text(answer: &ActivityResponse, now: Timestamp, width: Option<usize>, paint: Paint) -> String {
    let mut page = Page::new(width);
    page.line(&head(answer, now, paint));
    list(&mut page, "in the way of a stop", &answer.losses);
    list(&mut page, "not known", &answer.unknown);
    page.gap();
    page.row_if(
        "runs",
        answer.active_runs.map(|count| format!("{count} active")),
    );
    page.row_if("sessions", sessions(answer));
    page.row_if(
        "next job",
        answer.next_cron.as_deref().map(|at| due(at, now)),
    );
    let traffic = answer.last_traffic.as_deref();
    page.row_if(
        "channels",
        traffic.map(|at| format!("last traffic {} ago", age(at, now))),
    );
    page.row_if(
        "sandboxes",
        answer.live_sandboxes.map(|count| format!("{count} live")),
    );
    page.row_if(
        "streams",
        answer.streams.map(|count| format!("{count} open")),
    );
    page.row_if(
        "approvals",
        answer
            .pending_approvals
            .map(|count| format!("{count} wait")),
    );
    page.row_if(
        "pairings",
        answer.pending_pairings.map(|count| format!("{count} wait")),
    );
    page.row_if(
        "suspension",
        answer.suspension.as_ref().map(|view| suspension(view, now)),
    );
    page.finish()
}

fn head(answer: &ActivityResponse, now: Timestamp, paint: Paint) -> String {
    let since = answer.idle_since.as_deref().map(|since| age(since, now));
    let since = since.map(|age| format!(" for {age}")).unwrap_or_default();
    match answer.idle {
        Some(true) => format!("{}{since}", paint.good("idle")),
        Some(false) => paint.strong("busy"),
        None => paint.warning("it is not known whether it is idle"),
    }
}

fn list(page: &mut Page, head: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    page.gap();
    page.line(&format!("{head}:"));
    for line in lines.iter().take(MOST) {
        page.line(&format!("  {}", plain(line)));
    }
    if lines.len() > MOST {
        page.line(&format!("  and {} more", lines.len() - MOST));
    }
}

fn sessions(answer: &ActivityResponse) -> Option<String> {
    let all = answer.sessions.map(|count| count.to_string());
    let active = answer
        .active_sessions
        .map(|count| format!("{count} active"));
    let parts: Vec<String> = all.into_iter().chain(active).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn due(at: &str, now: Timestamp) -> String {
    match until(at, now) {
        Some(left) => format!("in {left}"),
        None => format!("due since {}", moment(at)),
    }
}

/// A suspension in one line.
pub(super) fn suspension(view: &SuspensionView, now: Timestamp) -> String {
    let state = match view.state {
        SuspensionState::Suspended => "suspended".to_owned(),
        SuspensionState::Draining => format!("draining, {} still at work", view.active),
        SuspensionState::Interrupted => {
            "interrupted, and suspended again as soon as the gateway answers".to_owned()
        }
        SuspensionState::Unknown => "in a state that this version does not know".to_owned(),
    };
    let left = until(&view.until, now).map(|left| format!(" (for {left} more)"));
    let (actor, end) = (plain(&view.actor), moment(&view.until));
    format!("{state} by {actor} until {end}{}", left.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> ActivityResponse {
        let sample = include_str!("../../api/samples/activity_response.json");
        serde_json::from_str(sample).unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-24T08:12:34Z".parse().unwrap()
    }

    #[test]
    fn what_runs_and_what_a_stop_costs_is_told() {
        let shown = text(&answer(), now(), None, Paint::PLAIN);
        let expected = "\
busy

in the way of a stop:
  2 runs are active

not known:
  the gateway does not answer

runs        2 active
sessions    14, 2 active
next job    due since 2026-11-24 08:12:24
channels    last traffic 10s ago
sandboxes   1 live
streams     1 open
approvals   1 wait
pairings    1 wait
suspension  draining, 2 still at work by centre until 2026-11-24 08:12:24
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_idle_one_says_since_when_and_an_unknown_one_says_so() {
        let nothing: ActivityResponse = serde_json::from_str("{}").unwrap();
        let said = text(&nothing, now(), None, Paint::PLAIN);
        assert_eq!(said, "it is not known whether it is idle\n");
        let idle = ActivityResponse {
            idle: Some(true),
            idle_since: Some("2026-11-24T07:12:34Z".to_owned()),
            next_cron: Some("2026-11-24T09:12:34Z".to_owned()),
            ..nothing
        };
        let said = text(&idle, now(), None, Paint::PLAIN);
        assert_eq!(said, "idle for 1h0m\n\nnext job    in 1h0m\n");
    }

    #[test]
    fn strangers_and_crowds_stay_in_their_lines() {
        let hostile = ActivityResponse {
            losses: vec!["\x1b]0;x\x07\nidle".to_owned(); 500],
            ..answer()
        };
        let said = text(&hostile, now(), Some(30), Paint::PLAIN);
        assert!(!said.contains(['\x1b', '\x07']), "{said}");
        assert!(
            said.contains("  and 480 more\n") && !said.contains("\nidle"),
            "{said}"
        );
    }
}
