//! The page of the gateway's own plugin for Prometheus, where it has one.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::time::timeout;

use crate::exchange::{self, exchange};
use crate::stream::{reach, secure};
use crate::{Endpoint, Error, Token};

const PATH: &str = "/api/diagnostics/prometheus";

/// Largest page that is read: 2,048 series, which is the plugin's own bound, are far smaller.
const BODY: usize = 2 << 20;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum NoPage {
    /// There is no gateway, or not one that speaks HTTP.
    #[error("the gateway cannot be asked")]
    Unreachable {
        /// What failed.
        source: Error,
    },
    /// It did not answer in time.
    #[error("the gateway did not answer within {0:?}")]
    Late(Duration),
    /// The gateway does not have the plugin, or not switched on.
    #[error("the gateway has no page of its own: its plugin diagnostics-prometheus is not there")]
    NoPlugin,
    /// It answers, and not with a page.
    #[error("the gateway answers with status {0} and no page of metrics")]
    Foreign(u16),
    /// The page is larger than is read, or breaks off.
    #[error("the gateway's page has more than {BODY} bytes, or breaks off")]
    TooLarge,
}

/// Asks for the page with the gateway's token, which goes nowhere else.
pub(crate) async fn page(
    endpoint: &Endpoint,
    token: &Token,
    patience: Duration,
) -> Result<Bytes, NoPage> {
    let asked = timeout(patience, ask(endpoint, token)).await;
    asked.map_err(|_| NoPage::Late(patience))?
}

async fn ask(endpoint: &Endpoint, token: &Token) -> Result<Bytes, NoPage> {
    let unreachable = |source| NoPage::Unreachable { source };
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut bearer = bearer.map_err(|_| NoPage::NoPlugin)?;
    bearer.set_sensitive(true);
    let tcp = reach(endpoint).await.map_err(unreachable)?;
    let stream = secure(endpoint, tcp).await.map_err(unreachable)?;
    let request = exchange::get(endpoint, PATH).header(AUTHORIZATION, bearer);
    let read = exchange(stream, request, read).await;
    read.map_err(unreachable)?
}

async fn read(answer: Response<Incoming>) -> Result<Bytes, NoPage> {
    let status = answer.status();
    let kind = answer.headers().get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_html = kind.starts_with("text/html");
    if status == StatusCode::NOT_FOUND || (status == StatusCode::OK && is_html) {
        return Err(NoPage::NoPlugin);
    }
    if status != StatusCode::OK || !kind.starts_with("text/plain") {
        return Err(NoPage::Foreign(status.as_u16()));
    }
    let body = Limited::new(answer.into_body(), BODY).collect().await;
    Ok(body.map_err(|_| NoPage::TooLarge)?.to_bytes())
}
