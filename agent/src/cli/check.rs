//! `check`: every problem of the layers.

use agent_api::{CheckView, DiffRequest, DiffResponse, PATH_CONFIG_DIFF};
use clap::ArgMatches;

use super::answer::Answer;
use super::error::Error;
use super::knobs;
use super::paint::Paint;
use super::problems::{count, line, listed};
use super::way::{State, Way};

/// Lists every problem at once.
pub(super) fn check(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let answer = match Way::find(matches, State::Optional, knobs::need_layers)? {
        Way::Files(offline) => DiffResponse {
            changes: Vec::new(),
            requires_restart: false,
            problems: offline.check(),
            warnings: offline.warnings(),
            check: CheckView::Unchecked {
                why: "no gateway was asked".to_owned(),
            },
        },
        Way::Agent(agent) => agent.try_out(PATH_CONFIG_DIFF, &DiffRequest::default())?,
    };
    let refused = is_refused(&answer);
    let warnings = answer.warnings.iter().map(line).collect();
    Ok(Answer::new(text(&answer, paint), &answer)
        .with_warnings(warnings)
        .refused_if(refused))
}

/// Whether something in it would be refused.
pub(super) fn is_refused(answer: &DiffResponse) -> bool {
    !answer.problems.is_empty() || answer.check == CheckView::GatewayInvalid
}

fn text(answer: &DiffResponse, paint: Paint) -> String {
    if is_refused(answer) {
        return found(answer, paint);
    }
    let by = if answer.check == CheckView::GatewayValid {
        ", and the gateway would take the document"
    } else {
        ""
    };
    format!("{}: the layers have no problem{by}\n", paint.good("ok"))
}

/// The problems, with their number.
pub(super) fn found(answer: &DiffResponse, paint: Paint) -> String {
    if answer.problems.is_empty() {
        return format!("{}\n", paint.error("the gateway would refuse the document"));
    }
    let number = count(answer.problems.len(), "problem");
    format!(
        "{}\n{}",
        paint.error(&number),
        listed(&answer.problems, paint)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_says_counts() {
        let sample = include_str!("../../api/samples/diff_response.json");
        let mut answer: DiffResponse = serde_json::from_str(sample).unwrap();
        answer.problems.clear();
        for (check, refused, word) in [
            (CheckView::GatewayValid, false, "the gateway would take"),
            (CheckView::GatewayInvalid, true, "the gateway would refuse"),
            (
                CheckView::Unchecked { why: String::new() },
                false,
                "ok: the layers have no problem\n",
            ),
        ] {
            answer.check = check;
            assert_eq!(is_refused(&answer), refused);
            assert!(text(&answer, Paint::PLAIN).contains(word), "{word}");
        }
    }
}
