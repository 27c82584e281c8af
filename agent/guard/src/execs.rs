//! Execs, each a use of its container from before its creation to its end.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hyper::{Method, Request, StatusCode, body::Incoming};
use serde::Deserialize;
use std::sync::Arc;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::{
    ApiVersion, Busy, answer,
    create::{read, write},
    exec_body::{CreateExec, StartExec},
    handle::{Context, Reply, Shared, body},
    lookup,
    refusal::Refusal,
    route::is_id,
    stream::{self, End},
    upstream::Call,
};

/// How long an exec that was made may wait for its start and still count as a use.
const START_WITHIN: Duration = Duration::from_secs(60);
/// Execs that wait for their start; more are forgotten, oldest first, and looked up when they start.
const MOST_WAITING: usize = 1024;
/// The first and the longest pause between two looks at an exec that nobody listens to.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// How long an exec that nobody listens to counts.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

type Permit = Box<dyn Any + Send>;

/// Execs that were made here and have not started.
#[derive(Default)]
pub(crate) struct Execs(Mutex<HashMap<String, Waiting>>);

struct Waiting {
    permit: Permit,
    since: Instant,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    running: bool,
    /// Nothing before its end.
    exit_code: Option<i64>,
}

/// How far an exec is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It was made; the daemon may have heard that it is to start, or not.
    Ahead,
    Running,
    Over,
}

impl Execs {
    /// Keeps a permit until its exec starts; gives up those that waited too long.
    fn wait(&self, id: String, permit: Permit) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST_WAITING {
            let oldest = waiting.iter().min_by_key(|(_, exec)| exec.since);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                waiting.remove(&oldest);
            }
        }
        waiting.insert(
            id,
            Waiting {
                permit,
                since: Instant::now(),
            },
        );
    }

    fn take(&self, id: &str) -> Option<Permit> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.remove(id).map(|exec| exec.permit)
    }
}

fn begin(context: &Context, container: &str) -> Result<Permit, Refusal> {
    let begun = context.guard.activity.begin(container);
    begun.map_err(|Busy| {
        Refusal::Busy(format!(
            "removal of container {container} is already in progress"
        ))
    })
}

/// `containers/{id}/exec`.
pub(crate) async fn create(context: &Context, container: &str, body: &[u8]) -> Reply {
    let mut create: CreateExec = read(body)?;
    create.check(&context.guard.limits())?;
    let permit = begin(context, container)?;
    let path = format!("/containers/{container}/exec");
    let call = Call::new(Method::POST, Some(context.version), path).json(write(&create)?);
    let (told, body) = context.guard.upstream.whole(call).await?.into_parts();
    let status = told.status;
    if status != StatusCode::CREATED {
        return Err(Refusal::Said(status, body));
    }
    let created: Created = lookup::read(&body)?;
    if !is_id(&created.id) {
        return Err(Refusal::Daemon(
            "the sandbox daemon named an exec without an id".into(),
        ));
    }
    keep(&context.guard, created.id, permit).await;
    Ok(answer::json(status, body))
}

/// Keeps the permit for the start of its exec, for a while.
async fn keep(guard: &Arc<Shared>, id: String, permit: Permit) {
    guard.execs.wait(id.clone(), permit);
    let guard_then = guard.clone();
    let forget = async move {
        sleep(START_WITHIN).await;
        guard_then.execs.take(&id);
    };
    guard.tasks.spawn(forget).await;
}

/// `exec/{id}/start`.
///
/// It is carried on when the client goes away meanwhile: the exec may have begun.
pub(crate) async fn start(context: Context, id: &str, mut request: Request<Incoming>) -> Reply {
    context.query.only(&[])?;
    let client = stream::is_asked(&request).then(|| hyper::upgrade::on(&mut request));
    let start: StartExec = read(&body(request).await?)?;
    let permit = match context.guard.execs.take(id) {
        Some(permit) => permit,
        None => {
            let (container, _) = lookup::exec(&context.guard.upstream, context.version, id).await?;
            begin(&context, &container)?
        }
    };
    let path = format!("/exec/{id}/start");
    let call = Call::new(Method::POST, Some(context.version), path).json(write(&start)?);
    let exec = Running {
        guard: context.guard.clone(),
        version: context.version,
        id: id.to_owned(),
        permit,
    };
    let tasks = context.guard.tasks.clone();
    let (say, hear) = oneshot::channel();
    let starting = async move {
        let reply = match (start.detach, client) {
            (true, _) => exec.detach(&context, call).await,
            (false, Some(client)) => {
                stream::open(&context, client, call, |end| exec.ended(end)).await
            }
            (false, None) => Err(Refusal::invalid(
                "an attached exec must be started with `Upgrade: tcp`",
            )),
        };
        // A client that went away hears nothing.
        let _ = say.send(reply);
    };
    tasks.spawn(starting).await;
    hear.await
        .unwrap_or_else(|_| Err(Refusal::Daemon("the guard is ending".into())))
}

/// An exec that was started here.
struct Running {
    guard: Arc<Shared>,
    version: ApiVersion,
    id: String,
    permit: Permit,
}

impl Running {
    async fn detach(self, context: &Context, call: Call) -> Reply {
        let reply = context.pass(call).await;
        let refused = reply.as_ref().is_ok_and(|said| !said.status().is_success());
        // A daemon that said nothing may have heard the call.
        if !refused {
            context.guard.tasks.spawn(self.follow()).await;
        }
        reply
    }

    async fn ended(self, end: End) {
        if end == End::Client {
            self.follow().await;
        }
    }

    /// Looks until the exec is over, each time after a longer pause.
    async fn follow(self) {
        let begun = Instant::now();
        let (mut pause, longest) = LOOKS;
        let Self {
            guard,
            version,
            id,
            permit,
        } = self;
        while begun.elapsed() < longest_life(look(&guard, version, &id).await) {
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
        drop(permit);
    }
}

/// How long an exec that is so far counts, from when nobody listened to it any more.
fn longest_life(life: Life) -> Duration {
    match life {
        Life::Ahead => START_WITHIN,
        Life::Running => LONGEST_LIFE,
        Life::Over => Duration::ZERO,
    }
}

/// A daemon that does not answer has not said that it is over.
async fn look(guard: &Shared, version: ApiVersion, id: &str) -> Life {
    let call = Call::get(version, format!("/exec/{id}/json"));
    match guard.upstream.ask(call).await {
        Ok((StatusCode::OK, body)) => match lookup::read::<Inspected>(&body) {
            Ok(exec) if exec.running => Life::Running,
            Ok(exec) if exec.exit_code.is_none() => Life::Ahead,
            _ => Life::Over,
        },
        Ok((StatusCode::NOT_FOUND, _)) => Life::Over,
        _ => Life::Running,
    }
}

/// `exec/{id}/resize`.
pub(crate) async fn resize(context: &Context, id: &str) -> Reply {
    context.query.only(&["h", "w"])?;
    lookup::exec(&context.guard.upstream, context.version, id).await?;
    let path = context.query.behind(&format!("/exec/{id}/resize"));
    context
        .pass(Call::new(Method::POST, Some(context.version), path))
        .await
}

/// `exec/{id}/json`.
pub(crate) async fn inspect(context: &Context, id: &str) -> Reply {
    context.query.only(&[])?;
    let (_, told) = lookup::exec(&context.guard.upstream, context.version, id).await?;
    Ok(answer::json(StatusCode::OK, told))
}
