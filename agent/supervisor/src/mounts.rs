//! Directories made read-only for this process and what it becomes, and for nobody else.
//!
//! A bind mount of a directory onto itself, in a mount namespace of our own, is read-only here
//! while the same directory stays writable outside. Root needs nothing more. Anybody else first
//! needs a user namespace, in which the own ids stay what they are; not every kernel or container
//! gives one. Mounts *below* such a directory are not carried over.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{getegid, geteuid};

use crate::Error;

const NO_PATH: Option<&'static Path> = None;

/// Makes the directories read-only. The process must have one thread only.
pub(crate) fn protect(dirs: &[PathBuf]) -> Result<(), Error> {
    if dirs.is_empty() {
        return Ok(());
    }
    own_namespace()?;
    dirs.iter().try_for_each(|dir| read_only(dir))
}

fn own_namespace() -> Result<(), Error> {
    if geteuid().is_root() {
        unshare(CloneFlags::CLONE_NEWNS).map_err(namespace("new mount namespace"))?;
    } else {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS;
        unshare(flags).map_err(namespace("new user and mount namespace"))?;
        map("setgroups", "deny")?;
        map("uid_map", &format!("{uid} {uid} 1"))?;
        map("gid_map", &format!("{gid} {gid} 1"))?;
    }
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(NO_PATH, "/", NO_PATH, private, NO_PATH).map_err(namespace("make mounts private"))
}

fn map(file: &'static str, line: &str) -> Result<(), Error> {
    fs::write(format!("/proc/self/{file}"), line)
        .map_err(|source| Error::Namespace { step: file, source })
}

fn namespace(step: &'static str) -> impl Fn(Errno) -> Error {
    move |errno| Error::Namespace {
        step,
        source: errno.into(),
    }
}

/// Binds the directory onto itself, takes the right to write away, and looks whether it is gone.
fn read_only(dir: &Path) -> Result<(), Error> {
    let refused = |step| {
        move |errno: Errno| Error::ReadOnly {
            dir: dir.to_owned(),
            step,
            source: errno.into(),
        }
    };
    mount(Some(dir), dir, NO_PATH, MsFlags::MS_BIND, NO_PATH).map_err(refused("bind"))?;
    let flags = MsFlags::MS_BIND
        | MsFlags::MS_REMOUNT
        | MsFlags::MS_RDONLY
        | MsFlags::MS_NOSUID
        | MsFlags::MS_NODEV
        | kept(statvfs(dir).map_err(refused("look"))?.flags());
    mount(NO_PATH, dir, NO_PATH, flags, NO_PATH).map_err(refused("remount"))?;
    match statvfs(dir)
        .map_err(refused("look again"))?
        .flags()
        .contains(FsFlags::ST_RDONLY)
    {
        true => Ok(()),
        false => Err(Error::ReadOnly {
            dir: dir.to_owned(),
            step: "still writable",
            source: io::ErrorKind::Unsupported.into(),
        }),
    }
}

/// Flags of the mount beneath that a user namespace is not allowed to drop.
fn kept(flags: FsFlags) -> MsFlags {
    [
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (FsFlags::ST_NOATIME, MsFlags::MS_NOATIME),
        (FsFlags::ST_NODIRATIME, MsFlags::MS_NODIRATIME),
        (FsFlags::ST_RELATIME, MsFlags::MS_RELATIME),
    ]
    .into_iter()
    .filter(|(held, _)| flags.contains(*held))
    .map(|(_, keep)| keep)
    .collect()
}
