//! Containers by the dozen, made and removed with bollard alone.

use std::path::Path;

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptions, RemoveContainerOptionsBuilder,
    StartContainerOptions, WaitContainerOptions,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use support::SANDBOX_IMAGE;
use tokio::runtime::{Builder, Runtime};

/// How many containers are made or removed at a time; the agent removes as many.
const IN_FLIGHT: usize = 16;

/// How long bollard waits for an answer, in seconds.
const PATIENCE: u64 = 300;

/// What a container is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Made, never started.
    Created,
    /// Started, and ended by itself.
    Dead,
    /// Running, and deaf to SIGTERM as a shell that waits is.
    Running,
}

/// A client of the daemon's raw socket.
pub struct Fleet {
    docker: Docker,
    runtime: Runtime,
}

impl Fleet {
    /// Of the daemon behind `socket`.
    pub fn new(socket: &Path) -> Self {
        let socket = socket.to_str().unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let docker = runtime.block_on(async {
            Docker::connect_with_unix(socket, PATIENCE, bollard::API_DEFAULT_VERSION).unwrap()
        });
        Self { docker, runtime }
    }

    /// Makes `count` containers, alike but for their names and this label; their ids.
    pub fn make(&self, label: &str, count: usize, stage: Stage) -> Vec<String> {
        let made = stream::iter(0..count)
            .map(|number| self.one(label, number, stage))
            .buffer_unordered(IN_FLIGHT / 2)
            .try_collect();
        self.runtime.block_on(made).unwrap()
    }

    async fn one(
        &self,
        label: &str,
        number: usize,
        stage: Stage,
    ) -> Result<String, bollard::errors::Error> {
        let (key, value) = label.split_once('=').unwrap();
        let session = format!("agent:main:{value}-{number}");
        let labels = [(key, value), ("openclaw.sessionKey", session.as_str())];
        let command: &[&str] = match stage {
            Stage::Dead => &["true"],
            Stage::Created | Stage::Running => &["sleep", "infinity"],
        };
        let body = ContainerCreateBody {
            image: Some(SANDBOX_IMAGE.to_owned()),
            cmd: Some(command.iter().map(ToString::to_string).collect()),
            labels: Some(
                labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
            host_config: Some(HostConfig {
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default().build();
        let id = self.docker.create_container(Some(options), body).await?.id;
        if stage != Stage::Created {
            self.start(&id).await?;
        }
        if stage == Stage::Dead {
            let ended = self
                .docker
                .wait_container(&id, None::<WaitContainerOptions>);
            ended.try_for_each(|_| async { Ok(()) }).await?;
        }
        Ok(id)
    }

    async fn start(&self, id: &str) -> Result<(), bollard::errors::Error> {
        let options = None::<StartContainerOptions>;
        self.docker.start_container(id, options).await
    }

    /// Starts one that was made.
    pub fn start_one(&self, id: &str) {
        self.runtime.block_on(self.start(id)).unwrap();
    }

    /// Removes all of them, so many at a time, and nothing else: no look at their life, no report.
    pub fn remove(&self, ids: &[String]) {
        let options: RemoveContainerOptions = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        let removed = stream::iter(ids)
            .map(|id| self.docker.remove_container(id, Some(options.clone())))
            .buffer_unordered(IN_FLIGHT)
            .try_for_each(|()| async { Ok(()) });
        self.runtime.block_on(removed).unwrap();
    }
}
