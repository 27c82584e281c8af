//! Networks that a container joins, and their creation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    refusal::Refusal,
    unused::{self, Unused},
};

/// `NetworkingConfig` of a container.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct NetworkingConfig {
    endpoints_config: Option<BTreeMap<String, Option<Endpoint>>>,
}

/// One endpoint, of which nothing but its network may be said.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Endpoint {
    #[serde(rename = "IPAMConfig", skip_serializing)]
    ipam_config: Unused,
    #[serde(skip_serializing)]
    links: Unused,
    #[serde(skip_serializing)]
    aliases: Unused,
    #[serde(skip_serializing)]
    driver_opts: Unused,
    #[serde(skip_serializing)]
    gw_priority: Unused,
    #[serde(rename = "NetworkID", skip_serializing)]
    network_id: Unused,
    #[serde(rename = "EndpointID", skip_serializing)]
    endpoint_id: Unused,
    #[serde(skip_serializing)]
    gateway: Unused,
    #[serde(rename = "IPAddress", skip_serializing)]
    ip_address: Unused,
    #[serde(skip_serializing)]
    mac_address: Unused,
    #[serde(rename = "IPPrefixLen", skip_serializing)]
    ip_prefix_len: Unused,
    #[serde(rename = "IPv6Gateway", skip_serializing)]
    ipv6_gateway: Unused,
    #[serde(rename = "GlobalIPv6Address", skip_serializing)]
    global_ipv6_address: Unused,
    #[serde(rename = "GlobalIPv6PrefixLen", skip_serializing)]
    global_ipv6_prefix_len: Unused,
    #[serde(rename = "DNSNames", skip_serializing)]
    dns_names: Unused,
}

impl NetworkingConfig {
    /// Lets only the network of the container's mode through, with nothing said of it.
    pub(super) fn check(&self, mode: &str) -> Result<(), Refusal> {
        for (network, endpoint) in self.endpoints_config.iter().flatten() {
            if network != mode {
                return Err(Refusal::forbidden(format!(
                    "a sandbox may not join a second network, `{network}`"
                )));
            }
            if let Some(endpoint) = endpoint {
                endpoint.check()?;
            }
        }
        Ok(())
    }
}

impl Endpoint {
    fn check(&self) -> Result<(), Refusal> {
        unused::refuse(&[
            ("EndpointsConfig.IPAMConfig", &self.ipam_config),
            ("EndpointsConfig.Links", &self.links),
            ("EndpointsConfig.Aliases", &self.aliases),
            ("EndpointsConfig.DriverOpts", &self.driver_opts),
            ("EndpointsConfig.GwPriority", &self.gw_priority),
            ("EndpointsConfig.NetworkID", &self.network_id),
            ("EndpointsConfig.EndpointID", &self.endpoint_id),
            ("EndpointsConfig.Gateway", &self.gateway),
            ("EndpointsConfig.IPAddress", &self.ip_address),
            ("EndpointsConfig.MacAddress", &self.mac_address),
            ("EndpointsConfig.IPPrefixLen", &self.ip_prefix_len),
            ("EndpointsConfig.IPv6Gateway", &self.ipv6_gateway),
            (
                "EndpointsConfig.GlobalIPv6Address",
                &self.global_ipv6_address,
            ),
            (
                "EndpointsConfig.GlobalIPv6PrefixLen",
                &self.global_ipv6_prefix_len,
            ),
            ("EndpointsConfig.DNSNames", &self.dns_names),
        ])
    }
}
