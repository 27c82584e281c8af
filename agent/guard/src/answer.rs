//! Answers to the client.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body as HttpBody, Frame, Incoming},
    header::{self, HeaderName, HeaderValue},
};

use crate::{ApiVersion, upstream::Line};

/// The body of an answer: ours, or the daemon's as it comes.
pub(crate) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// The header in which the daemon names its version.
const API_VERSION: HeaderName = HeaderName::from_static("api-version");

pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The daemon's answer as it is, but for what is said from hop to hop.
pub(crate) fn pass(answer: Response<Incoming>, line: Line) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    for hop in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TRAILER,
        HeaderName::from_static("keep-alive"),
    ] {
        parts.headers.remove(hop);
    }
    Response::from_parts(parts, Passing { body, line }.boxed_unsync())
}

/// Lets no answer name a version newer than this.
pub(crate) fn clamp(headers: &mut HeaderMap, newest: ApiVersion) {
    let named = headers.get(API_VERSION);
    let Some(named) = named.and_then(|value| value.to_str().ok()) else {
        return;
    };
    if named
        .parse::<ApiVersion>()
        .is_ok_and(|named| named <= newest)
    {
        return;
    }
    if let Ok(newest) = HeaderValue::from_str(&newest.to_string()) {
        headers.insert(API_VERSION, newest);
    }
}

/// A body together with the connection that it comes on, which ends with it.
struct Passing {
    body: Incoming,
    line: Line,
}

impl HttpBody for Passing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.line.drive(context);
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_newer_version_is_named() {
        for (said, heard) in [
            ("1.41", "1.41"),
            ("1.56", "1.56"),
            ("1.57", "1.56"),
            ("2.0", "1.56"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(API_VERSION, said.parse().unwrap());
            clamp(&mut headers, ApiVersion::NEWEST);
            assert_eq!(headers[API_VERSION], heard);
        }
    }
}
