//! The gateway as our child: its environment, its user, what it sees read-only.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use clap::ArgMatches;
use nix::unistd::geteuid;
use supervisor::{RunAs, Settings};

use super::error::Error;
use super::knobs::{PRIVATE, absolute, time};
use crate::app;
use crate::config::{self, Drift};
use crate::gateway::Protection;
use crate::settings::{Given, owner};

/// Mode of a document that the child's group reads and root owns.
const SHARED_WITH_GROUP: u32 = 0o640;

/// The child that was asked for, if one was.
pub(super) fn child(
    given: &Given,
    matches: &ArgMatches,
    config: &config::Settings,
) -> Option<Settings> {
    let command: Vec<_> = matches.get_many("command")?.cloned().collect();
    let document = absolute(&config.document);
    let mut settings = Settings::new(
        command,
        config.state.join("child.json"),
        config.state.join("console"),
    );
    settings.run_as = user(given);
    settings.drain = time(given, "drain");
    settings.console.echo = given.read("console", |text| match text {
        "echo" => Ok(true),
        "spool" => Ok(false),
        _ => Err(format!("{text:?} is not one of echo, spool")),
    })?;
    settings
        .env
        .push(("OPENCLAW_NO_AUTO_UPDATE".into(), "1".into()));
    if config.drift == Drift::Enforce {
        settings
            .env
            .push(("OPENCLAW_CONFIG_READONLY".into(), "1".into()));
        settings
            .read_only
            .extend(document.parent().map(Path::to_path_buf));
    }
    settings
        .env
        .push(("OPENCLAW_CONFIG_PATH".into(), document.into()));
    Some(settings)
}

fn user(given: &Given) -> Option<RunAs> {
    let (uid, gid) = given.read("child-user", owner)?;
    let me = geteuid();
    if !me.is_root() && me.as_raw() != uid {
        given.mistake(
            "--child-user",
            &format!("needs root: we are {me} and cannot become {uid}"),
        );
    }
    Some(RunAs { uid, gid })
}

/// Root writes, the child reads: its group has the document, its user the secrets.
pub(super) fn share(child: &Settings, config: &mut config::Settings) -> Option<(u32, u32)> {
    let RunAs { uid, gid } = child.run_as.filter(|_| geteuid().is_root())?;
    config.owner = config.owner.or(Some((0, gid)));
    if config.mode == PRIVATE {
        config.mode = SHARED_WITH_GROUP;
    }
    Some((uid, gid))
}

/// Makes the directories that document and secrets go to, ours alone to write; then finds out
/// what keeps the child from writing its document.
pub(super) async fn prepare(settings: &mut app::Settings) -> Result<(), Error> {
    let Some(child) = &settings.child else {
        return Ok(());
    };
    let secrets = settings
        .secrets
        .as_ref()
        .map(|secrets| secrets.out.as_path());
    for path in secrets
        .into_iter()
        .chain([settings.config.document.as_path()])
    {
        let dir = path
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o755).create(dir);
        made.map_err(|source| {
            anyhow::Error::new(source).context(format!("cannot make {}", dir.display()))
        })?;
    }
    let probed = supervisor::probe(child).await;
    settings.protection = match (settings.config.drift, &probed) {
        (Drift::Shared, _) => Protection::None,
        (Drift::Enforce, supervisor::Protection::Mount) => Protection::Mount,
        (Drift::Enforce, supervisor::Protection::None { .. }) => Protection::Switch,
    };
    if let (Drift::Enforce, supervisor::Protection::None { why }) = (settings.config.drift, probed)
    {
        tracing::warn!(
            why,
            "the document's directory cannot be mounted read-only into the gateway: edits are put back instead"
        );
    }
    let other = child
        .run_as
        .is_some_and(|user| user.uid != geteuid().as_raw());
    if !other {
        tracing::warn!(
            "the gateway runs as our own user: locks are advice to it, not a wall; start as root with --child-user UID:GID"
        );
    }
    Ok(())
}
