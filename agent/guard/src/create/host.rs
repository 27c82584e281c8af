//! `HostConfig` of a container, field by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    mounts::Mount,
    refusal::Refusal,
    unused::{self, OnlyNull, Unused},
};

/// What a container may have of the host.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct HostConfig {
    pub(super) binds: Option<Vec<String>>,
    #[serde(rename = "ContainerIDFile", skip_serializing)]
    container_id_file: Unused,
    pub(super) log_config: LogConfig,
    pub(super) network_mode: String,
    pub(super) port_bindings: Option<BTreeMap<String, Option<Vec<PortBinding>>>>,
    pub(super) restart_policy: RestartPolicy,
    auto_remove: bool,
    #[serde(skip_serializing)]
    volume_driver: Unused,
    #[serde(skip_serializing)]
    volumes_from: Unused,
    console_size: [u32; 2],
    #[serde(skip_serializing)]
    annotations: Unused,
    #[serde(skip_serializing)]
    cap_add: Unused,
    pub(super) cap_drop: Option<Vec<String>>,
    #[serde(skip_serializing)]
    capabilities: Unused,
    pub(super) cgroupns_mode: String,
    pub(super) dns: Option<Vec<std::net::IpAddr>>,
    #[serde(skip_serializing)]
    dns_options: Unused,
    #[serde(skip_serializing)]
    dns_search: Unused,
    pub(super) extra_hosts: Option<Vec<String>>,
    #[serde(skip_serializing)]
    group_add: Unused,
    pub(super) ipc_mode: String,
    #[serde(skip_serializing)]
    cgroup: Unused,
    #[serde(skip_serializing)]
    links: Unused,
    pub(super) oom_score_adj: i64,
    #[serde(skip_serializing)]
    pid_mode: Unused,
    #[serde(skip_serializing)]
    privileged: Unused,
    #[serde(skip_serializing)]
    publish_all_ports: Unused,
    readonly_rootfs: bool,
    pub(super) security_opt: Option<Vec<String>>,
    #[serde(skip_serializing)]
    storage_opt: Unused,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tmpfs: BTreeMap<String, String>,
    #[serde(rename = "UTSMode", skip_serializing)]
    uts_mode: Unused,
    #[serde(skip_serializing)]
    userns_mode: Unused,
    pub(super) shm_size: i64,
    #[serde(skip_serializing)]
    sysctls: Unused,
    #[serde(skip_serializing)]
    runtime: Unused,
    #[serde(skip_serializing)]
    umask: OnlyNull,
    #[serde(skip_serializing)]
    isolation: Unused,
    pub(super) cpu_shares: i64,
    pub(super) memory: i64,
    pub(super) nano_cpus: i64,
    #[serde(skip_serializing)]
    cgroup_parent: Unused,
    #[serde(skip_serializing)]
    blkio_weight: Unused,
    #[serde(skip_serializing)]
    blkio_weight_device: Unused,
    #[serde(skip_serializing)]
    blkio_device_read_bps: Unused,
    #[serde(skip_serializing)]
    blkio_device_write_bps: Unused,
    #[serde(rename = "BlkioDeviceReadIOps", skip_serializing)]
    blkio_device_read_iops: Unused,
    #[serde(rename = "BlkioDeviceWriteIOps", skip_serializing)]
    blkio_device_write_iops: Unused,
    #[serde(skip_serializing)]
    cpu_period: Unused,
    #[serde(skip_serializing)]
    cpu_quota: Unused,
    #[serde(skip_serializing)]
    cpu_realtime_period: Unused,
    #[serde(skip_serializing)]
    cpu_realtime_runtime: Unused,
    #[serde(skip_serializing)]
    cpuset_cpus: Unused,
    #[serde(skip_serializing)]
    cpuset_mems: Unused,
    #[serde(skip_serializing)]
    devices: Unused,
    #[serde(skip_serializing)]
    device_cgroup_rules: Unused,
    #[serde(skip_serializing)]
    device_requests: Unused,
    #[serde(skip_serializing)]
    kernel_memory: Unused,
    #[serde(rename = "KernelMemoryTCP", skip_serializing)]
    kernel_memory_tcp: Unused,
    pub(super) memory_reservation: i64,
    pub(super) memory_swap: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_swappiness: Option<i64>,
    #[serde(skip_serializing)]
    oom_kill_disable: Unused,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pids_limit: Option<i64>,
    #[serde(skip_serializing)]
    ulimits: Unused,
    #[serde(skip_serializing)]
    cpu_count: Unused,
    #[serde(skip_serializing)]
    cpu_percent: Unused,
    #[serde(rename = "IOMaximumIOps", skip_serializing)]
    io_maximum_iops: Unused,
    #[serde(rename = "IOMaximumBandwidth", skip_serializing)]
    io_maximum_bandwidth: Unused,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) mounts: Vec<Mount>,
    #[serde(skip_serializing)]
    masked_paths: OnlyNull,
    #[serde(skip_serializing)]
    readonly_paths: OnlyNull,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<bool>,
}

/// Where the container's output goes.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct LogConfig {
    #[serde(rename = "Type")]
    pub(super) kind: String,
    #[serde(skip_serializing)]
    pub(super) config: Unused,
}

/// A port of the host.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct PortBinding {
    pub(super) host_ip: String,
    pub(super) host_port: String,
}

/// What happens when the container ends.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct RestartPolicy {
    pub(super) name: String,
    #[serde(skip_serializing)]
    pub(super) maximum_retry_count: Unused,
}

impl HostConfig {
    /// Refuses what no sandbox needs.
    pub(super) fn refuse_unused(&self) -> Result<(), Refusal> {
        unused::refuse(&[
            ("HostConfig.ContainerIDFile", &self.container_id_file),
            ("HostConfig.LogConfig.Config", &self.log_config.config),
            (
                "HostConfig.RestartPolicy.MaximumRetryCount",
                &self.restart_policy.maximum_retry_count,
            ),
            ("HostConfig.VolumeDriver", &self.volume_driver),
            ("HostConfig.VolumesFrom", &self.volumes_from),
            ("HostConfig.Annotations", &self.annotations),
            ("HostConfig.CapAdd", &self.cap_add),
            ("HostConfig.Capabilities", &self.capabilities),
            ("HostConfig.DnsOptions", &self.dns_options),
            ("HostConfig.DnsSearch", &self.dns_search),
            ("HostConfig.GroupAdd", &self.group_add),
            ("HostConfig.Cgroup", &self.cgroup),
            ("HostConfig.Links", &self.links),
            ("HostConfig.PidMode", &self.pid_mode),
            ("HostConfig.Privileged", &self.privileged),
            ("HostConfig.PublishAllPorts", &self.publish_all_ports),
            ("HostConfig.StorageOpt", &self.storage_opt),
            ("HostConfig.UTSMode", &self.uts_mode),
            ("HostConfig.UsernsMode", &self.userns_mode),
            ("HostConfig.Sysctls", &self.sysctls),
            ("HostConfig.Runtime", &self.runtime),
            ("HostConfig.Umask", &self.umask),
            ("HostConfig.Isolation", &self.isolation),
            ("HostConfig.OomKillDisable", &self.oom_kill_disable),
            ("HostConfig.Ulimits", &self.ulimits),
            ("HostConfig.MaskedPaths", &self.masked_paths),
            ("HostConfig.ReadonlyPaths", &self.readonly_paths),
        ])?;
        self.refuse_resources()
    }

    fn refuse_resources(&self) -> Result<(), Refusal> {
        unused::refuse(&[
            ("HostConfig.CgroupParent", &self.cgroup_parent),
            ("HostConfig.BlkioWeight", &self.blkio_weight),
            ("HostConfig.BlkioWeightDevice", &self.blkio_weight_device),
            ("HostConfig.BlkioDeviceReadBps", &self.blkio_device_read_bps),
            (
                "HostConfig.BlkioDeviceWriteBps",
                &self.blkio_device_write_bps,
            ),
            (
                "HostConfig.BlkioDeviceReadIOps",
                &self.blkio_device_read_iops,
            ),
            (
                "HostConfig.BlkioDeviceWriteIOps",
                &self.blkio_device_write_iops,
            ),
            ("HostConfig.CpuPeriod", &self.cpu_period),
            ("HostConfig.CpuQuota", &self.cpu_quota),
            ("HostConfig.CpuRealtimePeriod", &self.cpu_realtime_period),
            ("HostConfig.CpuRealtimeRuntime", &self.cpu_realtime_runtime),
            ("HostConfig.CpusetCpus", &self.cpuset_cpus),
            ("HostConfig.CpusetMems", &self.cpuset_mems),
            ("HostConfig.Devices", &self.devices),
            ("HostConfig.DeviceCgroupRules", &self.device_cgroup_rules),
            ("HostConfig.DeviceRequests", &self.device_requests),
            ("HostConfig.KernelMemory", &self.kernel_memory),
            ("HostConfig.KernelMemoryTCP", &self.kernel_memory_tcp),
            ("HostConfig.CpuCount", &self.cpu_count),
            ("HostConfig.CpuPercent", &self.cpu_percent),
            ("HostConfig.IOMaximumIOps", &self.io_maximum_iops),
            ("HostConfig.IOMaximumBandwidth", &self.io_maximum_bandwidth),
        ])
    }
}
