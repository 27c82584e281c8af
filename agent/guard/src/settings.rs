//! The knobs of the guard.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::ApiVersion;

/// What the guard serves, to whom, and what it lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The path of the guard's own socket.
    pub listen: PathBuf,
    /// The permission bits of that socket.
    pub mode: u32,
    /// Who owns that socket.
    pub owner: Owner,
    /// The daemon's raw socket.
    pub daemon: PathBuf,
    /// The trees that sandboxes may mount; the deepest that contains a source decides.
    pub roots: Vec<Root>,
    /// The repositories whose images sandboxes may run, whatever the document names. Where none are given: the
    /// document's images, and OpenClaw's own repositories while no document is known.
    pub images: Option<Vec<String>>,
    /// The networks that sandboxes may join.
    pub networks: Vec<String>,
    /// The one network that may be created.
    pub browser_network: Option<String>,
    /// The most memory of one sandbox, given also to one that names no limit; the document may say less. Bounds tmpfs and shm too.
    pub memory_bytes: Option<i64>,
    /// The most CPU of one sandbox in billionths, given also to one that names no limit; the document may say less.
    pub nano_cpus: Option<i64>,
    /// The most processes of one sandbox, given also to one that names no limit; the document may say less.
    pub pids: Option<i64>,
    /// Whether images of the named repositories may be pulled.
    pub pull: Allowance,
    /// Whether a container or an exec may ask for root. What root writes into a bind is root's outside too.
    pub root_user: Allowance,
    /// The newest version of the API that is spoken.
    pub newest_api: ApiVersion,
    /// Connections at a time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// The longest wait for what the daemon knows. To begin an answer to anything else it has four times as long.
    pub patience: Duration,
}

/// Whether something passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// It passes.
    Allowed,
    /// It is refused.
    Refused,
}

/// A tree that sandboxes may mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its absolute path, on which no link may lie.
    pub path: PathBuf,
    /// How it may be mounted.
    pub access: Access,
}

/// How a tree may be mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read-only binds only.
    ReadOnly,
    /// Any bind.
    ReadWrite,
}

/// Owner of a socket; what is not named stays as the process makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
}

/// The network that the gateway makes for browsers.
const BROWSER_NETWORK: &str = "openclaw-sandbox-browser";

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "/run/pilotfish/docker.sock".into(),
            mode: 0o660,
            owner: Owner::default(),
            daemon: "/var/run/docker.sock".into(),
            roots: Vec::new(),
            images: None,
            networks: vec!["none".into(), BROWSER_NETWORK.into()],
            browser_network: Some(BROWSER_NETWORK.into()),
            memory_bytes: None,
            nano_cpus: None,
            pids: None,
            pull: Allowance::Refused,
            root_user: Allowance::Refused,
            newest_api: ApiVersion::NEWEST,
            max_connections: 256,
            patience: Duration::from_secs(30),
        }
    }
}

impl Settings {
    /// Everything that cannot be right, each as a sentence.
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        for path in [&self.listen, &self.daemon] {
            if !path.is_absolute() {
                mistakes.push(format!("{} is not an absolute path", path.display()));
            }
        }
        if self.listen == self.daemon {
            mistakes.push("the guard cannot listen on the daemon's own socket".into());
        }
        mistakes.extend(
            self.roots
                .iter()
                .filter_map(|root| root_mistake(&root.path)),
        );
        for network in &self.networks {
            if network == "host" || network.contains(':') || network.is_empty() {
                mistakes.push(format!("network `{network}` would break the sandbox open"));
            }
        }
        if !(ApiVersion::OLDEST..=ApiVersion::NEWEST).contains(&self.newest_api) {
            let (oldest, newest) = (ApiVersion::OLDEST, ApiVersion::NEWEST);
            mistakes.push(format!(
                "the newest API version must be from {oldest} to {newest}"
            ));
        }
        let ceilings = [self.memory_bytes, self.nano_cpus, self.pids];
        if ceilings.into_iter().flatten().any(|ceiling| ceiling <= 0) {
            mistakes.push("a ceiling of memory, CPU or processes must be above zero".into());
        }
        if self.mode & !0o777 != 0 {
            mistakes.push(format!("{:o} is no mode of a socket", self.mode));
        }
        mistakes
    }
}

fn root_mistake(path: &Path) -> Option<String> {
    let clean = path.to_str().is_some_and(crate::binds::is_clean);
    (!clean || path == Path::new("/")).then(|| {
        format!(
            "{} cannot be a root of binds: it must be absolute, without `.`, `..`, `:` or a slash at its end, and not the root of all",
            path.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_right() {
        assert_eq!(Settings::default().mistakes(), Vec::<String>::new());
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let root = |path: &str| Root {
            path: path.into(),
            access: Access::ReadOnly,
        };
        let settings = Settings {
            listen: "docker.sock".into(),
            roots: vec![root("/"), root("/a/../b"), root("/a/"), root("/fine")],
            networks: vec!["host".into(), "container:x".into(), "none".into()],
            newest_api: ApiVersion::minor(57),
            pids: Some(0),
            mode: 0o1777,
            ..Settings::default()
        };
        assert_eq!(settings.mistakes().len(), 9, "{:?}", settings.mistakes());
    }
}
