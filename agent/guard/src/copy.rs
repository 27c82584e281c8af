//! Bytes from one socket to another, as fast as the slower side takes them.

use std::{io, os::fd::AsRawFd};

use nix::sys::socket::{Shutdown, shutdown};
use prometheus::IntCounter;
use tokio::net::UnixStream;

/// How much of one direction of a stream is on its way at most.
///
/// A copy of much at once wakes both sides seldom: that is quicker than splice(2), which saves the copy and hands on every
/// piece as it was written.
const BUFFER: usize = 128 * 1024;

/// Passes all that comes to the end, then says the end to the other side.
pub(crate) async fn pass(
    early: &[u8],
    from: &UnixStream,
    to: &UnixStream,
    bytes: &IntCounter,
) -> io::Result<()> {
    write(to, early, bytes).await?;
    copy(from, to, bytes).await?;
    Ok(shutdown(to.as_raw_fd(), Shutdown::Write)?)
}

async fn copy(from: &UnixStream, to: &UnixStream, bytes: &IntCounter) -> io::Result<()> {
    from.readable().await?;
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => write(to, &buffer[..count], bytes).await?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => from.readable().await?,
            Err(error) => return Err(error),
        }
    }
}

async fn write(to: &UnixStream, mut left: &[u8], bytes: &IntCounter) -> io::Result<()> {
    while !left.is_empty() {
        to.writable().await?;
        match to.try_write(left) {
            Ok(count) => {
                bytes.inc_by(count as u64);
                left = &left[count..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Everything that one end of a stream hears of what the other end says.
    async fn heard(said: &[u8]) -> Vec<u8> {
        let (mut speaker, from) = UnixStream::pair().unwrap();
        let (to, mut listener) = UnixStream::pair().unwrap();
        let bytes = IntCounter::new("bytes", "bytes").unwrap();
        let passing = async { pass(b"early ", &from, &to, &bytes).await.unwrap() };
        let speaking = async {
            speaker.write_all(said).await.unwrap();
            speaker.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (.., read) = tokio::join!(passing, speaking, listener.read_to_end(&mut heard));
        read.unwrap();
        assert_eq!(bytes.get(), heard.len() as u64);
        heard
    }

    #[tokio::test]
    async fn all_passes_to_its_end() {
        let said: Vec<u8> = (0..3_000_000_u32)
            .map(|count| count.to_le_bytes()[count as usize % 3])
            .collect();
        assert!(heard(&said).await == [b"early ", said.as_slice()].concat());
        assert_eq!(heard(b"").await, b"early ");
    }

    #[tokio::test]
    async fn a_listener_that_went_away_is_an_error() {
        let (mut speaker, from) = UnixStream::pair().unwrap();
        let (to, listener) = UnixStream::pair().unwrap();
        drop(listener);
        speaker.write_all(b"hello").await.unwrap();
        let bytes = IntCounter::new("bytes", "bytes").unwrap();
        pass(b"", &from, &to, &bytes).await.unwrap_err();
    }
}
