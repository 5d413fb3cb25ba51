//! ID tokens and the keys that they are signed with.

use crate::support::{World, reply};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_microsoft::{DoorError, DoorSettings, IdTokenUser};
use postroom_model::Secret;
use postroom_model::connection::Connection;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ISSUER: &str = "https://issuer.example/t-1/v2.0";

struct Signer {
    kid: &'static str,
    pair: KeyPair,
}

impl Signer {
    fn new(kid: &'static str) -> Self {
        Self {
            kid,
            pair: KeyPair::generate(KeySize::Rsa2048).expect("a key"),
        }
    }

    fn jwk(&self, issuer: Option<&str>) -> Value {
        let public = self.pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = json!({
            "kty": "RSA", "use": "sig", "kid": self.kid,
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        });
        if let Some(issuer) = issuer {
            jwk["issuer"] = issuer.into();
        }
        jwk
    }

    fn sign(&self, claims: &Value) -> Secret {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.kid});
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .expect("signed");
        Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn claims() -> Value {
    json!({
        "aud": "app", "exp": 1_800_003_600, "nbf": 1_800_000_000, "nonce": "N", "tid": "t-1",
        "oid": "o-1", "iss": ISSUER, "preferred_username": "ann@contoso.example", "name": "Ann",
    })
}

/// A server whose keys the test changes; an empty set is a service that is down.
struct Tenant {
    world: World,
    keys: Arc<Mutex<Vec<Value>>>,
}

impl Tenant {
    async fn new(keys: Vec<Value>) -> Self {
        let keys = Arc::new(Mutex::new(keys));
        let given = Arc::clone(&keys);
        let settings = DoorSettings {
            max_attempts: 1,
            ..DoorSettings::default()
        };
        let world = World::with(settings, move |seen| {
            let keys = given.lock().expect("keys").clone();
            async move {
                match seen.path.as_str() {
                    "/keys" if keys.is_empty() => reply(503, json!({})),
                    "/keys" => reply(200, json!({ "keys": keys })),
                    "/contoso.example/v2.0/.well-known/openid-configuration" => {
                        let root = format!("http://{}", seen.header("host"));
                        reply(
                            200,
                            json!({
                                "authorization_endpoint": format!("{root}/authorize"),
                                "token_endpoint": format!("{root}/t-1/token"),
                                "jwks_uri": format!("{root}/other-keys"),
                                "issuer": "https://issuer.example/{tenantid}/v2.0",
                            }),
                        )
                    }
                    _ => reply(404, json!({})),
                }
            }
        })
        .await;
        Self { world, keys }
    }

    fn connection(&self) -> Connection {
        let mut connection = self.world.connection();
        connection.endpoints.jwks = Some(format!("{}/keys", self.world.root));
        connection
    }

    async fn verify(&self, token: &Secret) -> Result<IdTokenUser, DoorError> {
        self.world
            .door
            .verify_id_token(&self.connection(), token, Some(&Secret::new("N")))
            .await
    }

    fn reads(&self) -> usize {
        self.world.count(|seen| seen.path == "/keys")
    }
}

#[tokio::test]
async fn a_signed_token_says_who_it_is() {
    let signer = Signer::new("k1");
    let tenant = Tenant::new(vec![
        signer.jwk(Some("https://issuer.example/{tenantid}/v2.0")),
    ])
    .await;
    let user = tenant
        .verify(&signer.sign(&claims()))
        .await
        .expect("a user");
    assert_eq!(
        user,
        IdTokenUser {
            user_id: "o-1".to_owned(),
            tenant_id: "t-1".to_owned(),
            preferred_username: Some("ann@contoso.example".to_owned()),
            name: Some("Ann".to_owned()),
        }
    );
    // A device code's token has no nonce, and none is asked for.
    let mut without = claims();
    without["nonce"] = Value::Null;
    let token = signer.sign(&without);
    assert!(tenant.verify(&token).await.is_err());
    let connection = tenant.connection();
    let verified = tenant.world.door.verify_id_token(&connection, &token, None);
    assert!(verified.await.is_ok());
    assert_eq!(tenant.reads(), 1);
}

#[tokio::test]
async fn what_was_altered_or_signed_by_others_is_refused() {
    let signer = Signer::new("k1");
    let tenant = Tenant::new(vec![signer.jwk(None)]).await;
    let good = signer.sign(&claims());
    let mut other = claims();
    other["oid"] = "somebody-else".into();
    let payload = URL_SAFE_NO_PAD.encode(other.to_string());
    let parts: Vec<&str> = good.reveal().split('.').collect();
    let impostor = Signer::new("k1").sign(&other);
    for forged in [
        format!("{}.{payload}.{}", parts[0], parts[2]),
        format!("{}.{payload}.", parts[0]),
        format!(
            "{}.{payload}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            parts[2]
        ),
        impostor.reveal().to_owned(),
    ] {
        let error = tenant.verify(&Secret::new(forged)).await;
        let error = error.expect_err("forged");
        assert!(matches!(error, DoorError::SignIn(_)), "{error}");
        assert!(error.to_string().contains("ID token"), "{error}");
    }
    tenant.verify(&good).await.expect("the good one");
}

#[tokio::test]
async fn a_key_of_another_issuer_does_not_sign_for_this_one() {
    let signer = Signer::new("k1");
    let tenant = Tenant::new(vec![
        signer.jwk(Some("https://issuer.example/personal/v2.0")),
    ])
    .await;
    let error = tenant.verify(&signer.sign(&claims())).await;
    let error = error.expect_err("another issuer's");
    assert!(error.to_string().contains("another issuer"), "{error}");
}

#[tokio::test]
async fn keys_are_read_once_a_day_and_for_an_unknown_one_every_five_minutes() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let tenant = Tenant::new(vec![old.jwk(None)]).await;
    let long = |signer: &Signer| {
        let mut claims = claims();
        claims["exp"] = 1_900_000_000.into();
        signer.sign(&claims)
    };
    let (by_old, by_new) = (long(&old), long(&new));
    for _ in 0..10 {
        tenant.verify(&by_old).await.expect("by the old key");
    }
    assert_eq!(tenant.reads(), 1);
    // The key is rolled over: not known yet, and asked for no sooner than in five minutes.
    *tenant.keys.lock().expect("keys") = vec![old.jwk(None), new.jwk(None)];
    for _ in 0..10 {
        assert!(tenant.verify(&by_new).await.is_err());
    }
    assert_eq!(tenant.reads(), 1);
    tenant.world.clock.advance(Duration::from_secs(300));
    tenant.verify(&by_new).await.expect("by the new key");
    assert_eq!(tenant.reads(), 2);
    tenant.world.clock.advance(Duration::from_secs(23 * 3_600));
    tenant.verify(&by_old).await.expect("still");
    assert_eq!(tenant.reads(), 2);
    tenant.world.clock.advance(Duration::from_secs(3_600));
    tenant.verify(&by_old).await.expect("read anew");
    assert_eq!(tenant.reads(), 3);
    // The service is down: the last good keys are used on, and it is not asked at every token.
    tenant.keys.lock().expect("keys").clear();
    tenant.world.clock.advance(Duration::from_secs(25 * 3_600));
    for _ in 0..10 {
        tenant.verify(&by_new).await.expect("by the last good keys");
    }
    assert_eq!(tenant.reads(), 4);
}

#[tokio::test]
async fn many_at_once_read_the_keys_once() {
    let signer = Signer::new("k1");
    let tenant = Tenant::new(vec![signer.jwk(None)]).await;
    let token = signer.sign(&claims());
    let all = (0..20).map(|_| tenant.verify(&token));
    for verified in futures::future::join_all(all).await {
        verified.expect("a user");
    }
    assert_eq!(tenant.reads(), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_an_error_to_come_back_from() {
    let tenant = Tenant::new(Vec::new()).await;
    let error = tenant.verify(&Signer::new("k1").sign(&claims())).await;
    let error = error.expect_err("no keys");
    assert!(
        matches!(error.again(), postroom_microsoft::Again::Later(_)),
        "{error}"
    );
}

#[tokio::test]
async fn an_address_by_hand_wins_over_discovery() {
    let signer = Signer::new("k1");
    let tenant = Tenant::new(vec![signer.jwk(None)]).await;
    let mut connection = tenant.connection();
    connection.endpoints.authorization = None;
    connection.endpoints.token = None;
    let door = &tenant.world.door;
    let nonce = Secret::new("N");
    let token = signer.sign(&claims());
    let verified = door.verify_id_token(&connection, &token, Some(&nonce));
    verified.await.expect("a user");
    assert_eq!(tenant.world.count(|seen| seen.path == "/other-keys"), 0);
    // And the document's issuer counts.
    let mut other = claims();
    other["iss"] = "https://elsewhere.example/t-1/v2.0".into();
    let token = signer.sign(&other);
    let verified = door.verify_id_token(&connection, &token, Some(&nonce));
    let error = verified.await.expect_err("another issuer");
    assert!(error.to_string().contains("issuer"), "{error}");
}
