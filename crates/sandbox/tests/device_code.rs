//! Device codes, forced refusals and claims challenges, as a client meets them.

mod support;

use postroom_sandbox::faults::{EntraFault, Fault, FaultAction};
use postroom_sandbox::{Challenge, SignedIn};
use serde_json::{Value, json};
use std::time::Duration;
use support::{World, number, parameter, text};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CP1: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

async fn begin(world: &World) -> Value {
    let response = world
        .client
        .post(world.entra("oauth2/v2.0/devicecode"))
        .form(&[
            ("client_id", world.running.client_id.as_str()),
            (
                "scope",
                "openid profile offline_access Mail.ReadWrite User.Read",
            ),
        ])
        .send()
        .await
        .expect("answered");
    assert_eq!(response.status(), 200);
    response.json().await.expect("JSON")
}

async fn poll(world: &World, code: &Value) -> (u16, Value) {
    let device_code = text(code, "device_code");
    world
        .token(&[("grant_type", GRANT), ("device_code", &device_code)])
        .await
}

#[tokio::test]
async fn a_code_is_typed_and_redeemed_once() {
    let world = World::new().await;
    let code = begin(&world).await;
    assert_eq!(
        (code["expires_in"].as_u64(), code["interval"].as_u64()),
        (Some(900), Some(5))
    );
    assert!(text(&code, "message").contains(&text(&code, "user_code")));
    let (status, body) = poll(&world, &code).await;
    assert_eq!((status, number(&body)), (400, 70_016));
    assert_eq!(body["error"], "authorization_pending");
    // Too soon, and then the pause is five seconds longer.
    assert_eq!(poll(&world, &code).await.1["error"], "slow_down");
    world.sandbox().advance(Duration::from_secs(6));
    assert_eq!(poll(&world, &code).await.1["error"], "slow_down");
    // People type small letters and dashes.
    let typed = text(&code, "user_code").to_lowercase();
    let typed = format!("{}-{}", &typed[..4], &typed[4..]);
    let page = world
        .sandbox()
        .enter_code(&typed, &world.user(0), "Sandbox-1234");
    assert!(
        matches!(&page, SignedIn::Page(html) if html.contains("You have signed in")),
        "{page:?}"
    );
    world.sandbox().advance(Duration::from_secs(60));
    let (status, body) = poll(&world, &code).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["refresh_token"].is_string() && body["id_token"].is_string());
    assert_eq!(
        world
            .get(&text(&body, "access_token"), "/me/messages?$top=1")
            .await
            .status(),
        200
    );
    world.sandbox().advance(Duration::from_secs(60));
    let (_, body) = poll(&world, &code).await;
    assert_eq!(number(&body), 90_120);
}

#[tokio::test]
async fn codes_that_are_wrong_declined_and_over() {
    let world = World::new().await;
    let code = begin(&world).await;
    let mut wrong = code.clone();
    wrong["device_code"] = "nothing".into();
    let (status, body) = poll(&world, &wrong).await;
    assert_eq!((status, number(&body)), (400, 70_018));
    assert_eq!(body["error"], "bad_verification_code");
    let page = world
        .sandbox()
        .enter_code("NOTHING", &world.user(0), "Sandbox-1234");
    assert!(matches!(&page, SignedIn::Page(html) if html.contains("AADSTS70018")));
    let page = world
        .sandbox()
        .enter_code(&text(&code, "user_code"), &world.user(0), "wrong");
    assert!(matches!(&page, SignedIn::Page(html) if html.contains("AADSTS50126")));

    let declined = world
        .client
        .post(format!("{}/devicelogin", world.running.authority_url))
        .form(&[
            ("user_code", text(&code, "user_code").as_str()),
            ("action", "cancel"),
        ])
        .send()
        .await
        .expect("answered");
    assert_eq!(declined.status(), 200);
    let (_, body) = poll(&world, &code).await;
    assert_eq!(body["error"], "authorization_declined");

    let code = begin(&world).await;
    world.sandbox().advance(Duration::from_secs(901));
    let (_, body) = poll(&world, &code).await;
    assert_eq!(
        (body["error"].as_str(), number(&body)),
        (Some("expired_token"), 70_019)
    );
    let page =
        world
            .sandbox()
            .enter_code(&text(&code, "user_code"), &world.user(0), "Sandbox-1234");
    assert!(matches!(&page, SignedIn::Page(html) if html.contains("AADSTS70019")));
}

#[tokio::test]
async fn any_refusal_can_be_forced() {
    let world = World::new().await;
    let fault = EntraFault {
        number: 50_076,
        suberror: Some("basic_action".to_owned()),
        claims: Some("{}".to_owned()),
        retry_after: Some(3),
        ..EntraFault::default()
    };
    world
        .sandbox()
        .fault(Fault::on("/token", FaultAction::Entra(fault)));
    let (status, body) = world.token(&[("grant_type", "client_credentials")]).await;
    assert_eq!((status, number(&body)), (400, 50_076));
    assert_eq!(body["error"], "interaction_required");
    assert_eq!(
        (&body["suberror"], &body["claims"]),
        (&json!("basic_action"), &json!("{}"))
    );

    let address = world.authorize_url(&[]);
    let forced = async |number: u32| {
        world
            .sandbox()
            .fault(Fault::on("/authorize", FaultAction::entra(number)));
        let answer = world.client.get(&address).send().await.expect("answered");
        let location = answer.headers().get("location").cloned();
        (answer.status().as_u16(), location)
    };
    let (status, location) = forced(50_105).await;
    assert_eq!(status, 302);
    let location = location.expect("a location");
    let location = location.to_str().expect("text");
    assert_eq!(parameter(location, "state").as_deref(), Some("a state"));
    let said = parameter(location, "error_description").expect("a description");
    assert!(said.starts_with("AADSTS50105"), "{said}");
    // Nobody is sent to an address that is not registered.
    assert_eq!(forced(50_011).await, (400, None));
    let fault: Fault = serde_json::from_value(json!({
        "match": {"pathContains": "/devicecode"},
        "action": {"kind": "entra", "number": 90_002},
    }))
    .expect("readable");
    world.sandbox().fault(fault);
    let refused = world
        .client
        .post(world.entra("oauth2/v2.0/devicecode"))
        .send()
        .await
        .expect("answered");
    assert_eq!(refused.status(), 400);
}

#[tokio::test]
async fn graph_asks_for_claims_until_the_token_has_them() {
    let world = World::new().await;
    let user = world.user(0);
    let grant = [("client_info", "1"), ("claims", CP1)];
    let code = world.code(&user, &[("claims", CP1)]);
    let (_, body) = world.redeem(&code, &grant).await;
    let (token, refresh) = (text(&body, "access_token"), text(&body, "refresh_token"));
    assert_eq!(world.get(&token, "/me").await.status(), 200);
    // One that does not handle challenges keeps its token.
    let plain = world.user_token(&user, "openid User.Read").await;

    assert!(world.sandbox().challenge(&user, Some(Challenge::NewToken)));
    assert_eq!(world.get(&plain, "/me").await.status(), 200);
    let refused = world.get(&token, "/me").await;
    assert_eq!(refused.status(), 401);
    let header = refused.headers()["www-authenticate"]
        .to_str()
        .expect("text");
    assert!(header.contains("error=\"insufficient_claims\""), "{header}");
    let claims = header
        .split("claims=\"")
        .nth(2)
        .unwrap_or_else(|| header.rsplit("claims=\"").next().expect("claims"));
    let claims = claims.trim_end_matches('"');
    use base64::Engine as _;
    let claims = base64::engine::general_purpose::STANDARD
        .decode(claims)
        .expect("base64");
    let mut claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["access_token"]["xms_cc"] = json!({"values": ["cp1"]});
    let renew = async |claims: &str| {
        world
            .token(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", &refresh),
                ("claims", claims),
            ])
            .await
    };
    // Without the claims the new token is no better.
    let (_, body) = renew(CP1).await;
    assert_eq!(
        world
            .get(&text(&body, "access_token"), "/me/messages?$top=1")
            .await
            .status(),
        401
    );
    let (_, body) = renew(&claims.to_string()).await;
    assert_eq!(
        world
            .get(&text(&body, "access_token"), "/me/messages?$top=1")
            .await
            .status(),
        200
    );

    assert!(
        world
            .sandbox()
            .challenge(&user, Some(Challenge::StepUp("c1".to_owned())))
    );
    assert_eq!(world.get(&plain, "/me").await.status(), 403);
    let step_up = r#"{"access_token":{"acrs":{"value":"c1"},"xms_cc":{"values":["cp1"]}}}"#;
    let (status, body) = renew(step_up).await;
    assert_eq!((status, number(&body)), (400, 50_076));
    assert!(text(&body, "claims").contains("c1"));
    let code = world.code(&user, &[("claims", step_up)]);
    let (_, body) = world.redeem(&code, &[("claims", CP1)]).await;
    assert_eq!(
        world
            .get(&text(&body, "access_token"), "/me/messages?$top=1")
            .await
            .status(),
        200
    );
    assert!(world.sandbox().challenge(&user, None));
    assert_eq!(world.get(&plain, "/me").await.status(), 200);
    assert!(!world.sandbox().challenge("nobody@nowhere.example", None));
    let (status, body) = renew("no JSON").await;
    assert_eq!((status, number(&body)), (400, 90_023));
}
