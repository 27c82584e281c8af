//! The commands about what runs: most ask an agent.

use clap::{Arg, value_parser};

use super::{CALL, Knobs, Verb, none, switch};

/// What a dump reads besides the agent.
const DUMPED: &[&str] = &[
    "layer",
    "locks",
    "out",
    "state",
    "secrets",
    "secrets-out",
    "gateway-token-file",
    "listen",
    "probe-listen",
    "read-token-file",
    "operate-token-file",
    "tls-dir",
];

fn length(name: &'static str, default: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name("DURATION")
        .default_value(default)
        .help(help)
}

/// Their table.
pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "status",
        about: "Show the pod on one screen: the verdict, why, and what is done about it",
        long: "Exit code 0 while the verdict is healthy, starting, draining or suspended: somebody asked for those, or they \
               pass. 1 when it is degraded or failing. With --watch it is shown anew every 2 s until it is interrupted; with \
               --json as one line each time. An agent that is older than its verdict tells what it can.",
        examples: "  \
  pilotfish-agent status --settings /etc/pilotfish.json5
  pilotfish-agent status --watch --agent http://127.0.0.1:18780 --token-file /tokens/read

  # In a script.
  pilotfish-agent status --json --settings /etc/pilotfish.json5 | jq -r .health.verdict",
        knobs: Knobs::These(CALL),
        words: |command| command.arg(switch("watch", "Show it anew every 2 s")),
    },
    Verb {
        name: "activity",
        about: "Tell whether the instance is idle, since when, and what a stop would cost now",
        long: "What is not known never counts as nothing: then it is not known either whether the instance is idle.",
        examples: "  \
  pilotfish-agent activity --settings /etc/pilotfish.json5

  # Before a node goes.
  pilotfish-agent activity --json --settings /etc/pilotfish.json5 | jq -e '.idle == true'",
        knobs: Knobs::These(CALL),
        words: none,
    },
    Verb {
        name: "journal",
        about: "Print what happened: starts, deaths, cures, changes, removals, usage; each with its number",
        long: "Everything that is kept, or what comes after a number or a cursor. With --json each entry is a line, and \
               numbers that are gone for good are a line with `gap`. A reader that collects them says --ack: what was printed may then be \
               forgotten by the agent; that takes a token that may operate.",
        examples: "  \
  pilotfish-agent journal --settings /etc/pilotfish.json5
  pilotfish-agent journal --follow --after 1200 --settings /etc/pilotfish.json5

  # Collect.
  pilotfish-agent journal --json --ack --settings /etc/pilotfish.json5 >> journal.jsonl",
        knobs: Knobs::These(CALL),
        words: |command| {
            let after = Arg::new("after").long("after").value_name("N");
            command
                .arg(after.help("Only what comes after this number, or after a cursor as /v1/journal gives it"))
                .arg(switch("follow", "Wait for more, until it is interrupted").short('f'))
                .arg(switch("ack", "Tell the agent that what was printed has been collected"))
        },
    },
    Verb {
        name: "restart",
        about: "Start the gateway anew, once nothing runs in it",
        long: "A gateway that is at work is not restarted, and what runs is named; with --force it is, and that work is lost \
               after the gateway's own drain. Exit code 1 when it has not started anew within --timeout; 0s only asks for it.",
        examples: "  \
  pilotfish-agent restart --settings /etc/pilotfish.json5
  pilotfish-agent restart --force --timeout 30s --settings /etc/pilotfish.json5",
        knobs: Knobs::These(CALL),
        words: |command| {
            command
                .arg(switch("force", "Although work runs, which is lost"))
                .arg(length("timeout", "120s", "How long the new start is waited for: 0s to 140s"))
        },
    },
    Verb {
        name: "suspend",
        about: "Let the gateway take no new work for a while",
        long: "A gateway that is at work is not suspended, and what runs is named; with --drain new work is refused, what \
               runs is waited for, and stderr says what that is. The suspension ends by itself after --hold: suspend again \
               to hold it longer, resume to end it.",
        examples: "  \
  pilotfish-agent suspend --hold 10m --settings /etc/pilotfish.json5

  # Before a backup: wait for what runs, five minutes at most.
  timeout 5m pilotfish-agent suspend --drain --settings /etc/pilotfish.json5",
        knobs: Knobs::These(CALL),
        words: |command| {
            command
                .arg(switch("drain", "Let running work come to its end first"))
                .arg(length("hold", "2m", "How long it holds without another call: 10s to 1h"))
        },
    },
    Verb {
        name: "resume",
        about: "Let a suspended gateway take work again",
        long: "Ends the suspension that this agent holds, whoever asked for it.",
        examples: "  pilotfish-agent resume --settings /etc/pilotfish.json5",
        knobs: Knobs::These(CALL),
        words: none,
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
            command
                .arg(switch("watch", "Show the list anew every 2 s"))
                .arg(switch("measure", "Measure first what each running sandbox uses"))
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
            let stale = "Also remove sandboxes of another configuration than the newest of their scope";
            command
                .arg(switch("dry-run", "Only show what would be removed"))
                .arg(switch("stale", stale))
        },
    },
    Verb {
        name: "support-dump",
        about: "Gather what a stranger needs to help in one archive, without the secrets that are known here",
        long: "Verdict, status, activity, journal, document with provenance, history, sandboxes, metrics, versions and the last \
               lines of the gateway's logs. Each text loses the values in --secrets, --secrets-out and the token files (also \
               as base64, hexadecimal or escaped), whatever has the shape of a credential, PEM blocks, headers with tokens, \
               and telephone numbers. Where secrets cannot be read, logs are left out. What could not be had is in \
               problems.txt. Without a running agent it is made of the files alone. The archive is 0600 and takes the place \
               of no other file without --force. Look into it before you send it: logs may hold what users wrote.",
        examples: "  \
  # Where the agent runs, with its own settings.
  pilotfish-agent support-dump --settings /etc/pilotfish.json5

  # To another place, with longer logs.
  pilotfish-agent support-dump --to /tmp/dump.tar.gz --logs 5000 --settings /etc/pilotfish.json5",
        knobs: Knobs::These(DUMPED),
        words: |command| {
            let to = Arg::new("to").long("to").value_name("FILE.tar.gz");
            let logs = Arg::new("logs").long("logs").value_name("N").default_value("500");
            command
                .arg(to.help("Where it goes [default: pilotfish-support-TIME.tar.gz in this directory]"))
                .arg(logs.value_parser(value_parser!(u16)).help("So many lines of each log, the last ones"))
                .arg(switch("force", "Replace a file that is there"))
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
