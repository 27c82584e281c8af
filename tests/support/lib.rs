//! The stage that the black-box tests play on: a pod on disk, the real gateway, the built agent, and a fake gateway
//! that speaks the wire.
//!
//! A stage that cannot be set panics and says what to run: a test is never skipped. Everything here blocks; the fake
//! runs on a thread of its own. What a test starts ends with the value that it got.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a stage that cannot be set is a failed test"
)]
#![expect(clippy::print_stderr, reason = "what a child said, beside the failure")]

mod agent;
mod cache;
mod daemon;
mod fake;
mod gateway;
mod http;
mod instance;
mod launch;
mod lines;
mod metrics;
mod model;
mod pod;
mod ports;
mod prometheus;
mod rpc;
mod telegram;
mod volume;
mod wait;

pub use agent::{Agent, Finished, agent_binary};
pub use cache::{Version, node, node_exporter, prom_client, promtool};
pub use daemon::{Daemon, DaemonVersion, SANDBOX_BASE, SANDBOX_IMAGE, docker_command};
pub use fake::{Close, Fake, Knobs, Refusal, dead_account, live_account};
pub use gateway::{Gateway, GatewayOptions};
pub use http::{Answer, Client};
pub use instance::{Instance, arguments, document_arguments, newest, supervise};
pub use launch::{GATEWAY_UID, image_script, is_root};
pub use lines::Lines;
pub use metrics::complaints;
pub use model::Model;
pub use pod::{Layers, Pod, Ports};
pub use prometheus::Prometheus;
pub use rpc::{Rpc, RpcError};
pub use telegram::{Mood, Telegram};
pub use volume::Volume;
pub use wait::{eventually, until};

use std::path::{Path, PathBuf};

/// The root of the source tree.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// The shipped files below `config/`.
#[must_use]
pub fn shipped(path: &str) -> PathBuf {
    repository().join("config").join(path)
}
