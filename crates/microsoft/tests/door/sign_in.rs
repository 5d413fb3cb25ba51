//! A user signs in.

use crate::support::{World, refusal, reply, sign_in_refusal};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_microsoft::{AuthorizeAsk, AuthorizeProbe, DoorError, pkce};
use postroom_model::{Secret, SeededDice};
use serde_json::{Value, json};

fn answer(claims: &Value) -> axum::response::Response {
    let id_token = format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()));
    reply(
        200,
        json!({
            "access_token": "T", "expires_in": "3600", "refresh_token": "R",
            "scope": "Mail.Read openid", "id_token": id_token,
        }),
    )
}

fn claims() -> Value {
    json!({
        "aud": "app", "exp": 1_800_003_600, "nonce": "N", "tid": "t-1", "oid": "o-1",
        "preferred_username": "ann@contoso.example", "name": "Ann",
    })
}

async fn redeem(world: &World) -> Result<postroom_microsoft::SignedIn, DoorError> {
    world
        .door
        .redeem_code(
            &world.connection(),
            &Secret::new("CODE"),
            "http://localhost/cb",
            &Secret::new("V"),
            &Secret::new("N"),
            &["Mail.Read".to_owned()],
        )
        .await
}

#[tokio::test]
async fn a_code_becomes_a_grant() {
    let world = World::new(|seen| async move {
        for part in [
            "grant_type=authorization_code",
            "code=CODE",
            "code_verifier=V",
            "client_secret=CLIENTSECRET",
            "redirect_uri=http%3A%2F%2Flocalhost%2Fcb",
            "offline_access",
        ] {
            assert!(seen.body.contains(part), "{part} is not in {}", seen.body);
        }
        answer(&claims())
    })
    .await;
    let signed_in = redeem(&world).await.expect("signed in");
    assert_eq!(signed_in.user_id, "o-1");
    assert_eq!(signed_in.tenant_id, "t-1");
    assert_eq!(signed_in.grant.refresh_token.reveal(), "R");
    assert_eq!(signed_in.grant.scopes, ["Mail.Read", "openid"]);
}

#[tokio::test]
async fn the_id_token_of_another_sign_in_is_refused() {
    let world = World::new(|_| async {
        let mut other = claims();
        other["nonce"] = "another".into();
        answer(&other)
    })
    .await;
    let error = redeem(&world).await.expect_err("another sign-in");
    assert!(matches!(error, DoorError::SignIn(_)), "{error}");
}

#[tokio::test]
async fn a_code_is_redeemed_once() {
    let world = World::new(|_| async { refusal(503, "busy") }).await;
    let _ = redeem(&world).await.expect_err("busy");
    assert_eq!(world.token_calls(), 1);
    let world = World::new(|_| async { sign_in_refusal(400, "invalid_grant", 54_005) }).await;
    let error = redeem(&world).await.expect_err("used");
    assert!(error.to_string().contains("used already"), "{error}");
    assert_eq!(world.token_calls(), 1);
}

#[tokio::test]
async fn the_authorize_address_asks_for_what_is_needed() {
    let world = World::new(|_| async { reply(200, json!({})) }).await;
    let pair = pkce(&SeededDice::new(3));
    let ask = AuthorizeAsk {
        redirect_uri: "http://localhost/cb".to_owned(),
        state: Secret::new("S"),
        nonce: Secret::new("N"),
        code_challenge: pair.challenge.clone(),
        scopes: vec!["Mail.Read".to_owned()],
        login_hint: Some("ann@contoso.example".to_owned()),
        prompt: Some("select_account".to_owned()),
        claims: Some(r#"{"access_token":{"acrs":{"value":"c1"}}}"#.to_owned()),
    };
    let connection = world.connection();
    let url = world.door.authorize_url(&connection, &ask).await;
    let url = url.expect("a URL");
    let value = |name: &str| {
        url.query_pairs()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    };
    assert_eq!(value("code_challenge"), Some(pair.challenge));
    assert_eq!(value("code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(value("state").as_deref(), Some("S"));
    let claims = value("claims").expect("claims");
    assert!(claims.contains("cp1") && claims.contains("c1"), "{claims}");
    assert_eq!(value("prompt"), None, "not together with a login hint");
    assert!(value("scope").is_some_and(|scope| {
        scope == format!("{}/Mail.Read openid profile offline_access", world.root)
    }));
}

#[tokio::test]
async fn the_probe_reads_what_it_can() {
    let world = World::new(|seen| async move {
        if seen.path.contains("good") {
            let back = "http://localhost/good?error=login_required";
            (http::StatusCode::FOUND, [("location", back)]).into_response()
        } else if seen.path.contains("bad") {
            axum::response::Html("<p>AADSTS50011: The redirect URI …").into_response()
        } else {
            axum::response::Html("<p>Sign in").into_response()
        }
    })
    .await;
    let connection = world.connection();
    let probe = async |uri| world.door.probe_authorize(&connection, uri).await;
    assert_eq!(
        probe("http://localhost/good").await.expect("a probe"),
        AuthorizeProbe::Accepted
    );
    assert!(matches!(
        probe("http://localhost/bad").await.expect("a probe"),
        AuthorizeProbe::Refused { code: 50_011, .. }
    ));
    assert!(matches!(
        probe("http://localhost/other").await.expect("a probe"),
        AuthorizeProbe::NotChecked { .. }
    ));
}
