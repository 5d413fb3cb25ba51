//! Access tokens and grants.

use crate::support::{World, refusal, reply, sign_in_refusal, token};
use postroom_microsoft::{Again, DoorError, DoorSettings, GraphPath, GraphRequest};
use postroom_model::account::AccountState;
use postroom_model::grant::Grant;
use postroom_model::{AccountId, ConnectionId};
use serde_json::json;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn me() -> GraphRequest {
    GraphRequest::get(GraphPath::user("u"))
}

#[tokio::test]
async fn fifty_callers_make_one_refresh() {
    let world = World::new(|seen| async move {
        assert!(seen.is_token());
        tokio::time::sleep(Duration::from_millis(50)).await;
        token("T1")
    })
    .await;
    let who = world.user();
    let callers = (0..50).map(|_| world.door.access_token(&who));
    for token in futures::future::join_all(callers).await {
        assert_eq!(token.expect("a token").token.reveal(), "T1");
    }
    assert_eq!(world.token_calls(), 1);
    assert_eq!(world.vault.events.lock().expect("events").len(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobodys_token_with_it() {
    let world = World::new(|_| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token("T1")
    })
    .await;
    let who = world.user();
    let gone = tokio::time::timeout(Duration::from_millis(10), world.door.access_token(&who));
    assert!(gone.await.is_err());
    world.door.access_token(&who).await.expect("a token");
    assert_eq!(world.token_calls(), 1);
}

#[tokio::test]
async fn the_rotated_refresh_token_is_saved_before_the_access_token_is_used() {
    let events: Arc<std::sync::Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&events);
    let world = World::new(move |seen| {
        let noted = Arc::clone(&noted);
        async move {
            if seen.is_token() {
                return token("T1");
            }
            noted.lock().expect("events").push("used".to_owned());
            assert_eq!(seen.header("authorization"), "Bearer T1");
            reply(200, json!({}))
        }
    })
    .await;
    let who = world.user();
    world.door.send(&who, me()).await.expect("an answer");
    let saved = world.vault.events.lock().expect("events").clone();
    assert_eq!(saved, ["saved"]);
    assert_eq!(*events.lock().expect("events"), ["used"]);
    let grant = world.vault.grant.lock().expect("grant").clone();
    assert_eq!(grant.expect("a grant").refresh_token.reveal(), "REFRESH-T1");
}

#[tokio::test]
async fn a_token_whose_grant_was_not_saved_is_not_used() {
    let world = World::new(|seen| async move {
        assert!(seen.is_token(), "the token was used");
        token("T1")
    })
    .await;
    *world.vault.broken.lock().expect("broken") = true;
    let error = world.door.send(&world.user(), me()).await.expect_err("no");
    assert!(matches!(error, DoorError::Vault(_)), "{error}");
    assert_eq!(error.again(), Again::Later(None));
}

#[tokio::test]
async fn a_lost_network_ends_no_grant() {
    let settings = DoorSettings {
        max_attempts: 1,
        ..DoorSettings::default()
    };
    let world = World::with(settings, |_| async {
        reply(503, json!({ "error": "invalid_grant" }))
    })
    .await;
    let mut who = world.user();
    for _ in 0..3 {
        let error = world.door.access_token(&who).await.expect_err("no token");
        assert_eq!(error.ends_grant(), None);
        assert!(matches!(error.again(), Again::Later(_)), "{error}");
    }
    let mut nowhere = world.connection();
    nowhere.endpoints.token = Some("http://127.0.0.1:9/token".to_owned());
    who.connection = Arc::new(nowhere);
    let error = world.door.access_token(&who).await.expect_err("no token");
    assert!(matches!(error, DoorError::Network { .. }), "{error}");
    assert!(world.vault.states.lock().expect("states").is_empty());
}

#[tokio::test]
async fn a_refused_grant_ends_once_and_is_not_asked_for_again_at_once() {
    let world = World::new(|_| async { sign_in_refusal(400, "invalid_grant", 700_082) }).await;
    let who = world.user();
    for _ in 0..20 {
        let error = world.door.access_token(&who).await.expect_err("no token");
        assert_eq!(error.ends_grant(), Some(AccountState::NeedsSignIn));
        assert!(error.to_string().contains("AADSTS700082"), "{error}");
        assert!(error.to_string().contains("contoso"), "{error}");
    }
    assert_eq!(world.token_calls(), 1);
    let states = world.vault.states.lock().expect("states").clone();
    assert_eq!(states, [AccountState::NeedsSignIn]);
    world.clock.advance(Duration::from_secs(11));
    assert!(world.door.access_token(&who).await.is_err());
    assert_eq!(world.token_calls(), 2);
}

#[tokio::test]
async fn success_makes_an_account_active_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let world = World::new(move |_| {
        let first = asked.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            match first {
                true => sign_in_refusal(400, "invalid_grant", 50_173),
                false => token("T1"),
            }
        }
    })
    .await;
    let who = world.user();
    assert!(world.door.access_token(&who).await.is_err());
    world.door.forget_connection(&ConnectionId::new("c"));
    let mut ended = (*who.account).clone();
    ended.state = AccountState::Revoked;
    let who = postroom_microsoft::Identity {
        account: Arc::new(ended),
        ..who
    };
    world.door.access_token(&who).await.expect("a token");
    let states = world.vault.states.lock().expect("states").clone();
    assert_eq!(states, [AccountState::Revoked, AccountState::Active]);
}

#[tokio::test]
async fn a_good_token_is_given_out_while_its_successor_is_fetched() {
    let asked = Arc::new(AtomicU32::new(0));
    let world = World::new(move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        async move {
            if number > 0 {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            token(&format!("T{number}"))
        }
    })
    .await;
    let who = world.application();
    let reveal = async || {
        let token = world.door.access_token(&who).await.expect("a token");
        token.token.reveal().to_owned()
    };
    assert_eq!(reveal().await, "T0");
    world.clock.advance(Duration::from_secs(3_310));
    let begun = std::time::Instant::now();
    assert_eq!(reveal().await, "T0");
    assert_eq!(reveal().await, "T0");
    assert!(begun.elapsed() < Duration::from_millis(90));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(reveal().await, "T1");
    assert_eq!(world.token_calls(), 2);
}

#[tokio::test]
async fn a_token_that_graph_refuses_is_renewed_once() {
    let asked = Arc::new(AtomicU32::new(0));
    let world = World::new(move |seen| {
        let number = asked.fetch_add(u32::from(seen.is_token()), Ordering::SeqCst);
        async move {
            if seen.is_token() {
                token(&format!("T{number}"))
            } else if seen.header("authorization") == "Bearer T0" {
                refusal(401, "InvalidAuthenticationToken")
            } else {
                reply(200, json!({}))
            }
        }
    })
    .await;
    world.door.send(&world.user(), me()).await.expect("answer");
    assert_eq!((world.token_calls(), world.graph_calls()), (2, 2));
}

#[tokio::test]
async fn a_second_401_is_the_answer() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("T"),
            false => refusal(401, "InvalidAuthenticationToken"),
        }
    })
    .await;
    let error = world.door.send(&world.user(), me()).await.expect_err("no");
    assert_eq!(error.status(), Some(401));
    assert_eq!(world.graph_calls(), 2);
}

#[tokio::test]
async fn the_second_credential_is_tried_when_the_first_is_over() {
    let world = World::new(|seen| async move {
        match seen.body.contains("client_secret=NEW") {
            true => token("T1"),
            false => sign_in_refusal(401, "invalid_client", 7_000_222),
        }
    })
    .await;
    let both = vec!["OLD".to_owned(), "NEW".to_owned()];
    *world.vault.secrets.lock().expect("secrets") = both;
    let who = world.application();
    world.door.access_token(&who).await.expect("a token");
    assert!(world.vault.states.lock().expect("states").is_empty());
}

#[tokio::test]
async fn a_refused_newer_credential_has_its_turn_again_after_minutes() {
    let world = World::new(|seen| async move {
        match seen.body.contains("client_secret=OLDER") {
            true => token("T1"),
            false => sign_in_refusal(401, "invalid_client", 7_000_215),
        }
    })
    .await;
    let both = vec!["NEWER".to_owned(), "OLDER".to_owned()];
    *world.vault.secrets.lock().expect("secrets") = both;
    let who = world.application();
    let calls = async || {
        let before = world.token_calls();
        world.door.forget_token(&AccountId::new("a"));
        world.door.access_token(&who).await.expect("a token");
        world.token_calls() - before
    };
    assert_eq!(calls().await, 2);
    assert_eq!(calls().await, 1);
    world.clock.advance(Duration::from_secs(299));
    assert_eq!(calls().await, 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(calls().await, 2);
    assert_eq!(calls().await, 1);
    world.door.forget_connection(&ConnectionId::new("c"));
    assert_eq!(calls().await, 2);
    assert!(world.vault.states.lock().expect("states").is_empty());
}

/// By that it is known whose end matters: it has to be told when it changes, either way, and not
/// with every token.
#[tokio::test]
async fn which_credential_is_taken_is_told_when_it_changes() {
    let good = Arc::new(Mutex::new("OLDER"));
    let now = Arc::clone(&good);
    let world = World::new(move |seen| {
        let good = format!("client_secret={}", now.lock().expect("good"));
        async move {
            match seen.body.contains(&good) {
                true => token("T1"),
                false => sign_in_refusal(401, "invalid_client", 7_000_215),
            }
        }
    })
    .await;
    let both = vec!["NEWER".to_owned(), "OLDER".to_owned()];
    *world.vault.secrets.lock().expect("secrets") = both;
    let who = world.application();
    let told = async || {
        world.door.forget_connection(&ConnectionId::new("c"));
        world.door.access_token(&who).await.expect("a token");
        world.vault.taken.lock().expect("taken").clone()
    };
    let entry = |taken: &str, refused: &[&str]| {
        let refused = refused.iter().map(|it| (*it).to_owned()).collect();
        (taken.to_owned(), refused)
    };
    let mut expected = vec![entry("OLDER", &["NEWER"])];
    assert_eq!(told().await, expected);
    assert_eq!(told().await, expected);
    *good.lock().expect("good") = "NEWER";
    expected.push(entry("NEWER", &[]));
    assert_eq!(told().await, expected);
    assert_eq!(told().await, expected);
    *good.lock().expect("good") = "OLDER";
    expected.push(entry("OLDER", &["NEWER"]));
    assert_eq!(told().await, expected);
    assert_eq!(told().await, expected);
}

/// It must neither stop the others nor make a public client of the application.
#[tokio::test]
async fn a_credential_that_cannot_be_read_is_left_out() {
    let world = World::new(|seen| async move {
        match seen.body.contains("client_secret=OLDER") {
            true => token("T1"),
            false => sign_in_refusal(401, "invalid_client", 7_000_218),
        }
    })
    .await;
    let who = world.application();
    let with = async |secrets: &[&str]| {
        let secrets = secrets.iter().map(|it| (*it).to_owned()).collect();
        *world.vault.secrets.lock().expect("secrets") = secrets;
        let before = world.token_calls();
        world.door.forget_connection(&ConnectionId::new("c"));
        let token = world.door.access_token(&who).await;
        (token, world.token_calls() - before)
    };
    let (read, calls) = with(&["", "OLDER"]).await;
    assert!(read.is_ok() && calls == 1, "{calls}");
    let (unread, calls) = with(&[""]).await;
    let error = unread.expect_err("no token").to_string();
    assert!(error.contains("cannot open it") && calls == 0, "{error}");
    let trials = world.door.try_credentials(&who).await.expect("tried");
    assert!(trials.len() == 1 && trials[0].outcome.is_err());
}

#[tokio::test]
async fn of_two_refused_credentials_the_newer_is_told_of() {
    let world = World::new(|seen| async move {
        let code = match seen.body.contains("client_secret=NEWER") {
            true => 7_000_215,
            false => 7_000_222,
        };
        sign_in_refusal(401, "invalid_client", code)
    })
    .await;
    let both = vec!["NEWER".to_owned(), "OLDER".to_owned()];
    *world.vault.secrets.lock().expect("secrets") = both;
    let error = world.door.access_token(&world.application()).await;
    let error = error.expect_err("no token").to_string();
    assert!(error.contains("AADSTS7000215"), "{error}");
}

/// An assertion may be refused when it comes a second time; the one of the first time may have
/// arrived.
#[tokio::test]
async fn an_assertion_is_made_anew_for_each_time_it_is_sent() {
    let world = World::with(
        DoorSettings {
            backoff_base: Duration::ZERO,
            ..Default::default()
        },
        |seen| async move {
            match seen.body.contains("client_assertion=") {
                true => sign_in_refusal(503, "temporarily_unavailable", 90_033),
                false => token("T1"),
            }
        },
    )
    .await;
    *world.vault.certificate.lock().expect("certificate") = Some(crate::support::certificate());
    let who = world.application();
    let refused = world.ticking(world.door.access_token(&who)).await;
    assert!(
        refused.is_err(),
        "a fault says nothing against a credential"
    );
    let seen = world.seen.lock().expect("seen").clone();
    assert!(seen.len() > 1);
    let assertions: std::collections::HashSet<_> = seen
        .iter()
        .map(|seen| {
            assert!(!seen.body.contains("client_secret"), "{}", seen.body);
            assert!(seen.body.contains("client_assertion_type=urn%3Aietf"));
            seen.body
                .split("client_assertion=")
                .nth(1)
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(assertions.len(), seen.len());
}

#[tokio::test]
async fn a_wrong_secret_ends_the_application_and_no_user() {
    let world = World::new(|_| async { sign_in_refusal(401, "invalid_client", 7_000_215) }).await;
    let error = world.door.access_token(&world.user()).await;
    let error = error.expect_err("no token");
    assert_eq!(error.ends_grant(), None);
    assert!(error.to_string().contains("client secret"), "{error}");
    world.door.forget_token(&AccountId::new("a"));
    let error = world.door.access_token(&world.application()).await;
    assert_eq!(
        error.expect_err("no token").ends_grant(),
        Some(AccountState::CredentialExpired)
    );
    let states = world.vault.states.lock().expect("states").clone();
    assert_eq!(states, [AccountState::CredentialExpired]);
}

#[tokio::test]
async fn a_token_is_not_given_out_for_changed_addresses() {
    let world = World::new(|_| async { token("T1") }).await;
    let who = world.user();
    world.door.access_token(&who).await.expect("a token");
    let mut moved = world.connection();
    moved.graph_url = "https://elsewhere.example".to_owned();
    let moved = postroom_microsoft::Identity {
        connection: Arc::new(moved),
        ..who
    };
    world.door.access_token(&moved).await.expect("a token");
    assert_eq!(world.token_calls(), 2);
}

#[tokio::test]
async fn a_grant_of_a_new_sign_in_is_not_overwritten_by_an_old_refresh() {
    let world = World::new(|_| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token("OLD")
    })
    .await;
    let who = world.user();
    let slow = world.door.access_token(&who);
    let sign_in = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let adopted = postroom_model::grant::AccessToken {
            token: postroom_model::Secret::new("ADOPTED"),
            expires_at: postroom_model::Timestamp::MAX,
            refresh_at: postroom_model::Timestamp::MAX,
        };
        *world.vault.grant.lock().expect("grant") = Some(grant("SIGNED-IN"));
        world
            .door
            .adopt_token(&who.connection, &who.account.id, adopted);
    };
    let (token, ()) = tokio::join!(slow, sign_in);
    assert_eq!(token.expect("a token").token.reveal(), "ADOPTED");
    assert!(world.vault.events.lock().expect("events").is_empty());
}

fn grant(token: &str) -> Grant {
    Grant {
        refresh_token: postroom_model::Secret::new(token),
        scopes: Vec::new(),
        received_at: postroom_model::Timestamp::UNIX_EPOCH,
    }
}

fn refresh_token(world: &World) -> String {
    let grant = world.vault.grant.lock().expect("grant").clone();
    grant.expect("a grant").refresh_token.reveal().to_owned()
}

/// The refresh token that it replaces may work no more.
#[tokio::test]
async fn a_rotated_grant_is_kept_when_the_connection_is_changed_meanwhile() {
    let world = World::new(|_| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        token("T1")
    })
    .await;
    let who = world.user();
    let change = async {
        while world.token_calls() == 0 {
            tokio::task::yield_now().await;
        }
        world.door.forget_connection(&ConnectionId::new("c"));
    };
    let (token, ()) = tokio::join!(world.door.access_token(&who), change);
    token.expect("a token");
    let seen = world.seen.lock().expect("seen").clone();
    let shown: Vec<bool> = seen
        .iter()
        .map(|seen| seen.body.contains("refresh_token=REFRESH-T1"))
        .collect();
    assert_eq!(
        shown,
        [false, true],
        "the second goes by what the first got"
    );
    assert_eq!(refresh_token(&world), "REFRESH-T1");
}

#[tokio::test]
async fn what_the_vault_could_not_take_is_kept_through_a_change_of_the_connection() {
    let world = World::new(|_| async { token("T1") }).await;
    let who = world.user();
    *world.vault.broken.lock().expect("broken") = true;
    world.door.access_token(&who).await.expect_err("not stored");
    world.door.forget_connection(&ConnectionId::new("c"));
    *world.vault.broken.lock().expect("broken") = false;
    world.door.access_token(&who).await.expect("a token");
    let saved = world.vault.events.lock().expect("events").clone();
    assert_eq!(saved, ["saved", "saved"], "the first one's, then its own");
    assert_eq!(refresh_token(&world), "REFRESH-T1");
}

#[tokio::test]
async fn a_door_settles_when_what_was_rotated_is_stored() {
    let world = World::new(|_| async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        token("T1")
    })
    .await;
    let who = world.user();
    let gone = tokio::time::timeout(Duration::from_millis(1), world.door.access_token(&who));
    assert!(gone.await.is_err());
    world.door.settled().await;
    assert_eq!(refresh_token(&world), "REFRESH-T1");
}

#[tokio::test]
async fn an_account_without_a_grant_says_so() {
    let world = World::new(|_| async { token("T") }).await;
    *world.vault.grant.lock().expect("grant") = None;
    let error = world.door.access_token(&world.user()).await;
    let error = error.expect_err("no token");
    assert!(matches!(error, DoorError::NoGrant { .. }));
    assert!(error.to_string().contains("sign in again"), "{error}");
    assert_eq!(world.token_calls(), 0);
}

#[tokio::test]
async fn what_was_not_granted_is_not_insisted_on() {
    let world = World::new(|seen| async move {
        assert!(seen.is_token());
        if seen.body.contains("scope=") {
            return sign_in_refusal(400, "invalid_scope", 0);
        }
        token("T1")
    })
    .await;
    let given = world.door.access_token(&world.user()).await;
    assert_eq!(given.expect("a token").token.reveal(), "T1");
    assert_eq!(world.token_calls(), 2);
}

#[tokio::test]
async fn a_page_in_place_of_a_token_is_asked_again() {
    let times = Arc::new(AtomicU32::new(0));
    let settings = DoorSettings {
        backoff_base: Duration::ZERO,
        ..DoorSettings::default()
    };
    let world = World::with(settings, move |_| {
        let first = times.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            if first {
                return axum::response::IntoResponse::into_response(axum::response::Html("<p>Hi"));
            }
            token("T1")
        }
    })
    .await;
    let given = world.door.access_token(&world.user()).await;
    assert_eq!(given.expect("a token").token.reveal(), "T1");
    assert_eq!(world.token_calls(), 2);
}
