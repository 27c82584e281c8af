//! A proxy before the daemon's socket that spoils its event stream.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, copy_bidirectional,
};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// What becomes of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    /// Each comes so much later.
    Delay(Duration),
    /// Each comes three times.
    Repeat,
    /// Those of one moment come the other way round.
    Reverse,
    /// After each the stream is cut.
    Cut,
    /// None comes.
    Swallow,
}

/// A proxy, and how many streams it opened.
pub struct Proxy {
    pub socket: PathBuf,
    pub streams: Arc<AtomicUsize>,
}

/// Begins a proxy in a folder.
pub fn begin(folder: &Path, daemon: PathBuf, spoil: Spoil) -> Proxy {
    let socket = folder.join("proxy.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let streams = Arc::new(AtomicUsize::new(0));
    let counted = streams.clone();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let (daemon, counted) = (daemon.clone(), counted.clone());
            // A connection that breaks is the daemon's end, or the client's.
            tokio::spawn(async move { drop(pass(client, &daemon, spoil, &counted).await) });
        }
    });
    Proxy { socket, streams }
}

async fn pass(
    mut client: UnixStream,
    daemon: &Path,
    spoil: Spoil,
    streams: &AtomicUsize,
) -> std::io::Result<()> {
    let mut upstream = UnixStream::connect(daemon).await?;
    let mut first = vec![0; 16 << 10];
    let read = client.read(&mut first).await?;
    upstream.write_all(&first[..read]).await?;
    let is_stream = String::from_utf8_lossy(&first[..read]).contains("/events?");
    if !is_stream {
        copy_bidirectional(&mut client, &mut upstream).await?;
        return Ok(());
    }
    streams.fetch_add(1, Ordering::SeqCst);
    let (mut gone, client) = client.into_split();
    tokio::select! {
        end = spoiled(BufReader::new(upstream), client, spoil) => end,
        // The client hangs up.
        _ = async { copy(&mut gone, &mut tokio::io::sink()).await } => Ok(()),
    }
}

/// Reads the daemon's chunks, one event each, and writes them as they are to be.
async fn spoiled(
    mut upstream: BufReader<UnixStream>,
    mut client: tokio::net::unix::OwnedWriteHalf,
    spoil: Spoil,
) -> std::io::Result<()> {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        upstream.read_line(&mut line).await?;
        client.write_all(line.as_bytes()).await?;
    }
    let (sender, mut events) = tokio::sync::mpsc::channel(1024);
    let read = async move {
        while let Some(event) = chunk(&mut upstream).await? {
            let _ = sender.send((Instant::now(), event)).await;
        }
        Ok(())
    };
    let write = async move {
        while let Some((came, event)) = events.recv().await {
            match spoil {
                Spoil::Delay(time) => {
                    sleep_until(came + time).await;
                    write(&mut client, &event).await?;
                }
                Spoil::Repeat => {
                    for _ in 0..3 {
                        write(&mut client, &event).await?;
                    }
                }
                Spoil::Reverse => {
                    let mut together = vec![event];
                    sleep(Duration::from_millis(700)).await;
                    while let Ok(Some((_, event))) = timeout(Duration::ZERO, events.recv()).await {
                        together.push(event);
                    }
                    for event in together.iter().rev() {
                        write(&mut client, event).await?;
                    }
                }
                Spoil::Cut => return write(&mut client, &event).await,
                Spoil::Swallow => {}
            }
        }
        Ok(())
    };
    tokio::select! {
        end = read => end,
        end = write => end,
    }
}

async fn chunk(upstream: &mut BufReader<UnixStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut size = String::new();
    if upstream.read_line(&mut size).await? == 0 {
        return Ok(None);
    }
    let size = usize::from_str_radix(size.trim(), 16).unwrap();
    let mut bytes = vec![0; size + 2];
    upstream.read_exact(&mut bytes).await?;
    bytes.truncate(size);
    Ok((size > 0).then_some(bytes))
}

async fn write(client: &mut tokio::net::unix::OwnedWriteHalf, event: &[u8]) -> std::io::Result<()> {
    let head = format!("{:x}\r\n", event.len());
    client.write_all(head.as_bytes()).await?;
    client.write_all(event).await?;
    client.write_all(b"\r\n").await
}
