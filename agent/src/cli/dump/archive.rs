//! The archive: a folder of files in tar and gzip.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tar::{Builder, Header};

use super::File;

/// The folder that the archive unpacks to.
const FOLDER: &str = "pilotfish-support";

/// The bytes of an archive with these files.
pub(super) fn pack(files: &[File], now: Timestamp) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for file in files {
        let mut header = Header::new_gnu();
        header.set_mode(0o600);
        header.set_mtime(now.as_second().try_into().unwrap_or(0));
        header.set_size(file.text.len().try_into().unwrap_or(u64::MAX));
        let name = format!("{FOLDER}/{}", file.name);
        tar.append_data(&mut header, name, file.text.as_bytes())?;
    }
    tar.into_inner()?.finish()
}
