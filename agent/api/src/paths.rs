//! Where the agent answers.

/// `GET`: the document in force, redacted, with provenance, state and last report.
pub const PATH_CONFIG: &str = "/v1/config";
/// `PUT`: replace the user layer. `If-Match` with the layer's ETag is required.
pub const PATH_CONFIG_USER: &str = "/v1/config/user";
/// `POST`: what a user layer would change, without changing it.
pub const PATH_CONFIG_DIFF: &str = "/v1/config/diff";
/// `GET ?path=`: who set a key, what it hid, what was refused.
pub const PATH_CONFIG_EXPLAIN: &str = "/v1/config/explain";
/// `GET`: the generations that are kept, newest first.
pub const PATH_CONFIG_HISTORY: &str = "/v1/config/history";
/// `POST`: bring the layers of an earlier generation back.
pub const PATH_CONFIG_ROLLBACK: &str = "/v1/config/rollback";
/// `POST`: leave the document alone for a while.
pub const PATH_CONFIG_PAUSE: &str = "/v1/config/pause";
/// `GET`: the agent, its gateway and what it watches.
pub const PATH_STATUS: &str = "/v1/status";
/// `GET`: the verdict on this pod, and why.
pub const PATH_HEALTH: &str = "/v1/health";
/// `GET`: whether the instance is idle, and what a stop would cost.
pub const PATH_ACTIVITY: &str = "/v1/activity";
/// `POST`: start the gateway anew.
pub const PATH_GATEWAY_RESTART: &str = "/v1/gateway/restart";
/// `POST`: let the gateway take no new work; asked again, it holds longer.
pub const PATH_GATEWAY_SUSPEND: &str = "/v1/gateway/suspend";
/// `POST`: let it take work again.
pub const PATH_GATEWAY_RESUME: &str = "/v1/gateway/resume";
/// `GET ?after=&id=`: what must not be missed.
pub const PATH_JOURNAL: &str = "/v1/journal";
/// `POST`: it has been collected up to here.
pub const PATH_JOURNAL_ACK: &str = "/v1/journal/ack";
/// `GET`: the sandboxes, their daemon, its disk, and the last pass.
pub const PATH_SANDBOXES: &str = "/v1/sandboxes";
/// `GET`: what happens among the sandboxes, as a stream.
pub const PATH_SANDBOXES_EVENTS: &str = "/v1/sandboxes/events";
/// `POST`: remove what the limits say, or only tell what that would be.
pub const PATH_SANDBOXES_PRUNE: &str = "/v1/sandboxes/prune";
/// `DELETE`: remove one sandbox.
pub const PATH_SANDBOX: &str = "/v1/sandboxes/{id}";

/// Probe listener: 200 once the document is in place.
pub const PATH_STARTUPZ: &str = "/startupz";
/// Probe listener: 200 while the agent itself lives.
pub const PATH_LIVEZ: &str = "/livez";
/// Probe listener: 200 while the instance can serve; 503 names the closed gates.
pub const PATH_READYZ: &str = "/readyz";
/// Probe listener: Prometheus text 0.0.4.
pub const PATH_METRICS: &str = "/metrics";
/// Probe listener: the page of the gateway's own plugin, passed on.
pub const PATH_METRICS_GATEWAY: &str = "/metrics/gateway";

/// Request header in which a caller says on whose behalf it acts; at most 128 printable characters.
pub const ACTOR_HEADER: &str = "x-pilotfish-actor";

/// Content type of a stream: one JSON object a line.
pub const STREAM_CONTENT_TYPE: &str = "application/x-ndjson";

/// Content type of every error body (RFC 9457).
pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";
