//! Bodies that go through as they come, in either direction, with nothing kept but the piece under
//! way. Whoever stops in the middle is not waited for without end: a place at Microsoft is held for
//! as long as a body lasts.

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http_body_util::BodyExt as _;
use postroom_engine::Problem;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the next piece may take, to come from the caller or to be taken by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// So many pieces wait for a caller who reads more slowly than Microsoft sends.
const AHEAD: usize = 2;

/// How long the end of an answer is looked for that nobody reads on.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// A caller's body, piece by piece. An error is the last.
pub(crate) fn incoming(body: Body) -> BoxStream<'static, Result<Bytes, Problem>> {
    stream::unfold(Some(body), |body| async {
        let mut body = body?;
        loop {
            let Ok(frame) = tokio::time::timeout(PATIENCE, body.frame()).await else {
                let slow = Problem::invalid(format!(
                    "The body did not arrive in time: nothing came for {} seconds.",
                    PATIENCE.as_secs()
                ));
                return Some((Err(slow), None));
            };
            match frame? {
                Err(error) => {
                    let broken = Problem::invalid("The body broke off.").because(error);
                    return Some((Err(broken), None));
                }
                // What is no data is a trailer.
                Ok(frame) => {
                    if let Ok(piece) = frame.into_data() {
                        return Some((Ok(piece), Some(body)));
                    }
                }
            }
        }
    })
    .boxed()
}

/// What goes to a caller, piece by piece. One who takes nothing for a while, or hangs up, ends the
/// stream behind it.
pub(crate) fn outgoing<E>(
    mut pieces: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
) -> Body
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::channel::<Option<Bytes>>(AHEAD);
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                biased;
                next = pieces.next() => next,
                () = sender.closed() => {
                    // Nobody reads a body without content (a 204, HEAD), or beyond its length: its
                    // end is looked for once more, so that the call is known to be whole.
                    let _ = tokio::time::timeout(LAST_LOOK, pieces.next()).await;
                    return;
                }
            };
            let is_end = next.is_none();
            let piece = match next.transpose() {
                Ok(piece) => piece,
                Err(error) => {
                    // The status is out already: the connection breaks off.
                    tracing::warn!(%error, "an answer of Microsoft's broke off");
                    return;
                }
            };
            match tokio::time::timeout(PATIENCE, sender.send(piece)).await {
                Ok(Ok(())) if !is_end => {}
                Ok(_) => return,
                Err(_) => {
                    tracing::warn!("a caller took nothing of an answer for a while: cut off");
                    return;
                }
            }
        }
    });
    // The end comes as `None`; a channel that ends without one was left in the middle.
    Body::from_stream(stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(piece)) => Some((Ok(piece), Some(receiver))),
            Some(None) => None,
            None => Some((Err(io::Error::other("the answer broke off")), None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn pieces(
        items: Vec<io::Result<&'static str>>,
    ) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
        stream::iter(items).map(|item| item.map(|text| Bytes::from_static(text.as_bytes())))
    }

    #[tokio::test]
    async fn what_comes_goes_and_what_breaks_off_is_not_whole() {
        let whole = outgoing(pieces(vec![Ok("a"), Ok("b")])).collect().await;
        assert_eq!(whole.expect("whole").to_bytes(), "ab");
        let broken = outgoing(pieces(vec![Ok("a"), Err(io::Error::other("x"))]));
        assert!(broken.collect().await.is_err());
    }

    #[tokio::test]
    async fn who_hangs_up_ends_the_stream_behind() {
        let alive = Arc::new(());
        let held = Arc::clone(&alive);
        let endless = stream::repeat_with(move || {
            let _held = &held;
            Ok::<_, io::Error>(Bytes::from_static(b"x"))
        });
        let mut body = outgoing(endless);
        assert!(body.frame().await.is_some());
        drop(body);
        while Arc::strong_count(&alive) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_is_not_waited_for_without_end() {
        let endless = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(b"x")));
        let mut body = outgoing(endless);
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
        tokio::time::sleep(PATIENCE * 2).await;
        let rest = body.collect().await;
        assert!(rest.is_err(), "cut off");
        let never = Body::from_stream(stream::pending::<Result<Bytes, io::Error>>());
        let mut never = incoming(never);
        let slow = never.next().await.expect("an item").expect_err("too slow");
        assert!(slow.detail.contains("in time"), "{}", slow.detail);
        assert!(never.next().await.is_none());
    }
}
