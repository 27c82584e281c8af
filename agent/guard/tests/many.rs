//! Many streams at once: what each costs, and that nothing of them stays.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod support;

use std::{fs, io::Write, time::Duration};

use rustix::process::{Resource, getrlimit, setrlimit};
use support::{
    fake::{Act, Fake, ID, OVER, known},
    stream::attach,
    until,
};

const STREAMS: usize = 200;
const SAID: usize = 512 * 1024;
/// An exec whose stream takes all that is said, says nothing, and stays open.
const OPEN: &str = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

/// Bytes of memory that this process shares with nobody: guard, clients and daemon.
fn private() -> usize {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let kib = rollup
        .lines()
        .filter_map(|line| line.strip_prefix("Private_"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<usize>().ok());
    kib.sum::<usize>() * 1024
}

fn files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// The only test in its process, since it counts what the process has.
#[test]
fn a_stream_costs_little_and_leaves_nothing() {
    let mut files_at_most = getrlimit(Resource::Nofile);
    files_at_most.current = files_at_most.maximum;
    setrlimit(Resource::Nofile, files_at_most).unwrap();
    let fake = Fake::start(|request| known(request, OVER).unwrap_or(Act::Hang(OPEN)));
    let front = fake.front(Duration::from_secs(30), |_| {});
    // The first one pays for what all use.
    drop(attach(&front, ID, ""));
    until("nothing is open", || {
        front.streams() == 0.0 && fake.open() == 0
    });
    let (memory, before) = (private(), files());
    let clients: Vec<_> = (0..STREAMS)
        .map(|_| {
            let (status, mut stream) = attach(&front, ID, "");
            assert_eq!(status, 101);
            stream.write_all(&[b'x'; SAID]).unwrap();
            stream
        })
        .collect();
    assert_eq!(front.streams() as usize, STREAMS);
    let each = private().saturating_sub(memory) / STREAMS;
    println!(
        "{} KiB and {} files a stream",
        each / 1024,
        (files() - before) / STREAMS
    );
    assert!(each <= 256 * 1024, "{each} bytes a stream");
    drop(clients);
    until("no stream is open", || front.streams() == 0.0);
    until("all permits are back", || front.seen.live().is_empty());
    until("no file is open", || files() <= before);
}
