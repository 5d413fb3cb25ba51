//! Signing in and getting tokens, and every refusal on the way.

mod support;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use postroom_sandbox::{Options, SignedIn};
use serde_json::Value;
use support::{REDIRECT, World, number, parameter, text};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[tokio::test]
async fn discovery_names_the_tenant() {
    let world = World::new().await;
    let root = &world.running.authority_url;
    let read = async |path: &str| -> (u16, Value) {
        let response = world
            .client
            .get(format!("{root}/{path}"))
            .send()
            .await
            .expect("answered");
        (
            response.status().as_u16(),
            response.json().await.expect("JSON"),
        )
    };
    let tenant = &world.running.tenant_id;
    for name in [tenant.as_str(), "lindner.example"] {
        let (status, body) = read(&format!("{name}/v2.0/.well-known/openid-configuration")).await;
        assert_eq!(status, 200);
        assert_eq!(text(&body, "issuer"), format!("{root}/{tenant}/v2.0"));
        assert_eq!(
            text(&body, "token_endpoint"),
            format!("{root}/{tenant}/oauth2/v2.0/token")
        );
    }
    let (_, common) = read("common/v2.0/.well-known/openid-configuration").await;
    assert_eq!(text(&common, "issuer"), format!("{root}/{{tenantid}}/v2.0"));
    let (status, body) = read("elsewhere.example/v2.0/.well-known/openid-configuration").await;
    assert_eq!((status, number(&body)), (400, 90_002));
    let (_, keys) = read(&format!("{tenant}/discovery/v2.0/keys")).await;
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(2));
    let endpoint = format!("{root}/{tenant}/oauth2/v2.0/authorize");
    let (_, instance) = read(&format!(
        "common/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}"
    ))
    .await;
    assert!(text(&instance, "tenant_discovery_endpoint").starts_with(root));
}

#[tokio::test]
async fn a_browser_signs_in() {
    let world = World::new().await;
    let challenge = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("nonce", "n-1"),
    ];
    let address = world.authorize_url(&challenge);
    let page = world.client.get(&address).send().await.expect("answered");
    assert_eq!(page.status(), 200);
    let html = page.text().await.expect("text");
    assert!(html.contains("name=\"passwd\""));
    let query = address.split_once('?').expect("a query").1.to_owned();

    // A wrong password is told on the page.
    let login = async |user: &str, password: &str, action: &str| {
        world
            .client
            .post(world.entra("login"))
            .form(&[
                ("request", query.as_str()),
                ("login", user),
                ("passwd", password),
                ("action", action),
            ])
            .send()
            .await
            .expect("answered")
    };
    let anna = world.user(0);
    let html = login(&anna, "wrong", "signin")
        .await
        .text()
        .await
        .expect("text");
    assert!(html.contains("AADSTS50126"));
    let html = login("dieter.kranz@lindner.example", "Sandbox-1234", "signin")
        .await
        .text()
        .await
        .expect("text");
    assert!(html.contains("AADSTS50057"));
    let left = login(&anna, "", "cancel").await;
    let to = left.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(parameter(&to, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&to, "error_subcode").as_deref(), Some("cancel"));
    assert_eq!(parameter(&to, "state").as_deref(), Some("a state"));

    // The right one leads to consent, consent to the application.
    let consent_page = login(&anna, "Sandbox-1234", "signin").await;
    let cookie = consent_page.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .split(';')
        .next()
        .expect("a cookie")
        .to_owned();
    let html = consent_page.text().await.expect("text");
    assert!(html.contains("Send mail as you"));
    let ticket = |html: &str| {
        html.split_once("name=\"ticket\" value=\"")
            .and_then(|(_, after)| after.split_once('"'))
            .map(|(ticket, _)| ticket.to_owned())
            .expect("a ticket")
    };
    let decide = async |ticket: String, action: &str| {
        let response = world
            .client
            .post(world.entra("consent"))
            .form(&[
                ("request", query.as_str()),
                ("ticket", ticket.as_str()),
                ("action", action),
            ])
            .send()
            .await
            .expect("answered");
        response.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned()
    };
    let to = decide(ticket(&html), "cancel").await;
    assert!(
        parameter(&to, "error_description").is_some_and(|text| text.starts_with("AADSTS65004"))
    );
    let html = login(&anna, "Sandbox-1234", "signin")
        .await
        .text()
        .await
        .expect("text");
    let to = decide(ticket(&html), "accept").await;
    assert!(to.starts_with(REDIRECT));
    let code = parameter(&to, "code").expect("a code");

    let (status, body) = world.redeem(&code, &[("code_verifier", VERIFIER)]).await;
    assert_eq!(status, 200, "{body}");
    let claims: Value = serde_json::from_slice(
        &URL_SAFE_NO_PAD
            .decode(text(&body, "id_token").split('.').nth(1).expect("claims"))
            .expect("base64"),
    )
    .expect("JSON");
    assert_eq!(claims["nonce"], "n-1");
    assert_eq!(claims["preferred_username"], anna.as_str());
    assert_eq!(claims["tid"], world.running.tenant_id.as_str());
    assert!(text(&body, "scope").contains("Mail.Send"));

    // The browser is still signed in.
    let silent = world
        .client
        .get(world.authorize_url(&[("prompt", "none")]))
        .header("cookie", cookie)
        .send()
        .await
        .expect("answered");
    let to = silent.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(parameter(&to, "code").is_some(), "{to}");
    let stranger = world
        .client
        .get(world.authorize_url(&[("prompt", "none")]))
        .send()
        .await
        .expect("answered");
    let to = stranger.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(parameter(&to, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn errors_are_never_sent_to_strangers() {
    let world = World::new().await;
    for (name, value, aadsts) in [
        ("redirect_uri", "https://evil.example/", "AADSTS50011"),
        (
            "client_id",
            "11111111-1111-4111-8111-111111111111",
            "AADSTS700016",
        ),
    ] {
        let response = world
            .client
            .get(world.authorize_url(&[(name, value)]))
            .send()
            .await
            .expect("answered");
        assert!(response.headers().get("location").is_none());
        assert!(response.text().await.expect("text").contains(aadsts));
    }
    let response = world
        .client
        .get(world.authorize_url(&[("scope", "openid Mail.Raed"), ("response_mode", "fragment")]))
        .send()
        .await
        .expect("answered");
    let to = response.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        to.starts_with(&format!("{REDIRECT}#")) && to.contains("AADSTS70011"),
        "{to}"
    );
}

#[tokio::test]
async fn administrators_alone_consent_to_much() {
    let world = World::new().await;
    let address = world.authorize_url(&[("scope", "openid User.Read.All")]);
    match world
        .sandbox()
        .sign_in(&address, &world.user(5), "Sandbox-1234")
    {
        SignedIn::Page(html) => assert!(html.contains("AADSTS90094")),
        SignedIn::Redirect(to) => panic!("{to}"),
    }
    let address = world.authorize_url(&[("scope", "openid User.Read.All")]);
    match world
        .sandbox()
        .sign_in(&address, &world.user(0), "Sandbox-1234")
    {
        SignedIn::Redirect(to) => assert!(parameter(&to, "code").is_some()),
        SignedIn::Page(html) => panic!("{html}"),
    }
}

#[tokio::test]
async fn answers_can_be_posted() {
    let world = World::new().await;
    let address = world.authorize_url(&[("response_mode", "form_post")]);
    match world
        .sandbox()
        .sign_in(&address, &world.user(0), "Sandbox-1234")
    {
        SignedIn::Page(html) => {
            assert!(html.contains(&format!("action=\"{REDIRECT}\"")));
            assert!(html.contains("name=\"code\"") && html.contains("value=\"a state\""));
        }
        SignedIn::Redirect(to) => panic!("{to}"),
    }
}

#[tokio::test]
async fn single_tenant_applications_stay_at_home() {
    let world = World::new().await;
    let client_id = world.running.client_id.clone();
    world
        .sandbox()
        .alter_app(&client_id, |app| app.multi_tenant = false);
    let address = world
        .authorize_url(&[])
        .replace(&world.running.tenant_id, "organizations");
    let page = world.client.get(&address).send().await.expect("answered");
    assert!(page.text().await.expect("text").contains("AADSTS50194"));
    world
        .sandbox()
        .alter_app(&client_id, |app| app.enabled = false);
    let (_, body) = world.redeem("x", &[]).await;
    assert_eq!(number(&body), 7_000_112);
}

#[tokio::test]
async fn a_code_is_for_one_use() {
    let world = World::new().await;
    let anna = world.user(0);
    let code = world.code(&anna, &[]);
    assert_eq!(world.redeem(&code, &[]).await.0, 200);
    let (status, body) = world.redeem(&code, &[]).await;
    assert_eq!((status, number(&body)), (400, 54_005));
    assert_eq!(body["error"], "invalid_grant");
    for name in [
        "error_description",
        "trace_id",
        "correlation_id",
        "timestamp",
    ] {
        text(&body, name);
    }

    let with_challenge = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let code = world.code(&anna, &with_challenge);
    let wrong = "x".repeat(43);
    for (more, aadsts) in [
        (vec![("code_verifier", wrong.as_str())], 501_481),
        (vec![], 50_148),
        (vec![("redirect_uri", "http://localhost:1/other")], 500_112),
        (vec![("code", "nonsense")], 9_002_313),
    ] {
        let (_, body) = world.redeem(&code, &more).await;
        assert_eq!(number(&body), aadsts, "{body}");
    }
    assert_eq!(
        world.redeem(&code, &[("code_verifier", VERIFIER)]).await.0,
        200
    );

    let code = world.code(&anna, &[]);
    world.sandbox().advance(Duration::from_secs(601));
    assert_eq!(number(&world.redeem(&code, &[]).await.1), 70_008);
}

#[tokio::test]
async fn refresh_tokens_roll_and_end() {
    let world = World::new().await;
    let anna = world.user(0);
    let (_, first) = world.redeem(&world.code(&anna, &[]), &[]).await;
    let refresh = async |token: &str| {
        world
            .token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    };
    let old = text(&first, "refresh_token");
    let (status, second) = refresh(&old).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(old, text(&second, "refresh_token"));
    // Entra does not revoke the old one.
    assert_eq!(refresh(&old).await.0, 200);
    world
        .sandbox()
        .directory()
        .set_account_enabled(&anna, false);
    assert_eq!(number(&refresh(&old).await.1), 50_057);
    world.sandbox().directory().set_account_enabled(&anna, true);
    assert!(world.sandbox().revoke(&anna));
    let (status, body) = refresh(&text(&second, "refresh_token")).await;
    assert_eq!((status, number(&body)), (400, 50_173));
    let (_, third) = world.redeem(&world.code(&anna, &[]), &[]).await;
    world
        .sandbox()
        .withdraw_consent(&world.running.client_id, &anna);
    assert_eq!(
        number(&refresh(&text(&third, "refresh_token")).await.1),
        65_001
    );
    world.sandbox().advance(Duration::from_secs(91 * 24 * 3600));
    assert_eq!(
        number(&refresh(&text(&third, "refresh_token")).await.1),
        700_082
    );

    let strict = World::with(Options {
        strict_rotation: true,
        ..Options::default()
    })
    .await;
    let (_, first) = strict.redeem(&strict.code(&anna, &[]), &[]).await;
    let old = text(&first, "refresh_token");
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", old.as_str()),
    ];
    let (status, next) = strict.token(&fields).await;
    assert_eq!(status, 200);
    // Another sign-in of the same user is another grant.
    let (_, other) = strict.redeem(&strict.code(&anna, &[]), &[]).await;
    assert_eq!(number(&strict.token(&fields).await.1), 70_000);
    // Used twice: all that descends from it is over.
    let next = text(&next, "refresh_token");
    let other = text(&other, "refresh_token");
    let refresh = async |token: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        strict.token(&fields).await
    };
    assert_eq!(number(&refresh(&next).await.1), 50_173);
    assert_eq!(refresh(&other).await.0, 200);
    let stats = strict.sandbox().stats();
    assert_eq!(stats.refresh_tokens_reused, 1);
    assert_eq!(
        (stats.max_refreshes_in_flight, stats.refreshes_in_flight),
        (1, 0)
    );
}

#[tokio::test]
async fn certificates_prove_as_well() {
    const KEY: &[u8] = include_bytes!("../src/fixtures/signing-2.key.pem");
    const CERTIFICATE: &str = include_str!("../src/fixtures/signing-2.cert.pem");
    let world = World::new().await;
    let client_id = world.running.client_id.clone();
    let now = world.sandbox().clock().now();
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(KEY).expect("a key");
    let thumbprint = {
        use sha2::Digest as _;
        let der: String = CERTIFICATE
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(STANDARD.decode(der).expect("base64")))
    };
    let assertion = |audience: &str, issuer: &str, expires: i64| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::PS256);
        header.x5t_s256 = Some(thumbprint.clone());
        let claims = serde_json::json!({"aud": audience, "iss": issuer, "sub": issuer,
            "exp": expires, "nbf": expires - 600, "jti": "1"});
        jsonwebtoken::encode(&header, &claims, &key).expect("signed")
    };
    let ask = async |assertion: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
            ("client_secret", ""),
            ("client_assertion", assertion),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
        ];
        world.token(&fields).await
    };
    let audience = world.entra("oauth2/v2.0/token");
    let expires = now.as_second() + 600;
    let good = assertion(&audience, &client_id, expires);
    assert_eq!(number(&ask(&good).await.1), 700_027);
    world.sandbox().alter_app(&client_id, |app| {
        app.certificates = vec![postroom_sandbox::ClientCertificate {
            pem: CERTIFICATE.to_owned(),
            expires: now + jiff::SignedDuration::from_hours(24),
        }];
    });
    let (status, body) = ask(&good).await;
    assert_eq!(status, 200, "{body}");
    for (bad, aadsts) in [
        (
            assertion("https://elsewhere.example/token", &client_id, expires),
            700_023,
        ),
        (assertion(&audience, "somebody", expires), 700_021),
        (assertion(&audience, &client_id, expires - 3600), 700_024),
    ] {
        let (status, body) = ask(&bad).await;
        assert_eq!((status, number(&body)), (401, aadsts), "{body}");
    }
    world.sandbox().advance(Duration::from_secs(25 * 3600));
    assert_eq!(number(&ask(&good).await.1), 700_027);
}

#[tokio::test]
async fn applications_prove_who_they_are() {
    let world = World::new().await;
    let default = "https://graph.microsoft.com/.default";
    let grant = ("grant_type", "client_credentials");
    let (status, body) = world.token(&[grant, ("scope", default)]).await;
    assert_eq!(status, 200);
    assert!(body.get("refresh_token").is_none() && body.get("scope").is_none());
    for (field, status, aadsts) in [
        (("client_secret", "wrong"), 401, 7_000_215),
        (("client_secret", ""), 401, 7_000_218),
        (("client_id", "nobody"), 400, 700_016),
        (
            ("scope", "https://graph.microsoft.com/Mail.Read"),
            400,
            1_002_012,
        ),
        (("grant_type", "password"), 400, 70_003),
    ] {
        let mut fields = vec![grant, ("scope", default)];
        fields.retain(|(name, _)| *name != field.0);
        fields.push(field);
        let (given, body) = world.token(&fields).await;
        assert_eq!((given, number(&body)), (status, aadsts), "{body}");
    }
    // Basic works as well.
    let basic = STANDARD.encode(format!(
        "{}:{}",
        world.running.client_id,
        world.running.client_secret.replace('~', "%7E")
    ));
    let response = world
        .client
        .post(world.entra("oauth2/v2.0/token"))
        .header("authorization", format!("Basic {basic}"))
        .form(&[grant, ("scope", default)])
        .send()
        .await
        .expect("answered");
    assert_eq!(response.status(), 200);
    // Not over common, not with GET.
    let common = format!("{}/common/oauth2/v2.0/token", world.running.authority_url);
    let fields = [
        grant,
        ("scope", default),
        ("client_id", world.running.client_id.as_str()),
        ("client_secret", world.running.client_secret.as_str()),
    ];
    let response = world
        .client
        .post(&common)
        .form(&fields)
        .send()
        .await
        .expect("answered");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(number(&body), 9_001_023);
    let response = world.client.get(&common).send().await.expect("answered");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(number(&body), 900_561);
    // The secret ends after two years.
    world
        .sandbox()
        .advance(Duration::from_secs(731 * 24 * 3600));
    let (status, body) = world.token(&[grant, ("scope", default)]).await;
    assert_eq!((status, number(&body)), (401, 7_000_222));
}
