//! Passes over the sandboxes and what they removed, as wire types.

use std::collections::HashMap;

use agent_api::{PassView, RemovalOutcome, RemovalView};
use sandbox::{Clock, Meaning, Mode, PassReport, Reason, Removal, Target};

use super::sandbox_views::{number, time};
use crate::sandbox::removal_view;

/// A pass with every removal that it decided.
pub(super) fn pass_view(report: &PassReport, clock: &Clock) -> PassView {
    let failed: HashMap<&Target, &str> = report
        .failed
        .iter()
        .map(|failure| (&failure.target, failure.message.as_str()))
        .collect();
    let removal = |removal: &Removal| RemovalView {
        outcome: outcome(removal, report, &failed),
        ..removal_view(
            &removal.target,
            removal.reason,
            report.name(&removal.target),
        )
    };
    PassView {
        at: time(clock, report.began),
        dry_run: report.mode == Mode::Dry,
        seen: number(report.seen),
        kept: number(report.kept),
        removals: report.decided.iter().map(removal).collect(),
        failed: number(report.failures),
        bytes_freed: report.bytes_freed,
        duration_seconds: report.took.as_secs_f64(),
    }
}

fn outcome(
    removal: &Removal,
    report: &PassReport,
    failed: &HashMap<&Target, &str>,
) -> RemovalOutcome {
    if report.mode == Mode::Dry {
        return RemovalOutcome::Planned;
    }
    if let Some(why) = report.stayed.get(&removal.target) {
        return RemovalOutcome::Kept {
            why: (*why).to_owned(),
        };
    }
    match failed.get(&removal.target) {
        Some(why) => RemovalOutcome::Failed {
            why: (*why).to_owned(),
        },
        None => RemovalOutcome::Removed,
    }
}

/// A thing that did not go.
pub(super) fn failed_view(
    target: &Target,
    why: Reason,
    meaning: Meaning,
    name: &str,
) -> RemovalView {
    RemovalView {
        outcome: RemovalOutcome::Failed {
            why: meaning.as_str().to_owned(),
        },
        ..removal_view(target, why, name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use sandbox::{Failure, Id, Moment, Step};

    use super::*;

    fn id(n: u64) -> Id {
        Id::parse(&format!("{n:064x}")).unwrap()
    }

    fn report(mode: Mode) -> PassReport {
        let removal = |target| Removal {
            target,
            reason: Reason::Idle,
            needs: Step::Normal,
        };
        let (gone, live, stuck) = (id(1), id(2), id(3));
        PassReport {
            mode,
            began: Moment::default(),
            took: Duration::from_secs(30),
            step: Step::Normal,
            seen: 3,
            kept: 2,
            decided: [gone, live, stuck]
                .map(|id| removal(Target::Container(id)))
                .to_vec(),
            names: BTreeMap::from([(gone, "gone".to_owned()), (live, "live".to_owned())]),
            removed: BTreeMap::from([(("container", Reason::Idle), 1)]),
            spared: 1,
            stayed: BTreeMap::from([(Target::Container(live), "it is live")]),
            failed: vec![Failure {
                target: Target::Container(stuck),
                reason: Reason::Idle,
                meaning: Meaning::Timeout,
                message: "no answer".to_owned(),
            }],
            failures: 1,
            bytes_freed: 5,
            full_of_live: false,
        }
    }

    #[test]
    fn each_removal_tells_what_became_of_it() {
        let clock = Clock::start();
        let pass = pass_view(&report(Mode::Real), &clock);
        let outcomes: Vec<_> = pass
            .removals
            .iter()
            .map(|one| one.outcome.clone())
            .collect();
        let (kept, failed) = ("it is live".to_owned(), "no answer".to_owned());
        let expected = [
            RemovalOutcome::Removed,
            RemovalOutcome::Kept { why: kept },
            RemovalOutcome::Failed { why: failed },
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(pass.removals[0].name, "gone");
        assert_eq!((pass.seen, pass.kept, pass.failed), (3, 2, 1));
        let dry = pass_view(&report(Mode::Dry), &clock);
        let planned = |one: &RemovalView| one.outcome == RemovalOutcome::Planned;
        assert!(dry.dry_run && dry.removals.iter().all(planned));
    }
}
