//! Which files of the host a sandbox may see.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    sys::stat::{Mode, SFlag, fstat},
};

use crate::{Access, Root, Settings, nesting::Place, refusal::Refusal};

/// The kernel's places in a sandbox.
const KERNEL: &[&str] = &["/proc", "/sys", "/dev"];

/// Where a sandbox has its programs, and what they believe: who has which number and which rights.
const SYSTEM: &[&str] = &[
    "/bin", "/boot", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/usr",
];

/// Tells whether a source may be mounted, by text and by what lies there now.
///
/// The daemon resolves the text again when the container starts. What is swapped in between is not seen here.
#[derive(Debug)]
pub(crate) struct Binds {
    roots: Vec<Root>,
    /// Sockets that no sandbox may see, in a folder above or itself.
    sockets: [PathBuf; 2],
}

impl Binds {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            roots: settings.roots.clone(),
            sockets: [settings.listen.clone(), settings.daemon.clone()],
        }
    }

    /// Checks `source:destination[:options]`, and tells where it is mounted.
    pub(crate) fn check<'a>(&self, bind: &'a str) -> Result<Place<'a>, Refusal> {
        let parts: Vec<&str> = bind.split(':').collect();
        let (source, destination, options) = match parts.as_slice() {
            [source, destination] => (*source, *destination, ""),
            [source, destination, options] if !options.is_empty() => {
                (*source, *destination, *options)
            }
            _ => {
                return Err(Refusal::forbidden(format!(
                    "the bind `{bind}` is not `source:destination[:options]`"
                )));
            }
        };
        check_destination(destination)?;
        self.check_source(source, access(bind, options)?)?;
        Ok(Place::new(destination, Some(source)))
    }

    /// Checks a source that is to be mounted with this access.
    pub(crate) fn check_source(&self, source: &str, access: Access) -> Result<(), Refusal> {
        let no = |why: &str| Refusal::forbidden(format!("`{source}` may not be mounted: {why}"));
        if !is_clean(source) {
            return Err(no(
                "its path must be absolute and plain, without `.`, `..` or empty parts",
            ));
        }
        let path = Path::new(source);
        let within = self
            .roots
            .iter()
            .filter(|root| path.starts_with(&root.path));
        let Some(root) = within.max_by_key(|root| root.path.as_os_str().len()) else {
            return Err(no("it lies outside of what sandboxes may see"));
        };
        if access == Access::ReadWrite {
            let read_only = |root: &Root| root.access == Access::ReadOnly;
            if read_only(root) {
                return Err(no("it may be mounted with `ro` only"));
            }
            if self
                .roots
                .iter()
                .any(|root| read_only(root) && root.path.starts_with(path))
            {
                return Err(no("what lies in it may be mounted with `ro` only"));
            }
        }
        if self.sockets.iter().any(|socket| socket.starts_with(path)) {
            return Err(no("a Docker socket lies in it"));
        }
        look(source).map_err(|why| no(&why))
    }
}

/// Whether a path is absolute, and says itself in the one shortest way.
pub(crate) fn is_clean(path: &str) -> bool {
    let parts = path.strip_prefix('/').map(|path| path.split('/'));
    !path.contains([':', '\0'])
        && parts.is_some_and(|mut parts| parts.all(|part| !["", ".", ".."].contains(&part)))
}

/// Whether something may begin to work there: by its text, since links are followed inside the sandbox. A file that was
/// left open has a path below `/proc`, and that may lead out.
pub(crate) fn is_working_dir(path: &str) -> bool {
    ["", "/"].contains(&path) || (is_clean(path) && !is_below(path, KERNEL))
}

fn is_below(path: &str, places: &[&str]) -> bool {
    let path = Path::new(path);
    places.iter().any(|place| path.starts_with(place))
}

/// Refuses destinations over the system's own places.
pub(crate) fn check_destination(destination: &str) -> Result<(), Refusal> {
    let system = is_below(destination, KERNEL) || is_below(destination, SYSTEM);
    if is_clean(destination) && !system {
        return Ok(());
    }
    Err(Refusal::forbidden(format!(
        "nothing may be mounted at `{destination}`"
    )))
}

fn access(bind: &str, options: &str) -> Result<Access, Refusal> {
    let mut access = None;
    for option in options.split(',').filter(|_| !options.is_empty()) {
        match option {
            "ro" if access.is_none() => access = Some(Access::ReadOnly),
            "rw" if access.is_none() => access = Some(Access::ReadWrite),
            "z" | "Z" => {}
            _ => {
                return Err(Refusal::forbidden(format!(
                    "the option `{option}` of the bind `{bind}` is not `ro`, `rw`, `z` or `Z`, or there twice"
                )));
            }
        }
    }
    Ok(access.unwrap_or(Access::ReadWrite))
}

/// Says why the way from a source to what lies below it cannot be told: a link lies on it. What is missing is made.
pub(crate) fn look_along(source: &str, rest: &str) -> Result<(), String> {
    match opened(&format!("{source}/{rest}")) {
        Ok(_) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(said(errno)),
    }
}

/// Opens the path without following a link anywhere on it; says why it may not be mounted.
fn look(source: &str) -> Result<(), String> {
    let found = opened(source).map_err(said)?;
    let kind = SFlag::from_bits_truncate(fstat(found).map_err(said)?.st_mode) & SFlag::S_IFMT;
    match kind {
        SFlag::S_IFDIR | SFlag::S_IFREG => Ok(()),
        _ => Err("it is neither a folder nor a file".into()),
    }
}

fn opened(path: &str) -> Result<OwnedFd, Errno> {
    let top = open(
        "/",
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(
            ResolveFlag::RESOLVE_NO_SYMLINKS
                | ResolveFlag::RESOLVE_NO_MAGICLINKS
                | ResolveFlag::RESOLVE_BENEATH,
        );
    openat2(top, path.trim_start_matches('/'), how)
}

fn said(errno: Errno) -> String {
    match errno {
        Errno::ENOENT => "it does not exist".to_owned(),
        Errno::ELOOP | Errno::EXDEV => "a link lies on its path".to_owned(),
        Errno::ENOSYS | Errno::EPERM => {
            "this system cannot open paths without following links (openat2)".to_owned()
        }
        errno => format!("it cannot be opened: {}", errno.desc()),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink, os::unix::net::UnixListener};

    use super::*;

    struct Stage {
        folder: tempfile::TempDir,
        binds: Binds,
    }

    fn stage() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        for name in ["state/workspace/deep", "state/skills", "state/run", "other"] {
            fs::create_dir_all(top.join(name)).unwrap();
        }
        fs::write(top.join("state/workspace/file"), "").unwrap();
        symlink("/", top.join("state/workspace/link")).unwrap();
        symlink("deep", top.join("state/workspace/near")).unwrap();
        drop(UnixListener::bind(top.join("state/workspace/socket")).unwrap());
        let root = |name: &str, access| Root {
            path: top.join(name),
            access,
        };
        let settings = Settings {
            roots: vec![
                root("state", Access::ReadWrite),
                root("state/skills", Access::ReadOnly),
            ],
            listen: top.join("state/run/docker.sock"),
            ..Settings::default()
        };
        Stage {
            binds: Binds::new(&settings),
            folder,
        }
    }

    impl Stage {
        fn check(&self, bind: &str) -> Result<(), Refusal> {
            let top = self.folder.path().canonicalize().unwrap();
            let bind = bind.replace('@', top.to_str().unwrap());
            self.binds.check(&bind).map(drop)
        }
    }

    #[test]
    fn what_the_gateway_mounts_passes() {
        let stage = stage();
        for bind in [
            "@/state/workspace:/workspace:z",
            "@/state/workspace:/workspace",
            "@/state/workspace/deep:/w:rw,Z",
            "@/state/workspace/file:/w/file:ro",
            "@/state/skills:/workspace/.openclaw/sandbox-skills/skills:ro,z",
        ] {
            stage.check(bind).unwrap();
        }
    }

    #[test]
    fn all_else_is_refused() {
        let stage = stage();
        for bind in [
            "",
            ":",
            "/",
            "/workspace",
            "volume:/workspace",
            "/:/host",
            "@/other:/w",
            "@/stat:/w",
            "@/state/../other:/w",
            "@/state/./workspace:/w",
            "@/state//workspace:/w",
            "@/state/workspace/:/w",
            "@/state/absent:/w",
            "@/state/workspace/link:/w",
            "@/state/workspace/link/etc:/w",
            "@/state/workspace/near:/w",
            "@/state/workspace/socket:/w",
            "@/state/run:/w",
            "@/state/run:/w:ro",
            "@/state:/w:ro",
            "@/state/skills:/w",
            "@/state/skills:/w:z",
            "@/state/workspace:/w:",
            "@/state/workspace:/w:rw,ro",
            "@/state/workspace:/w:shared",
            "@/state/workspace:/w:rslave",
            "@/state/workspace:/w:nocopy",
            "@/state/workspace:/w:RO",
            "@/state/workspace:/w:ro,",
            "@/state/workspace:/w:ro:z",
            "@/state/workspace:w",
            "@/state/workspace:/",
            "@/state/workspace:/proc",
            "@/state/workspace:/sys/fs",
            "@/state/workspace:/dev/x",
            "@/state/workspace:/w/../proc",
            "/proc/self/root/etc:/w",
            "/var/run/docker.sock:/var/run/docker.sock",
        ] {
            assert!(stage.check(bind).is_err(), "{bind}");
        }
    }
}
