//! How a Docker daemon removes.

use bollard::query_parameters::{
    PruneImagesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptions,
    RemoveVolumeOptions,
};
use hyper::Method;
use serde::Deserialize;
use std::collections::HashMap;

use super::meaning::named;
use super::{ASK, Docker, REMOVE};
use crate::{EngineError, Id, Meaning, Running, Target};

/// The first API version in which kept build cache is called reserved.
const RESERVED_SINCE: u32 = 48;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pruned {
    #[serde(default)]
    space_reclaimed: u64,
}

impl Docker {
    pub(super) async fn removed(
        &self,
        target: &Target,
        running: Running,
    ) -> Result<u64, EngineError> {
        match target {
            Target::Container(id) => self.remove_container(*id, running).await.map(|()| 0),
            Target::Image(id) => self.remove_image(id).await,
            Target::Volume(name) => self.remove_volume(name).await.map(|()| 0),
            Target::Network(id) => self.remove_network(id).await.map(|()| 0),
            Target::Layers => self.prune_layers().await,
            Target::BuildCache { keep_bytes } => self.prune_build_cache(*keep_bytes).await,
            Target::Folder(_) => {
                let why = "a folder is no part of the daemon";
                Err(named("remove a folder", Meaning::Refused, why))
            }
        }
    }

    async fn remove_container(&self, id: Id, running: Running) -> Result<(), EngineError> {
        let id = id.to_string();
        let options = RemoveContainerOptionsBuilder::default()
            .v(true)
            .force(running == Running::Ends)
            .build();
        let remove = |client: bollard::Docker| async move {
            client.remove_container(&id, Some(options)).await
        };
        self.call("remove a container", REMOVE, remove).await
    }

    /// Removes an image with all its names, unless a container was made from it.
    async fn remove_image(&self, id: &str) -> Result<u64, EngineError> {
        const ACTION: &str = "remove an image";
        if !self.containers(Some(("ancestor", id))).await?.is_empty() {
            let why = "a container was made from it";
            return Err(named(ACTION, Meaning::InUse, why));
        }
        let look = |client: bollard::Docker| async move { client.inspect_image(id).await };
        let image = self.call("show an image", ASK, look).await?;
        let mut names = image.repo_tags.unwrap_or_default();
        if names.len() < 2 {
            names = vec![id.to_owned()];
        }
        let remove = |client: bollard::Docker| async move {
            for name in names {
                let options = None::<RemoveImageOptions>;
                client.remove_image(&name, options, None).await?;
            }
            Ok(())
        };
        self.call(ACTION, REMOVE, remove).await?;
        Ok(image
            .size
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or(0))
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let remove = |client: bollard::Docker| async move {
            client
                .remove_volume(name, None::<RemoveVolumeOptions>)
                .await
        };
        self.call("remove a volume", REMOVE, remove).await
    }

    /// Removes a network that no container names: the daemon itself looks at running ones only.
    async fn remove_network(&self, id: &str) -> Result<(), EngineError> {
        const ACTION: &str = "remove a network";
        if !self.containers(Some(("network", id))).await?.is_empty() {
            let why = "a container is attached to it";
            return Err(named(ACTION, Meaning::InUse, why));
        }
        let remove = |client: bollard::Docker| async move { client.remove_network(id).await };
        self.call(ACTION, REMOVE, remove).await
    }

    async fn prune_layers(&self) -> Result<u64, EngineError> {
        let dangling = HashMap::from([("dangling", vec!["true"])]);
        let options = PruneImagesOptionsBuilder::default()
            .filters(&dangling)
            .build();
        let prune =
            |client: bollard::Docker| async move { client.prune_images(Some(options)).await };
        let pruned = self.call("remove layers", REMOVE, prune).await?;
        let bytes = pruned.space_reclaimed.unwrap_or(0);
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    async fn prune_build_cache(&self, keep_bytes: u64) -> Result<u64, EngineError> {
        const ACTION: &str = "remove build cache";
        let known = self.call(ACTION, ASK, |_| self.known()).await?;
        let keep = kept(&known.version.api);
        let target = format!("/build/prune?all=true&{keep}={keep_bytes}");
        let pruned: Pruned = self.fetch(ACTION, Method::POST, &target).await?;
        Ok(pruned.space_reclaimed)
    }
}

/// The name of the size that stays.
fn kept(api: &str) -> &'static str {
    let minor = api.strip_prefix("1.").and_then(|minor| minor.parse().ok());
    match minor {
        Some(minor) if RESERVED_SINCE > minor => "keep-storage",
        _ => "reserved-space",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_build_cache_has_two_names() {
        for (api, name) in [
            ("1.41", "keep-storage"),
            ("1.47", "keep-storage"),
            ("1.48", "reserved-space"),
            ("1.53", "reserved-space"),
            ("2.0", "reserved-space"),
        ] {
            assert_eq!(kept(api), name);
        }
    }
}
