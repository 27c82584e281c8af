//! Whether a file is still the one that was read.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

/// Largest file that is read: tokens and certificates are far smaller.
const MAX_BYTES: u64 = 64 * 1024;
/// A file younger than this can change again without its times showing it.
const SETTLED: Duration = Duration::from_secs(2);

/// What the kernel says of a file, links followed: a swapped link shows as another file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of what `path` leads to; `None` when it leads nowhere.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether an equal stamp later means equal content.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH);
        let newest = self.modified.0.max(self.changed.0);
        now.is_ok_and(|now| now.as_secs() as i64 - newest > SETTLED.as_secs() as i64)
    }
}

/// The bytes of a small regular file, wiped after use.
pub(crate) fn read_secret(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Asked before the opening, which would wait for ever on a pipe.
    let metadata = path.metadata()?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        let message = "not a regular file of at most 64 KiB";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    // Room for the whole file at once: a buffer that grows would leave unwiped copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES as usize + 1));
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn a_new_content_or_target_changes_the_stamp() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        assert_eq!(Stamp::of(&path("missing")), None);
        fs::write(path("one"), "1").unwrap();
        fs::write(path("two"), "2").unwrap();
        symlink(path("one"), path("link")).unwrap();
        let first = Stamp::of(&path("link"));
        assert_eq!(first, Stamp::of(&path("one")));
        symlink(path("two"), path("new")).unwrap();
        fs::rename(path("new"), path("link")).unwrap();
        assert_ne!(first, Stamp::of(&path("link")));
        fs::write(path("one"), "longer").unwrap();
        assert_ne!(first, Stamp::of(&path("one")));
    }

    #[test]
    fn a_young_stamp_is_not_settled() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "1").unwrap();
        let stamp = Stamp::of(&path).unwrap();
        assert!(!stamp.is_settled(SystemTime::now()));
        assert!(stamp.is_settled(SystemTime::now() + Duration::from_secs(10)));
    }

    #[test]
    fn only_small_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        let big = directory.path().join("big");
        File::create(&big).unwrap().set_len(10 << 30).unwrap();
        for path in [directory.path(), &big, Path::new("/dev/zero")] {
            let kind = read_secret(path).map(|_| ()).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::InvalidInput, "{path:?}");
        }
    }
}
