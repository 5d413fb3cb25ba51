//! Callers' own calls, passed through.

use crate::support::{World, refusal, reply, reply_later, token};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method};
use postroom_microsoft::{
    BudgetSettings, DoorError, DoorSettings, GraphPath, PassedAnswer, PassedBody, PassedRequest,
    Upload, UploadFailure,
};
use postroom_model::MailboxId;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

fn request(method: Method, path: &str, body: PassedBody) -> PassedRequest {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("text/plain"));
    PassedRequest {
        method,
        path: GraphPath::encoded(path),
        headers,
        body,
        mailbox: None,
        budgets: Vec::new(),
    }
}

fn upload(pieces: Vec<Result<&'static str, UploadFailure>>, length: Option<u64>) -> Upload {
    let pieces = futures::stream::iter(pieces)
        .map(|piece| piece.map(|text| Bytes::from_static(text.as_bytes())));
    Upload::new(pieces.boxed(), length)
}

async fn text(answer: PassedAnswer) -> String {
    let mut whole = Vec::new();
    let mut body = answer.body;
    while let Some(piece) = body.next().await {
        whole.extend_from_slice(&piece.expect("a piece"));
    }
    String::from_utf8(whole).expect("text")
}

#[tokio::test]
async fn microsofts_answers_go_back_as_they_are() {
    let world = World::new(|seen| async move {
        match seen.path.as_str() {
            _ if seen.is_token() => token("T"),
            "/v1.0/moved" => (
                http::StatusCode::FOUND,
                [("location", "https://elsewhere.example/file")],
            )
                .into_response(),
            "/v1.0/gone" => refusal(404, "ErrorItemNotFound"),
            _ => reply(200, json!({"path": seen.path, "body": seen.body})),
        }
    })
    .await;
    let who = world.user();
    let get = |path: &'static str| {
        world
            .door
            .pass(&who, request(Method::GET, path, PassedBody::None))
    };
    let moved = get("/moved").await.expect("an answer");
    assert_eq!(moved.status, 302);
    assert_eq!(moved.headers["location"], "https://elsewhere.example/file");
    let gone = get("/gone").await.expect("an answer");
    assert_eq!(gone.status, 404);
    assert!(text(gone).await.contains("ErrorItemNotFound"));
    let query = "/x?$filter=a%20eq%20%27b%27&$top=1";
    let answer = text(get(query).await.expect("an answer")).await;
    assert!(
        answer.contains("$filter=a%20eq%20%27b%27&$top=1"),
        "{answer}"
    );
    let put = request(Method::PUT, "/x", PassedBody::Whole("bytes".into()));
    let answer = text(world.door.pass(&who, put).await.expect("an answer")).await;
    assert!(answer.contains("bytes"), "{answer}");
    let seen = world.seen.lock().expect("seen");
    let last = seen.last().expect("a call");
    assert_eq!(last.header("authorization"), "Bearer T");
    assert_eq!(last.header("content-type"), "text/plain");
    assert_eq!(last.header("prefer"), "IdType=\"ImmutableId\"");
    let log = world.log.0.lock().expect("log");
    assert!(log.iter().any(|call| {
        call.status == Some(404)
            && call
                .error
                .as_deref()
                .is_some_and(|error| error.contains("ErrorItemNotFound"))
    }));
}

#[tokio::test]
async fn a_body_at_hand_is_sent_again_and_one_that_comes_is_not() {
    let tries = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&tries);
    let world = World::new(move |seen| {
        let tries = Arc::clone(&counted);
        async move {
            if seen.is_token() {
                return token("T");
            }
            match tries.fetch_add(1, Ordering::SeqCst) {
                0 => reply_later(429, 1),
                _ => reply(200, json!({"body": seen.body})),
            }
        }
    })
    .await;
    let who = world.user();
    let whole = request(Method::POST, "/x", PassedBody::Whole("abc".into()));
    let answer = world
        .ticking(world.door.pass(&who, whole))
        .await
        .expect("an answer");
    assert_eq!((answer.status, tries.load(Ordering::SeqCst)), (200, 2));

    tries.store(0, Ordering::SeqCst);
    let body = upload(vec![Ok("ab"), Ok("c")], Some(3));
    let once = request(Method::PUT, "/x", PassedBody::Upload(body));
    let answer = world.door.pass(&who, once).await.expect("an answer");
    assert_eq!((answer.status, tries.load(Ordering::SeqCst)), (429, 1));
    assert_eq!(answer.headers["retry-after"], "1");
    // The gate is closed for whoever comes next.
    let next = request(Method::GET, "/x", PassedBody::None);
    let mut next = Box::pin(world.door.pass(&who, next));
    let waits = tokio::time::timeout(Duration::from_millis(50), &mut next);
    assert!(waits.await.is_err());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(next.await.expect("an answer").status, 200);
    let log = world.log.0.lock().expect("log");
    assert!(
        log.iter()
            .any(|call| call.method == "PUT" && call.request_bytes == 3)
    );
}

#[tokio::test]
async fn lengths_and_bytes_of_a_body_arrive_as_they_are() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => reply(
                200,
                json!({
                    "body": seen.body, "length": seen.header("content-length"),
                    "encoding": seen.header("transfer-encoding"),
                }),
            ),
        }
    })
    .await;
    let who = world.user();
    for (length, says) in [
        (Some(5), "\"length\":\"5\""),
        (None, "\"encoding\":\"chunked\""),
    ] {
        let body = upload(vec![Ok("ab"), Ok("cde")], length);
        let put = request(Method::PUT, "/x", PassedBody::Upload(body));
        let answer = text(world.door.pass(&who, put).await.expect("an answer")).await;
        assert!(
            answer.contains(says) && answer.contains("abcde"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_caller_that_breaks_off_ends_the_call() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => reply(200, json!({})),
        }
    })
    .await;
    let body = upload(vec![Ok("ab"), Err("the caller is gone".into())], None);
    let put = request(Method::PUT, "/x", PassedBody::Upload(body));
    let error = world
        .door
        .pass(&world.user(), put)
        .await
        .expect_err("broken off");
    let text = error.to_string();
    assert!(
        text.contains("2 bytes") && text.contains("second time"),
        "{text}"
    );
    assert!(matches!(error, DoorError::Network { doubtful: true, .. }));
}

#[tokio::test]
async fn a_revoked_token_is_fetched_anew_where_the_body_can_be_sent_again() {
    let number = Arc::new(AtomicU32::new(0));
    let world = World::new(move |seen| {
        let number = Arc::clone(&number);
        async move {
            if seen.is_token() {
                return token(&format!("T{}", number.fetch_add(1, Ordering::SeqCst)));
            }
            match seen.header("authorization").as_str() {
                "Bearer T0" | "Bearer T2" => refusal(401, "InvalidAuthenticationToken"),
                _ => reply(200, json!({})),
            }
        }
    })
    .await;
    let who = world.user();
    let get = || {
        world
            .door
            .pass(&who, request(Method::GET, "/x", PassedBody::None))
    };
    assert_eq!(get().await.expect("an answer").status, 200);
    world.door.forget_token(&who.account.id);
    let body = upload(vec![Ok("ab")], None);
    let put = request(Method::PUT, "/x", PassedBody::Upload(body));
    assert_eq!(
        world.door.pass(&who, put).await.expect("an answer").status,
        401
    );
    assert_eq!(get().await.expect("an answer").status, 200);
}

/// Microsoft that takes the body and never answers is not waited for without end.
#[tokio::test]
async fn microsoft_that_hangs_ends_the_call() {
    let settings = DoorSettings {
        answer_timeout: Duration::from_millis(100),
        ..DoorSettings::default()
    };
    let world = World::with(settings, |seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => std::future::pending().await,
        }
    })
    .await;
    let body = upload(vec![Ok("ab")], None);
    let put = request(Method::PUT, "/x", PassedBody::Upload(body));
    let error = world
        .door
        .pass(&world.user(), put)
        .await
        .expect_err("no answer");
    assert!(error.to_string().contains("did not answer"), "{error}");
}

/// A hundred megabytes go through in pieces: never more of them wait here than the sockets hold.
#[tokio::test]
async fn a_large_body_is_never_held() {
    const PIECE: usize = 64 * 1024;
    const PIECES: u64 = 1600;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let arrived = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&arrived);
    let app = axum::Router::new().fallback(move |request: axum::extract::Request| {
        let counts = Arc::clone(&counts);
        async move {
            if request.uri().path().ends_with("/token") {
                return token("T");
            }
            let mut body = request.into_body().into_data_stream();
            while let Some(Ok(piece)) = body.next().await {
                counts.fetch_add(piece.len() as u64, Ordering::SeqCst);
            }
            reply(201, json!({}))
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut world = World::new(|_| async { reply(500, json!({})) }).await;
    world.root = root;
    let taken = Arc::clone(&arrived);
    let made = futures::stream::iter(0..PIECES).map(move |number| {
        let ahead = number * PIECE as u64 - taken.load(Ordering::SeqCst);
        // What two sockets and hyper hold at most.
        assert!(ahead < 24 * 1024 * 1024, "{ahead} bytes wait");
        Ok::<_, UploadFailure>(Bytes::from(vec![7; PIECE]))
    });
    let body = Upload::new(made.boxed(), Some(PIECES * PIECE as u64));
    let put = request(Method::PUT, "/x", PassedBody::Upload(body));
    let answer = world
        .door
        .pass(&world.user(), put)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 201);
    assert_eq!(arrived.load(Ordering::SeqCst), PIECES * PIECE as u64);
}

#[tokio::test]
async fn a_batch_about_two_mailboxes_uses_both_budgets() {
    let settings = DoorSettings {
        budgets: BudgetSettings {
            per_mailbox_concurrent: 2,
            ..BudgetSettings::default()
        },
        ..DoorSettings::default()
    };
    let world = World::with(settings, |seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => reply(200, json!({})),
        }
    })
    .await;
    let who = world.user();
    let of = |mailboxes: &[(&str, u32)]| {
        let mut batch = request(Method::POST, "/$batch", PassedBody::Whole("{}".into()));
        let budgets = mailboxes
            .iter()
            .map(|(id, calls)| (MailboxId::new(*id), *calls));
        batch.budgets = budgets.collect();
        batch
    };
    let held = world
        .door
        .pass(&who, of(&[("b", 5), ("a", 1)]))
        .await
        .expect("an answer");
    world
        .door
        .pass(&who, of(&[("a", 1)]))
        .await
        .expect("room for one more");
    let mut waits = Box::pin(world.door.pass(&who, of(&[("b", 1)])));
    let waiting = tokio::time::timeout(Duration::from_millis(50), &mut waits).await;
    assert!(waiting.is_err());
    drop(held);
    waits.await.expect("an answer");
}
