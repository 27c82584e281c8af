//! A gateway that speaks the wire and does on demand what the real one cannot be made to show: a hash that never comes,
//! answers out of order, a blocked event loop, a restart that fails.
//!
//! It watches the document as the real one does, checks it, applies it hot or over a restart, and answers HTTP and the
//! WebSocket protocol of version 4 on one port. What it does otherwise than the real one is in [`Knobs`], which a test
//! changes while it runs.

mod answers;
mod apply;
mod channels;
mod inside;
mod knobs;
mod page;
mod secrets;
mod session;
mod suspend;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinSet, LocalSet};

pub use channels::{dead_account, live_account};
pub use knobs::{Close, Knobs, Refusal};
use world::World;

/// A running fake. Dropped, it ends.
pub struct Fake {
    world: Arc<World>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    /// Starts one that reads `document` and listens on `port` of loopback, and waits until it serves or has refused to
    /// start, as the real one does with a document that it does not take.
    #[must_use]
    pub fn start(document: &Path, port: u16, knobs: Knobs) -> Self {
        let world = Arc::new(World::new(document.to_path_buf(), port, knobs));
        let inside = Arc::clone(&world);
        let thread = std::thread::spawn(move || live(&inside));
        let fake = Self {
            world,
            thread: Some(thread),
        };
        crate::until(
            "the fake gateway is up or dead",
            Duration::from_secs(10),
            || fake.world.is_settled(),
        );
        fake
    }

    /// Changes how it behaves, from now on.
    pub fn set(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.world.knobs.lock().unwrap());
    }

    /// Restarts it in place, as a signal or its own decision does: connections close with 1012, the port is closed for
    /// a while, the document is read anew. Also brings back one whose restart failed.
    pub fn restart(&self) {
        self.world.ask_restart();
    }

    /// Ends it without a word: connections break, the port is closed.
    pub fn kill(&self) {
        self.world.die();
    }

    /// Starts it again after [`Fake::kill`].
    pub fn revive(&self) {
        self.world.ask_restart();
        crate::until(
            "the fake gateway is up or dead",
            Duration::from_secs(10),
            || self.world.is_settled(),
        );
    }

    /// Stands still for a while: it takes connections, yet nothing is answered.
    pub fn block(&self, how_long: Duration) {
        *self.world.block.lock().unwrap() = Some(how_long);
    }

    /// Pushes the snapshot of health, as the real one does every 60 s.
    pub fn push_health(&self) {
        self.push("health", answers::health(&self.world));
    }

    /// Pushes an event to every connection.
    pub fn push(&self, event: &'static str, payload: Value) {
        self.world.tell(event, payload);
    }

    /// Closes every connection, with a code and a reason.
    pub fn close_all(&self, code: u16, reason: &str) {
        self.world.close_all(Close {
            after_calls: 0,
            code,
            reason: reason.to_owned(),
        });
    }

    /// Takes another token: connections made with the old one close with 4001.
    pub fn rotate_token(&self, token: &str) {
        self.set(|knobs| token.clone_into(&mut knobs.token));
        self.close_all(4001, "gateway auth changed");
    }

    /// The document that runs.
    #[must_use]
    pub fn running(&self) -> Value {
        self.world.state.lock().unwrap().running.clone()
    }

    /// How many documents were applied, the one of the start among them.
    #[must_use]
    pub fn applies(&self) -> usize {
        self.world.state.lock().unwrap().applies
    }

    /// Every method that was called, in order, `connect` among them.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.world.state.lock().unwrap().calls.clone()
    }

    /// Whether its port is open.
    #[must_use]
    pub fn is_up(&self) -> bool {
        *self.world.open.borrow()
    }

    /// Whether it is dead, or lives with its port closed after a restart that failed: only [`Fake::restart`] helps.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.world.state.lock().unwrap().phase == world::Phase::Down
    }

    /// Connections that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.world.state.lock().unwrap().connections
    }

    /// The document that it reads.
    #[must_use]
    pub fn document(&self) -> PathBuf {
        self.world.document.clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.world.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs until the fake is dropped. One thread, so that a blocked one blocks all of it.
fn live(world: &Arc<World>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, async {
        let mut parts = JoinSet::new();
        parts.spawn_local(apply::follow(Arc::clone(world)));
        parts.spawn_local(listen(Arc::clone(world)));
        parts.spawn_local(stand_still(Arc::clone(world)));
        world.ended().await;
    });
}

async fn stand_still(world: Arc<World>) {
    loop {
        if let Some(how_long) = world.block.lock().unwrap().take() {
            std::thread::sleep(how_long);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn listen(world: Arc<World>) {
    let mut open = world.open.subscribe();
    loop {
        let _ = open.wait_for(|open| *open).await;
        let Ok(listener) = bind(world.port) else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut served = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        served.spawn_local(serve(Arc::clone(&world), stream));
                    }
                }
                _ = open.wait_for(|open| !*open) => break,
            }
        }
        // Sessions end by themselves, with the words that they were told; the port is closed at once.
        drop(listener);
        tokio::time::timeout(Duration::from_secs(1), async {
            while served.join_next().await.is_some() {}
        })
        .await
        .ok();
    }
}

fn bind(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((std::net::Ipv4Addr::LOCALHOST, port).into())?;
    socket.listen(128)
}

/// One connection: HTTP or the protocol, told apart by the head of the request, which stays unread.
async fn serve(world: Arc<World>, stream: TcpStream) {
    let Some(head) = peek_head(&stream).await else {
        return;
    };
    if head.to_ascii_lowercase().contains("upgrade: websocket") {
        session::hold(world, stream).await;
    } else {
        page::answer(&world, stream, &head).await;
    }
}

async fn peek_head(stream: &TcpStream) -> Option<String> {
    let mut buffer = vec![0; 8192];
    for _ in 0..500 {
        let read = stream
            .peek(&mut buffer)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        if let Some(end) = buffer[..read]
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
        {
            return Some(String::from_utf8_lossy(&buffer[..end]).into_owned());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}
