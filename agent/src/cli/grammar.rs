//! The words of the command line and their help: built from the table of knobs.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, value_parser};

use super::knobs::ALL;
use crate::settings::Knob;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  refused: the layers have problems, the change was refused or undone, there is no such
     key or generation, something could not be removed, what was to be told cannot be written
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

const CHECKED: &[&str] = &[
    "layer",
    "locks",
    "state",
    "listen",
    "read-token-file",
    "operate-token-file",
    "tls-dir",
];
const PLACED: &[&str] = &[
    "layer",
    "locks",
    "out",
    "state",
    "listen",
    "read-token-file",
    "operate-token-file",
    "tls-dir",
];
const REMEMBERED: &[&str] = &[
    "state",
    "listen",
    "read-token-file",
    "operate-token-file",
    "tls-dir",
];
const WRITTEN: &[&str] = &[
    "layer",
    "locks",
    "out",
    "state",
    "document-mode",
    "document-owner",
    "listen",
    "read-token-file",
    "operate-token-file",
    "tls-dir",
];
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
    VERBS
        .iter()
        .fold(root, |root, verb| root.subcommand(subcommand(verb)))
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

fn generation(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .map_err(|_| "a generation is a whole number, such as 12")
}

fn none(command: Command) -> Command {
    command
}

const VERBS: &[Verb] = &[
    Verb {
        name: "run",
        about: "Live beside a gateway, or as its parent, and own its document",
        long: "Watches the layers, writes the document, has the gateway prove every change, and undoes what does not hold. \
               With -- COMMAND the gateway is started as a child: reaped, drained, restarted with back-off.",
        examples: "  \
  # The sidecar.
  pilotfish-agent run --layer base=/layers/base --layer user=/layers/user --locks /layers/locks.json5 \\
      --state /state --out /doc/openclaw.json

  # The supervisor: the gateway is our child and another user.
  pilotfish-agent run --settings /etc/pilotfish.json5 --child-user 1000:1000 -- openclaw gateway",
        knobs: Knobs::All,
        words: |command| {
            let child = Arg::new("command").value_name("COMMAND").num_args(0..).last(true).value_parser(value_parser!(std::ffi::OsString));
            command.arg(child.help("The gateway, started as our child"))
        },
    },
    Verb {
        name: "merge",
        about: "Write the document once, and end: the init container",
        long: "A layer that cannot be taken falls back to its last good content in --state, with a warning; without one \
               everything is refused and all problems are listed. The same bytes are not written again.",
        examples: "  \
  # Before the gateway starts.
  pilotfish-agent merge --layer base=/layers/base --layer user=/layers/user --locks /layers/locks.json5 \\
      --state /state --secrets /secrets --secrets-out /run/secrets.json --out /doc/openclaw.json

  # To look at.
  pilotfish-agent merge --layer base=./base --layer user=./user.json5 --out -",
        knobs: Knobs::These(&["layer", "locks", "out", "state", "secrets", "secrets-out", "document-mode", "document-owner", "gateway-version"]),
        words: |command| {
            let strict = Arg::new("strict").long("strict").action(ArgAction::SetTrue);
            command.arg(strict.help("Refuse instead of falling back: exit 1, nothing is written"))
        },
    },
    Verb {
        name: "check",
        about: "List every problem of the layers, each with its place and its cure",
        long: "Where an agent owns the state directory it is asked, and with it its gateway.",
        examples: "  \
  # In a pipeline, before a layer is published.
  pilotfish-agent check --layer base=./base --layer user=./user.json5 --locks ./locks.json5

  # With the running gateway's opinion.
  pilotfish-agent check --agent http://127.0.0.1:18780 --token-file /tokens/read",
        knobs: Knobs::These(CHECKED),
        words: none,
    },
    Verb {
        name: "diff",
        about: "Show what the layers would change in the document in place",
        long: "One line for each key: old and new value, the place it comes from, and what the gateway does about it: hot, \
               restart, none, or unchecked where no gateway was asked.",
        examples: "  pilotfish-agent diff --settings /etc/pilotfish.json5",
        knobs: Knobs::These(PLACED),
        words: none,
    },
    Verb {
        name: "explain",
        about: "Tell who set a key, what that hid, what was refused, and what locks it",
        long: "A key with keys below it lists them.",
        examples: "  \
  pilotfish-agent explain gateway.bind --settings /etc/pilotfish.json5
  pilotfish-agent explain 'plugins.entries[\"my.plugin\"]' --settings /etc/pilotfish.json5",
        knobs: Knobs::These(PLACED),
        words: |command| command.arg(Arg::new("key").value_name("KEY").required(true).help("Path with dots; a name with a dot of its own is written [\"a.b\"]")),
    },
    Verb {
        name: "history",
        about: "List the documents that were written, newest first",
        long: "The agent keeps the newest 50 with the layers that they were made of.",
        examples: "  pilotfish-agent history --state /state",
        knobs: Knobs::These(REMEMBERED),
        words: none,
    },
    Verb {
        name: "rollback",
        about: "Bring the layers of an older generation back, merged anew under the policy in force",
        long: "A layer of the operator stays at its older content until its files change again. The history goes on: a \
               rollback is a new generation.",
        examples: "  pilotfish-agent rollback 12 --settings /etc/pilotfish.json5",
        knobs: Knobs::These(WRITTEN),
        words: |command| command.arg(Arg::new("generation").value_name("N").required(true).value_parser(generation).help("A generation of the history")),
    },
    Verb {
        name: "pause",
        about: "Have the agent leave the document alone for a while, so that a human can edit it",
        long: "The pause ends by itself; what is in the document then is put back.",
        examples: "  \
  pilotfish-agent pause 15m --settings /etc/pilotfish.json5
  pilotfish-agent pause off --settings /etc/pilotfish.json5",
        knobs: Knobs::These(REMEMBERED),
        words: |command| command.arg(Arg::new("duration").value_name("DURATION|off").required(true).help("Such as 15m; 24h at most")),
    },
    Verb {
        name: "sandboxes",
        about: "List the sandboxes of the gateway, and how their daemon is",
        long: "LIVE says why a sandbox is removed by no rule. With --watch the list is shown anew every 2 s until it is \
               interrupted; with --json too, as one line of JSON each time. Only a running agent knows: without --agent the \
               one at --listen is asked.",
        examples: "  \
  pilotfish-agent sandboxes --settings /etc/pilotfish.json5
  pilotfish-agent sandboxes --measure --json --agent http://127.0.0.1:18780 --token-file /tokens/read
  pilotfish-agent sandboxes --watch --settings /etc/pilotfish.json5",
        knobs: Knobs::These(CALL),
        words: |command| {
            let word = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
            command
                .arg(word("watch").help("Show the list anew every 2 s"))
                .arg(word("measure").help("Measure first what each running sandbox uses"))
        },
    },
    Verb {
        name: "prune",
        about: "Remove what the limits say from the sandbox daemon, now",
        long: "With --dry-run the decisions are shown and nothing is removed: exactly those that a pass at this moment would \
               carry out. A live sandbox is never among them. Both take a token that may operate. Exit code 1 when \
               something could not be removed.",
        examples: "  \
  # What would go, and why.
  pilotfish-agent prune --dry-run --settings /etc/pilotfish.json5

  # Also sandboxes that were made from an older configuration.
  pilotfish-agent prune --stale --settings /etc/pilotfish.json5",
        knobs: Knobs::These(CALL),
        words: |command| {
            let word = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
            command
                .arg(word("dry-run").help("Only show what would be removed"))
                .arg(word("stale").help("Also remove sandboxes of another configuration than the newest of their scope"))
        },
    },
    Verb {
        name: "version",
        about: "Tell the version, and the version of the wire",
        long: "The same as --version.",
        examples: "  pilotfish-agent version --json",
        knobs: Knobs::None,
        words: none,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound_and_every_help_has_examples_and_exit_codes() {
        command().debug_assert();
        for verb in VERBS {
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
