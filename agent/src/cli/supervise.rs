//! The gateway as our child: its environment, its user, what it sees read-only, its version.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use clap::ArgMatches;
use nix::unistd::geteuid;
use supervisor::{RunAs, Settings};

use super::error::Error;
use super::knobs::{PRIVATE, absolute, time};
use crate::app;
use crate::config::{self, Drift};
use crate::gateway::Protection;
use crate::settings::{Given, Mistake, Mistakes, owner};

/// Mode of a document that the child's group reads and root owns.
const SHARED_WITH_GROUP: u32 = 0o640;
/// How long the gateway's command may take to tell its version. A real one takes 0.2 s.
const VERSION_PATIENCE: Duration = Duration::from_secs(20);

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

/// The child's Docker is the guard, on a socket that is the child's where no setting says otherwise.
pub(super) fn guarded(child: &mut Settings, guard: &mut guard::Settings) {
    let mut host = OsString::from("unix://");
    host.push(absolute(&guard.listen));
    child.env.push(("DOCKER_HOST".into(), host));
    if let (
        Some(user),
        guard::Owner {
            uid: None,
            gid: None,
        },
    ) = (&child.run_as, guard.owner)
    {
        guard.owner = guard::Owner {
            uid: Some(user.uid),
            gid: Some(user.gid),
        };
    }
}

/// Root writes, the child reads: its group has the document, its user the secrets.
pub(super) fn share(
    given: &Given,
    child: &Settings,
    config: &mut config::Settings,
) -> Option<(u32, u32)> {
    let RunAs { uid, gid } = child.run_as.filter(|_| geteuid().is_root())?;
    if config.drift == Drift::Shared {
        need_writable(given, &absolute(&config.document), uid, gid);
        config.owner = config.owner.or(Some((uid, gid)));
        return Some((uid, gid));
    }
    config.owner = config.owner.or(Some((0, gid)));
    if config.mode == PRIVATE {
        config.mode = SHARED_WITH_GROUP;
    }
    Some((uid, gid))
}

/// In shared mode the gateway writes its document too, so its folder has to be open to it.
fn need_writable(given: &Given, document: &Path, uid: u32, gid: u32) {
    let folder = document.parent().unwrap_or(Path::new("/"));
    let Ok(found) = std::fs::metadata(folder) else {
        let folder = folder.display();
        return given.mistake(
            "--drift",
            &format!("shared lets the gateway write its document: make {folder} first, for user {uid}:{gid}, or use enforce"),
        );
    };
    let bits = match (found.uid() == uid, found.gid() == gid) {
        (true, _) => 0o300,
        (false, true) => 0o030,
        (false, false) => 0o003,
    };
    if found.mode() & bits != bits {
        let folder = folder.display();
        given.mistake(
            "--drift",
            &format!("shared lets the gateway write its document, and user {uid} cannot write {folder}: run `chown {uid}:{gid} {folder}`, or use enforce"),
        );
    }
}

/// Makes the directories that document and secrets go to, ours alone to write; then finds out
/// what keeps the child from writing its document, and which version it is.
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
    if let (Drift::Enforce, supervisor::Protection::None { why }) = (settings.config.drift, &probed)
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
    if settings.config.gateway_version.is_none() && matters(child, &settings.config) {
        settings.config.gateway_version = version(child, &probed).await;
    }
    Ok(())
}

/// Whether the version decides anything: there is a past, and no gateway of it that lives on and
/// tells its version itself.
fn matters(child: &Settings, config: &config::Settings) -> bool {
    config.state.join("ledger").exists() && !supervisor::left_alive(child)
}

/// The version that the gateway's command tells, or a line in the log that says why there is none.
async fn version(child: &Settings, protection: &supervisor::Protection) -> Option<String> {
    match told(child, protection).await {
        Ok(version) => {
            tracing::info!(gateway = version, "the gateway's command told its version");
            Some(version)
        }
        Err(why) => {
            tracing::warn!(
                why,
                "the gateway's version is not known before it starts: the last good layers go first, on a new version too; set gateway-version"
            );
            None
        }
    }
}

async fn told(child: &Settings, protection: &supervisor::Protection) -> Result<String, String> {
    let command =
        version_command(&child.command).ok_or("no word of its command is just `gateway`")?;
    let said = supervisor::ask(child, protection, command, VERSION_PATIENCE)
        .await
        .map_err(|error| format!("{:#}", anyhow::Error::new(error)))?;
    let version = said.split_whitespace().find(|word| is_version(word));
    let version = version.ok_or("its command with --version prints none")?;
    Ok(version.to_owned())
}

/// What tells the version of `COMMAND… gateway …`: the words before `gateway`, and `--version`.
fn version_command(command: &[OsString]) -> Option<Vec<OsString>> {
    let words = command.iter().position(|word| word == "gateway")?;
    let words = command.get(..words).filter(|words| !words.is_empty())?;
    Some([words, &["--version".into()]].concat())
}

/// Whether this is such as `2026.9.6` or `2026.9.6-beta.1`.
fn is_version(word: &str) -> bool {
    let (numbers, label) = word.split_once('-').unwrap_or((word, "none"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let in_label = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
    numbers.contains('.')
        && numbers.split('.').all(is_number)
        && !label.is_empty()
        && label.bytes().all(in_label)
}

/// A command that could not be executed is a mistake in the words, not an outage.
pub(super) fn blame(error: anyhow::Error) -> Error {
    let mistake = match error.downcast_ref() {
        Some(supervisor::Error::NotExecutable {
            program,
            code,
            said,
        }) => Mistake {
            place: format!("-- {}", program.display()),
            message: format!(
                "the command cannot be executed: {said} (exit code {code}); give the path of a program that the gateway's user may execute"
            ),
        },
        _ => return Error::Run(error),
    };
    Error::Settings(Mistakes(vec![mistake]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn a_child_finds_the_guard_on_a_socket_of_its_own() {
        let mut child = Settings::new(
            words("openclaw gateway"),
            "/s/child".into(),
            "/s/console".into(),
        );
        child.run_as = Some(RunAs { uid: 7, gid: 8 });
        let mut guard = guard::Settings::default();
        guarded(&mut child, &mut guard);
        let host = (
            "DOCKER_HOST".into(),
            "unix:///run/pilotfish/docker.sock".into(),
        );
        assert!(child.env.contains(&host), "{:?}", child.env);
        let (uid, gid) = (Some(7), Some(8));
        assert_eq!(guard.owner, guard::Owner { uid, gid });
        guard.owner.uid = Some(1);
        guarded(&mut child, &mut guard);
        assert_eq!(guard.owner.uid, Some(1), "what is set stays");
    }

    #[test]
    fn what_is_before_the_word_gateway_is_asked() {
        for (command, asked) in [
            (
                "node /opt/openclaw/openclaw.mjs gateway --port 1",
                Some("node /opt/openclaw/openclaw.mjs --version"),
            ),
            ("openclaw gateway", Some("openclaw --version")),
            (
                "openclaw gateway --name gateway",
                Some("openclaw --version"),
            ),
            ("gateway", None),
            ("/opt/gateway run", None),
            ("sh -c gateway=1", None),
        ] {
            assert_eq!(
                version_command(&words(command)),
                asked.map(words),
                "{command}"
            );
        }
    }

    #[test]
    fn a_version_is_digits_and_dots_and_perhaps_a_label() {
        for word in ["2026.9.6", "1.0", "2026.9.6-beta.1", "2026.9.6-1"] {
            assert!(is_version(word), "{word}");
        }
        for word in [
            "", ".", "1", "1.", ".1", "1..2", "v1.2", "OpenClaw", "1.2-", "1.2-é", "1.2-(", "a.b",
            "12:30.5", "-1.2",
        ] {
            assert!(!is_version(word), "{word}");
        }
    }
}
