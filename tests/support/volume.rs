//! A folder as Kubernetes mounts a ConfigMap or a Secret: names that point into `..data`, which points at the version.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::launch::give;

static VERSION: AtomicU64 = AtomicU64::new(1);

/// A mounted volume whose content is swapped whole.
#[derive(Clone, Debug)]
pub struct Volume {
    folder: PathBuf,
    mode: u32,
}

impl Volume {
    /// An empty volume at `folder`, whose files get `mode`.
    pub(crate) fn mount(folder: &Path, mode: u32) -> Self {
        fs::create_dir_all(folder).unwrap();
        give(folder);
        let volume = Self {
            folder: folder.to_path_buf(),
            mode,
        };
        volume.publish(&[] as &[(&str, &str)]);
        volume
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Swaps the whole content at once, in the order in which the kubelet does: new version, `..data` renamed over,
    /// new names, old names gone, old version gone.
    pub fn publish<N: AsRef<str>, B: AsRef<[u8]>>(&self, files: &[(N, B)]) {
        let version = self.write_version(files);
        let before = fs::read_link(self.folder.join("..data")).ok();
        symlink(&version, self.folder.join("..data_tmp")).unwrap();
        fs::rename(self.folder.join("..data_tmp"), self.folder.join("..data")).unwrap();
        self.name(files);
        if let Some(before) = before {
            fs::remove_dir_all(self.folder.join(before)).unwrap();
        }
    }

    /// Swaps the content, changing or adding one file of it.
    pub fn set(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let mut files = self.files();
        files.retain(|(other, _)| other != name);
        files.push((name.to_owned(), bytes.as_ref().to_vec()));
        self.publish(&files);
    }

    /// Swaps the content, leaving one file out.
    pub fn remove(&self, name: &str) {
        let mut files = self.files();
        files.retain(|(other, _)| other != name);
        self.publish(&files);
    }

    /// The content now, in name order.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.folder.join("..data")).unwrap();
        let mut files: Vec<_> = entries
            .map(Result::unwrap)
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect();
        files.sort();
        files
    }

    fn write_version<N: AsRef<str>, B: AsRef<[u8]>>(&self, files: &[(N, B)]) -> String {
        let version = format!(
            "..2026_11_24_{:010}",
            VERSION.fetch_add(1, Ordering::Relaxed)
        );
        let folder = self.folder.join(&version);
        fs::create_dir(&folder).unwrap();
        give(&folder);
        for (name, bytes) in files {
            let file = folder.join(name.as_ref());
            fs::write(&file, bytes).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(self.mode)).unwrap();
            give(&file);
        }
        version
    }

    fn name<N: AsRef<str>, B>(&self, files: &[(N, B)]) {
        for (name, _) in files {
            let link = Path::new("..data").join(name.as_ref());
            match symlink(link, self.folder.join(name.as_ref())) {
                Err(why) if why.kind() != io::ErrorKind::AlreadyExists => panic!("{why}"),
                _ => {}
            }
        }
        for entry in fs::read_dir(&self.folder).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with("..") && !files.iter().any(|(kept, _)| kept.as_ref() == name) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_like_the_kubelet() {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::mount(&folder.path().join("v"), 0o644);
        volume.publish(&[("a", "1"), ("b", "2")]);
        assert_eq!(
            fs::read_link(volume.path().join("a")).unwrap(),
            Path::new("..data/a")
        );
        volume.set("a", "3");
        volume.remove("b");
        assert_eq!(volume.files(), [("a".to_owned(), b"3".to_vec())]);
        assert_eq!(fs::read(volume.path().join("a")).unwrap(), b"3");
        assert!(!volume.path().join("b").exists());
        let left = fs::read_dir(volume.path()).unwrap().count();
        assert_eq!(left, 3, "one name, ..data and one version");
    }
}
