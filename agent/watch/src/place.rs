//! Where a watched path lives, and which events concern it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

/// The symlink that Kubernetes swaps to publish a new version of a whole volume.
pub(crate) const DATA: &str = "..data";

/// How the names of what lies behind that symlink begin: versions that come and go, and the link's next self. None of
/// them is read by its own name, so they are nobody's change.
const BEHIND: &[u8] = b"..";

/// A watched path as a directory to watch, and for a file its name in it.
///
/// A file is never watched itself: the watch would stay with the old file when a new one is renamed over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) file: Option<OsString>,
}

/// What an event means for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    None,
    /// What is there may have changed.
    Changed,
    /// The directory itself, or one above it, came, went or changed: its watches must be placed anew.
    Moved,
}

impl Place {
    /// The place of `path` by what is there now. Where nothing is, it waits for either a directory or a file.
    pub(crate) fn find(path: &Path) -> Self {
        // A dangling symlink counts as a file: in a mounted volume the next swap may bring it to life.
        let is_file = path.symlink_metadata().is_ok() && !path.is_dir();
        match (is_file, path.parent(), path.file_name()) {
            (true, Some(parent), Some(name)) => Self {
                dir: parent.to_path_buf(),
                file: Some(name.to_owned()),
            },
            _ => Self {
                dir: path.to_path_buf(),
                file: None,
            },
        }
    }

    /// The nearest directory above that is there; it tells when the directory itself comes or goes.
    pub(crate) fn anchor(&self) -> Option<&Path> {
        self.dir
            .ancestors()
            .skip(1)
            .find(|above| fs::metadata(above).is_ok_and(|found| found.is_dir()))
    }

    /// What an event at `path` means for this place.
    pub(crate) fn effect(&self, path: &Path) -> Effect {
        // A swapped volume may hold the directory behind a link that does not change itself.
        let swapped = path.parent().filter(|_| path.ends_with(DATA));
        if self.dir.starts_with(swapped.unwrap_or(path)) {
            return Effect::Moved;
        }
        match path.strip_prefix(&self.dir) {
            Ok(inside) if self.concerns(inside.as_os_str()) => Effect::Changed,
            _ => Effect::None,
        }
    }

    fn concerns(&self, name: &OsStr) -> bool {
        match &self.file {
            Some(file) => file == name,
            None => !is_behind(name),
        }
    }
}

/// Whether a name is one of those behind [`DATA`], and not that itself.
pub(crate) fn is_behind(name: &OsStr) -> bool {
    name != DATA && name.as_encoded_bytes().starts_with(BEHIND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_means_what_its_path_says() {
        let dir = Place {
            dir: "/a/b".into(),
            file: None,
        };
        let file = Place {
            dir: "/a/b".into(),
            file: Some("x.json5".into()),
        };
        let table = [
            ("/a/b/x.json5", Effect::Changed, Effect::Changed),
            ("/a/b/y.json5", Effect::Changed, Effect::None),
            ("/a/b/..data", Effect::Moved, Effect::Moved),
            ("/a/..data", Effect::Moved, Effect::Moved),
            ("/a/c/..data", Effect::None, Effect::None),
            ("/a/b/..data_tmp", Effect::None, Effect::None),
            ("/a/b/..2026_11_24", Effect::None, Effect::None),
            ("/a/b", Effect::Moved, Effect::Moved),
            ("/a", Effect::Moved, Effect::Moved),
            ("/", Effect::Moved, Effect::Moved),
            ("/a/bb", Effect::None, Effect::None),
            ("/a/c", Effect::None, Effect::None),
        ];
        for (path, for_dir, for_file) in table {
            assert_eq!(dir.effect(Path::new(path)), for_dir, "{path}");
            assert_eq!(file.effect(Path::new(path)), for_file, "{path}");
        }
    }

    #[test]
    fn a_place_follows_what_is_there() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("x");
        assert_eq!(Place::find(&path).file, None);
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert_eq!(Place::find(&path).file, Some("x".into()));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(Place::find(&path).dir, path);
        assert_eq!(
            Place::find(&path.join("y/z")).anchor(),
            Some(path.as_path())
        );
    }
}
