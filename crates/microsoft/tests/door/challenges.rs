//! Claims challenges: what Graph asks for goes into the request for the next token.

use crate::support::{World, refusal, reply, token};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroom_microsoft::{GraphPath, GraphRequest};
use postroom_model::account::AccountState;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

fn me() -> GraphRequest {
    GraphRequest::get(GraphPath::user("u"))
}

/// 401 with a challenge, among others in another header.
fn challenged() -> Response {
    let body = json!({"error": {"code": "InvalidAuthenticationToken", "message": "no."}});
    let claims = STANDARD.encode(CLAIMS);
    let headers = [
        ("www-authenticate", "Basic realm=\"x\"".to_owned()),
        (
            "www-authenticate",
            format!("Bearer claims=\"{claims}\", realm=\"\", error=\"insufficient_claims\""),
        ),
    ];
    let mut response = (http::StatusCode::UNAUTHORIZED, axum::Json(body)).into_response();
    for (name, value) in headers {
        let value = http::HeaderValue::from_str(&value).expect("a header");
        response.headers_mut().append(name, value);
    }
    response
}

/// The `claims` of a token request.
fn asked(body: &str) -> Value {
    let claims = url::form_urlencoded::parse(body.as_bytes())
        .find(|(name, _)| name == "claims")
        .map(|(_, value)| value.into_owned());
    serde_json::from_str(&claims.expect("claims are asked for")).expect("JSON")
}

/// A Graph that takes tokens only that were asked for with the claims.
async fn world() -> World {
    world_after(0).await
}

/// The same; so many refusals do not say so.
async fn world_after(silent: u32) -> World {
    let (given, refused) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    World::new(move |seen| {
        let (given, refused) = (Arc::clone(&given), Arc::clone(&refused));
        async move {
            if seen.is_token() {
                let claims = asked(&seen.body);
                assert_eq!(claims["access_token"]["xms_cc"]["values"], json!(["cp1"]));
                let number = given.fetch_add(1, Ordering::SeqCst);
                return match claims["access_token"]["acrs"]["value"].as_str() {
                    Some("c1") => token(&format!("GOOD{number}")),
                    _ => token(&format!("T{number}")),
                };
            }
            match seen.header("authorization").starts_with("Bearer GOOD") {
                true => reply(200, json!({})),
                false if refused.fetch_add(1, Ordering::SeqCst) < silent => {
                    refusal(401, "InvalidAuthenticationToken")
                }
                false => challenged(),
            }
        }
    })
    .await
}

/// The first refusal says nothing of claims, the second does: the call is made a third time, with
/// them.
#[tokio::test]
async fn a_challenge_is_answered_after_a_refusal_without_one() {
    let world = world_after(1).await;
    world
        .door
        .send(&world.user(), me())
        .await
        .expect("an answer");
    assert_eq!((world.token_calls(), world.graph_calls()), (3, 3));
    // Without any there is no third time.
    let world = world_after(9).await;
    world
        .door
        .send(&world.user(), me())
        .await
        .expect_err("refused");
    assert_eq!((world.token_calls(), world.graph_calls()), (2, 2));
}

#[tokio::test]
async fn a_challenge_is_answered_by_a_user_and_an_application() {
    for application in [false, true] {
        let world = world().await;
        let who = match application {
            true => world.application(),
            false => world.user(),
        };
        world.door.send(&who, me()).await.expect("an answer");
        assert_eq!((world.token_calls(), world.graph_calls()), (2, 2));
        world.door.send(&who, me()).await.expect("another");
        assert_eq!((world.token_calls(), world.graph_calls()), (2, 3));
        // It is met: the token after that asks for it only when Graph does again.
        world.clock.advance(Duration::from_secs(4_000));
        world.door.send(&who, me()).await.expect("a third");
        assert_eq!((world.token_calls(), world.graph_calls()), (4, 5));
        assert!(world.vault.states.lock().expect("states").is_empty());
    }
}

#[tokio::test]
async fn claims_that_take_the_user_are_kept_for_the_next_sign_in() {
    let world = World::new(|seen| async move {
        if !seen.is_token() {
            return challenged();
        }
        match asked(&seen.body)["access_token"].get("acrs") {
            None => token("T"),
            Some(_) => reply(
                400,
                json!({
                    "error": "interaction_required",
                    "error_description": "AADSTS50076: Due to a configuration change …",
                    "error_codes": [50_076],
                    "suberror": "basic_action",
                }),
            ),
        }
    })
    .await;
    let error = world.door.send(&world.user(), me()).await.expect_err("no");
    assert_eq!(error.ends_grant(), Some(AccountState::NeedsSignIn));
    assert!(error.to_string().contains("AADSTS50076"), "{error}");
    let kept = world.vault.claims.lock().expect("claims").clone();
    assert_eq!(kept.as_deref(), Some(CLAIMS));
    let states = world.vault.states.lock().expect("states").clone();
    assert_eq!(states, [AccountState::NeedsSignIn]);
}

/// What Entra asks for itself counts more than what Graph did; it came once as an object.
#[tokio::test]
async fn entras_own_claims_win() {
    let world = World::new(|seen| async move {
        assert!(seen.is_token());
        reply(
            400,
            json!({
                "error": "invalid_grant", "error_codes": [53_003],
                "error_description": "AADSTS53003: Access has been blocked.",
                "claims": {"access_token": {"capolids": {"essential": true}}},
            }),
        )
    })
    .await;
    assert!(world.door.access_token(&world.user()).await.is_err());
    let kept = world.vault.claims.lock().expect("claims").clone();
    assert!(kept.is_some_and(|claims| claims.contains("capolids")));
}

/// A challenge that is none changes nothing about a 401.
#[tokio::test]
async fn a_garbled_challenge_is_a_401() {
    let world = World::new(|seen| async move {
        if seen.is_token() {
            assert!(asked(&seen.body)["access_token"].get("acrs").is_none());
            return token("T");
        }
        let mut response = reply(401, json!({"error": {"code": "x", "message": "no."}}));
        let value = "Bearer error=\"insufficient_claims\", claims=\"%%%";
        let value = http::HeaderValue::from_static(value);
        response.headers_mut().append("www-authenticate", value);
        response
    })
    .await;
    let error = world.door.send(&world.user(), me()).await.expect_err("no");
    assert_eq!(error.status(), Some(401));
    assert_eq!((world.token_calls(), world.graph_calls()), (2, 2));
}
