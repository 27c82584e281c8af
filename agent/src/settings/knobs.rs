//! The tables of knobs, one for each part of the agent.

/// One knob.
pub struct Knob {
    /// Its name: `--name`, `PILOTFISH_NAME`, `name:` in the settings file.
    pub name: &'static str,
    /// What a value looks like.
    pub value: &'static str,
    /// The default, as it would be written; empty for none.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether it may be given more than once.
    pub many: bool,
}

const fn knob(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Knob {
    Knob {
        name,
        value,
        default,
        help,
        many: false,
    }
}

const fn many(
    name: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Knob {
    Knob {
        many: true,
        ..knob(name, value, default, help)
    }
}

/// Where the layers lie and the document goes: what every command needs.
pub const DOCUMENT: &[Knob] = &[
    many(
        "layer",
        "NAME=PATH",
        "",
        "A layer: base, plan, user or policy; a JSON5 file, or a directory of them in name order. Repeat it",
    ),
    knob(
        "locks",
        "FILE",
        "",
        "Locks and bounds that bind the user and runtime layers",
    ),
    knob("out", "FILE", "", "The gateway's document"),
    knob(
        "state",
        "DIR",
        "",
        "The agent's own directory: ledger, last good layers, quarantine",
    ),
    knob(
        "secrets",
        "DIR",
        "",
        "A mounted Secret: one file for each secret",
    ),
    knob(
        "secrets-out",
        "FILE",
        "",
        "The one file with all secrets that the gateway's file provider reads; put it on tmpfs",
    ),
    knob(
        "document-mode",
        "OCTAL",
        "0600",
        "Mode of the document's file",
    ),
    knob(
        "document-owner",
        "UID:GID",
        "",
        "Owner of the document and the secrets file, when not our own user",
    ),
];

/// How the agent lives.
pub const AGENT: &[Knob] = &[
    knob(
        "listen",
        "ADDR:PORT",
        "127.0.0.1:18780",
        "The API. Loopback by default; in a pod say 0.0.0.0:18780",
    ),
    knob(
        "probe-listen",
        "ADDR:PORT",
        "127.0.0.1:18781",
        "/startupz /livez /readyz /metrics: no secrets, no token",
    ),
    knob(
        "gateway-metrics",
        "WORD",
        "off",
        "on: /metrics/gateway passes on the page of the gateway's plugin diagnostics-prometheus, with up to 2,048 series more",
    ),
    knob(
        "plan-tokens-per-day",
        "N",
        "",
        "Tokens in a day that the instance's plan allows, for alerts to compare with",
    ),
    knob(
        "plan-cost-per-day",
        "DOLLARS",
        "",
        "US dollars in a day that the plan allows, such as 2.50, likewise",
    ),
    knob(
        "plan-memory",
        "BYTES",
        "",
        "Memory that the plan allows, such as 2Gi, likewise",
    ),
    knob(
        "plan-disk",
        "BYTES",
        "",
        "Disk of the state that the plan allows, such as 10Gi, likewise",
    ),
    knob(
        "memory-limit",
        "BYTES",
        "",
        "Memory that the gateway's container may use, from the downward API [default: as its parent, what its control group says]",
    ),
    knob(
        "read-token-file",
        "FILE",
        "",
        "Bearer tokens that may look, one a line; read again when it changes",
    ),
    knob(
        "operate-token-file",
        "FILE",
        "",
        "Bearer tokens that may change things, one a line; read again when it changes",
    ),
    knob(
        "tls-dir",
        "DIR",
        "",
        "A mounted Secret with tls.crt and tls.key for the API; read again when it changes",
    ),
    knob(
        "gateway-token-file",
        "FILE",
        "",
        "The gateway's shared token [default: gateway-token in --secrets]",
    ),
    knob(
        "gateway-version",
        "VERSION",
        "",
        "The gateway's version, where it is known before it starts",
    ),
    knob(
        "protection",
        "WORD",
        "none",
        "What keeps the gateway from writing its document: mount (a read-only mount), switch (OPENCLAW_CONFIG_READONLY=1) or none. Only then is it asked to check a candidate",
    ),
    knob(
        "drift",
        "WORD",
        "enforce",
        "What is done with somebody else's edit of the document: enforce puts it back, shared adopts the allowed paths",
    ),
    many(
        "shared-path",
        "PATH",
        "plugins.entries,meta",
        "In shared mode: a path whose edits by the gateway become the runtime layer. Repeat it",
    ),
    knob(
        "probation",
        "DURATION",
        "15s",
        "How long a proved change must not make things worse before it is the last good one",
    ),
    knob(
        "hot-deadline",
        "DURATION",
        "10s",
        "How long the gateway may take to apply a change while it runs",
    ),
    knob(
        "restart-deadline",
        "DURATION",
        "90s",
        "How long it may take over a restart: its own cool-down of 30 s and a minute",
    ),
    knob(
        "absent-after",
        "DURATION",
        "300s",
        "How long an absent gateway is waited for before that is reported",
    ),
    knob(
        "cures",
        "WORD",
        "act",
        "What is done about what is broken: act cures it within budgets, observe only says what would be done",
    ),
    knob(
        "quiet",
        "DURATION",
        "200ms",
        "How long a layer must stand still before it is refused",
    ),
    knob(
        "poll",
        "DURATION",
        "5s",
        "How often layers are looked at where inotify does not work",
    ),
    knob(
        "log-level",
        "LEVEL",
        "info",
        "error, warn, info, debug or trace",
    ),
    knob(
        "log-format",
        "WORD",
        "auto",
        "text, json, or auto: text on a terminal",
    ),
];

/// How the gateway lives when it is our child (`run -- COMMAND…`).
pub const CHILD: &[Knob] = &[
    knob(
        "child-user",
        "UID:GID",
        "",
        "The user that the gateway runs as; needs root",
    ),
    knob(
        "drain",
        "DURATION",
        "330s",
        "How long the gateway may take to end after SIGTERM",
    ),
    knob(
        "console",
        "WORD",
        "echo",
        "Where its output goes besides the spool: echo copies it to our stdout, spool does not",
    ),
];

/// How the sandboxes and their daemon are kept.
pub const SANDBOX: &[Knob] = &[
    knob(
        "docker-socket",
        "FILE",
        "",
        "The raw socket of the sandbox daemon: with it this agent owns that daemon. Mount it into the agent alone",
    ),
    knob(
        "gateway-state",
        "DIR",
        "",
        "The gateway's state directory, at the same path here, in the gateway and in the daemon",
    ),
    knob(
        "sandbox-prune",
        "WORD",
        "on",
        "on: what the limits say is removed by itself. off: it is only decided; prune still removes",
    ),
    knob(
        "sandbox-idle",
        "DURATION",
        "24h",
        "A sandbox without activity for so long is removed; 0s: never for that",
    ),
    knob(
        "sandbox-max-age",
        "DURATION",
        "7d",
        "A sandbox made so long ago is removed; 0s: never for that",
    ),
    knob(
        "sandbox-max-count",
        "N",
        "20",
        "So many sandboxes are kept, the newest; 0: any number",
    ),
    knob(
        "sandbox-max-per-scope",
        "N",
        "3",
        "So many sandboxes of one session, agent or workspace are kept, the newest; 0: any number",
    ),
    knob(
        "sandbox-exited-after",
        "DURATION",
        "10m",
        "A sandbox that ended so long ago is removed",
    ),
    knob(
        "sandbox-orphan-grace",
        "DURATION",
        "15m",
        "A sandbox whose session the gateway no longer has is kept for so long",
    ),
    knob(
        "sandbox-grace",
        "DURATION",
        "10s",
        "How long a sandbox that runs may take to end by itself before it is killed and removed",
    ),
    many(
        "sandbox-image",
        "REPOSITORY",
        "openclaw-sandbox,openclaw-sandbox-common,openclaw-sandbox-browser",
        "A repository, without a tag, whose images are for sandboxes: unused ones are removed. Where it is not the default, the guard lets none of another run, whatever the document names. Repeat it",
    ),
    many(
        "sandbox-image-archive",
        "FILE",
        "",
        "An archive (docker save) that is loaded when the daemon lacks an image that the document names. Repeat it",
    ),
    many(
        "sandbox-image-pin",
        "NAME=ID",
        "",
        "The id or digest that an image has to have, such as openclaw-sandbox:bookworm-slim=sha256:0f..; it is never removed. Repeat it",
    ),
    knob(
        "sandbox-image-pull",
        "WORD",
        "off",
        "on: an image that no archive brings is pulled, by the agent and by the gateway",
    ),
    knob(
        "sandbox-daemon",
        "WORD",
        "shared",
        "own: nobody else uses the daemon, so that dangling layers and build cache are removed too. shared: they are not touched",
    ),
    knob(
        "docker-data-root",
        "DIR",
        "",
        "The daemon's data root, mounted read-only into the agent: how full its disk is makes the rules stricter",
    ),
    knob(
        "sandbox-disk-budget",
        "BYTES",
        "",
        "What the daemon may use of its disk, where that is less than all",
    ),
    knob(
        "sandbox-watermarks",
        "PERCENTS",
        "70/80/90/95",
        "Where the steps begin, in percent of disk, inodes and budget: tight begins at the second and ends below the first, strict at the third, critical at the fourth",
    ),
    knob(
        "guard",
        "WORD",
        "on",
        "on: the gateway's Docker socket is ours, at --guard-socket, and lets through what sandboxes need. off: there is none",
    ),
    knob(
        "guard-socket",
        "FILE",
        "/run/pilotfish/docker.sock",
        "The guard's socket: the gateway's DOCKER_HOST is unix:// and this path",
    ),
    knob("guard-mode", "OCTAL", "0660", "Mode of the guard's socket"),
    knob(
        "guard-owner",
        "UID:GID",
        "",
        "Owner of the guard's socket, when not our own user",
    ),
    many(
        "workspace-root",
        "DIR",
        "",
        "A folder outside of workspace, sandboxes and sandbox in --gateway-state that sandboxes may mount; DIR:ro for read-only. Repeat it",
    ),
    knob(
        "sandbox-memory",
        "BYTES",
        "",
        "The most memory of one sandbox, 6MiB at least, given also to one that asks for no limit; where the document says less, that holds",
    ),
    knob(
        "sandbox-cpus",
        "NUMBER",
        "",
        "The most CPUs of one sandbox, such as 0.5, given also to one that asks for no limit; where the document says less, that holds",
    ),
    knob(
        "sandbox-pids",
        "N",
        "",
        "The most processes of one sandbox, given also to one that asks for no limit; where the document says less, that holds",
    ),
];
