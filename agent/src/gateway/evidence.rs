//! The gateway's own log, from the moment a change was written.
//!
//! The file lies where the gateway can plant what it likes: it is opened without following a
//! link, only as a regular file, and read in bounded pieces. Without it, deadlines decide.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use serde_json::Value;

use super::said::{Said, said};

/// So much is read in one go; a line longer than this says nothing that we wait for.
const PIECE: usize = 64 << 10;

/// Of what came since the last look no more than the end is read: a gateway does not say so much in
/// a moment, and a planted file of 10 GB would hold up everything.
const MOST: u64 = 1 << 20;

/// A place in the log.
#[derive(Debug)]
pub struct Evidence {
    path: Option<PathBuf>,
    inode: u64,
    offset: u64,
    half: Vec<u8>,
}

impl Evidence {
    /// From the end of the log that this document names.
    pub fn from_now(document: &Value) -> Self {
        let path = document["logging"]["file"].as_str().map(PathBuf::from);
        let found = path.as_deref().and_then(open);
        Self {
            inode: found.as_ref().map_or(0, |(_, inode, _)| *inode),
            offset: found.map_or(0, |(_, _, length)| length),
            path,
            half: Vec::new(),
        }
    }

    /// What was said since the last look, oldest first.
    pub fn look(&mut self) -> Vec<Said> {
        let mut heard = Vec::new();
        let Some((mut file, inode, length)) = self.path.as_deref().and_then(open) else {
            return heard;
        };
        if inode != self.inode || length < self.offset {
            self.inode = inode;
            self.offset = 0;
            self.half.clear();
        }
        let unread = length.saturating_sub(MOST);
        if self.offset < unread {
            self.offset = unread;
            self.half.clear();
        }
        let mut piece = vec![0; PIECE];
        while self.offset < length {
            let read = file
                .seek(SeekFrom::Start(self.offset))
                .and_then(|_| file.read(&mut piece));
            let Ok(count @ 1..) = read else { break };
            self.offset += count as u64;
            self.hear(&piece[..count], &mut heard);
        }
        heard
    }

    fn hear(&mut self, bytes: &[u8], heard: &mut Vec<Said>) {
        self.half.extend_from_slice(bytes);
        let Some(end) = self.half.iter().rposition(|byte| *byte == b'\n') else {
            if self.half.len() > PIECE {
                self.half.clear();
            }
            return;
        };
        let whole: Vec<u8> = self.half.drain(..=end).collect();
        let lines = whole.split(|byte| *byte == b'\n');
        heard.extend(lines.filter_map(|line| said(std::str::from_utf8(line).ok()?)));
    }
}

fn open(path: &Path) -> Option<(File, u64, u64)> {
    let file = File::options()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)
        .ok()?;
    let found = file.metadata().ok()?;
    found.is_file().then(|| (file, found.ino(), found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write;

    #[test]
    fn only_what_comes_later_counts_and_rotation_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.log");
        let line = |message: &str| format!("{{\"message\":\"{message}\"}}\n");
        std::fs::write(&path, line("config reload failed: old")).unwrap();
        let mut evidence = Evidence::from_now(&json!({"logging": {"file": path}}));
        assert!(evidence.look().is_empty());
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"{\"message\":\"config hot rel").unwrap();
        assert!(evidence.look().is_empty(), "half a line says nothing");
        file.write_all(b"oad applied (x)\"}\n").unwrap();
        assert_eq!(evidence.look(), [Said::Applied]);
        std::fs::rename(&path, dir.path().join("gateway.log.1")).unwrap();
        std::fs::write(&path, line("config reload failed: new")).unwrap();
        assert_eq!(evidence.look(), [Said::ReloadFailed("new".to_owned())]);
    }

    #[test]
    fn of_a_huge_file_the_end_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.log");
        let mut evidence = Evidence::from_now(&json!({"logging": {"file": path}}));
        let mut file = File::create(&path).unwrap();
        file.set_len(10 << 30).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"\n{\"message\":\"config reload failed: new\"}\n")
            .unwrap();
        assert_eq!(evidence.look(), [Said::ReloadFailed("new".to_owned())]);
    }

    #[test]
    fn a_planted_link_or_pipe_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.log");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(open(&path).is_none());
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(open(&path).is_none());
    }
}
