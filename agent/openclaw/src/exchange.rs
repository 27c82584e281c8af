//! One HTTP request on a stream of its own.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST};
use hyper::http::request::Builder;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

use crate::stream::Stream;
use crate::{Endpoint, Error};

/// The head of a request that closes its connection.
pub(crate) fn get(endpoint: &Endpoint, path: &str) -> Builder {
    Request::get(path)
        .header(HOST, endpoint.authority())
        .header(CONNECTION, "close")
}

/// Sends it and has the answer read while the connection lives.
pub(crate) async fn exchange<T>(
    stream: Stream,
    request: Builder,
    read: impl AsyncFnOnce(Response<Incoming>) -> T,
) -> Result<T, Error> {
    let broken = |_| Error::Upgrade { status: None };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|_| Error::Upgrade { status: None })?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(broken)?;
        Ok(read(answer).await)
    };
    tokio::pin!(connection);
    tokio::pin!(answered);
    tokio::select! {
        biased;
        read = &mut answered => read,
        _ = &mut connection => answered.await,
    }
}
