//! `system.info`: the process and the machine below the gateway.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::event_loop::{EventLoop, WireLoop, millis};
use crate::clip::{MESSAGE, NAME};
use crate::lenient::Maybe;
use crate::{Connection, Error};

/// The process of a gateway and what it stands on. 2026.7.35 tells the process, its age, the
/// machine and the disk, and neither memory nor event loop nor who the process is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SystemInfo {
    /// Its process, in its own namespace.
    pub pid: Option<u32>,
    /// Changes with every process, and not with a restart inside of the same process.
    pub process_instance_id: Option<String>,
    /// How long the process has lived.
    pub uptime: Option<Duration>,
    /// Resident memory in bytes.
    pub rss_bytes: Option<u64>,
    /// The part of the JavaScript heap that is in use, in bytes.
    pub heap_used_bytes: Option<u64>,
    /// Its event loop, with the cores that the process uses.
    pub event_loop: Option<EventLoop>,
    /// Memory of the machine in bytes; not the limit of its container.
    pub memory_total_bytes: Option<u64>,
    /// Cores of the machine.
    pub cpu_count: Option<u64>,
    /// The filesystem that holds its state.
    pub disk: Option<Disk>,
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The directory that was looked at.
    pub path: String,
    /// Its size in bytes.
    pub total_bytes: u64,
    /// What a process without privileges can still write, in bytes.
    pub available_bytes: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    pid: Maybe<u32>,
    process_instance_id: Maybe<String>,
    uptime_ms: Maybe<f64>,
    process_memory: Maybe<Memory>,
    event_loop: Maybe<WireLoop>,
    memory_total_bytes: Maybe<u64>,
    cpu_count: Maybe<u64>,
    disk_path: Maybe<String>,
    disk_total_bytes: Maybe<u64>,
    disk_available_bytes: Maybe<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Memory {
    rss_bytes: Maybe<u64>,
    heap_used_bytes: Maybe<u64>,
}

impl Wire {
    fn disk(&self) -> Option<Disk> {
        let (total, available) = (self.disk_total_bytes.0?, self.disk_available_bytes.0?);
        (available <= total && total > 0).then_some(Disk {
            path: self.disk_path.text(MESSAGE)?,
            total_bytes: total,
            available_bytes: available,
        })
    }
}

impl From<Wire> for SystemInfo {
    fn from(wire: Wire) -> Self {
        let disk = wire.disk();
        let memory = wire.process_memory.or_default();
        Self {
            pid: wire.pid.0,
            process_instance_id: wire.process_instance_id.text(NAME),
            uptime: millis(wire.uptime_ms.0),
            rss_bytes: memory.rss_bytes.0,
            heap_used_bytes: memory.heap_used_bytes.0,
            event_loop: wire.event_loop.0.map(EventLoop::from),
            memory_total_bytes: wire.memory_total_bytes.0,
            cpu_count: wire.cpu_count.0,
            disk,
        }
    }
}

impl Connection {
    /// `system.info` (scope read). It costs the gateway 0.43 ms of CPU (2026.9.6), a tenth of
    /// what [`status`](Self::status) costs.
    pub async fn system_info(&self) -> Result<SystemInfo, Error> {
        Ok(self.call::<Wire>("system.info", json!({})).await?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As 2026.9.6 answers.
    const RECORDED: &str = include_str!("../../samples/system.info.json");

    fn read(text: &str) -> SystemInfo {
        serde_json::from_str::<Wire>(text).unwrap().into()
    }

    #[test]
    fn reads_a_recorded_answer() {
        let info = read(RECORDED);
        assert_eq!(info.pid, Some(26_487));
        let instance = info.process_instance_id.as_deref();
        assert_eq!(instance, Some("701717e7-ac5e-4cd0-82e0-44465e14d332"));
        assert_eq!(info.uptime, Some(Duration::from_millis(219_816)));
        assert_eq!(
            (info.rss_bytes, info.heap_used_bytes),
            (Some(759_406_592), Some(244_366_912))
        );
        assert_eq!(
            (info.memory_total_bytes, info.cpu_count),
            (Some(25_276_502_016), Some(2))
        );
        assert_eq!(
            info.event_loop.and_then(|said| said.cpu_core_ratio),
            Some(0.03)
        );
        let disk = info.disk.unwrap();
        assert_eq!(disk.path, "/home/node/.openclaw");
        assert_eq!(
            (disk.total_bytes, disk.available_bytes),
            (270_553_174_016, 8_521_216_000)
        );
    }

    #[test]
    fn a_disk_that_cannot_be_is_absent() {
        for odd in [
            "{}",
            r#"{"pid":-1,"uptimeMs":"long","processMemory":7,"eventLoop":false}"#,
            r#"{"diskPath":"/","diskTotalBytes":1,"diskAvailableBytes":2}"#,
            r#"{"diskPath":"/","diskTotalBytes":0,"diskAvailableBytes":0}"#,
            r#"{"diskTotalBytes":2,"diskAvailableBytes":1}"#,
        ] {
            assert_eq!(read(odd), SystemInfo::default(), "{odd}");
        }
    }
}
