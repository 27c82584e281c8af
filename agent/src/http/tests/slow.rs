//! A body that does not come to its end holds nobody up for longer than its limit.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Method;
use hyper::body::Frame;

use super::stage::Stage;

/// One byte, and never another.
struct Trickle(bool);

impl HttpBody for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{")))))
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let stage = Stage::started().await;
    for (method, path) in [
        (Method::PUT, "/v1/config/user"),
        (Method::POST, "/v1/config/diff"),
        (Method::POST, "/v1/config/rollback"),
        (Method::POST, "/v1/config/pause"),
    ] {
        let answer = stage.send(method, path, Body::new(Trickle(false))).await;
        assert_eq!(answer.refusal(), (408, "slow_body".to_owned()), "{path}");
    }
}
