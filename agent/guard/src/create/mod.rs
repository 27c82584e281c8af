//! `containers/create`: read into typed fields, checked, and written again.

mod body;
mod check;
mod host;
mod network;

use std::ops::RangeInclusive;

pub(crate) use body::Create;
pub(crate) use check::Rules;

use serde::Deserialize;

use crate::refusal::Refusal;

/// The seconds that a container may be given to end before it is killed.
pub(crate) const GRACES: RangeInclusive<u64> = 0..=3600;

/// Reads a body of ours: known fields only, in their exact case, none twice, nothing behind it.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| {
        let said = error.to_string();
        let said = said.split(", expected").next().unwrap_or_default();
        match error.classify() {
            serde_json::error::Category::Data => {
                Refusal::forbidden(format!("the body is not as the guard knows it: {said}"))
            }
            _ => Refusal::invalid(format!("the body is not JSON: {said}")),
        }
    })
}

/// Writes a body of ours.
pub(crate) fn write<T: serde::Serialize>(body: &T) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(body).map_err(|error| {
        Refusal::invalid(format!(
            "the body cannot be written for the daemon: {error}"
        ))
    })
}
