//! The words of the command line and their help: built from the tables of verbs and of knobs.

mod documents;
mod live;

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::knobs::ALL;
use crate::settings::Knob;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused: the layers have problems, the change was refused or undone, there is no such
     key or generation, something could not be removed, what was to be told cannot be written;
     status: the pod is degraded or failing; restart: it did not come up in time
  2  mistakes in words, environment or settings file; all are listed
  3  the agent or the state directory cannot be reached or used";

const RULES: &str = "\
Every setting is a flag, a variable PILOTFISH_NAME, or a name in the settings file
(--settings FILE, JSON5); a flag beats the environment, that beats the file.
Lists in variables are separated by commas. Durations: 200ms, 15s, 5m.";

/// A command as its table row.
struct Verb {
    name: &'static str,
    about: &'static str,
    long: &'static str,
    examples: &'static str,
    knobs: Knobs,
    words: fn(Command) -> Command,
}

/// Which knobs a command has.
enum Knobs {
    All,
    These(&'static [&'static str]),
    None,
}

impl Knobs {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(&name),
            Self::None => false,
        }
    }

    /// Whether they say how an agent is reached, for a command that may go through one.
    fn may_call(&self) -> bool {
        matches!(self, Self::These(_)) && CALL.iter().all(|name| self.has(name))
    }
}

const CALL: &[&str] = &["listen", "read-token-file", "operate-token-file", "tls-dir"];

/// The whole grammar.
pub(super) fn command() -> Command {
    let examples = "\
Examples:
  pilotfish-agent check --layer base=/layers/base --layer user=/layers/user --locks /layers/locks.json5
  pilotfish-agent explain gateway.bind
  pilotfish-agent run -- openclaw gateway";
    let version = format!(
        "{} (wire {})",
        env!("CARGO_PKG_VERSION"),
        agent_api::WIRE_VERSION
    );
    let root = Command::new("pilotfish-agent")
        .about("Owns the configuration of an OpenClaw gateway: a change is proved by the gateway, or undone")
        .version(&*version.leak())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(format!("{examples}\n\n{RULES}\n\n{EXIT_CODES}"));
    verbs().fold(root, |root, verb| root.subcommand(subcommand(verb)))
}

/// Every command, as the help lists them.
fn verbs() -> impl Iterator<Item = &'static Verb> {
    documents::VERBS.iter().chain(live::VERBS)
}

/// A word that is there or not.
fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::SetTrue)
        .help(help)
}

/// No words of its own.
fn none(command: Command) -> Command {
    command
}

/// The words with a value that begins with a minus joined to its knob: `--sandbox-idle -5s` is a mistake in the value of
/// that knob, and no unknown flag. What follows `--` is the child's.
pub(super) fn joined(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.peekable();
    let mut joined = Vec::new();
    while let Some(mut word) = words.next() {
        if word == "--" {
            joined.push(word);
            break;
        }
        if is_knob(&word)
            && let Some(value) = words.next_if(has_one_minus)
        {
            word.push("=");
            word.push(value);
        }
        joined.push(word);
    }
    joined.extend(words);
    joined
}

fn is_knob(word: &OsString) -> bool {
    let name = word.to_str().and_then(|word| word.strip_prefix("--"));
    let mut knobs = ALL.into_iter().flatten();
    name.is_some_and(|name| knobs.any(|knob| knob.name == name))
}

/// Whether it is no flag: those have two, but for `-h` and `-V`.
fn has_one_minus(word: &OsString) -> bool {
    let rest = word.to_str().and_then(|word| word.strip_prefix('-'));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('-') && !["h", "V"].contains(&rest)
    })
}

fn subcommand(verb: &Verb) -> Command {
    let knobs = ALL
        .into_iter()
        .flatten()
        .filter(|knob| verb.knobs.has(knob.name));
    let command = Command::new(verb.name)
        .about(verb.about)
        .long_about(format!("{}.\n\n{}", verb.about, verb.long))
        .after_help(format!("Examples:\n{}\n\n{EXIT_CODES}", verb.examples))
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("One JSON value on stdout, in the types of the API"),
        );
    let command = if matches!(verb.knobs, Knobs::None) {
        command
    } else {
        command.arg(settings()).args(knobs.map(argument))
    };
    (verb.words)(if verb.knobs.may_call() {
        command.args(agent())
    } else {
        command
    })
}

fn settings() -> Arg {
    Arg::new("settings")
        .long("settings")
        .value_name("FILE")
        .help("Settings file, JSON5, names as the flags [env: PILOTFISH_SETTINGS]")
}

/// Any number of times, so that a mistake is told together with all others.
fn argument(knob: &Knob) -> Arg {
    let variable = knob.name.replace('-', "_").to_uppercase();
    let default = if knob.default.is_empty() {
        String::new()
    } else {
        format!(" [default: {}]", knob.default)
    };
    let heading = if CALL.contains(&knob.name) {
        "Where an agent runs"
    } else {
        "Settings"
    };
    Arg::new(knob.name)
        .long(knob.name)
        .value_name(knob.value)
        .action(ArgAction::Append)
        .help(format!(
            "{}{default} [env: PILOTFISH_{variable}]",
            knob.help
        ))
        .help_heading(heading)
}

fn agent() -> [Arg; 2] {
    let url = Arg::new("agent").long("agent").value_name("URL");
    let token = Arg::new("token-file").long("token-file").value_name("FILE");
    [
        url.help(
            "Ask this agent, such as http://127.0.0.1:18780, whoever owns the state directory",
        )
        .help_heading("Where an agent runs"),
        token
            .help("The token to show it [default: the operate or read token file]")
            .help_heading("Where an agent runs"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound_and_every_help_has_examples_and_exit_codes() {
        command().debug_assert();
        for verb in verbs() {
            let mut root = command();
            let help = root
                .find_subcommand_mut(verb.name)
                .unwrap()
                .render_long_help()
                .to_string();
            assert!(
                help.contains("Examples:\n") && help.contains("Exit codes:"),
                "{help}"
            );
            assert!(
                help.contains(&format!("pilotfish-agent {}", verb.name)),
                "{help}"
            );
        }
    }

    #[test]
    fn a_value_with_a_minus_belongs_to_its_knob() {
        for (words, expected) in [
            ("run --sandbox-idle -5s", "run --sandbox-idle=-5s"),
            ("run --guard -off --json", "run --guard=-off --json"),
            ("run --out -h", "run --out -h"),
            ("run --out - --state s", "run --out - --state s"),
            ("run --out --state -1", "run --out --state=-1"),
            ("run --json -5s", "run --json -5s"),
            ("run -- sh --poll -1", "run -- sh --poll -1"),
        ] {
            let words = joined(words.split(' ').map(OsString::from));
            assert_eq!(words.join(" ".as_ref()), *expected);
        }
    }

    #[test]
    fn every_knob_of_run_is_in_its_help_with_variable_and_default() {
        let mut root = command();
        let help = root
            .find_subcommand_mut("run")
            .unwrap()
            .render_long_help()
            .to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for knob in ALL.into_iter().flatten() {
            let variable = format!("PILOTFISH_{}", knob.name.replace('-', "_").to_uppercase());
            assert!(
                help.contains(&format!("--{} <{}>", knob.name, knob.value))
                    && help.contains(&variable),
                "{}",
                knob.name
            );
            assert!(
                knob.default.is_empty() || help.contains(&format!("[default: {}]", knob.default)),
                "{}",
                knob.name
            );
        }
    }
}
