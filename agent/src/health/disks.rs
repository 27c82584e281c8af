//! How full the disks are.

use std::path::Path;

use ::health::facts::{Disk, Volume};
use nix::sys::statvfs::{Statvfs, statvfs};

use super::Settings;

/// Every disk that can be read.
pub(super) fn read(settings: &Settings) -> Vec<Disk> {
    let daemon = settings.daemon.as_deref();
    let places = [
        (Volume::State, Some(settings.state.as_path())),
        (Volume::Daemon, daemon),
    ];
    let read = |(volume, path): (Volume, Option<&Path>)| Some(disk(volume, &statvfs(path?).ok()?));
    places.into_iter().filter_map(read).collect()
}

/// As a process without privileges finds it: what is reserved for the administrator is neither used nor free.
fn disk(volume: Volume, stat: &Statvfs) -> Disk {
    let used = stat.blocks().saturating_sub(stat.blocks_free());
    Disk {
        volume,
        used: part(used, used + stat.blocks_available()),
        inodes: part(
            stat.files().saturating_sub(stat.files_available()),
            stat.files(),
        ),
        free: Some(stat.blocks_available().saturating_mul(stat.fragment_size())),
    }
}

/// The used part; nothing where there is no bound, as with the inodes of some file systems.
fn part(used: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| used as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_read_as_a_part() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            state: dir.path().to_owned(),
            daemon: Some(dir.path().join("absent")),
            ..Settings::default()
        };
        let disks = read(&settings);
        assert_eq!(disks.len(), 1);
        let used = disks[0].used.unwrap();
        assert!((0.0..=1.0).contains(&used), "{used}");
        assert_eq!((part(1, 4), part(0, 0)), (Some(0.25), None));
    }
}
