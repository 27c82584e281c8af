//! `merge`: the document, once.

use agent_api::{ApplyReport, Outcome};
use clap::ArgMatches;

use super::answer::Answer;
use super::error::Error;
use super::problems::{count, line};
use super::{knobs, state};
use crate::config::{self, Offline, Proposal};
use crate::secrets::{self, Bundle};
use crate::settings::Mistakes;

/// What was asked for.
struct Order {
    config: config::Settings,
    secrets: Option<secrets::Settings>,
    strict: bool,
    to_stdout: bool,
}

/// Writes the document and ends.
pub(super) fn merge(matches: &ArgMatches) -> Result<Answer, Error> {
    let order = order(matches)?;
    let mut offline = if state::is_named(&order.config) {
        state::own(order.config)?
    } else {
        Offline::stateless(order.config)
    };
    let proposal = offline.propose()?;
    if order.strict && !proposal.problems.is_empty() {
        let what = "the layers have problems; with --strict nothing was written".to_owned();
        return Err(Error::Refused {
            what,
            problems: proposal.problems,
        });
    }
    let passed_over = offline.warnings();
    let damage = offline.damage();
    let warnings: Vec<_> = damage
        .into_iter()
        .chain(warnings(&proposal))
        .chain(passed_over.iter().map(line))
        .collect();
    if order.to_stdout {
        let answer = Answer {
            text: proposal.bytes().to_vec(),
            ..Answer::default()
        };
        return Ok(answer.with_warnings(warnings));
    }
    if let Some(secrets) = &order.secrets {
        Bundle::new(secrets).write()?;
    }
    let report = offline.write(&proposal, "merge", None)?;
    Ok(Answer::new(said(&report), &report).with_warnings(warnings))
}

fn order(matches: &ArgMatches) -> Result<Order, Mistakes> {
    let given = knobs::given(matches);
    let config = knobs::config(&given);
    knobs::need_layers(&given, &config);
    let to_stdout = given.needed("out").as_os_str() == "-";
    let secrets = knobs::secrets(&given, config.owner);
    if to_stdout && matches.get_flag("json") {
        given.mistake("--json", "goes with a file: --out - already prints JSON");
    }
    if to_stdout && secrets.is_some() {
        given.mistake("--secrets", "goes with a file: --out - is for looking");
    }
    let order = Order {
        config,
        secrets,
        strict: matches.get_flag("strict"),
        to_stdout,
    };
    given.finish(order)
}

fn warnings(proposal: &Proposal) -> Vec<String> {
    proposal
        .reason()
        .into_iter()
        .chain(proposal.problems.iter().map(line))
        .collect()
}

/// One line about what was done.
pub(super) fn said(report: &ApplyReport) -> String {
    let generation = if report.generation == 0 {
        String::new()
    } else {
        format!("generation {}: ", report.generation)
    };
    match report.outcome {
        Outcome::Unchanged => format!("{generation}unchanged, nothing was written\n"),
        _ => format!(
            "{generation}written, {} changed\n",
            count(report.changes.len(), "key")
        ),
    }
}
