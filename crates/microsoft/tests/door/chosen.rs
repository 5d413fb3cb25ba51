//! Tokens for chosen scopes.

use crate::support::{Seen, World, reply, sign_in_refusal, token};
use axum::response::Response;
use postroom_microsoft::{DoorError, HandedOn, Identity, TokenScopes};
use postroom_model::account::{AccountKind, AccountState};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

const IMAP: &str = "https://outlook.office.com/IMAP.AccessAsUser.All";
const OUTLOOK: &str = "https://outlook.office365.com/.default";

fn scopes(who: &Identity, text: &str) -> TokenScopes {
    TokenScopes::of(&who.connection, who.account.kind, &[text.to_owned()])
        .expect("scopes")
        .expect("not the door's own")
}

async fn ask(world: &World, who: &Identity, text: &str) -> Result<HandedOn, DoorError> {
    let scopes = scopes(who, text);
    let asked = world
        .door
        .token_to_hand_on(who, Some(&scopes), Duration::ZERO);
    asked.await
}

fn asked_for(seen: &Seen) -> String {
    url::form_urlencoded::parse(seen.body.as_bytes())
        .find(|(name, _)| name == "scope")
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A token named by what it was asked for.
fn named(seen: &Seen) -> Response {
    reply(
        200,
        json!({
            "expires_in": 3600, "access_token": format!("T {}", asked_for(seen)),
            "refresh_token": "R", "scope": format!("granted {}", asked_for(seen)),
        }),
    )
}

#[tokio::test]
async fn each_set_is_asked_for_once_and_kept_apart() {
    let world = World::new(|seen| async move { named(&seen) }).await;
    let who = world.user();
    for _ in 0..3 {
        let imap = ask(&world, &who, IMAP).await.expect("a token");
        let text = format!("{IMAP} openid profile offline_access");
        assert_eq!(imap.token.token.reveal(), format!("T {text}"));
        assert!(imap.scopes.expect("scopes").contains(&IMAP.to_owned()));
        let calendars = ask(&world, &who, "Calendars.Read").await.expect("a token");
        assert!(calendars.token.token.reveal().contains("Calendars.Read"));
        let own = world.door.access_token(&who).await.expect("a token");
        assert!(own.token.reveal().contains("Mail.Read"));
    }
    assert_eq!(world.token_calls(), 3);
    let grant = world.vault.grant.lock().expect("grant").clone();
    assert!(
        !grant
            .expect("a grant")
            .scopes
            .iter()
            .any(|scope| scope == IMAP)
    );

    let application = world.application();
    let outlook = ask(&world, &application, OUTLOOK).await.expect("a token");
    assert_eq!(outlook.token.token.reveal(), format!("T {OUTLOOK}"));
}

/// However many sets are asked for at once, and the connection's own Graph among them, one refresh of
/// the grant is under way, and each uses the token that the one before brought.
#[tokio::test]
async fn one_refresh_of_a_grant_at_a_time() {
    let running = Arc::new(AtomicUsize::new(0));
    let number = Arc::new(AtomicU32::new(0));
    let world = World::new(move |seen| {
        let (running, number) = (Arc::clone(&running), Arc::clone(&number));
        async move {
            assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two at once");
            let form: std::collections::HashMap<_, _> =
                url::form_urlencoded::parse(seen.body.as_bytes()).collect();
            let before = number.fetch_add(1, Ordering::SeqCst);
            assert_eq!(form["refresh_token"], format!("REFRESH{before}"));
            tokio::time::sleep(Duration::from_millis(10)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            reply(
                200,
                json!({
                    "expires_in": 3600, "access_token": "T",
                    "refresh_token": format!("REFRESH{}", before + 1),
                }),
            )
        }
    })
    .await;
    let who = world.user();
    let names: Vec<String> = (0..8).map(|number| format!("Scope.{number}")).collect();
    let callers = (0..80).map(|number| {
        let (world, who, name) = (&world, &who, names[number % 8].as_str());
        async move {
            match number % 10 {
                0 => world.door.access_token(who).await.map(|_| ()),
                _ => ask(world, who, name).await.map(|_| ()),
            }
        }
    });
    for done in futures::future::join_all(callers).await {
        done.expect("a token");
    }
    assert_eq!(world.token_calls(), 9);
}

#[tokio::test]
async fn sets_are_bounded_and_the_one_used_longest_ago_goes() {
    let world = World::new(|seen| async move { named(&seen) }).await;
    let who = world.user();
    for number in 0..40 {
        ask(&world, &who, &format!("Scope.{number}"))
            .await
            .expect("a token");
        ask(&world, &who, "Scope.0").await.expect("a token");
    }
    assert_eq!(world.token_calls(), 40, "the one in use stays");
    ask(&world, &who, "Scope.1").await.expect("a token");
    assert_eq!(world.token_calls(), 41, "the others went");
}

#[tokio::test]
async fn what_chosen_scopes_are_refused_for_ends_no_grant() {
    let world = World::new(|seen| async move {
        match asked_for(&seen).contains("IMAP") {
            true => sign_in_refusal(400, "invalid_grant", 65_001),
            false => token("T1"),
        }
    })
    .await;
    let who = world.user();
    for _ in 0..3 {
        let error = ask(&world, &who, IMAP).await.expect_err("no consent");
        assert!(error.ends_grant().is_none(), "{error}");
    }
    assert_eq!(world.token_calls(), 1, "the refusal is remembered");
    assert!(world.vault.states.lock().expect("states").is_empty());
    world.door.access_token(&who).await.expect("a token");
}

/// A refresh token that the vault could not take is given to it before anything else is asked, and
/// the token that came with it is not taken for one of other scopes.
#[tokio::test]
async fn a_rotated_grant_is_saved_first_whichever_scopes_it_came_with() {
    let world = World::new(|seen| async move { named(&seen) }).await;
    let who = world.user();
    *world.vault.broken.lock().expect("broken") = true;
    assert!(ask(&world, &who, IMAP).await.is_err());
    *world.vault.broken.lock().expect("broken") = false;
    let own = world.door.access_token(&who).await.expect("a token");
    assert!(own.token.reveal().contains("Mail.Read"));
    let saved = world.vault.events.lock().expect("events").len();
    assert_eq!((saved, world.token_calls()), (2, 2));
}

#[tokio::test]
async fn a_token_that_ends_too_soon_is_fetched_anew_but_not_again_and_again() {
    let world = World::new(|seen| async move { named(&seen) }).await;
    let who = world.user();
    let imap = scopes(&who, IMAP);
    for chosen in [None, Some(&imap)] {
        let before = world.token_calls();
        let long = |seconds| {
            let valid_for = Duration::from_secs(seconds);
            world.door.token_to_hand_on(&who, chosen, valid_for)
        };
        long(0).await.expect("a token");
        world.clock.advance(Duration::from_secs(3000));
        let kept = long(0).await.expect("a token").token;
        assert_eq!(world.token_calls() - before, 1);
        let fresh = long(1000).await.expect("a token").token;
        assert!(fresh.expires_at > kept.expires_at);
        assert_eq!(world.token_calls() - before, 2);
        // Microsoft makes none that lasts so long: what there is is given, and asked for no more.
        for _ in 0..5 {
            long(100_000).await.expect("a token");
        }
        assert_eq!(world.token_calls() - before, 2);
    }
}

#[tokio::test]
async fn a_sign_in_drops_the_tokens_of_chosen_scopes() {
    let world = World::new(|seen| async move { named(&seen) }).await;
    let who = world.user();
    ask(&world, &who, IMAP).await.expect("a token");
    world.door.forget_token(&who.account.id);
    ask(&world, &who, IMAP).await.expect("a token");
    assert_eq!(world.token_calls(), 2);
    world.door.ask_anew(&who.connection.id);
    ask(&world, &who, IMAP).await.expect("a token");
    assert_eq!(world.token_calls(), 3);
    assert_eq!(who.account.kind, AccountKind::User);
    assert_eq!(who.account.state, AccountState::Active);
}
