//! From what was given to the settings of the sandbox component.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use sandbox::{
    DockerSettings, ImageLimits, ImageSettings, KeeperSettings, Limits, Mode, PrunerSettings,
    Watermarks,
};

use super::knobs::{Switch, mode, time};
use crate::sandbox::{Pruning, Settings};
use crate::settings::{Given, bytes, owner, word};

/// The least that Docker takes as a limit of memory.
const LEAST_MEMORY: i64 = 6 << 20;

/// The longest path of a socket: the kernel's 108 bytes with the zero at the end.
const SOCKET_MAX: usize = 107;

/// Whose the daemon is.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Daemon {
    Own,
    Shared,
}

/// The settings; none without a daemon. A mistake is noted either way.
pub(super) fn sandbox(given: &Given, state: &Path) -> Option<Settings> {
    let gateway = given.read("gateway-state", shared_path);
    let skills = gateway
        .as_ref()
        .map(|state| state.join("sandbox/skills-workspaces"));
    let own = given.read("sandbox-daemon", word::<Daemon>) == Some(Daemon::Own);
    let keeper = keeper(given, own, skills.clone());
    given.text("docker-socket")?;
    // Where it is a mistake, the rest is looked at all the same.
    let socket = given.read("docker-socket", socket);
    let socket = socket.unwrap_or_else(|| guard::Settings::default().daemon);
    let guard = guard(given, &socket, gateway, &keeper);
    Some(Settings {
        keeper,
        docker: DockerSettings {
            socket,
            skills,
            daemon_is_ours: own,
        },
        guard,
        state: state.to_path_buf(),
    })
}

fn keeper(given: &Given, own: bool, skills: Option<PathBuf>) -> KeeperSettings {
    let images = images(given);
    let repositories = given.all("sandbox-image", repository);
    if given.text("sandbox-image").is_none() {
        given.mistake(
            "--sandbox-image",
            "names no repository: leave it out for OpenClaw's own",
        );
    }
    let pruning: Pruning = given.read("sandbox-prune", word).unwrap_or_default();
    KeeperSettings {
        mode: match pruning {
            Pruning::On => Mode::Real,
            Pruning::Off => Mode::Dry,
        },
        limits: Limits {
            idle: time(given, "sandbox-idle"),
            max_age: time(given, "sandbox-max-age"),
            max_count: count(given, "sandbox-max-count"),
            max_per_scope: count(given, "sandbox-max-per-scope"),
            exited_after: time(given, "sandbox-exited-after"),
            orphan_grace: time(given, "sandbox-orphan-grace"),
            images: ImageLimits {
                repositories: repositories.into_iter().collect(),
                pinned: images.pins.keys().cloned().collect(),
                ..ImageLimits::default()
            },
            daemon_is_ours: own,
            watermarks: watermarks(given),
            ..Limits::default()
        },
        pruner: PrunerSettings {
            grace: time(given, "sandbox-grace"),
            ..PrunerSettings::default()
        },
        images,
        data_root: given.read("docker-data-root", absolute),
        skills,
        ..KeeperSettings::default()
    }
}

fn images(given: &Given) -> ImageSettings {
    let mut pins = BTreeMap::new();
    for (name, id) in given.all("sandbox-image-pin", pin) {
        if pins.insert(name, id).is_some() {
            given.mistake("--sandbox-image-pin", "an image is pinned once");
        }
    }
    ImageSettings {
        archives: given.all("sandbox-image-archive", |text| Ok(PathBuf::from(text))),
        pull: pulls(given),
        pins,
        ..ImageSettings::default()
    }
}

fn pulls(given: &Given) -> bool {
    given.read("sandbox-image-pull", word::<Switch>) == Some(Switch::On)
}

fn guard(
    given: &Given,
    daemon: &Path,
    state: Option<PathBuf>,
    keeper: &KeeperSettings,
) -> Option<guard::Settings> {
    let roots = roots(given, state);
    let (uid, gid) = given.read("guard-owner", owner).unzip();
    let pull = match keeper.images.pull {
        true => guard::Allowance::Allowed,
        false => guard::Allowance::Refused,
    };
    let defaults = guard::Settings::default();
    let settings = guard::Settings {
        listen: given
            .read("guard-socket", socket)
            .unwrap_or(defaults.listen),
        mode: given.read("guard-mode", mode).unwrap_or(0o660),
        owner: guard::Owner { uid, gid },
        daemon: daemon.to_path_buf(),
        images: given_repositories(keeper),
        memory_bytes: given.read("sandbox-memory", memory),
        nano_cpus: given.read("sandbox-cpus", nano_cpus),
        pids: given.read("sandbox-pids", above_zero),
        pull,
        roots,
        ..defaults
    };
    if given.read("guard", word::<Switch>) == Some(Switch::Off) {
        return None;
    }
    for mistake in settings.mistakes() {
        given.mistake("--guard", &mistake);
    }
    let named = ["gateway-state", "workspace-root"]
        .iter()
        .any(|name| given.text(name).is_some());
    if !named {
        given.mistake(
            "--guard",
            "needs --gateway-state DIR or --workspace-root DIR: without one no sandbox can mount its workspace",
        );
    }
    Some(settings)
}

/// The repositories that bound what the document names; nothing where they are the default.
fn given_repositories(keeper: &KeeperSettings) -> Option<Vec<String>> {
    let given = &keeper.limits.images.repositories;
    let default = ImageLimits::default().repositories;
    (*given != default).then(|| given.iter().cloned().collect())
}

/// The gateway's own folders that sandboxes mount, and those that are named besides.
fn roots(given: &Given, state: Option<PathBuf>) -> Vec<guard::Root> {
    use guard::Access::{ReadOnly, ReadWrite};
    let root = |path, access| guard::Root { path, access };
    let own = state.into_iter().flat_map(|state| {
        [
            root(state.join("workspace"), ReadWrite),
            root(state.join("sandboxes"), ReadWrite),
            root(state.join("sandbox"), ReadOnly),
        ]
    });
    let named = given.all("workspace-root", |text| {
        Ok(match text.strip_suffix(":ro") {
            Some(path) => root(shared_path(path)?, ReadOnly),
            None => root(shared_path(text)?, ReadWrite),
        })
    });
    own.chain(named).collect()
}

fn watermarks(given: &Given) -> Watermarks {
    let marks = given.read("sandbox-watermarks", steps);
    Watermarks {
        budget_bytes: given.read("sandbox-disk-budget", budget),
        ..marks.unwrap_or_default()
    }
}

fn steps(text: &str) -> Result<Watermarks, String> {
    let [low, high, very_high, critical] = percents(text)?;
    let steps = Watermarks {
        low,
        high,
        very_high,
        critical,
        ..Watermarks::default()
    };
    match &steps.problems()[..] {
        [] => Ok(steps),
        problems => Err(format!("{text:?}: {}", problems.join("; "))),
    }
}

/// A path that has to be the same for everybody who mounts it.
fn shared_path(text: &str) -> Result<PathBuf, String> {
    let clean = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(':');
    let parts = text.strip_prefix('/').map(|rest| rest.split('/'));
    if parts.is_some_and(|mut parts| parts.all(clean)) {
        return Ok(PathBuf::from(text));
    }
    Err(format!(
        "{text:?} is not absolute and clean: write such as /home/node/.openclaw"
    ))
}

/// A path that no working directory changes.
fn absolute(text: &str) -> Result<PathBuf, String> {
    match text.starts_with('/') {
        true => Ok(PathBuf::from(text)),
        false => Err(format!(
            "{text:?} is not an absolute path; write such as /var/lib/docker"
        )),
    }
}

/// The path of a socket: absolute, and no longer than the kernel takes.
fn socket(text: &str) -> Result<PathBuf, String> {
    match text {
        _ if !text.starts_with('/') => Err(format!(
            "{text:?} is not an absolute path; write such as /run/docker.sock"
        )),
        _ if text.len() > SOCKET_MAX => Err(format!(
            "{text:?} is longer than a socket's path may be: {SOCKET_MAX} bytes"
        )),
        _ => Ok(PathBuf::from(text)),
    }
}

/// How many; nothing for zero, which is any number.
fn count(given: &Given, name: &'static str) -> Option<usize> {
    let number = |text: &str| {
        let number = text.parse::<usize>();
        number.map_err(|_| {
            format!("{text:?} is no whole number; write such as 20, or 0 for any number")
        })
    };
    given.read(name, number).filter(|count| *count > 0)
}

fn budget(text: &str) -> Result<u64, String> {
    match bytes(text)? {
        0 => Err(format!(
            "{text:?} leaves no room for any sandbox; write such as 20GiB"
        )),
        bytes => Ok(bytes),
    }
}

fn memory(text: &str) -> Result<i64, String> {
    let bytes = i64::try_from(bytes(text)?).ok();
    let enough = bytes.filter(|bytes| *bytes >= LEAST_MEMORY);
    enough.ok_or_else(|| {
        format!(
            "{text:?} is no memory of a sandbox: Docker takes 6MiB or more; write such as 512MiB"
        )
    })
}

fn percents(text: &str) -> Result<[f64; 4], String> {
    let marks: Result<Vec<f64>, _> = text.split('/').map(|mark| mark.trim().parse()).collect();
    let marks = marks.ok().and_then(|marks| marks.try_into().ok());
    marks.ok_or_else(|| format!("{text:?} is not four percents; write such as 70/80/90/95"))
}

fn nano_cpus(text: &str) -> Result<i64, String> {
    let cpus = text.parse::<f64>().ok();
    let known = cpus.filter(|cpus| *cpus >= 0.001 && *cpus <= 4096.0);
    // Far below 2^53.
    let nano = known.map(|cpus| (cpus * 1e9).round() as i64);
    nano.ok_or_else(|| format!("{text:?} is no number of CPUs; write such as 0.5"))
}

fn above_zero(text: &str) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} is no whole number above zero; write such as 256"))
}

/// A repository as Docker writes it: perhaps a registry, then small letters, digits and single separators.
fn repository(text: &str) -> Result<String, String> {
    let is_host = |part: &str| part == "localhost" || part.contains(['.', ':']);
    let path = match text.split_once('/') {
        Some((host, path)) if is_host(host) => is_registry(host).then_some(path),
        _ => Some(text),
    };
    if path.is_some_and(|path| path.split('/').all(is_component)) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "{text:?} is no repository; write its name in small letters and without a tag, such as openclaw-sandbox or registry:5000/team/sandbox"
    ))
}

fn is_registry(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "0"));
    let label = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '[' | ']');
    let known = |part: &str| !part.is_empty() && part.chars().all(label);
    name.split('.').all(known) && port.parse::<u16>().is_ok()
}

fn is_component(part: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let between =
        |run: &str| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    part.starts_with(letter) && part.ends_with(letter) && part.split(letter).all(between)
}

fn pin(text: &str) -> Result<(String, String), String> {
    let known = |(name, id): &(&str, &str)| {
        let digits = id.trim_start_matches("sha256:");
        !name.is_empty() && digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let found = text.rsplit_once('=').filter(known);
    found
        .map(|(name, id)| (name.to_owned(), id.to_owned()))
        .ok_or_else(|| format!("{text:?} is no NAME=ID; the id has 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guard's settings of a command line, and what is wrong with it.
    fn guard_of(more: &[&str]) -> (Option<guard::Settings>, String) {
        let fine = [
            "--docker-socket",
            "/run/raw.sock",
            "--gateway-state",
            "/home",
        ];
        let words = ["pilotfish-agent", "run"].iter().chain(&fine).chain(more);
        let matches = super::super::grammar::command().get_matches_from(words);
        let given = super::super::knobs::given(matches.subcommand().unwrap().1);
        let guard = sandbox(&given, Path::new("/state")).unwrap().guard;
        let mistakes = given
            .finish(())
            .map_or_else(|all| all.to_string(), |()| String::new());
        (guard, mistakes)
    }

    #[test]
    fn the_guards_mistakes_are_listed() {
        assert_eq!(guard_of(&[]).1, "");
        let same = ["--guard-socket", "/run/raw.sock"];
        let (_, mistakes) = guard_of(&same);
        assert!(mistakes.contains("the daemon's own socket"), "{mistakes}");
        let off = [&same[..], &["--guard", "off"]].concat();
        assert_eq!(guard_of(&off), (None, String::new()));
    }

    #[test]
    fn repositories_bound_the_document_where_they_are_given() {
        let images = |more: &[&str]| guard_of(more).0.unwrap().images;
        assert_eq!(images(&[]), None);
        let given = images(&["--sandbox-image", "registry:5000/a"]);
        assert_eq!(given, Some(vec!["registry:5000/a".to_owned()]));
    }

    #[test]
    fn watermarks_are_four_numbers() {
        assert_eq!(percents("70/80/90/95").unwrap(), [70.0, 80.0, 90.0, 95.0]);
        for text in ["", "70", "70/80/90", "70/80/90/95/99", "a/b/c/d"] {
            assert!(percents(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_that_others_mount_is_absolute_and_clean() {
        assert_eq!(shared_path("/a/.b-c"), Ok("/a/.b-c".into()));
        for text in ["", "/", "a", "./a", "/a/", "/a//b", "/a/../b", "/a:b"] {
            assert!(shared_path(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_is_what_docker_takes() {
        assert_eq!(memory("6MiB"), Ok(6 << 20));
        for text in ["", "1", "6291455", "8388608t"] {
            assert!(memory(text).is_err(), "{text}");
        }
    }

    #[test]
    fn steps_go_up() {
        assert_eq!(steps("70/80/90/95"), Ok(Watermarks::default()));
        for text in ["0/80/90/95", "80/70/90/95", "70/80/90/101"] {
            assert!(steps(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cpus_are_parts_of_one_or_more() {
        for (text, nano) in [
            ("0.5", 500_000_000),
            ("2", 2_000_000_000),
            ("0.001", 1_000_000),
        ] {
            assert_eq!(nano_cpus(text), Ok(nano), "{text}");
        }
        for text in ["", "0", "-1", "inf", "NaN", "1e9", "half"] {
            assert!(nano_cpus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pin_names_an_image_and_its_id() {
        let id = "0f".repeat(32);
        let pinned = pin(&format!("registry:5000/a:b=sha256:{id}")).unwrap();
        assert_eq!(
            pinned,
            ("registry:5000/a:b".to_owned(), format!("sha256:{id}"))
        );
        assert!(pin(&format!("a:b={id}")).is_ok());
        for text in ["a:b", "a:b=", "a:b=0f", "=0f", &format!("={id}")] {
            assert!(pin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_repository_is_one_that_docker_takes() {
        for text in [
            "openclaw-sandbox",
            "0/a.b_c__d---e",
            "registry:5000/team/sandbox",
            "ghcr.io/team",
            "localhost/a",
            "[::1]:5000/a",
        ] {
            assert_eq!(repository(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "a:b",
            "a/",
            "/a",
            "a//b",
            "a@sha256:0f",
            "A",
            "A B",
            "../x",
            "a..b",
            "-a",
            "a-",
            "a=b",
            "a_-b",
            "registry:5000",
            "registry:/a",
            ":5000/a",
            "ghcr.io/A",
            "b\u{e4}r",
            "a:b/c",
        ] {
            assert!(repository(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_socket_has_a_path_that_the_kernel_takes() {
        let longest = format!("/{}", "a".repeat(SOCKET_MAX - 1));
        assert_eq!(socket(&longest), Ok(longest.clone().into()));
        for text in ["", "a.sock", "./a", &format!("{longest}a")] {
            assert!(socket(text).is_err(), "{text}");
        }
    }
}
