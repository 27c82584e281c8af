//! The kubelet's swap of a mounted volume, in parts, so that its rename can be timed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use support::Volume;

static VERSION: AtomicU64 = AtomicU64::new(1);

/// A new version of a volume that lies beside the old one.
pub struct Swap {
    folder: PathBuf,
    before: PathBuf,
}

impl Swap {
    /// Writes the new version: the old one with one file changed. The file's name must be there already.
    pub fn prepare(volume: &Volume, name: &str, text: &str) -> Self {
        let folder = volume.path().to_path_buf();
        let before = folder.join(fs::read_link(folder.join("..data")).unwrap());
        let version = format!("..bench_{:010}", VERSION.fetch_add(1, Ordering::Relaxed));
        fs::create_dir(folder.join(&version)).unwrap();
        for (file, bytes) in volume.files() {
            let place = folder.join(&version).join(&file);
            fs::write(
                &place,
                if file == name {
                    text.as_bytes()
                } else {
                    &bytes
                },
            )
            .unwrap();
            fs::set_permissions(place, fs::Permissions::from_mode(0o644)).unwrap();
        }
        symlink(&version, folder.join("..data_tmp")).unwrap();
        Self { folder, before }
    }

    /// Swaps, and says when that began.
    pub fn rename(&self) -> Instant {
        let (from, to) = (self.folder.join("..data_tmp"), self.folder.join("..data"));
        let now = Instant::now();
        fs::rename(from, to).unwrap();
        now
    }

    /// Removes the old version.
    pub fn clean(self) {
        fs::remove_dir_all(self.before).unwrap();
    }
}
