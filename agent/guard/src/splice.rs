//! Bytes from one socket to another, by the kernel alone where it can.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice},
    sys::socket::{Shutdown, shutdown},
    unistd::pipe2,
};
use prometheus::IntCounter;
use tokio::{io::Interest, net::UnixStream};

/// How much of one direction of a stream is on its way at most.
const BUFFER: usize = 256 * 1024;

/// Passes all that comes to the end, then says the end to the other side.
pub(crate) async fn pass(
    early: &[u8],
    from: &UnixStream,
    to: &UnixStream,
    bytes: &IntCounter,
) -> io::Result<()> {
    write(to, early, bytes).await?;
    match by_kernel(from, to, bytes).await {
        Err(error) if error.raw_os_error().is_some_and(is_no_way) => {
            by_hand(from, to, bytes).await?;
        }
        passed => passed?,
    }
    Ok(shutdown(to.as_raw_fd(), Shutdown::Write)?)
}

/// Whether it is the way that failed: this kernel has none, or no more files for a pipe.
fn is_no_way(error: i32) -> bool {
    [Errno::EINVAL, Errno::EMFILE, Errno::ENFILE].contains(&Errno::from_raw(error))
}

/// Through a pipe, without a copy in this process. A kernel that cannot says so before anything has passed.
async fn by_kernel(from: &UnixStream, to: &UnixStream, bytes: &IntCounter) -> io::Result<()> {
    from.readable().await?;
    let (out, into) = pipe()?;
    loop {
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
        let fill = || Ok(splice(from, None, &into, None, BUFFER, flags)?);
        let mut left = from.async_io(Interest::READABLE, fill).await?;
        if left == 0 {
            return Ok(());
        }
        bytes.inc_by(left as u64);
        while left > 0 {
            let empty = || Ok(splice(&out, None, to, None, left, flags)?);
            // What is in the pipe would be lost to another way.
            let emptied = to.async_io(Interest::WRITABLE, empty).await;
            left -= emptied.map_err(io::Error::other)?;
        }
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (out, into) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)?;
    // Where pipes are scarce it stays small, and slower.
    let _ = fcntl(
        &into,
        FcntlArg::F_SETPIPE_SZ(i32::try_from(BUFFER).unwrap_or(i32::MAX)),
    );
    Ok((out, into))
}

async fn by_hand(from: &UnixStream, to: &UnixStream, bytes: &IntCounter) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        from.readable().await?;
        match from.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => write(to, &buffer[..count], bytes).await?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
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
    async fn heard(said: &[u8], kernel: bool) -> Vec<u8> {
        let (mut speaker, from) = UnixStream::pair().unwrap();
        let (to, mut listener) = UnixStream::pair().unwrap();
        let bytes = IntCounter::new("bytes", "bytes").unwrap();
        let passing = async {
            if kernel {
                return pass(b"early ", &from, &to, &bytes).await.unwrap();
            }
            by_hand(&from, &to, &bytes).await.unwrap();
            drop(to);
        };
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
    async fn all_passes_to_its_end_by_either_way() {
        let said: Vec<u8> = (0..3_000_000_u32)
            .map(|count| count.to_le_bytes()[count as usize % 3])
            .collect();
        assert!(heard(&said, true).await == [b"early ", said.as_slice()].concat());
        assert!(heard(&said, false).await == said);
        assert_eq!(heard(b"", true).await, b"early ");
        assert_eq!(heard(b"", false).await, b"");
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
