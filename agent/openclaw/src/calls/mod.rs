//! The calls that we make, one file for each family. They are methods of
//! [`Connection`](crate::Connection).

pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod health;
pub(crate) mod logs;
pub(crate) mod restart;
pub(crate) mod schema;
pub(crate) mod secrets;
pub(crate) mod sessions;
pub(crate) mod status;
