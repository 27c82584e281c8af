//! A Docker daemon behind its Unix socket. The only place that names bollard.
//!
//! bollard sends no API version, cannot read the disk use of daemons below API 1.52, and reads long events in
//! quadratic time: paths get the negotiated version here, and [`wire`] asks for the other two.

mod events;
mod listing;
mod meaning;
mod removing;
mod shown;
mod trial;
mod wire;

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use bollard::errors::Error;
use bollard::query_parameters::{
    CreateImageOptionsBuilder, ImportImageOptionsBuilder, InspectContainerOptions,
    InspectContainerOptionsBuilder, StatsOptionsBuilder, StopContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use hyper::Method;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::meaning::{broken, late, named, refused};
use self::wire::{WireError, ask};
use crate::{
    Clock, Engine, EngineError, EngineVersion, Event, Found, Id, ImageFacts, Listing, Meaning,
    Running, Target, Usage,
};

/// How long a plain question may take.
const ASK: Duration = Duration::from_secs(10);

/// How long a listing, or a look at what has to be measured, may take.
const LIST: Duration = Duration::from_secs(60);

/// How long a removal may take beyond a grace.
const REMOVE: Duration = Duration::from_secs(60);

/// How long bollard waits for the head of an answer: longer than any of ours.
const BOLLARD: u64 = 24 * 60 * 60;

/// How far back events are told again at the start: a daemon answers before it subscribes.
const LOOK_BACK_SECONDS: i64 = 2;

/// A piece of an archive that is sent.
const PIECE: usize = 64 << 10;

/// The largest answer that is read of what bollard cannot read.
const ANSWER_MAX: usize = 64 << 20;

/// Where the daemon is, and what of it is ours.
#[derive(Debug, Clone)]
pub struct DockerSettings {
    /// Its Unix socket.
    pub socket: PathBuf,
    /// The gateway's folder `sandbox/skills-workspaces`, as the daemon names it.
    pub skills: Option<PathBuf>,
    /// Whether nobody else uses the daemon. Only then layers and build cache are looked at.
    pub daemon_is_ours: bool,
}

impl DockerSettings {
    /// The daemon behind a socket, shared with others.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            skills: None,
            daemon_is_ours: false,
        }
    }
}

/// A Docker daemon, from API 1.41 on.
pub struct Docker {
    settings: DockerSettings,
    clock: Clock,
    known: Mutex<Option<Known>>,
}

/// A daemon whose version is known.
#[derive(Clone)]
struct Known {
    client: bollard::Docker,
    version: EngineVersion,
}

impl Docker {
    /// The daemon, which is asked for nothing yet. Its times become moments by `clock`.
    #[must_use]
    pub fn new(settings: DockerSettings, clock: Clock) -> Self {
        Self {
            settings,
            clock,
            known: Mutex::new(None),
        }
    }

    /// The client, after the version is agreed on.
    async fn known(&self) -> Result<Known, Error> {
        let mut known = self.known.lock().await;
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        let fresh = connect(&self.settings.socket).await?;
        *known = Some(fresh.clone());
        Ok(fresh)
    }

    /// Asks through bollard, and waits for the answer so long.
    async fn call<T, F>(
        &self,
        action: &str,
        time: Duration,
        call: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let answer = async { call(self.known().await?.client).await };
        let answer = timeout(time, answer).await.map_err(|_| late(action))?;
        answer.map_err(|error| refused(action, error))
    }

    /// Asks for JSON by hand. `target` follows the version.
    async fn fetch<T: serde::de::DeserializeOwned>(
        &self,
        action: &str,
        method: Method,
        target: &str,
    ) -> Result<T, EngineError> {
        let known = self.call(action, ASK, |_| self.known()).await?;
        let target = format!("/v{}{target}", known.version.api);
        let answer = async {
            let answer = ask(&self.settings.socket, method, &target).await?;
            let bytes = answer.all(ANSWER_MAX).await?;
            Ok(serde_json::from_slice(&bytes)?)
        };
        let answer: Result<Result<T, WireError>, _> = timeout(REMOVE, answer).await;
        let answer = answer.map_err(|_| late(action))?;
        answer.map_err(|error| broken(action, error))
    }
}

/// Connects, agrees on a version, and puts that version before every path.
async fn connect(socket: &Path) -> Result<Known, Error> {
    let path = socket.to_string_lossy();
    let client = bollard::Docker::connect_with_unix(&path, BOLLARD, bollard::API_DEFAULT_VERSION)?
        .negotiate_version()
        .await?;
    let version = client.version().await?.version.unwrap_or_default();
    let api = client.client_version();
    let api = format!("{}.{}", api.major_version, api.minor_version);
    let prefix = format!("/v{api}/");
    let client = client.with_request_modifier(move |mut request| {
        // `unix://<socket in hex>/<path>`: the third slash begins the path.
        let uri = request.uri().to_string();
        let versioned = uri.split_once("://").and_then(|(scheme, rest)| {
            let (socket, path) = rest.split_once('/')?;
            format!("{scheme}://{socket}{prefix}{path}").parse().ok()
        });
        if let Some(versioned) = versioned {
            *request.uri_mut() = versioned;
        }
        request
    });
    let version = EngineVersion { version, api };
    Ok(Known { client, version })
}

#[async_trait]
impl Engine for Docker {
    async fn ping(&self) -> Result<(), EngineError> {
        let ping = |client: bollard::Docker| async move { client.ping().await };
        self.call("be reached", ASK, ping).await?;
        Ok(())
    }

    async fn version(&self) -> Result<EngineVersion, EngineError> {
        *self.known.lock().await = None;
        let known = self.call("tell its version", ASK, |_| self.known());
        Ok(known.await?.version)
    }

    async fn events(&self) -> Result<BoxStream<'static, Result<Event, EngineError>>, EngineError> {
        const ACTION: &str = "tell what happens";
        let known = self.call(ACTION, ASK, |_| self.known()).await?;
        let since = jiff::Timestamp::now().as_second() - LOOK_BACK_SECONDS;
        let stream = events::subscribe(&self.settings.socket, &known.version.api, since);
        let stream = timeout(ASK, stream).await.map_err(|_| late(ACTION))?;
        let stream = stream.map_err(|error| broken(ACTION, error))?;
        Ok(stream.map_err(|error| broken(ACTION, error)).boxed())
    }

    async fn list(&self) -> Result<Listing, EngineError> {
        self.everything().await
    }

    async fn inspect(&self, id: Id) -> Result<Option<Found>, EngineError> {
        let text = id.to_string();
        let look =
            |client: bollard::Docker| async move { client.inspect_container(&text, None).await };
        match self.call("show a container", ASK, look).await {
            Ok(shown) => Ok(shown::found(
                shown,
                self.settings.skills.as_deref(),
                &self.clock,
            )),
            Err(error) if error.meaning == Meaning::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn stats(&self, id: Id) -> Result<Usage, EngineError> {
        let id = id.to_string();
        let once = StatsOptionsBuilder::default()
            .stream(false)
            .one_shot(true)
            .build();
        let measure = |client: bollard::Docker| async move {
            let mut stats = client.stats(&id, Some(once));
            let stats = stats.next().await.unwrap_or_else(|| Err(closed()))?;
            let shown = client.inspect_container(&id, Some(sized())).await?;
            Ok(shown::usage(stats, shown.size_rw))
        };
        self.call("measure a container", LIST, measure).await
    }

    async fn written(&self, id: Id) -> Result<u64, EngineError> {
        let id = id.to_string();
        let weigh = |client: bollard::Docker| async move {
            client.inspect_container(&id, Some(sized())).await
        };
        let shown = self.call("weigh a container", ASK, weigh).await?;
        Ok(shown
            .size_rw
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or(0))
    }

    async fn stop(&self, id: Id, grace: Duration) -> Result<(), EngineError> {
        let id = id.to_string();
        let seconds = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let stop = |client: bollard::Docker| async move {
            client.stop_container(&id, Some(options)).await
        };
        self.call("stop a container", grace + REMOVE, stop).await
    }

    async fn remove(&self, target: &Target, running: Running) -> Result<u64, EngineError> {
        self.removed(target, running).await
    }

    async fn image(&self, name: &str) -> Result<Option<ImageFacts>, EngineError> {
        let look = |client: bollard::Docker| async move { client.inspect_image(name).await };
        match self.call("show an image", ASK, look).await {
            Ok(shown) => Ok(Some(ImageFacts {
                id: shown.id.unwrap_or_default(),
                digests: shown.repo_digests.unwrap_or_default(),
                user: shown.config.and_then(|config| config.user),
            })),
            Err(error) if error.meaning == Meaning::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn trial(&self, image: &str, script: &str) -> Result<i64, EngineError> {
        self.tried(image, script).await
    }

    async fn load_image(&self, archive: &Path) -> Result<(), EngineError> {
        const ACTION: &str = "load an image";
        let file = File::open(archive).await.map_err(|error| {
            let text = format!("cannot read {}: {error}", archive.display());
            named(ACTION, Meaning::Refused, io::Error::new(error.kind(), text))
        })?;
        let options = ImportImageOptionsBuilder::default().quiet(true).build();
        let load = |client: bollard::Docker| async move {
            let answer = client.import_image_stream(options, pieces(file), None);
            answer.try_for_each(|_| async { Ok(()) }).await
        };
        self.call(ACTION, Duration::MAX, load).await
    }

    async fn pull(&self, name: &str) -> Result<(), EngineError> {
        let options = CreateImageOptionsBuilder::default()
            .from_image(&tagged(name))
            .build();
        let pull = |client: bollard::Docker| async move {
            let answer = client.create_image(Some(options), None, None);
            answer.try_for_each(|_| async { Ok(()) }).await
        };
        self.call("pull an image", Duration::MAX, pull).await
    }
}

/// A look that measures what a container wrote.
fn sized() -> InspectContainerOptions {
    InspectContainerOptionsBuilder::default().size(true).build()
}

/// A name that names one image: without a tag or digest, a daemon pulls all there are.
fn tagged(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) {
        return name.to_owned();
    }
    format!("{name}:latest")
}

fn closed() -> Error {
    io::Error::from(io::ErrorKind::UnexpectedEof).into()
}

/// A file as it is sent.
fn pieces(file: File) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_image_is_pulled() {
        for (name, wanted) in [
            ("a", "a:latest"),
            ("a:b", "a:b"),
            ("host:5000/a", "host:5000/a:latest"),
            ("host:5000/a:b", "host:5000/a:b"),
            ("a@sha256:00", "a@sha256:00"),
        ] {
            assert_eq!(tagged(name), wanted);
        }
    }
}
