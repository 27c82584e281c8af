//! `run`: the agent that stays, beside a gateway or as its parent.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::ArgMatches;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use service::{Drain, LogFormat, LogSettings, Signals, TokenFiles};

use super::answer::Answer;
use super::error::Error;
use super::{knobs, sandbox_knobs, supervise, usage_knobs};
use crate::app::{self, App};
use crate::gateway::Patience;
use crate::settings::{Given, Mistakes, parsed, word};

/// How long open requests may take to end.
const GOODBYE: Duration = Duration::from_secs(10);

/// Runs until a signal ends it.
pub(super) fn run(matches: &ArgMatches) -> Result<Answer, Error> {
    let (settings, log) = settings(matches)?;
    service::init(&log).context("cannot set up the log")?;
    dump_no_core();
    open_many_files();
    if let Some(sandbox) = &settings.sandbox {
        miss_archives(&sandbox.keeper.images.archives);
    }
    // Taken already only by ourselves.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.context("cannot start")?.block_on(live(settings))?;
    Ok(Answer::default())
}

/// A core file would hold secrets. The gateway inherits it: its core would hold them too.
fn dump_no_core() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core files cannot be switched off: one would hold secrets");
    }
}

/// A stream through the guard takes some, and the usual limit is for programs that select(2).
fn open_many_files() {
    let limits = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limits.maximum,
        ..limits
    };
    if let Err(error) = setrlimit(Resource::Nofile, most) {
        tracing::warn!(%error, "the limit of open files stays");
    }
}

/// An archive may come later, such as with a volume that is still filled: no mistake, but one should know.
fn miss_archives(archives: &[PathBuf]) {
    for archive in archives.iter().filter(|archive| !archive.exists()) {
        tracing::warn!(archive = %archive.display(), "there is no such archive of sandbox images; it is looked for again whenever an image is missing");
    }
}

async fn live(mut settings: app::Settings) -> Result<(), Error> {
    let signals = Signals::bind().context("cannot catch signals")?;
    let drain = Drain::new(
        GOODBYE
            + settings
                .child
                .as_ref()
                .map_or(Duration::ZERO, |child| child.drain),
    );
    tokio::spawn(signals.run(drain.clone()));
    tokio::select! {
        prepared = supervise::prepare(&mut settings) => prepared?,
        () = drain.signalled() => return Ok(()),
    }
    let app = App::bind(settings, drain).await?;
    tracing::info!(api = %app.api_address(), probes = %app.probe_address(), version = env!("CARGO_PKG_VERSION"), "the agent is up");
    app.run().await.map_err(supervise::blame)
}

fn settings(matches: &ArgMatches) -> Result<(app::Settings, LogSettings), Mistakes> {
    let given = knobs::given(matches);
    let mut config = knobs::config(&given);
    knobs::need_layers(&given, &config);
    for name in ["out", "state"] {
        given.needed(name);
    }
    let mut child = supervise::child(&given, matches, &config);
    let child_owner = child
        .as_ref()
        .and_then(|child| supervise::share(&given, child, &mut config));
    let mut sandbox = sandbox_knobs::sandbox(&given, &config.state);
    let guard = sandbox.as_mut().and_then(|sandbox| sandbox.guard.as_mut());
    if let (Some(child), Some(guard)) = (&mut child, guard) {
        supervise::guarded(child, guard);
    }
    let daemon = sandbox
        .as_ref()
        .and_then(|sandbox| sandbox.keeper.data_root.clone());
    let log = LogSettings {
        filter: level(&given),
        format: format(&given),
    };
    let settings = app::Settings {
        secrets: knobs::secrets(&given, child_owner.or(config.owner)),
        gateway_token: given.path("gateway-token-file"),
        protection: given.read("protection", word).unwrap_or_default(),
        patience: Patience {
            hot: knobs::time(&given, "hot-deadline"),
            restart: knobs::time(&given, "restart-deadline"),
        },
        listen: address(&given, "listen"),
        probe_listen: address(&given, "probe-listen"),
        tokens: TokenFiles {
            read: given.path("read-token-file"),
            operate: given.path("operate-token-file"),
        },
        tls: given.path("tls-dir"),
        health: usage_knobs::health(&given, &config.state, daemon),
        usage: usage_knobs::usage(&given, &config.state),
        gateway_metrics: usage_knobs::passes_on(&given),
        sandbox,
        child,
        config,
    };
    given.finish((settings, log))
}

/// Where something listens. A mistake is noted, and the address then used by nobody.
pub(super) fn address(given: &Given, name: &'static str) -> SocketAddr {
    let parse = |text: &str| {
        parsed(text)
            .map_err(|_: String| format!("{text:?} is no address; write such as 127.0.0.1:18780"))
    };
    given
        .read(name, parse)
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
}

fn level(given: &Given) -> String {
    let levels = ["error", "warn", "info", "debug", "trace"];
    let known = |text: &str| {
        if levels.contains(&text) {
            Ok(text.to_owned())
        } else {
            Err(format!("{text:?} is not one of {}", levels.join(", ")))
        }
    };
    given
        .read("log-level", known)
        .unwrap_or_else(|| "info".to_owned())
}

fn format(given: &Given) -> LogFormat {
    let known = |text: &str| match text {
        "auto" => Ok(LogFormat::Auto),
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is not one of auto, text, json")),
    };
    given.read("log-format", known).unwrap_or_default()
}
