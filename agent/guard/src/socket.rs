//! The guard's own socket: never open to others than it is meant for, not for a moment.

use std::{
    fs, io,
    os::{fd::AsRawFd, unix::fs::FileTypeExt},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{AtFlags, OFlag, open},
    sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstat},
    unistd::{Gid, Uid, fchownat},
};
use tokio::net::{UnixListener, UnixStream};

use crate::{Error, Settings};

/// A listening socket whose path goes away with it.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "cannot remove the guard's socket");
        }
    }
}

/// Opens the socket under another name, gives it its mode and owner, and moves it to its path.
pub(crate) async fn bind(settings: &Settings) -> Result<Socket, Error> {
    let path = &settings.listen;
    let failed = |action| {
        let path = path.clone();
        move |source| Error::Socket {
            action,
            path,
            source,
        }
    };
    make_room(path).await?;
    let early = path.with_extension(format!("{}.new", std::process::id()));
    match fs::remove_file(&early) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("clear the place of")(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(&early).map_err(failed("open"))?;
    let mut socket = Socket {
        listener,
        path: early,
    };
    give(&socket.path, settings).map_err(failed("give away"))?;
    fs::rename(&socket.path, path).map_err(failed("move into place"))?;
    socket.path.clone_from(path);
    Ok(socket)
}

async fn make_room(path: &Path) -> Result<(), Error> {
    let path_owned = || path.to_owned();
    match fs::symlink_metadata(path) {
        Err(_) => Ok(()),
        Ok(found) if !found.file_type().is_socket() => {
            Err(Error::NotASocket { path: path_owned() })
        }
        Ok(_) => match UnixStream::connect(path).await {
            Ok(_) => Err(Error::InUse { path: path_owned() }),
            Err(_) => Ok(()),
        },
    }
}

/// By descriptor: what lies at the path may be swapped by whoever may write its folder.
fn give(path: &Path, settings: &Settings) -> io::Result<()> {
    let handle = open(
        path,
        OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let kind = SFlag::from_bits_truncate(fstat(&handle)?.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFSOCK {
        return Err(io::Error::other("somebody put something else in its place"));
    }
    let (uid, gid) = (
        settings.owner.uid.map(Uid::from_raw),
        settings.owner.gid.map(Gid::from_raw),
    );
    if uid.is_some() || gid.is_some() {
        fchownat(&handle, "", uid, gid, AtFlags::AT_EMPTY_PATH)?;
    }
    let by_handle = format!("/proc/self/fd/{}", handle.as_raw_fd());
    let mode = Mode::from_bits_truncate(settings.mode);
    fchmodat(
        nix::fcntl::AT_FDCWD,
        by_handle.as_str(),
        mode,
        FchmodatFlags::FollowSymlink,
    )?;
    Ok(())
}
