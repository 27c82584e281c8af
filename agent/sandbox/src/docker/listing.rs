//! Everything that a Docker daemon has.

use std::collections::HashMap;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListNetworksOptions, ListVolumesOptions,
};
use futures_util::{StreamExt, stream};
use hyper::Method;
use serde::Deserialize;
use tracing::warn;

use super::{Docker, LIST, shown};
use crate::{
    Engine, EngineError, ForeignUse, Found, Id, Listing, Meaning, NetworkRef, Reclaimable,
};

/// How many containers are looked at at once.
const LOOKS: usize = 8;

impl Docker {
    pub(super) async fn everything(&self) -> Result<Listing, EngineError> {
        let mut listing = Listing {
            began: self.clock.now(),
            ..Listing::default()
        };
        let containers = self.containers(None).await?;
        let mut ours = Vec::new();
        for container in &containers {
            match shown::sandbox(container) {
                Some(id) => ours.push(id),
                None => shown::note_foreign(container, &mut listing.foreign),
            }
        }
        listing.sandboxes = self.looks(ours).await?;
        self.stores(&mut listing).await?;
        if self.settings.daemon_is_ours {
            listing.layers = self.layers(&containers).await?;
            listing.build_cache = self.build_cache().await?;
        }
        Ok(listing)
    }

    /// Lists containers, ended ones too.
    pub(super) async fn containers(
        &self,
        filter: Option<(&str, &str)>,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let options = ListContainersOptionsBuilder::default().all(true);
        let options = match filter {
            Some((key, value)) => options.filters(&HashMap::from([(key, vec![value])])),
            None => options,
        };
        let options = Some(options.build());
        let list = |client: bollard::Docker| async move { client.list_containers(options).await };
        self.call("list containers", LIST, list).await
    }

    /// Looks at containers; those that are gone by now are left out.
    async fn looks(&self, ids: Vec<Id>) -> Result<Vec<Found>, EngineError> {
        let mut looks = stream::iter(ids)
            .map(|id| async move { (id, self.inspect(id).await) })
            .buffer_unordered(LOOKS);
        let mut all = Vec::new();
        while let Some((id, look)) = looks.next().await {
            match look {
                Ok(found) => all.extend(found),
                Err(error) if matches!(error.meaning, Meaning::Refused | Meaning::Timeout) => {
                    // What nobody can look at is never removed, and hides no other: one stuck container keeps a
                    // daemon from answering about this one alone.
                    warn!(%id, error = %error.source, "a container cannot be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn stores(&self, listing: &mut Listing) -> Result<(), EngineError> {
        let options = ListImagesOptionsBuilder::default().digests(true).build();
        let list = |client: bollard::Docker| async move { client.list_images(Some(options)).await };
        let images = self.call("list images", LIST, list).await?;
        listing.images = images.into_iter().filter_map(shown::image).collect();

        let list = |client: bollard::Docker| async move {
            client.list_volumes(None::<ListVolumesOptions>).await
        };
        let volumes = self.call("list volumes", LIST, list).await?;
        let volumes = volumes.volumes.unwrap_or_default();
        listing.volumes = volumes.into_iter().map(|volume| volume.name).collect();

        let list = |client: bollard::Docker| async move {
            client.list_networks(None::<ListNetworksOptions>).await
        };
        let networks = self.call("list networks", LIST, list).await?;
        let networks = networks.into_iter().map(|network| NetworkRef {
            id: network.id,
            name: network.name.unwrap_or_default(),
        });
        listing.networks = networks.collect();
        Ok(())
    }

    async fn layers(&self, containers: &[ContainerSummary]) -> Result<Reclaimable, EngineError> {
        let dangling = HashMap::from([("dangling", vec!["true"])]);
        let options = ListImagesOptionsBuilder::default()
            .filters(&dangling)
            .build();
        let list = |client: bollard::Docker| async move { client.list_images(Some(options)).await };
        let images = self.call("list layers", LIST, list).await?;
        let mut used = ForeignUse::default();
        for container in containers {
            shown::note_foreign(container, &mut used);
        }
        let mut free = Reclaimable::default();
        for image in images
            .iter()
            .filter(|image| !used.images.contains(&image.id))
        {
            free.count += 1;
            free.bytes += u64::try_from(image.size).unwrap_or(0);
        }
        Ok(free)
    }

    async fn build_cache(&self) -> Result<Reclaimable, EngineError> {
        // Below API 1.42 a daemon passes over the type, and counts everything.
        let target = "/system/df?type=build-cache";
        let usage: DiskUsage = self
            .fetch("tell its build cache", Method::GET, target)
            .await?;
        Ok(usage.reclaimable())
    }
}

/// The disk use by a daemon's account, as far as build cache is in it.
#[derive(Deserialize)]
struct DiskUsage {
    /// Up to API 1.51.
    #[serde(rename = "BuildCache")]
    build_cache: Option<Vec<CacheRecord>>,
    /// From API 1.52 on.
    #[serde(rename = "BuildCacheUsage")]
    build_cache_usage: Option<CacheUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CacheRecord {
    #[serde(default)]
    in_use: bool,
    #[serde(default)]
    shared: bool,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CacheUsage {
    #[serde(default)]
    active_count: usize,
    #[serde(default)]
    total_count: usize,
    #[serde(default)]
    reclaimable: u64,
}

impl DiskUsage {
    fn reclaimable(self) -> Reclaimable {
        if let Some(usage) = self.build_cache_usage {
            return Reclaimable {
                count: usage.total_count.saturating_sub(usage.active_count),
                bytes: usage.reclaimable,
            };
        }
        let records = self.build_cache.into_iter().flatten();
        let mut free = Reclaimable::default();
        for record in records.filter(|record| !record.in_use && !record.shared) {
            free.count += 1;
            free.bytes += record.size;
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn build_cache_is_read_in_both_shapes() {
        let old = json!({"LayersSize": 1, "BuildCache": [
            {"ID": "a", "InUse": false, "Shared": false, "Size": 10},
            {"ID": "b", "InUse": true, "Shared": false, "Size": 20},
            {"ID": "c", "InUse": false, "Shared": true, "Size": 40}]});
        let new = json!({"BuildCacheUsage": {"ActiveCount": 1, "TotalCount": 2, "Reclaimable": 10, "TotalSize": 30}});
        let wanted = Reclaimable {
            count: 1,
            bytes: 10,
        };
        for shape in [old, new] {
            let usage: DiskUsage = serde_json::from_value(shape).unwrap();
            assert_eq!(usage.reclaimable(), wanted);
        }
        for empty in [json!({}), json!({"BuildCache": null})] {
            let usage: DiskUsage = serde_json::from_value(empty).unwrap();
            assert_eq!(usage.reclaimable(), Reclaimable::default());
        }
    }
}
