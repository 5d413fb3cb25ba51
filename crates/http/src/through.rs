//! Bodies that go through as they come, in either direction, with nothing kept but the piece under
//! way. A caller who stops in the middle, or trickles, is not waited for without end: a place at
//! Microsoft is held for as long as a body lasts.

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use http_body_util::BodyExt as _;
use postroom_engine::Problem;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// How long the next piece may take, to come from the caller or to be taken by it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Over how much waiting for the caller its speed is measured.
const WINDOW: Duration = Duration::from_secs(60);

/// How many bytes have to move in that time: 1 KiB a second, less than any line there is.
const LEAST: u64 = 1024 * 60;

/// The longest piece that is handed to a caller at once, in bytes, so that one who reads slowly and
/// steadily is seen to read.
const PIECE: usize = 32 * 1024;

/// So many pieces wait for a caller who reads more slowly than Microsoft sends.
const AHEAD: usize = 2;

/// How long the end of an answer is looked for that nobody reads on.
const LAST_LOOK: Duration = Duration::from_millis(100);

/// How a caller keeps up. Only waiting for the caller is counted: what Microsoft takes its time for
/// is not held against anybody.
#[derive(Default)]
struct Pace {
    waited: Duration,
    moved: u64,
}

/// Why a caller is not waited for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slow {
    /// Nothing moved.
    Stopped,
    /// Too little did.
    Trickles,
}

impl Pace {
    /// Waits for the caller.
    async fn wait<T>(&mut self, caller: impl Future<Output = T>) -> Result<T, Slow> {
        let began = Instant::now();
        let done = timeout(PATIENCE, caller).await.map_err(|_| Slow::Stopped)?;
        self.waited += began.elapsed();
        Ok(done)
    }

    /// So many bytes moved.
    fn moved(&mut self, bytes: usize) -> Result<(), Slow> {
        self.moved = self.moved.saturating_add(bytes as u64);
        if self.waited < WINDOW {
            return Ok(());
        }
        if self.moved < LEAST {
            return Err(Slow::Trickles);
        }
        *self = Self::default();
        Ok(())
    }
}

fn too_slow(slow: Slow) -> Problem {
    let how = match slow {
        Slow::Stopped => format!("nothing came for {} seconds", PATIENCE.as_secs()),
        Slow::Trickles => format!(
            "less than {} bytes came in {} seconds",
            LEAST,
            WINDOW.as_secs()
        ),
    };
    Problem::invalid(format!("The body did not arrive in time: {how}."))
}

/// A caller's body, piece by piece. An error is the last.
pub(crate) fn incoming(body: Body) -> BoxStream<'static, Result<Bytes, Problem>> {
    stream::unfold(Some((body, Pace::default())), |state| async {
        let (mut body, mut pace) = state?;
        loop {
            let frame = match pace.wait(body.frame()).await {
                Ok(frame) => frame,
                Err(slow) => return Some((Err(too_slow(slow)), None)),
            };
            match frame? {
                Err(error) => {
                    let broken = Problem::invalid("The body broke off.").because(error);
                    return Some((Err(broken), None));
                }
                // What is no data is a trailer.
                Ok(frame) => {
                    let piece = frame.into_data().unwrap_or_default();
                    if let Err(slow) = pace.moved(piece.len()) {
                        return Some((Err(too_slow(slow)), None));
                    }
                    if !piece.is_empty() {
                        return Some((Ok(piece), Some((body, pace))));
                    }
                }
            }
        }
    })
    .boxed()
}

/// What goes to a caller, piece by piece. One who takes nothing for a while, or too little, or hangs
/// up, ends the stream behind it.
pub(crate) fn outgoing<E>(
    mut pieces: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
) -> Body
where
    E: std::error::Error + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::channel::<Option<Bytes>>(AHEAD);
    tokio::spawn(async move {
        let mut pace = Pace::default();
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
            let mut rest = match next.transpose() {
                Ok(Some(piece)) => piece,
                Ok(None) => {
                    // Whether anybody waits for the end makes no difference to anybody else.
                    let _ = timeout(PATIENCE, sender.send(None)).await;
                    return;
                }
                Err(error) => {
                    // The status is out already: the connection breaks off.
                    tracing::warn!(%error, "an answer of Microsoft's broke off");
                    return;
                }
            };
            while !rest.is_empty() {
                let piece = rest.split_to(rest.len().min(PIECE));
                let bytes = piece.len();
                let taken = match pace.wait(sender.send(Some(piece))).await {
                    Ok(Ok(())) => pace.moved(bytes),
                    Ok(Err(_)) => return,
                    Err(slow) => Err(slow),
                };
                if let Err(slow) = taken {
                    tracing::warn!(?slow, "a caller does not take an answer: cut off");
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
    /// So many bytes at once, with so long a wait before each, on the held clock.
    fn slowly(bytes: usize, wait: Duration) -> Body {
        Body::from_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(wait).await;
            Some((Ok::<_, io::Error>(Bytes::from(vec![b'x'; bytes])), ()))
        }))
    }

    /// A byte now and then never stops, and would hold a place at Microsoft for ever.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_cut_off() {
        let began = Instant::now();
        let mut trickle = incoming(slowly(1, Duration::from_secs(10)));
        let slow = loop {
            match trickle.next().await.expect("an item") {
                Ok(_) => assert!(began.elapsed() < WINDOW * 2, "never cut off"),
                Err(slow) => break slow,
            }
        };
        assert!(slow.detail.contains("in time"), "{}", slow.detail);
        assert!(trickle.next().await.is_none());
        // Empty pieces are no progress either, and are not passed on.
        let mut empty = incoming(slowly(0, Duration::from_secs(1)));
        assert!(empty.next().await.expect("an item").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_goes_through() {
        // 2 KiB a second.
        let steady = incoming(slowly(20 * 1024, Duration::from_secs(10)));
        let pieces: Vec<_> = steady.take(100).collect().await;
        assert!(pieces.iter().all(Result::is_ok));
    }

    /// Microsoft may take its time: what is measured is the caller.
    #[tokio::test(start_paused = true)]
    async fn waiting_for_microsoft_is_not_held_against_the_caller() {
        let mut small = incoming(slowly(1, Duration::from_millis(1)));
        for _ in 0..100 {
            assert!(small.next().await.is_some_and(|piece| piece.is_ok()));
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        let late = stream::unfold(0, |at| async move {
            tokio::time::sleep(Duration::from_secs(50)).await;
            (at < 10).then(|| (Ok::<_, io::Error>(Bytes::from_static(b"x")), at + 1))
        });
        let whole = outgoing(late.boxed()).collect().await.expect("whole");
        assert_eq!(whole.to_bytes().len(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_an_answer_in_drops_is_cut_off() {
        let endless = || stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(b"x")));
        let mut body = outgoing(endless());
        let began = Instant::now();
        while body.frame().await.is_some_and(|frame| frame.is_ok()) {
            assert!(began.elapsed() < WINDOW * 4, "never cut off");
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        // The same answer in pieces that are large enough, at the same pace.
        let large = Bytes::from(vec![b'x'; 10 * PIECE]);
        let pieces = stream::repeat_with(move || Ok::<_, io::Error>(large.clone()));
        let mut body = outgoing(pieces);
        for _ in 0..100 {
            let frame = body.frame().await.expect("a piece").expect("whole");
            assert!(frame.into_data().is_ok_and(|piece| piece.len() <= PIECE));
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }
}
