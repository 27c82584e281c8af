//! The daemon's disk, as the file system of its data root tells it.

use std::io;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

/// Why a disk could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read how full the disk of {} is; is the daemon's data root mounted there?", path.display())]
pub struct DiskError {
    /// The daemon's data root.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// How much of something is used, and how much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// In use.
    pub used: u64,
    /// In use and free for the daemon; zero where there is no bound.
    pub total: u64,
}

impl Share {
    /// The used part as percent, 100 where more is used than there is; zero where there is no bound.
    #[must_use]
    pub fn percent(self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        // Far below 2^53 for every disk there is, and a watermark needs no more than a thousandth.
        (self.used as f64 * 100.0 / self.total as f64).min(100.0)
    }
}

/// How full the daemon's disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disk {
    /// Bytes of the file system, without what is reserved for its administrator.
    pub bytes: Share,
    /// Inodes of the file system.
    pub inodes: Share,
    /// Bytes that the daemon uses by its own account, where it was asked; what a budget is compared with.
    pub daemon_bytes: Option<u64>,
}

impl Disk {
    /// Reads the file system of the daemon's data root.
    ///
    /// # Errors
    /// [`DiskError`] where the path cannot be read.
    pub fn read(data_root: &Path) -> Result<Self, DiskError> {
        let stat = statvfs(data_root).map_err(|errno| DiskError {
            path: data_root.to_path_buf(),
            source: errno.into(),
        })?;
        Ok(Self {
            bytes: share(
                stat.blocks(),
                stat.blocks_free(),
                stat.blocks_available(),
                stat.fragment_size(),
            ),
            inodes: share(stat.files(), stat.files_free(), stat.files_available(), 1),
            daemon_bytes: None,
        })
    }

    /// The fullest of bytes, inodes and budget as percent.
    #[must_use]
    pub fn percent(&self, budget_bytes: Option<u64>) -> f64 {
        let budget = budget_bytes.map_or(0.0, |total| {
            let used = self.daemon_bytes.unwrap_or(self.bytes.used);
            Share { used, total }.percent()
        });
        self.bytes.percent().max(self.inodes.percent()).max(budget)
    }
}

/// What others than the administrator see: reserved blocks are neither used nor there.
fn share(all: u64, free: u64, available: u64, unit: u64) -> Share {
    let used = all.saturating_sub(free);
    Share {
        used: used.saturating_mul(unit),
        total: used.saturating_add(available).saturating_mul(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_a_folder_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::read(folder.path()).unwrap();
        assert!(disk.bytes.used > 0 && disk.bytes.used <= disk.bytes.total);
        let percent = disk.percent(None);
        assert!(percent > 0.0 && percent <= 100.0, "{percent}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Disk::read(Path::new("/no/such/root")).unwrap_err();
        assert!(error.to_string().contains("/no/such/root"));
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn the_fullest_counts() {
        let half = Share { used: 1, total: 2 };
        let three_quarters = Share { used: 3, total: 4 };
        let none = Share { used: 0, total: 0 };
        let cases = [
            (half, none, None, None, 50.0),
            (half, three_quarters, None, None, 75.0),
            (three_quarters, half, None, None, 75.0),
            (half, none, None, Some(10), 50.0),
            (half, none, Some(9), Some(10), 90.0),
            (half, none, Some(90), Some(10), 100.0),
            (Share { used: 8, total: 80 }, none, None, Some(10), 80.0),
            (none, none, None, None, 0.0),
        ];
        for (bytes, inodes, daemon_bytes, budget, wanted) in cases {
            let disk = Disk {
                bytes,
                inodes,
                daemon_bytes,
            };
            let seen = disk.percent(budget);
            assert!((seen - wanted).abs() < 1e-9, "{disk:?} {budget:?}: {seen}");
        }
    }

    #[test]
    fn reserved_blocks_are_neither_used_nor_there() {
        // 100 blocks of which 10 are free and 5 of those reserved: 90 used of 95.
        let seen = share(100, 10, 5, 4096);
        assert_eq!(seen.used, 90 * 4096);
        assert_eq!(seen.total, 95 * 4096);
    }
}
