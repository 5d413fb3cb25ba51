//! What is repeated, what is in doubt, and what cannot be read.

use crate::support::{World, cut, refusal, reply, reply_later, token};
use axum::response::{IntoResponse, Response};
use postroom_microsoft::{Again, DoorError, GraphPath, GraphRequest, Target};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn post() -> GraphRequest {
    GraphRequest::post(GraphPath::user("u").lit("sendMail")).json(&json!({}))
}

fn get() -> GraphRequest {
    GraphRequest::get(GraphPath::user("u"))
}

/// A world whose Graph answers first so, then well.
async fn first(answer: fn() -> Response) -> World {
    let asked = Arc::new(AtomicU32::new(0));
    World::new(move |seen| {
        let first = !seen.is_token() && asked.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            match (seen.is_token(), first) {
                (true, _) => token("T"),
                (_, true) => answer(),
                _ => reply(200, json!({ "ok": true })),
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_post_with_an_effect_is_not_repeated_after_doubt() {
    for answer in [
        (|| refusal(500, "generalException")) as fn() -> Response,
        || refusal(502, ""),
        || refusal(503, ""),
        || refusal(504, ""),
        || cut("{\"id\""),
    ] {
        let world = first(answer).await;
        let who = world.user();
        let error = world.ticking(world.door.send(&who, post())).await;
        let error = error.expect_err("doubt");
        assert!(error.is_doubtful(), "{error}");
        assert_eq!(error.again(), Again::Look);
        assert!(error.to_string().contains("look before"), "{error}");
        assert_eq!(world.graph_calls(), 1);
    }
}

#[tokio::test]
async fn a_post_is_repeated_where_nothing_was_done() {
    for answer in [(|| reply_later(429, 1)) as fn() -> Response, || {
        reply_later(503, 1)
    }] {
        let world = first(answer).await;
        let who = world.user();
        let answer = world.ticking(world.door.send(&who, post())).await;
        answer.expect("an answer");
        assert_eq!(world.graph_calls(), 2);
    }
}

#[tokio::test]
async fn a_post_that_reached_nobody_is_in_no_doubt() {
    let world = World::new(|_| async { token("T") }).await;
    let mut who = world.user();
    let mut nowhere = world.connection();
    nowhere.graph_url = "http://127.0.0.1:9".to_owned();
    who.connection = Arc::new(nowhere);
    let error = world.ticking(world.door.send(&who, post())).await;
    let error = error.expect_err("nobody there");
    assert!(matches!(error, DoorError::Network { .. }), "{error}");
    assert!(!error.is_doubtful());
    let log = world.log.0.lock().expect("log");
    assert_eq!(log.iter().filter(|call| call.status.is_none()).count(), 5);
}

#[tokio::test]
async fn a_refused_post_is_a_clear_no() {
    let world = first(|| refusal(403, "ErrorSendAsDenied")).await;
    let error = world.door.send(&world.user(), post()).await;
    let error = error.expect_err("no");
    assert_eq!(error.again(), Again::Never);
    assert!(error.to_string().contains("Send As"), "{error}");
}

#[tokio::test]
async fn reading_is_repeated_after_anything_that_passes() {
    for answer in [
        (|| refusal(500, "")) as fn() -> Response,
        || reply_later(503, 2),
        || cut("{\"ok\""),
    ] {
        let world = first(answer).await;
        let who = world.user();
        let answer = world.ticking(world.door.send(&who, get())).await;
        let body: Value = answer.expect("an answer").json().expect("JSON");
        assert_eq!(body, json!({ "ok": true }));
        assert_eq!(world.graph_calls(), 2);
    }
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let page = || axum::response::Html("<html>Sign in to the Wi-Fi").into_response();
    let short = || {
        let kind = [("content-type", "application/json")];
        (kind, "{\"value\": [{\"id\":").into_response()
    };
    for (answer, why) in [
        (page as fn() -> Response, "HTML page"),
        (short as fn() -> Response, "cut off"),
    ] {
        let world = first(answer).await;
        let answer = world.door.send(&world.user(), get()).await;
        let error = answer
            .expect("an answer")
            .json::<Value>()
            .expect_err("not JSON");
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.again(), Again::Later(None));
        let world = first(answer_of_post(why)).await;
        let answer = world.door.send(&world.user(), post()).await;
        let error = answer.expect("an answer").json::<Value>();
        assert_eq!(error.expect_err("not JSON").again(), Again::Look);
    }
}

fn answer_of_post(why: &str) -> fn() -> Response {
    match why {
        "HTML page" => || axum::response::Html("<html>").into_response(),
        _ => || ([("content-type", "application/json")], "{").into_response(),
    }
}

#[tokio::test]
async fn a_long_answer_is_refused() {
    let world = first(|| reply(200, json!({ "text": "x".repeat(10_000) }))).await;
    let request = get().max_answer_bytes(1000);
    let error = world.door.send(&world.user(), request).await;
    assert!(matches!(
        error.expect_err("too long"),
        DoorError::TooLarge { limit: 1000, .. }
    ));
}

#[tokio::test]
async fn a_link_to_another_host_gets_no_token() {
    let world = World::new(|_| async { token("T") }).await;
    let other = World::new(|_| async { reply(200, json!({})) }).await;
    let link = format!("{}/v1.0/users?$skiptoken=x", other.root);
    let error = world
        .door
        .send(&world.user(), GraphRequest::follow(link))
        .await;
    assert!(matches!(error, Err(DoorError::Address(_))));
    assert_eq!(other.graph_calls(), 0);
    assert_eq!(world.token_calls(), 0);
}

#[tokio::test]
async fn an_upload_address_gets_no_token_and_redirects_are_not_followed() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => (
                http::StatusCode::FOUND,
                [("location", "http://127.0.0.1:9/elsewhere")],
            )
                .into_response(),
        }
    })
    .await;
    let target = Target::PreAuthenticated(format!("{}/upload?authtoken=SECRET", world.root));
    let request = GraphRequest::new(http::Method::PUT, target).raw("x/y", "abc");
    let answer = world.door.send(&world.user(), request).await;
    assert_eq!(answer.expect("an answer").status, 302);
    let seen = world.seen.lock().expect("seen").clone();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].header("authorization"), "");
    let answer = world.door.send(&world.user(), get()).await;
    assert_eq!(answer.expect("an answer").status, 302);
}

#[tokio::test]
async fn every_call_carries_the_doors_headers() {
    let world = first(|| reply(200, json!({}))).await;
    let request = get().prefer("odata.maxpagesize=5");
    world
        .door
        .send(&world.user(), request)
        .await
        .expect("answer");
    let seen = world.seen.lock().expect("seen").clone();
    let call = seen.iter().find(|seen| !seen.is_token()).expect("a call");
    assert_eq!(
        call.header("prefer"),
        "IdType=\"ImmutableId\", odata.maxpagesize=5"
    );
    assert_eq!(call.method, "GET");
    assert!(call.header("user-agent").contains("Postroom"));
    assert_eq!(call.header("accept"), "application/json");
    assert_eq!(call.header("client-request-id").len(), 36);
}
