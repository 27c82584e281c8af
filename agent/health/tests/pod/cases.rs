//! The table of causes: what is changed in a pod that is well, and all that is found then.

use health::facts::*;
use health::{Facts, Kind};

use crate::stage::*;

pub type Change = fn(&mut Facts);

fn account_of(facts: &mut Facts) -> &mut Account {
    &mut facts.channels.as_mut().unwrap().accounts[0]
}

fn issue(kind: IssueKind) -> Issue {
    Issue {
        channel: "telegram".into(),
        account: "default".into(),
        kind,
        message: "says so".into(),
    }
}

fn child(state: ChildState) -> Option<Child> {
    Some(Child {
        state,
        last_exit: Some("exit code 1".into()),
    })
}

fn disk(volume: Volume, used: f64, inodes: f64, free: u64) -> Vec<Disk> {
    vec![Disk {
        volume,
        used: Some(used),
        inodes: Some(inodes),
        free: Some(free),
    }]
}

fn config(state: ConfigState) -> Option<Config> {
    Some(Config {
        state: Some(state),
        ..Config::default()
    })
}

/// Name, what is changed, what is found.
pub type Case = (&'static str, Change, &'static [(Kind, &'static str)]);

pub const CASES: &[Case] = &[
    ("all is well", |_| {}, &[]),
    (
        "nothing is known but that it is up",
        |f| f.channels = None,
        &[],
    ),
    // The gateway.
    (
        "its process ended",
        |f| f.gateway.child = child(ChildState::BackingOff { exits_in_a_row: 1 }),
        &[(Kind::GatewayExited, "")],
    ),
    (
        "it stays ended",
        |f| f.gateway.child = child(ChildState::Stopped),
        &[(Kind::GatewayExited, "")],
    ),
    (
        "a loop",
        |f| f.gateway.unasked_ends = Some(3),
        &[(Kind::CrashLoop, "")],
    ),
    ("no loop yet", |f| f.gateway.unasked_ends = Some(2), &[]),
    (
        "its port is closed",
        |f| f.gateway.healthz = Some(Healthz::Closed),
        &[(Kind::PortClosed, "")],
    ),
    (
        "closed, and it said that it ends",
        |f| {
            f.gateway.healthz = Some(Healthz::Closed);
            f.gateway.leaving_since = Some(f.at);
        },
        &[(Kind::DrainOverdue, "")],
    ),
    (
        "closed in a start that was seen",
        |f| {
            f.gateway.healthz = Some(Healthz::Closed);
            f.gateway.link = None;
            f.gateway.startup = None;
            f.gateway.starting_since = Some(f.at);
        },
        &[(Kind::NotStarted, "")],
    ),
    (
        "closed, and nothing was heard of it since the agent began a moment ago",
        |f| {
            f.at = seconds(10);
            f.gateway = Gateway {
                healthz: Some(Healthz::Closed),
                link: Some(Link::Absent {
                    reason: "refused".into(),
                    since: seconds(0),
                }),
                ..Gateway::default()
            };
        },
        &[],
    ),
    (
        "closed, and its process is just started",
        |f| {
            f.gateway.healthz = Some(Healthz::Closed);
            f.gateway.child = child(ChildState::Starting);
        },
        &[],
    ),
    (
        "closed while its process runs: a restart inside it failed",
        |f| {
            f.gateway.healthz = Some(Healthz::Closed);
            f.gateway.child = child(ChildState::Running);
        },
        &[(Kind::PortClosed, "")],
    ),
    (
        "a page of HTML",
        |f| f.gateway.healthz = Some(Healthz::Foreign),
        &[(Kind::PortForeign, "")],
    ),
    (
        "a release without a page for its start",
        |f| f.gateway.startup = Some(Startup::Foreign),
        &[],
    ),
    (
        "late",
        |f| f.gateway.healthz = Some(Healthz::Late),
        &[(Kind::GatewaySilent, "")],
    ),
    (
        "the token is refused",
        |f| {
            f.gateway.link = Some(Link::Refused {
                reason: "unauthorized".into(),
                since: f.at,
            })
        },
        &[(Kind::TokenRefused, "")],
    ),
    (
        "the port answers, the protocol does not",
        |f| {
            f.gateway.link = Some(Link::Absent {
                reason: "closed".into(),
                since: f.at,
            })
        },
        &[(Kind::RpcAbsent, "")],
    ),
    (
        "nothing was ever heard",
        |f| f.gateway = Gateway::default(),
        &[(Kind::GatewayUnseen, "")],
    ),
    (
        "it starts",
        |f| {
            f.gateway.startup = Some(Startup::Starting {
                reason: "startup-sidecars".into(),
            })
        },
        &[(Kind::NotStarted, "")],
    ),
    (
        "held back by us",
        |f| {
            f.gateway = Gateway {
                healthz: Some(Healthz::Closed),
                child: child(ChildState::Held),
                ..Gateway::default()
            };
        },
        &[],
    ),
    (
        "we drain",
        |f| {
            f.agent.draining = true;
            f.gateway.healthz = Some(Healthz::Closed);
        },
        &[],
    ),
    (
        "what its page names as not ready",
        |f| {
            f.gateway.ready_failing = [
                "plugin-reload",
                "agent-database:main",
                "telegram",
                "who-knows",
            ]
            .map(String::from)
            .to_vec()
        },
        &[
            (Kind::PluginReloading, ""),
            (Kind::DatabaseFailing, "main"),
            (Kind::ChannelDead, "telegram"),
        ],
    ),
    (
        "a busy event loop",
        |f| {
            f.event_loop = Some(EventLoop {
                degraded: Some(true),
                ..EventLoop::default()
            })
        },
        &[(Kind::EventLoopDelayed, "")],
    ),
    (
        "blocked once for 3 s",
        |f| {
            f.event_loop = Some(EventLoop {
                delay_max: Some(seconds(3)),
                degraded: Some(false),
                ..EventLoop::default()
            })
        },
        &[],
    ),
    // Channels.
    (
        "switched off",
        |f| {
            *account_of(f) = Account {
                enabled: Some(false),
                ..dead("telegram", "default")
            }
        },
        &[],
    ),
    (
        "not configured",
        |f| account_of(f).configured = Some(false),
        &[(Kind::ChannelUnconfigured, "telegram/default")],
    ),
    (
        "not linked, with all that the gateway says of it then",
        |f| {
            let stopped = Some("stopped".to_owned());
            *account_of(f) = Account {
                linked: Some(false),
                running: Some(false),
                connected: Some(false),
                lifecycle: stopped,
                last_error: Some("not linked".into()),
                ..account("telegram", "default")
            };
            f.channels.as_mut().unwrap().issues = vec![issue(IssueKind::Auth)];
        },
        &[(Kind::ChannelUnlinked, "telegram/default")],
    ),
    (
        "without network",
        |f| *account_of(f) = dead("telegram", "default"),
        &[(Kind::ChannelDead, "telegram/default")],
    ),
    (
        "it lost its connection",
        |f| account_of(f).connected = Some(false),
        &[(Kind::ChannelDead, "telegram/default")],
    ),
    (
        "stale",
        |f| account_of(f).health_state = Some("stale-socket".into()),
        &[(Kind::ChannelDead, "telegram/default")],
    ),
    (
        "a word of a newer release",
        |f| account_of(f).health_state = Some("sleepy".into()),
        &[],
    ),
    (
        "it stopped with an error",
        |f| {
            account_of(f).running = Some(false);
            account_of(f).last_error = Some("401".into());
        },
        &[(Kind::ChannelDead, "telegram/default")],
    ),
    (
        "somebody stopped it",
        |f| account_of(f).running = Some(false),
        &[(Kind::ChannelStopped, "telegram/default")],
    ),
    (
        "it has just begun to start",
        |f| {
            *account_of(f) = Account {
                health_state: None,
                started: Some(seconds(119)),
                ..dead("telegram", "default")
            }
        },
        &[],
    ),
    (
        "it starts for too long",
        |f| {
            *account_of(f) = Account {
                health_state: None,
                started: Some(seconds(120)),
                ..dead("telegram", "default")
            }
        },
        &[(Kind::ChannelDead, "telegram/default")],
    ),
    (
        "an issue of its run",
        |f| f.channels.as_mut().unwrap().issues = vec![issue(IssueKind::Runtime)],
        &[(Kind::ChannelDead, "telegram/default")],
    ),
    (
        "advice on its settings",
        |f| f.channels.as_mut().unwrap().issues = vec![issue(IssueKind::Advice)],
        &[(Kind::ChannelAdvice, "telegram/default")],
    ),
    (
        "dead and named by its page: told once",
        |f| {
            *account_of(f) = dead("telegram", "default");
            f.gateway.ready_failing = vec!["telegram".into()];
        },
        &[(Kind::ChannelDead, "telegram/default")],
    ),
    (
        "named by its page while it starts anew",
        |f| {
            *account_of(f) = Account {
                health_state: None,
                lifecycle: Some("starting".into()),
                started: Some(seconds(3)),
                last_error: None,
                ..dead("telegram", "default")
            };
            f.gateway.ready_failing = vec!["telegram".into()];
        },
        &[],
    ),
    (
        "named by its page, and nobody has linked it",
        |f| {
            account_of(f).linked = Some(false);
            f.gateway.ready_failing = vec!["telegram".into()];
        },
        &[(Kind::ChannelUnlinked, "telegram/default")],
    ),
    (
        "named by its page and well by its own status",
        |f| f.gateway.ready_failing = vec!["telegram".into()],
        &[(Kind::ChannelDead, "telegram")],
    ),
    // Around it.
    (
        "a plugin",
        |f| f.plugins_failed = Some(vec![("xai".into(), "no module".into())]),
        &[(Kind::PluginFailed, "xai")],
    ),
    (
        "secrets",
        |f| f.secrets_degraded = Some(vec!["models".into()]),
        &[(Kind::SecretsDegraded, "models")],
    ),
    (
        "the daemon is away, so what it lacks is not known",
        |f| {
            f.sandbox = Some(Sandbox {
                daemon_up: Some(false),
                images_missing: vec!["a".into()],
                ..Sandbox::default()
            })
        },
        &[(Kind::DaemonAbsent, "")],
    ),
    (
        "a daemon in need",
        |f| {
            f.sandbox = Some(Sandbox {
                daemon_up: Some(true),
                images_missing: vec!["a:1".into()],
                disk_step: Some(2),
                full_of_live: Some(true),
                ..Sandbox::default()
            });
        },
        &[
            (Kind::ImageMissing, "a:1"),
            (Kind::DiskStep, ""),
            (Kind::FullOfLive, ""),
        ],
    ),
    (
        "a disk at its mark",
        |f| f.disks = disk(Volume::State, 0.85, 0.85, 1 << 30),
        &[],
    ),
    (
        "a disk above its mark",
        |f| f.disks = disk(Volume::State, 0.86, 0.0, 1 << 30),
        &[(Kind::DiskHigh, "state")],
    ),
    (
        "out of inodes",
        |f| f.disks = disk(Volume::State, 0.1, 1.0, 1 << 30),
        &[(Kind::StateFull, "state")],
    ),
    (
        "out of room",
        |f| f.disks = disk(Volume::State, 0.5, 0.1, 1 << 20),
        &[(Kind::StateFull, "state")],
    ),
    (
        "the daemon's is full: the gateway lives",
        |f| f.disks = disk(Volume::Daemon, 1.0, 0.1, 0),
        &[(Kind::DiskHigh, "daemon")],
    ),
    ("memory at its mark", |f| f.memory = Some(memory(90)), &[]),
    (
        "memory above its mark",
        |f| f.memory = Some(memory(91)),
        &[(Kind::MemoryHigh, "")],
    ),
    (
        "memory without a limit",
        |f| {
            f.memory = Some(Memory {
                used: u64::MAX,
                limit: None,
            })
        },
        &[],
    ),
    (
        "a limit of nothing",
        |f| {
            f.memory = Some(Memory {
                used: 1,
                limit: Some(0),
            })
        },
        &[],
    ),
    (
        "a correction of the clock",
        |f| f.clock.jumped = Some(-59),
        &[],
    ),
    (
        "set back by a day",
        |f| f.clock.jumped = Some(-86_400),
        &[(Kind::ClockJumped, "")],
    ),
    (
        "the journal",
        |f| f.agent.journal_writable = Some(false),
        &[(Kind::JournalUnwritable, "")],
    ),
    // The document.
    ("in force", |f| f.config = config(ConfigState::InForce), &[]),
    (
        "refused",
        |f| f.config = config(ConfigState::Refused),
        &[(Kind::ConfigRefused, "")],
    ),
    (
        "undone",
        |f| f.config = config(ConfigState::RolledBack),
        &[(Kind::ConfigRolledBack, "")],
    ),
    (
        "not written",
        |f| f.config = config(ConfigState::Failed),
        &[(Kind::ConfigFailed, "")],
    ),
    (
        "pending",
        |f| f.config = config(ConfigState::Pending),
        &[(Kind::ConfigPending, "")],
    ),
    (
        "fought over, paused, with a quarantine",
        |f| {
            f.config = Some(Config {
                drift_fight: true,
                paused: true,
                quarantined: 2,
                ..Config::default()
            })
        },
        &[
            (Kind::DriftFight, ""),
            (Kind::ConfigQuarantined, ""),
            (Kind::ConfigPaused, ""),
        ],
    ),
    (
        "no document",
        |f| f.agent.document = Some(false),
        &[(Kind::DocumentAbsent, "")],
    ),
];
