//! What a path looks like from outside: enough to see that something changed, without reading contents.

use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::place::{DATA, is_behind};

/// Two equal ones of the same path mean that nothing changed between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    /// Looks at a directory and its entries, or at a file; what is missing has a fingerprint too.
    pub(crate) fn of(path: &Path) -> Self {
        let mut sum = entry(path);
        match fs::read_dir(path) {
            Ok(entries) => {
                let seen = |found: &std::io::Result<fs::DirEntry>| {
                    !found
                        .as_ref()
                        .is_ok_and(|found| is_behind(&found.file_name()))
                };
                for found in entries.filter(seen) {
                    // Added up, so that the order in which the system lists them does not matter.
                    let part =
                        found.map_or_else(|error| hash(error.kind()), |found| entry(&found.path()));
                    sum = sum.wrapping_add(part);
                }
            }
            Err(error) => sum = sum.wrapping_add(hash(error.kind())),
        }
        // What lies in a mounted volume is a symlink whose own metadata never changes.
        let version = path
            .parent()
            .and_then(|parent| fs::read_link(parent.join(DATA)).ok());
        Self(sum.wrapping_add(hash(version)))
    }
}

fn entry(path: &Path) -> u64 {
    let own = path.symlink_metadata().ok();
    let is_link = own.as_ref().is_some_and(Metadata::is_symlink);
    let link = is_link.then(|| (fs::read_link(path).ok(), looks(path.metadata().ok())));
    hash((path.file_name(), looks(own), link))
}

/// A directory is only itself here: what happens inside a deeper one is not watched.
fn looks(found: Option<Metadata>) -> Option<u64> {
    let found = found?;
    let contents = (found.size(), found.mtime(), found.mtime_nsec());
    let contents = (!found.is_dir()).then_some(contents);
    Some(hash((found.dev(), found.ino(), found.mode(), contents)))
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_kind_of_change_is_seen_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("layers");
        type Step<'a> = (&'a str, &'a dyn Fn(&Path));
        let changes: [Step<'_>; 9] = [
            ("made", &|dir| fs::create_dir(dir).unwrap()),
            ("file", &|dir| fs::write(dir.join("a"), "1").unwrap()),
            ("longer", &|dir| fs::write(dir.join("a"), "22").unwrap()),
            ("renamed over", &|dir| {
                fs::write(dir.join("../b"), "33").unwrap();
                fs::rename(dir.join("../b"), dir.join("a")).unwrap();
            }),
            ("other name", &|dir| {
                fs::rename(dir.join("a"), dir.join("c")).unwrap()
            }),
            ("link", &|dir| symlink("..v1", dir.join("..data")).unwrap()),
            ("swap", &|dir| {
                symlink("..v2", dir.join("..tmp")).unwrap();
                fs::rename(dir.join("..tmp"), dir.join("..data")).unwrap();
            }),
            ("sub-directory", &|dir| {
                fs::create_dir(dir.join("sub")).unwrap()
            }),
            ("removed", &|dir| fs::remove_dir_all(dir).unwrap()),
        ];
        let mut before = Fingerprint::of(&dir);
        for (what, change) in changes {
            change(&dir);
            let after = Fingerprint::of(&dir);
            assert_ne!(before, after, "{what}");
            assert_eq!(after, Fingerprint::of(&dir), "{what}, again");
            before = after;
        }
    }

    #[test]
    fn a_file_behind_a_link_changes_with_the_volume_and_a_deeper_directory_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        symlink("..data/a", dir.path().join("a")).unwrap();
        symlink("..v1", dir.path().join("..data")).unwrap();
        let before = Fingerprint::of(&dir.path().join("a"));
        symlink("..v2", dir.path().join("..tmp")).unwrap();
        fs::rename(dir.path().join("..tmp"), dir.path().join("..data")).unwrap();
        assert_ne!(before, Fingerprint::of(&dir.path().join("a")));

        fs::create_dir(dir.path().join("sub")).unwrap();
        let before = Fingerprint::of(dir.path());
        fs::write(dir.path().join("sub/deep"), "1").unwrap();
        assert_eq!(before, Fingerprint::of(dir.path()));
        fs::create_dir(dir.path().join("..v3")).unwrap();
        assert_eq!(
            before,
            Fingerprint::of(dir.path()),
            "a version that is not shown yet"
        );
    }
}
