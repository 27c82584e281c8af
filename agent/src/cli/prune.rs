//! `prune`: what goes, why, and what became of it.

use agent_api::{
    PATH_SANDBOXES_PRUNE, PassView, PruneRequest, PruneResponse, RemovalKind, RemovalOutcome,
    RemovalView,
};
use clap::ArgMatches;

use super::answer::Answer;
use super::error::Error;
use super::figures::{amount, word};
use super::paint::{Paint, plain};
use super::table::table;
use super::way;

/// Makes a pass, or shows what one would do.
pub(super) fn prune(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let request = PruneRequest {
        dry_run: matches.get_flag("dry-run"),
        stale_hash: matches.get_flag("stale"),
    };
    let answer: PruneResponse = way::agent(matches)?.change(PATH_SANDBOXES_PRUNE, &request)?;
    let pass = &answer.pass;
    Ok(Answer::new(text(pass, paint), &answer).refused_if(pass.failed > 0))
}

fn text(pass: &PassView, paint: Paint) -> String {
    if pass.removals.is_empty() {
        return format!("nothing to remove; {} sandboxes stay\n", pass.kept);
    }
    let head = ["KIND", "NAME", "WHY", "OUTCOME"].map(|word| paint.faint(word));
    let rows = pass.removals.iter().map(|removal| row(removal, paint));
    let rows: Vec<_> = std::iter::once(head.to_vec()).chain(rows).collect();
    format!("{}{}", table(&rows), sum(pass))
}

fn row(removal: &RemovalView, paint: Paint) -> Vec<String> {
    let name = match (removal.name.as_str(), removal.id.as_deref()) {
        ("", Some(id)) => id,
        (name, _) => name,
    };
    let kind = match removal.kind {
        RemovalKind::Container => "sandbox".to_owned(),
        kind => word(&kind),
    };
    let outcome = match &removal.outcome {
        RemovalOutcome::Planned => "would go".to_owned(),
        RemovalOutcome::Removed => paint.good("removed"),
        RemovalOutcome::Kept { why } => format!("kept: {}", plain(why)),
        RemovalOutcome::Failed { why } => format!("{} {}", paint.error("failed:"), plain(why)),
        RemovalOutcome::Unknown => "unknown".to_owned(),
    };
    vec![kind, plain(name), word(&removal.reason), outcome]
}

fn sum(pass: &PassView) -> String {
    let is = |wanted: fn(&RemovalOutcome) -> bool| {
        let count = pass.removals.iter().filter(|one| wanted(&one.outcome));
        count.count()
    };
    if pass.dry_run {
        let sandboxes = pass.removals.iter();
        let going = sandboxes.filter(|one| one.kind == RemovalKind::Container);
        let (all, going) = (pass.removals.len(), going.count());
        return format!(
            "{all} would go, {going} of {} sandboxes among them; nothing was removed\n",
            pass.seen
        );
    }
    let removed = is(|outcome| matches!(outcome, RemovalOutcome::Removed));
    let kept = is(|outcome| matches!(outcome, RemovalOutcome::Kept { .. }));
    format!(
        "{removed} removed, {kept} kept after all, {} failed; {} freed; {} of {} sandboxes stay\n",
        pass.failed,
        amount(pass.bytes_freed),
        pass.kept,
        pass.seen
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(sample: &str) -> PassView {
        let answer: PruneResponse = serde_json::from_str(sample).unwrap();
        answer.pass
    }

    #[test]
    fn a_dry_run_shows_decisions_and_their_sum() {
        let planned = pass(include_str!("../../api/samples/prune_response.json"));
        let shown = text(&planned, Paint::PLAIN);
        let expected = "\
KIND   NAME                  WHY     OUTCOME
image  openclaw-sandbox:old  unused  would go
1 would go, 0 of 5 sandboxes among them; nothing was removed
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_pass_tells_what_became_of_each() {
        let sample = include_str!("../../api/samples/sandboxes_response.json");
        let answer: agent_api::SandboxesResponse = serde_json::from_str(sample).unwrap();
        let shown = text(&answer.last_pass.unwrap(), Paint::PLAIN);
        assert!(
            shown.contains("failed: the daemon did not answer in time"),
            "{shown}"
        );
        assert!(
            shown.ends_with(
                "1 removed, 0 kept after all, 1 failed; 1.0 MiB freed; 4 of 5 sandboxes stay\n"
            ),
            "{shown}"
        );
    }

    #[test]
    fn nothing_to_do_is_said() {
        let nothing = PassView {
            removals: Vec::new(),
            kept: 3,
            ..pass(include_str!("../../api/samples/prune_response.json"))
        };
        assert_eq!(
            text(&nothing, Paint::PLAIN),
            "nothing to remove; 3 sandboxes stay\n"
        );
    }
}
