//! Folders of skills that were made for sessions: listed and removed without following links.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// The most folders that are looked at.
const FOLDERS_MAX: usize = 10_000;

/// The gateway's folder `sandbox/skills-workspaces`, as this process sees it.
///
/// The gateway writes there, so no component of a path is believed to be a folder before it is opened as one.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    path: PathBuf,
}

impl Folders {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The names of the folders in it; none where it is not there.
    pub(crate) fn names(&self) -> io::Result<BTreeSet<String>> {
        let folder = match self.open() {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(through(&folder))?.take(FOLDERS_MAX) {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.insert(name);
            }
        }
        Ok(names)
    }

    /// Removes one of the folders, with what is in it; links in it go, what they lead to stays.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        if Path::new(name).file_name().is_none_or(|last| last != name) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a folder's name is one path component",
            ));
        }
        let folder = self.open()?;
        let path = through(&folder).join(name);
        // Where a link lies in its place, only a folder is removed, and a link is none.
        if !fs::symlink_metadata(&path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        fs::remove_dir_all(path)
    }

    fn open(&self) -> io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let links = ResolveFlags::NO_SYMLINKS;
        let folder = openat2(rustix::fs::CWD, &self.path, flags, Mode::empty(), links)?;
        Ok(folder)
    }
}

/// An open folder as a path that leads to no other.
fn through(folder: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_goes_and_what_links_lead_to_stays() {
        let stage = tempfile::tempdir().unwrap();
        let skills = stage.path().join("skills");
        let user = stage.path().join("workspace");
        fs::create_dir_all(skills.join("gone/deep")).unwrap();
        fs::create_dir_all(skills.join("stays")).unwrap();
        fs::create_dir_all(&user).unwrap();
        fs::write(user.join("file"), "x").unwrap();
        fs::write(skills.join("plain"), "x").unwrap();
        symlink(&user, skills.join("gone/deep/link")).unwrap();
        symlink(&user, skills.join("link")).unwrap();
        let folders = Folders::new(skills.clone());
        assert_eq!(
            folders.names().unwrap(),
            ["gone", "stays"].map(str::to_owned).into()
        );
        folders.remove("gone").unwrap();
        for name in ["link", "plain", "", "..", ".", "stays/..", "/etc", "none"] {
            assert!(folders.remove(name).is_err(), "{name}");
        }
        assert_eq!(folders.names().unwrap(), ["stays".to_owned()].into());
        assert!(user.join("file").exists());
    }

    #[test]
    fn a_link_on_the_way_there_is_not_followed() {
        let stage = tempfile::tempdir().unwrap();
        fs::create_dir_all(stage.path().join("workspace/mine")).unwrap();
        symlink(stage.path().join("workspace"), stage.path().join("skills")).unwrap();
        let folders = Folders::new(stage.path().join("skills"));
        assert!(folders.names().is_err());
        assert!(folders.remove("mine").is_err());
        assert!(stage.path().join("workspace/mine").exists());
        let absent = Folders::new(stage.path().join("absent"));
        assert!(absent.names().unwrap().is_empty());
    }
}
