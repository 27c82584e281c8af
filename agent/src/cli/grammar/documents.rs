//! The commands about the document.

use clap::{Arg, ArgAction, value_parser};

use super::{Knobs, Verb, none};

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

fn generation(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .map_err(|_| "a generation is a whole number, such as 12")
}

/// Their table.
pub(super) const VERBS: &[Verb] = &[
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
];
