//! An answer before the request's body was read to its end, as to one that is too large. What is
//! left of the body is not waited for, so the connection serves no other call, and the answer says
//! so: a client would send its next call there (RFC 9112, section 9.6).

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Version, header};
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// Whether a request's body was read to its end.
pub(crate) struct Reading {
    ended: Arc<AtomicBool>,
    version: Version,
}

/// The same request with its body watched.
pub(crate) fn watch(request: Request) -> (Request, Reading) {
    let version = request.version();
    let ended = Arc::new(AtomicBool::new(request.body().is_end_stream()));
    let reading = Reading {
        ended: Arc::clone(&ended),
        version,
    };
    let request = request.map(|inner| Body::new(Watched { inner, ended }));
    (request, reading)
}

impl Reading {
    /// Says that the connection ends, where it has to. A stream of HTTP/2 ends by itself.
    pub(crate) fn close_unless_ended(&self, response: &mut Response) {
        if self.version < Version::HTTP_2 && !self.ended.load(Ordering::Relaxed) {
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

struct Watched {
    inner: Body,
    ended: Arc<AtomicBool>,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.ended.store(true, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    fn says_close(reading: &Reading) -> bool {
        let mut response = Response::default();
        reading.close_unless_ended(&mut response);
        response.headers().contains_key(header::CONNECTION)
    }

    #[tokio::test]
    async fn only_what_is_left_unread_ends_a_connection() {
        let (_, reading) = watch(Request::default());
        assert!(!says_close(&reading), "nothing to read");
        let (request, reading) = watch(Request::new(Body::from("body")));
        assert!(says_close(&reading), "not read");
        let read = request.into_body().collect().await.expect("a body");
        assert_eq!(read.to_bytes(), "body");
        assert!(!says_close(&reading), "read");
        let mut request = Request::new(Body::from("body"));
        *request.version_mut() = Version::HTTP_2;
        assert!(!says_close(&watch(request).1), "HTTP/2");
    }
}
