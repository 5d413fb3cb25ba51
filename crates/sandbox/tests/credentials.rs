//! What an application proves itself with besides a secret, and personal accounts.

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use postroom_sandbox::{ClientCertificate, FederatedCredential, SignedIn};
use serde_json::{Value, json};
use sha2::Digest as _;
use std::time::Duration;
use support::{World, number, parameter, text};

const KEY: &[u8] = include_bytes!("../src/fixtures/signing-2.key.pem");
const CERTIFICATE: &str = include_str!("../src/fixtures/signing-2.cert.pem");
const SUBJECT: &str = "system:serviceaccount:mail:postroom";
const EXCHANGE: &str = "api://AzureADTokenExchange";

async fn ask(world: &World, assertion: &str) -> (u16, Value) {
    world
        .token(&[
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
            ("client_secret", ""),
            ("client_assertion", assertion),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
        ])
        .await
}

fn der() -> Vec<u8> {
    let text: String = CERTIFICATE
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    STANDARD.decode(text).expect("base64")
}

fn sign(header: &jsonwebtoken::Header, claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(KEY).expect("a key");
    jsonwebtoken::encode(header, claims, &key).expect("signed")
}

#[tokio::test]
async fn a_header_names_its_certificate_by_the_right_thumbprint() {
    let world = World::new().await;
    let client = world.running.client_id.clone();
    let registered = ClientCertificate::from_pem(CERTIFICATE).expect("a certificate");
    assert!(registered.expires > world.sandbox().clock().now());
    assert_eq!(ClientCertificate::from_pem("rubbish"), None);
    let with_key = format!("{CERTIFICATE}{}", String::from_utf8_lossy(KEY));
    assert_eq!(ClientCertificate::from_pem(&with_key), None);
    world
        .sandbox()
        .alter_app(&client, |app| app.certificates = vec![registered]);
    let now = world.sandbox().clock().now().as_second();
    let claims = json!({"aud": world.entra("oauth2/v2.0/token"), "iss": client, "sub": client,
        "exp": now + 600, "nbf": now, "jti": "1"});
    let sha256 = URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(der()));
    for (algorithm, x5t_s256, x5t, status) in [
        (
            jsonwebtoken::Algorithm::PS256,
            Some(sha256.clone()),
            None,
            200,
        ),
        (
            jsonwebtoken::Algorithm::RS256,
            Some(sha256.clone()),
            None,
            200,
        ),
        (
            jsonwebtoken::Algorithm::PS256,
            None,
            Some(sha256.clone()),
            401,
        ),
        (
            jsonwebtoken::Algorithm::PS256,
            Some("somebody".to_owned()),
            Some(sha256.clone()),
            401,
        ),
        (jsonwebtoken::Algorithm::PS512, Some(sha256), None, 401),
    ] {
        let mut header = jsonwebtoken::Header::new(algorithm);
        header.x5t_s256 = x5t_s256;
        header.x5t = x5t;
        let (given, body) = ask(&world, &sign(&header, &claims)).await;
        assert_eq!(given, status, "{header:?}: {body}");
    }
    // Without an end it is none.
    let mut endless = claims.clone();
    endless.as_object_mut().expect("an object").remove("exp");
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::PS256);
    header.x5t_s256 = Some(URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(der())));
    assert_eq!(ask(&world, &sign(&header, &endless)).await.0, 401);
}

#[tokio::test]
async fn another_issuers_word_has_to_fit_letter_by_letter() {
    let world = World::new().await;
    let sandbox = world.sandbox();
    let client = world.running.client_id.clone();
    let minutes = Duration::from_secs(600);
    let good = sandbox.foreign_assertion(SUBJECT, EXCHANGE, minutes);
    let (status, body) = ask(&world, &good).await;
    assert_eq!((status, number(&body)), (401, 700_211), "{body}");
    let credential = FederatedCredential {
        issuer: sandbox.foreign_issuer(),
        subject: SUBJECT.to_owned(),
        audience: EXCHANGE.to_owned(),
        public_key: None,
    };
    sandbox.alter_app(&client, |app| app.federated = vec![credential.clone()]);
    let (status, body) = ask(&world, &good).await;
    assert_eq!(status, 200, "{body}");
    for (subject, audience, aadsts) in [
        ("system:serviceaccount:mail:Postroom", EXCHANGE, 700_213),
        (SUBJECT, "api://azureadtokenexchange", 700_212),
    ] {
        let other = sandbox.foreign_assertion(subject, audience, minutes);
        let (status, body) = ask(&world, &other).await;
        assert_eq!((status, number(&body)), (401, aadsts), "{body}");
    }
    // Somebody else who says to be that issuer.
    let now = sandbox.clock().now().as_second();
    let claims = json!({"iss": credential.issuer, "sub": SUBJECT, "aud": EXCHANGE, "nbf": now,
        "exp": now + 600});
    let forged = sign(
        &jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256),
        &claims,
    );
    assert_eq!(number(&ask(&world, &forged).await.1), 700_027);
    // With that key registered it is good.
    let known = FederatedCredential {
        public_key: Some(CERTIFICATE.to_owned()),
        ..credential
    };
    sandbox.alter_app(&client, |app| app.federated = vec![known]);
    assert_eq!(ask(&world, &forged).await.0, 200);
    sandbox.advance(Duration::from_secs(1_000));
    assert_eq!(number(&ask(&world, &forged).await.1), 700_024);
}

#[tokio::test]
async fn public_clients_show_nothing() {
    let world = World::new().await;
    let client = world.running.client_id.clone();
    world.sandbox().alter_app(&client, |app| app.public = true);
    let code = world.code(&world.user(0), &[]);
    for proof in [("client_secret", "x"), ("client_assertion", "x.y.z")] {
        let mut fields = vec![("client_secret", ""), proof];
        if proof.0 == "client_secret" {
            fields.remove(0);
        }
        let (status, body) = world.redeem(&code, &fields).await;
        assert_eq!((status, number(&body)), (401, 700_025), "{body}");
    }
    let (status, body) = world.redeem(&code, &[("client_secret", "")]).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn personal_accounts_are_in_a_tenant_of_their_own() {
    let world = World::new().await;
    let client = world.running.client_id.clone();
    let person = world.sandbox().add_personal_account("kim@outlook.example");
    let url = world
        .authorize_url(&[])
        .replace(&world.running.tenant_id, "consumers");
    let sign_in = |login: &str| world.sandbox().sign_in(&url, login, &person.password);
    assert!(matches!(
        sign_in("kim@outlook.example"),
        SignedIn::Page(html) if html.contains("not enabled for consumers")
    ));
    world
        .sandbox()
        .alter_app(&client, |app| app.personal_accounts = true);
    assert!(matches!(sign_in(&world.user(0)), SignedIn::Page(_)));
    let SignedIn::Redirect(to) = sign_in("kim@outlook.example") else {
        panic!("no code");
    };
    let code = parameter(&to, "code").expect("a code");
    let token = url.replace("/authorize", "/token");
    let token = token.split('?').next().expect("an address");
    let fields = |more: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("client_id", client.clone()),
            ("client_secret", world.running.client_secret.clone()),
            ("redirect_uri", support::REDIRECT.to_owned()),
            ("code", code.clone()),
        ];
        fields.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        fields
    };
    let post = async |fields: Vec<(&str, String)>| -> Value {
        let response = world.client.post(token).form(&fields).send().await;
        response.expect("answered").json().await.expect("JSON")
    };
    let body = post(fields(&[("grant_type", "authorization_code")])).await;
    let claims = text(&body, "id_token");
    let claims = claims.split('.').nth(1).expect("claims");
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    let tenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
    assert_eq!(claims["tid"], tenant);
    let issuer = format!("{}/{tenant}/v2.0", world.running.authority_url);
    assert_eq!(claims["iss"], issuer);
    let own = post(fields(&[
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
    ]))
    .await;
    assert_eq!(number(&own), 9_001_023);
}

#[tokio::test]
async fn tests_in_other_languages_change_an_app_and_ask_the_issuer() {
    let world = World::new().await;
    let root = &world.running.authority_url;
    let app = format!("{root}/sandbox/apps/{}", world.running.client_id);
    let patch = async |address: &str, body: Value| -> u16 {
        let sent = world.client.patch(address).json(&body).send().await;
        sent.expect("answered").status().as_u16()
    };
    let issuer = format!("{root}/sandbox/issuer");
    let federated = json!([{"issuer": issuer, "subject": SUBJECT, "audience": EXCHANGE}]);
    let change = json!({"addCertificates": [CERTIFICATE], "addSecrets": ["one"],
        "federatedCredentials": federated, "personalAccounts": true});
    assert_eq!(patch(&app, change).await, 204);
    let now = world
        .sandbox()
        .app(&world.running.client_id)
        .expect("there");
    assert_eq!((now.certificates.len(), now.secrets.len()), (1, 2));
    assert!(now.personal_accounts);
    assert_eq!(
        patch(&app, json!({"addCertificates": ["rubbish"]})).await,
        400
    );
    assert_eq!(patch(&app, json!({"secret": "x"})).await, 422);
    assert_eq!(
        patch(&format!("{root}/sandbox/apps/nobody"), json!({})).await,
        404
    );

    let address = format!("{issuer}/token?subject={SUBJECT}&audience={EXCHANGE}");
    let bare = world.client.get(&address).send().await.expect("answered");
    assert_eq!(bare.status(), 400);
    let asked = world.client.get(&address).header("Metadata", "true").send();
    let body: Value = asked.await.expect("answered").json().await.expect("JSON");
    let (status, answer) = ask(&world, &text(&body, "value")).await;
    assert_eq!(status, 200, "{answer}");
    let read = async |path: &str| -> Value {
        let sent = world.client.get(format!("{issuer}/{path}")).send().await;
        sent.expect("answered").json().await.expect("JSON")
    };
    assert_eq!(
        read(".well-known/openid-configuration").await["issuer"],
        issuer
    );
    assert_eq!(read("keys").await["keys"].as_array().map(Vec::len), Some(1));
}
