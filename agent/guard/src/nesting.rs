//! Mounts below other mounts: the way to them leads through what somebody else filled.

use crate::{binds, refusal::Refusal};

/// Where something is mounted in a sandbox.
pub(crate) struct Place<'a> {
    destination: &'a str,
    /// What of the host is seen there; nothing of a tmpfs.
    source: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(destination: &'a str, source: Option<&'a str>) -> Self {
        Self {
            destination,
            source,
        }
    }
}

/// Refuses a mount whose way leads over a link in another one: the runtime follows it, and mounts somewhere else.
pub(crate) fn check(places: &[Place<'_>]) -> Result<(), Refusal> {
    for upper in places {
        let Some(source) = upper.source else { continue };
        for lower in places {
            let below = lower.destination.strip_prefix(upper.destination);
            let Some(rest) = below.and_then(|rest| rest.strip_prefix('/')) else {
                continue;
            };
            binds::look_along(source, rest).map_err(|why| {
                let destination = lower.destination;
                Refusal::forbidden(format!(
                    "nothing may be mounted at `{destination}`: of the way there in `{source}`, {why}"
                ))
            })?;
        }
    }
    Ok(())
}
