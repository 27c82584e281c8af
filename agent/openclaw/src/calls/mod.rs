//! The calls that we make, one file for each family. They are methods of
//! [`Connection`](crate::Connection).

pub(crate) mod approvals;
pub(crate) mod channel_power;
pub(crate) mod channels;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod cron;
pub(crate) mod event_loop;
pub(crate) mod health;
pub(crate) mod logs;
pub(crate) mod restart;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod session_counts;
pub(crate) mod sessions;
pub(crate) mod stability;
pub(crate) mod status;
pub(crate) mod suspend;
pub(crate) mod system;
pub(crate) mod usage;
