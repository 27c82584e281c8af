//! The page of the gateway's own plugin for Prometheus, passed on.

use std::time::Duration;

use openclaw::LinkHandle;

/// The gateway blocks for 3 s at times.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the gateway for its page.
#[derive(Clone, Debug)]
pub struct Exporter(LinkHandle);

impl Exporter {
    /// Of the gateway at this link.
    pub fn new(link: LinkHandle) -> Self {
        Self(link)
    }

    /// The page as it is, or why there is none, for people.
    pub async fn page(&self) -> Result<Vec<u8>, String> {
        let page = self.0.exporter(PATIENCE).await;
        page.map(Into::into).map_err(|error| {
            let source = std::error::Error::source(&error);
            let cause = source.map(|source| format!(": {source}"));
            format!("{error}{}", cause.unwrap_or_default())
        })
    }
}
