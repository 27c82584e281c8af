use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with a file that must be whole or absent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something other than a regular file is where a file should be.
    #[error("{} is a {found}, not a regular file", path.display())]
    NotRegular {
        /// Where it was found.
        path: PathBuf,
        /// What it is, in plain words.
        found: &'static str,
    },
    /// The file, or what it would become, is larger than the caller allows.
    #[error("{} is larger than {max} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The caller's limit.
        max: u64,
    },
    /// A directory holds more files than the caller allows.
    #[error("{} holds more than {max} files", path.display())]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// The caller's limit.
        max: usize,
    },
    /// A symlink in a mounted directory leads out of that directory.
    #[error("{} leads out of its directory", path.display())]
    Escapes {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// A mounted directory was swapped again and again while it was read.
    #[error("{} did not stand still while it was read", path.display())]
    Unsettled {
        /// The directory.
        path: PathBuf,
    },
    /// The kernel cannot resolve a path beneath a directory (openat2 is missing or forbidden).
    #[error("this kernel or its sandbox has no openat2, which reading {} needs", path.display())]
    Unsupported {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// The name is empty, too long, not UTF-8, or more than one path component.
    #[error("{name:?} is not a usable file name")]
    BadName {
        /// The name, escaped when printed.
        name: String,
    },
    /// A blob does not have the digest it is named by.
    #[error("{} does not hold what its name says", path.display())]
    Corrupt {
        /// The blob.
        path: PathBuf,
    },
    /// A value could not be turned into a record.
    #[error("cannot encode a record for {}", path.display())]
    Encode {
        /// The records file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A whole, undamaged record has another shape than expected, as a newer version may have written it.
    #[error("record {number} of {} has another shape than expected", path.display())]
    Decode {
        /// The records file.
        path: PathBuf,
        /// The record, counted from 1.
        number: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// Another process owns the directory.
    #[error("{} is owned by {}", path.display(), owner_text(*pid))]
    Owned {
        /// The directory.
        path: PathBuf,
        /// The owner, where it is known.
        pid: Option<u32>,
    },
    /// The system refused an operation.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What we were doing, as a verb.
        action: &'static str,
        /// To which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// The label of this error in metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NotRegular { .. } => "not_regular",
            Self::TooLarge { .. } => "too_large",
            Self::TooMany { .. } => "too_many",
            Self::Escapes { .. } => "escapes",
            Self::Unsettled { .. } => "unsettled",
            Self::Unsupported { .. } => "unsupported",
            Self::BadName { .. } => "bad_name",
            Self::Corrupt { .. } => "corrupt",
            Self::Encode { .. } => "encode",
            Self::Decode { .. } => "decode",
            Self::Owned { .. } => "owned",
            Self::Io { .. } if self.is_disk_full() => "disk_full",
            Self::Io { .. } => "io",
        }
    }

    /// Whether the file or directory is simply not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the disk, or our share of it, is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// For `map_err`: the operation and the path, joined with what the system says.
    pub(crate) fn io<E: Into<io::Error>>(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source: source.into(),
        }
    }
}

fn owner_text(pid: Option<u32>) -> String {
    pid.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    )
}
