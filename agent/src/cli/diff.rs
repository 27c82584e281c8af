//! `diff`: what would change in the document in place.

use agent_api::{
    ChangeView, CheckView, DiffRequest, DiffResponse, OriginView, PATH_CONFIG_DIFF, Reload,
};
use clap::ArgMatches;
use serde_json::Value;

use super::answer::Answer;
use super::check::{found, is_refused};
use super::error::Error;
use super::knobs;
use super::paint::{Paint, plain};
use super::problems::{line, spot};
use super::table::table;
use super::way::{State, Way};

/// A value longer than this is cut in a table.
const SHOWN: usize = 60;

/// Shows what would change, and what the gateway does about it.
pub(super) fn diff(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let way = Way::find(matches, State::Optional, |given, config| {
        knobs::need_layers(given, config);
        given.needed("out");
    })?;
    let answer = match way {
        Way::Files(offline) => offline.preview()?,
        Way::Agent(agent) => agent.try_out(PATH_CONFIG_DIFF, &DiffRequest::default())?,
    };
    let refused = is_refused(&answer);
    let warnings = answer.warnings.iter().map(line).collect();
    Ok(Answer::new(text(&answer, paint), &answer)
        .with_warnings(warnings)
        .refused_if(refused))
}

fn text(answer: &DiffResponse, paint: Paint) -> String {
    let rows: Vec<_> = answer
        .changes
        .iter()
        .map(|change| row(change, paint))
        .collect();
    let problems = if is_refused(answer) {
        found(answer, paint)
    } else {
        String::new()
    };
    format!("{}{problems}{}\n", table(&rows), verdict(answer))
}

fn row(change: &ChangeView, paint: Paint) -> Vec<String> {
    let from = change.from.as_ref().map_or_else(
        || paint.faint("(not set)"),
        |from| paint.error(&short(from)),
    );
    let to = change
        .to
        .as_ref()
        .map_or_else(|| paint.faint("(removed)"), |to| paint.good(&short(to)));
    let origin = change.origin.as_ref().map_or_else(String::new, from_where);
    vec![
        paint.strong(&plain(&change.path)),
        format!("{from} -> {to}"),
        origin,
        reload(change.reload).to_owned(),
    ]
}

/// A value on one line, cut where it is long.
pub(super) fn short(value: &Value) -> String {
    let text = plain(&value.to_string());
    if text.chars().count() <= SHOWN {
        return text;
    }
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{cut}…")
}

/// A layer and the place in its file.
pub(super) fn from_where(origin: &OriginView) -> String {
    format!(
        "{} {}",
        plain(&origin.layer),
        spot(&origin.file, origin.line, origin.column)
    )
}

fn reload(reload: Reload) -> &'static str {
    match reload {
        Reload::Hot => "hot",
        Reload::Restart => "restart",
        Reload::None => "none",
        Reload::Unchecked | Reload::Unknown => "unchecked",
    }
}

fn verdict(answer: &DiffResponse) -> String {
    match &answer.check {
        _ if answer.changes.is_empty() && is_refused(answer) => {
            "nothing would be written".to_owned()
        }
        _ if answer.changes.is_empty() => "nothing would change".to_owned(),
        CheckView::Unchecked { why } => format!("unchecked: {}", plain(why)),
        CheckView::GatewayInvalid => "the gateway would refuse this".to_owned(),
        _ if answer.requires_restart => "the gateway has to restart for this".to_owned(),
        _ => "no restart is needed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(check: CheckView, requires_restart: bool) -> DiffResponse {
        let origin = OriginView {
            layer: "user".to_owned(),
            file: "user.json5".to_owned(),
            line: 2,
            column: 3,
        };
        let change = |path: &str, from, to, reload| ChangeView {
            path: path.to_owned(),
            from,
            to,
            reload,
            origin: Some(origin.clone()),
        };
        let changes = vec![
            change(
                "logging.level",
                Some(json!("info")),
                Some(json!("debug")),
                Reload::Hot,
            ),
            change("gateway.port", None, Some(json!(1)), Reload::Restart),
        ];
        DiffResponse {
            changes,
            requires_restart,
            problems: Vec::new(),
            warnings: Vec::new(),
            check,
        }
    }

    #[test]
    fn every_change_is_a_line_and_the_last_line_is_the_verdict() {
        let unchecked = CheckView::Unchecked {
            why: "no gateway was asked".to_owned(),
        };
        let expected = "\
logging.level  \"info\" -> \"debug\"  user user.json5:2:3  hot
gateway.port   (not set) -> 1     user user.json5:2:3  restart
";
        for (check, restart, last) in [
            (unchecked, false, "unchecked: no gateway was asked"),
            (
                CheckView::GatewayValid,
                true,
                "the gateway has to restart for this",
            ),
            (CheckView::GatewayValid, false, "no restart is needed"),
        ] {
            assert_eq!(
                text(&answer(check, restart), Paint::PLAIN),
                format!("{expected}{last}\n")
            );
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let cut = short(&json!("ü".repeat(100)));
        assert!(
            cut.ends_with('…') && cut.chars().count() == SHOWN + 1,
            "{cut}"
        );
        assert_eq!(short(&json!("a\u{1b}[2J\u{9b}")), "\"a\\u001b[2J\\u{9b}\"");
    }
}
