//! Alerts, runbooks, dashboards and scrape configs: checked by promtool, and run against a real Prometheus.
#![expect(
    clippy::unwrap_used,
    reason = "a test that unwraps fails with its line"
)]

mod dashboards;
mod expression;
mod families;
mod fleet;
mod queries;
mod rules;
mod stand_in;
