//! The loop that accepts, and everything that hangs on it.

use std::{convert::Infallible, path::Path, sync::Arc, time::Duration};

use hyper::service::service_fn;
use service::{ConversationSettings, Drain, converse};
use tokio::{
    net::UnixStream,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc::Receiver, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{
    Activity, Ceilings, Error, Metrics, Settings,
    create::Rules,
    execs::Execs,
    handle::{self, Shared},
    hangup::HangUp,
    socket::{self, Socket},
    tasks::{Task, Tasks},
    upstream::Upstream,
};

/// How much is taken of a request head, and how long it, or the next request, is waited for.
const HEADS: ConversationSettings = ConversationSettings {
    header_timeout: Duration::from_secs(30),
    max_header_bytes: 32 * 1024,
};
/// The wait after the kernel gave no connection, for instance because files are used up.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Streams and execs that wait to be taken by the loop.
const WAITING: usize = 64;

/// The guard with its socket open.
pub struct Guard {
    socket: Socket,
    shared: Arc<Shared>,
    handed_in: Receiver<Task>,
}

impl Guard {
    /// Opens the socket; nothing is answered before [`Guard::run`]. A new container is held to the newest ceilings.
    pub async fn bind(
        settings: Settings,
        activity: Arc<dyn Activity>,
        metrics: Metrics,
        ceilings: watch::Receiver<Ceilings>,
    ) -> Result<Self, Error> {
        let mistakes = settings.mistakes();
        if !mistakes.is_empty() {
            return Err(Error::Settings(mistakes));
        }
        let socket = socket::bind(&settings).await?;
        let (tasks, handed_in) = Tasks::new(WAITING);
        let shared = Shared {
            rules: Rules::new(settings.clone()),
            upstream: Upstream::new(settings.daemon.clone(), settings.patience),
            settings,
            ceilings,
            activity,
            execs: Execs::default(),
            tasks,
            metrics,
        };
        Ok(Self {
            socket,
            shared: Arc::new(shared),
            handed_in,
        })
    }

    /// The path on which it listens.
    pub fn path(&self) -> &Path {
        &self.shared.settings.listen
    }

    /// Serves until the drain starts, then lets running requests and streams end until it expires.
    pub async fn run(mut self, drain: Drain) {
        let mut connections = JoinSet::new();
        let mut tasks = JoinSet::new();
        let seats = Arc::new(Semaphore::new(self.shared.settings.max_connections));
        loop {
            tokio::select! {
                () = drain.signalled() => break,
                (stream, seat) = accept(&self.socket, &seats) => {
                    connections.spawn(serve(stream, seat, self.shared.clone(), drain.clone()));
                }
                Some(task) = self.handed_in.recv() => {
                    tasks.spawn(task);
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            }
        }
        drop(self.socket);
        say_goodbye(connections, tasks, self.handed_in, &self.shared, &drain).await;
    }
}

async fn accept(
    socket: &Socket,
    seats: &Arc<Semaphore>,
) -> (UnixStream, Option<OwnedSemaphorePermit>) {
    // It cannot fail: the semaphore is never closed.
    let seat = seats.clone().acquire_owned().await.ok();
    loop {
        match socket.listener.accept().await {
            Ok((stream, _)) => return (stream, seat),
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection of the gateway");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn serve(
    stream: UnixStream,
    seat: Option<OwnedSemaphorePermit>,
    shared: Arc<Shared>,
    drain: Drain,
) {
    let hang_up = HangUp::of(&stream);
    let answers = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(handle::answer(shared, request).await) }
    });
    tokio::select! {
        biased;
        () = converse(stream, answers, HEADS, drain) => {}
        // While an answer is on its way hyper does not look for the end of a client that said more.
        () = hang_up.came() => {}
    }
    drop(seat);
}

async fn say_goodbye(
    mut connections: JoinSet<()>,
    mut tasks: JoinSet<()>,
    mut handed_in: Receiver<Task>,
    shared: &Shared,
    drain: &Drain,
) {
    let streams = &shared.metrics.streams;
    let all_ended = async {
        while !connections.is_empty() || streams.get() > 0 {
            tokio::select! {
                Some(_) = connections.join_next() => {}
                Some(task) = handed_in.recv() => {
                    tasks.spawn(task);
                }
                Some(_) = tasks.join_next() => {}
            }
        }
    };
    let in_time = tokio::select! {
        () = all_ended => true,
        () = drain.expired() => false,
    };
    if !in_time {
        tracing::warn!(streams = streams.get(), "cutting streams of sandboxes off");
    }
}
