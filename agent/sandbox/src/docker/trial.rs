//! A container that lives for one script, to see what an image can do.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptions,
};
use futures_util::StreamExt;
use hyper::StatusCode;

use super::{Docker, REMOVE, closed};
use crate::EngineError;

/// The label of a trial. It is no sandbox: it must not count as one while it lasts.
const LABEL: &str = "pilotfish.trial";

/// How long the script may take.
const TRIAL: Duration = Duration::from_secs(60);

/// The memory that it gets.
const MEMORY: i64 = 256 << 20;

/// The processes that it gets.
const PIDS: i64 = 64;

/// The exit code where the image has no `sh` that can be run.
const NO_SHELL: i64 = 127;

impl Docker {
    pub(super) async fn tried(&self, image: &str, script: &str) -> Result<i64, EngineError> {
        // What a process left behind that was ended in the middle of one.
        for left in self.containers(Some(("label", LABEL))).await? {
            self.remove_trial(left.id.unwrap_or_default()).await?;
        }
        let body = body(image, script);
        let create = |client: bollard::Docker| async move {
            let made = client.create_container(None::<CreateContainerOptions>, body);
            Ok(made.await?.id)
        };
        let id = self.call("make a trial", REMOVE, create).await?;
        let name = id.clone();
        let run = |client: bollard::Docker| async move { run(&client, &name).await };
        let code = self.call("run a trial", TRIAL, run).await;
        self.remove_trial(id).await?;
        code
    }

    async fn remove_trial(&self, id: String) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default()
            .v(true)
            .force(true)
            .build();
        let remove = |client: bollard::Docker| async move {
            client.remove_container(&id, Some(options)).await
        };
        self.call("remove a trial", REMOVE, remove).await
    }
}

async fn run(client: &bollard::Docker, id: &str) -> Result<i64, Error> {
    match client
        .start_container(id, None::<StartContainerOptions>)
        .await
    {
        // It names the command, not a thing of the daemon's.
        Err(Error::DockerResponseServerError { status_code, .. })
            if [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND]
                .map(|status| status.as_u16())
                .contains(&status_code) =>
        {
            return Ok(NO_SHELL);
        }
        started => started?,
    }
    let mut ends = client.wait_container(id, None::<WaitContainerOptions>);
    match ends.next().await {
        Some(Ok(end)) => Ok(end.status_code),
        Some(Err(Error::DockerContainerWaitError { code, .. })) => Ok(code),
        Some(Err(error)) => Err(error),
        None => Err(closed()),
    }
}

fn body(image: &str, script: &str) -> ContainerCreateBody {
    let label = (LABEL.to_owned(), "1".to_owned());
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(vec!["sh".to_owned(), "-c".to_owned()]),
        cmd: Some(vec![script.to_owned()]),
        labels: Some(HashMap::from([label])),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            readonly_rootfs: Some(true),
            memory: Some(MEMORY),
            pids_limit: Some(PIDS),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}
