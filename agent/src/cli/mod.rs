//! What an operator types.
//!
//! In: words, environment, one settings file. Out: text for people or JSON for programs, and an
//! exit code that is documented. A command works on files alone; where an agent owns the state
//! directory it goes through that agent. Nothing here decides anything about documents.

mod activity;
mod agent;
mod answer;
mod bar;
mod change;
mod check;
mod diff;
mod dump;
mod error;
mod explain;
mod figures;
mod grammar;
mod history;
mod journal;
mod knobs;
mod life;
mod merge;
mod nearest;
mod page;
mod paint;
mod pinned;
mod problems;
mod prune;
mod run;
mod sandbox_knobs;
mod sandboxes;
mod screen;
mod sentence;
mod state;
mod status;
mod supervise;
mod table;
mod usage_knobs;
mod way;

use std::io::{self, Write};
use std::process::ExitCode;

use answer::Answer;
use clap::ArgMatches;
use error::Error;
use paint::Paint;

/// Runs the command line.
pub fn main() -> ExitCode {
    let mut words = std::env::args_os().peekable();
    let name = words.next();
    // Between fork and exec of a child: one thread, nothing else done yet.
    if words.next_if(|word| word == "confine").is_some() {
        return ExitCode::from(supervisor::confine::enter(words));
    }
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may hold a value; its place does not.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let _ = writeln!(
            io::stderr(),
            "error: a mistake in the agent at {place}; please report it"
        );
    }));
    let matches = match grammar::command()
        .try_get_matches_from(grammar::joined(name.into_iter().chain(words)))
    {
        Ok(matches) => matches,
        Err(usage) => return ExitCode::from(explain_usage(&usage)),
    };
    let Some((name, matches)) = matches.subcommand() else {
        return ExitCode::from(2);
    };
    let json = matches.get_flag("json");
    let outcome = command(name, matches);
    ExitCode::from(match &outcome {
        Ok(answer) => tell(answer, json),
        Err(error) => complain(error, json),
    })
}

fn command(name: &str, matches: &ArgMatches) -> Result<Answer, Error> {
    let paint = Paint::of(&io::stdout());
    match name {
        "run" => run::run(matches),
        "merge" => merge::merge(matches),
        "check" => check::check(matches, paint),
        "diff" => diff::diff(matches, paint),
        "explain" => explain::explain(matches, paint),
        "history" => history::history(matches, paint),
        "rollback" => change::rollback(matches),
        "pause" => change::pause(matches),
        "status" => status::status(matches, paint),
        "activity" => activity::activity(matches, paint),
        "journal" => journal::journal(matches, paint),
        "restart" => life::restart(matches, paint),
        "suspend" => life::suspend(matches, paint),
        "resume" => life::resume(matches),
        "support-dump" => dump::dump(matches),
        "sandboxes" => sandboxes::sandboxes(matches, paint),
        "prune" => prune::prune(matches, paint),
        _ => Ok(answer::version(paint)),
    }
}

/// Help that was asked for, or what is wrong with the words.
fn explain_usage(usage: &clap::Error) -> u8 {
    let code = u8::try_from(usage.exit_code()).unwrap_or(error::USAGE);
    match answer::heard(usage.print()) {
        Err(lost) if !usage.use_stderr() => complain(&lost, false),
        _ => code,
    }
}

fn tell(answer: &Answer, json: bool) -> u8 {
    let paint = Paint::of(&io::stderr());
    for warning in &answer.warnings {
        let _ = writeln!(io::stderr(), "{} {warning}", paint.warning("warning:"));
    }
    let text = if json { &answer.json } else { &answer.text };
    match answer::print(text) {
        Ok(_) => answer.code,
        Err(lost) => complain(&lost, false),
    }
}

fn complain(error: &Error, json: bool) -> u8 {
    let paint = Paint::of(&io::stderr());
    let _ = writeln!(
        io::stderr(),
        "{} {}",
        paint.error("error:"),
        error.text(paint)
    );
    if json {
        let _ = writeln!(io::stdout(), "{}", error.json());
    }
    error.code()
}
