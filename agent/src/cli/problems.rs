//! Problems of the layers as people read them: place, key, what is wrong, what to do.

use agent_api::ProblemView;

use super::paint::{Paint, plain};

/// All problems, each in a paragraph of two or three lines.
pub(super) fn listed(problems: &[ProblemView], paint: Paint) -> String {
    problems
        .iter()
        .map(|problem| paragraph(problem, paint))
        .collect()
}

fn paragraph(problem: &ProblemView, paint: Paint) -> String {
    let head = [place(problem, paint), key(problem)].concat();
    let cure = if problem.cure.is_empty() {
        String::new()
    } else {
        format!("    {} {}\n", paint.faint("cure:"), plain(&problem.cure))
    };
    format!("  {head}\n    {}\n{cure}", plain(&problem.message))
}

/// One problem on one line.
pub(super) fn line(problem: &ProblemView) -> String {
    let cure = if problem.cure.is_empty() {
        String::new()
    } else {
        format!(" ({})", plain(&problem.cure))
    };
    format!(
        "{}{}: {}{cure}",
        spot(&problem.file, problem.line, problem.column),
        key(problem),
        plain(&problem.message)
    )
}

fn place(problem: &ProblemView, paint: Paint) -> String {
    paint.strong(&spot(&problem.file, problem.line, problem.column))
}

fn key(problem: &ProblemView) -> String {
    let layer = problem
        .layer
        .as_deref()
        .map(|layer| format!(" ({})", plain(layer)))
        .unwrap_or_default();
    if problem.path.is_empty() {
        layer
    } else {
        format!(" {}{layer}", plain(&problem.path))
    }
}

/// A place in a file, such as `user.json5:3:5`.
pub(super) fn spot(file: &str, line: u32, column: u32) -> String {
    if line == 0 {
        plain(file)
    } else {
        format!("{}:{line}:{column}", plain(file))
    }
}

/// A number of things in words: `1 problem`, `2 problems`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> ProblemView {
        ProblemView {
            layer: Some("user".to_owned()),
            file: "user.json5".to_owned(),
            line: 3,
            column: 5,
            path: "gateway.bind".to_owned(),
            kind: "locked".to_owned(),
            message: "locked by policy (locks.json5:4:5): one gate".to_owned(),
            cure: "take it out".to_owned(),
        }
    }

    #[test]
    fn a_problem_says_where_what_and_the_cure() {
        let text = "  user.json5:3:5 gateway.bind (user)\n    locked by policy (locks.json5:4:5): one gate\n    cure: take it out\n";
        assert_eq!(listed(&[problem()], Paint::PLAIN), text);
        assert_eq!(
            line(&problem()),
            "user.json5:3:5 gateway.bind (user): locked by policy (locks.json5:4:5): one gate (take it out)"
        );
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let bare = ProblemView {
            layer: None,
            line: 0,
            column: 0,
            path: String::new(),
            cure: String::new(),
            ..problem()
        };
        assert_eq!(
            line(&bare),
            "user.json5: locked by policy (locks.json5:4:5): one gate"
        );
    }

    #[test]
    fn a_key_cannot_paint_the_terminal() {
        let hostile = ProblemView {
            path: "a\x1b[2J".to_owned(),
            file: "f\n".to_owned(),
            ..problem()
        };
        let text = listed(&[hostile], Paint::PLAIN);
        assert!(
            !text.contains('\x1b') && text.lines().count() == 3,
            "{text}"
        );
    }
}
