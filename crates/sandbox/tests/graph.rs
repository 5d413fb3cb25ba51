//! Tokens, permissions, limits, batches and faults in front of Graph.

mod support;

use std::time::{Duration, Instant};

use postroom_sandbox::Options;
use postroom_sandbox::conformance::check_answer;
use postroom_sandbox::faults::{Fault, FaultAction};
use serde_json::{Value, json};
use support::{World, text};

async fn code(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.expect("JSON");
    (status, text(&body["error"], "code"))
}

async fn batch(world: &World, token: &str, requests: Value) -> (u16, Value) {
    let response = world
        .client
        .post(format!("{}/v1.0/$batch", world.running.graph_url))
        .bearer_auth(token)
        .json(&json!({ "requests": requests }))
        .send()
        .await
        .expect("answered");
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

#[tokio::test]
async fn tokens_end() {
    let world = World::new().await;
    let anonymous = world.get("", "/me").await;
    assert!(anonymous.headers().contains_key("www-authenticate"));
    assert!(anonymous.headers().contains_key("request-id"));
    assert_eq!(
        code(anonymous).await,
        (401, "InvalidAuthenticationToken".to_owned())
    );
    let token = world.user_token(&world.user(0), "openid User.Read").await;
    assert_eq!(world.get(&token, "/me").await.status(), 200);
    assert_eq!(world.get(&format!("{token}x"), "/me").await.status(), 401);
    world.sandbox().advance(Duration::from_secs(76 * 60));
    assert_eq!(world.get(&token, "/me").await.status(), 401);
    let token = world.app_token().await;
    world.sandbox().invalidate_access_tokens();
    assert_eq!(world.get(&token, "/users").await.status(), 401);
}

#[tokio::test]
async fn mailboxes_are_guarded() {
    let world = World::new().await;
    let (anna, juergen) = (world.user(0), world.user(1));
    let read = "openid Mail.Read Mail.Read.Shared";
    let token = world.user_token(&juergen, read).await;
    assert_eq!(world.get(&token, "/me/messages").await.status(), 200);
    // Anna lets Jürgen in, Camille does not, and the spelling of the path changes nothing.
    assert_eq!(
        world
            .get(&token, &format!("/users/{anna}/messages"))
            .await
            .status(),
        200
    );
    for path in ["messages", "MESSAGES", "mailfolders/inbox/messages"] {
        let path = format!("/users/{}/{path}", world.user(2));
        let refused = code(world.get(&token, &path).await).await;
        assert_eq!(refused, (403, "ErrorAccessDenied".to_owned()), "{path}");
    }
    let token = world
        .user_token(&world.user(5), "openid Mail.ReadBasic")
        .await;
    assert_eq!(world.get(&token, "/me/messages").await.status(), 200);
    let refused = code(world.get(&token, "/me/mailboxSettings").await).await;
    assert_eq!(refused, (403, "ErrorAccessDenied".to_owned()));

    let app = world.app_token().await;
    world
        .sandbox()
        .limit_mailboxes(&world.running.client_id, &[&anna]);
    assert_eq!(
        world
            .get(&app, &format!("/users/{anna}/messages"))
            .await
            .status(),
        200
    );
    let refused = code(world.get(&app, &format!("/users/{juergen}/messages")).await).await;
    assert_eq!(refused, (403, "ErrorAccessDenied".to_owned()));
}

#[tokio::test]
async fn mail_answers_as_documented() {
    let world = World::new().await;
    let token = world.app_token().await;
    let anna = world.user(0);
    for path in [
        "mailFolders",
        "messages?$top=5",
        "mailFolders/inbox/messages/delta",
    ] {
        let (status, _) = world
            .conforming(&token, &format!("/users/{anna}/{path}"))
            .await;
        assert_eq!(status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_fifth_at_once_is_throttled() {
    let world = World::with(Options {
        latency: Duration::from_millis(300),
        ..Options::default()
    })
    .await;
    let token = world.app_token().await;
    let path = format!("/users/{}/messages", world.user(0));
    let answers = futures::future::join_all((0..6).map(|_| world.get(&token, &path))).await;
    let refused: Vec<_> = answers
        .into_iter()
        .filter(|response| response.status() == 429)
        .collect();
    assert_eq!(refused.len(), 2);
    for response in refused {
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(code(response).await.1, "ApplicationThrottled");
    }
    let stats = world.sandbox().stats();
    assert_eq!((stats.throttled, stats.max_concurrency), (2, 4));
    assert_eq!(stats.routes["GET /users/{user-id}/messages"], 6);
    // A batch of twenty stays within.
    let requests: Vec<Value> = (0..20)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": path}))
        .collect();
    let (status, body) = batch(&world, &token, json!(requests)).await;
    assert_eq!(status, 200);
    assert!(
        body["responses"]
            .as_array()
            .expect("responses")
            .iter()
            .all(|response| response["status"] == 200)
    );
}

#[tokio::test]
async fn batches_run_in_order_and_fail_in_part() {
    let world = World::new().await;
    let token = world
        .user_token(&world.user(0), "openid User.Read Mail.Read")
        .await;
    let (status, body) = batch(
        &world,
        &token,
        json!([
            {"id": "1", "method": "GET", "url": "/me?$select=id"},
            {"id": "2", "method": "GET", "url": "/me/messages/nonsense"},
            {"id": "3", "method": "GET", "url": "/me/mailFolders", "dependsOn": ["2"]},
            {"id": "4", "method": "GET", "url": "/me/photo/$value", "dependsOn": ["1"]},
            {"id": "5", "method": "GET", "url": "/users"},
        ]),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(check_answer("POST", "/$batch", 200, Some(&body)), Ok(()));
    let part = |id: &str| {
        body["responses"]
            .as_array()
            .expect("responses")
            .iter()
            .find(|response| response["id"] == id)
            .expect("the part")
    };
    assert_eq!(part("1")["status"], 200);
    assert!(
        part("2")["status"]
            .as_u64()
            .is_some_and(|status| status >= 400)
    );
    assert_eq!(part("3")["status"], 424);
    assert_eq!(part("4")["headers"]["Content-Type"], "image/jpeg");
    assert!(
        part("4")["body"]
            .as_str()
            .is_some_and(|text| text.starts_with("/9j/"))
    );
    assert_eq!(part("5")["status"], 403);
    let many: Vec<Value> = (0..21)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/me"}))
        .collect();
    assert_eq!(batch(&world, &token, json!(many)).await.0, 400);
}

#[tokio::test]
async fn bodies_have_a_limit() {
    let world = World::new().await;
    let token = world.user_token(&world.user(0), "openid Mail.Send").await;
    let response = world
        .client
        .post(format!("{}/v1.0/me/sendMail", world.running.graph_url))
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .body(vec![b' '; 4 * 1024 * 1024 + 1])
        .send()
        .await;
    // The refusal may overtake the sending.
    if let Ok(response) = response {
        assert_eq!(response.status(), 413);
    }
}

#[tokio::test]
async fn faults_happen_as_told() {
    let world = World::new().await;
    let token = world.app_token().await;
    let sandbox = world.sandbox();
    sandbox.fault(Fault::on("/users", FaultAction::status(503, Some(7))).times(2));
    for _ in 0..2 {
        let response = world.get(&token, "/users").await;
        assert_eq!(response.headers()["retry-after"], "7");
        assert_eq!(code(response).await.0, 503);
    }
    assert_eq!(world.get(&token, "/users").await.status(), 200);

    sandbox.fault(Fault::on("/users", FaultAction::Cut));
    let response = world.get(&token, "/users").await;
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());

    sandbox.fault(Fault::on("/users", FaultAction::Drop));
    let dropped = world
        .client
        .get(format!("{}/v1.0/users", world.running.graph_url))
        .bearer_auth(&token)
        .send()
        .await;
    assert!(dropped.is_err());

    for action in [FaultAction::TruncatedJson, FaultAction::GarbageJson] {
        sandbox.fault(Fault::on("/users", action));
        let response = world.get(&token, "/users").await;
        assert_eq!(response.status(), 200);
        assert!(response.json::<Value>().await.is_err());
    }
    sandbox.fault(Fault::on("/users", FaultAction::Slow { milliseconds: 300 }));
    let since = Instant::now();
    let body = world
        .get(&token, "/users")
        .await
        .bytes()
        .await
        .expect("whole");
    assert!(since.elapsed() >= Duration::from_millis(250) && !body.is_empty());
}

#[tokio::test]
async fn done_but_not_told() {
    let world = World::new().await;
    let token = world.user_token(&world.user(0), "openid Mail.Send").await;
    let message = json!({"message": {
        "subject": "Once",
        "body": {"contentType": "Text", "content": "only once"},
        "toRecipients": [{"emailAddress": {"address": world.user(1)}}],
    }});
    for (place, action) in [FaultAction::status(504, None), FaultAction::Drop]
        .into_iter()
        .enumerate()
    {
        world
            .sandbox()
            .fault(Fault::on("/sendMail", action).method("POST").perform());
        let response = world
            .client
            .post(format!("{}/v1.0/me/sendMail", world.running.graph_url))
            .bearer_auth(&token)
            .json(&message)
            .send()
            .await;
        assert!(response.is_err() || response.is_ok_and(|response| response.status() == 504));
        assert_eq!(world.sandbox().mail().sent().len(), place + 1);
    }
}

#[tokio::test]
async fn the_stage_is_moved_over_http() {
    let world = World::new().await;
    let at = |path: &str| format!("{}{path}", world.running.graph_url);
    let set = world
        .client
        .post(at("/sandbox/faults"))
        .json(&json!({"match": {"method": "GET", "pathContains": "/me"},
            "action": {"kind": "status", "status": 429, "retryAfter": 2}}))
        .send()
        .await
        .expect("answered");
    assert_eq!(set.status(), 200);
    let token = world.user_token(&world.user(0), "openid User.Read").await;
    assert_eq!(world.get(&token, "/me").await.status(), 429);
    let stats: Value = world
        .client
        .get(at("/sandbox/stats"))
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("JSON");
    assert_eq!(stats["throttled"], 1);
    let moved = world
        .client
        .post(at("/sandbox/clock"))
        .json(&json!({"advanceSeconds": 86400}))
        .send()
        .await
        .expect("answered");
    assert_eq!(moved.status(), 200);
    assert_eq!(world.get(&token, "/me").await.status(), 401);
    let revoked = world
        .client
        .post(at("/sandbox/revoke"))
        .json(&json!({"user": "nobody"}))
        .send()
        .await
        .expect("answered");
    assert_eq!(revoked.status(), 404);
    let home = world.client.get(at("/")).send().await.expect("answered");
    let html = home.text().await.expect("text");
    assert!(html.contains("anna.lindner@lindner.example"));
    assert!(!html.contains(&world.running.client_secret));
}

#[tokio::test]
async fn https_with_a_made_authority() {
    let world = World::with(Options {
        tls: true,
        ..Options::default()
    })
    .await;
    let authority = world.running.ca_pem.clone().expect("an authority");
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(authority.as_bytes()).expect("PEM")])
        .no_proxy()
        .build()
        .expect("client");
    let root = &world.running.authority_url;
    assert!(root.starts_with("https://"));
    let body: Value = client
        .get(format!(
            "{root}/organizations/v2.0/.well-known/openid-configuration"
        ))
        .send()
        .await
        .expect("answered")
        .json()
        .await
        .expect("JSON");
    assert!(text(&body, "token_endpoint").starts_with(root));
    world.running.shutdown().await;
}

#[tokio::test]
async fn a_hundred_thousand_people_start_at_once() {
    let since = Instant::now();
    let world = World::with(Options {
        users: 100_000,
        ..Options::default()
    })
    .await;
    assert!(since.elapsed() < Duration::from_secs(20));
    let token = world.app_token().await;
    let (status, body) = world.conforming(&token, "/users?$top=999").await;
    assert_eq!(status, 200);
    let last = text(&body["value"][998], "userPrincipalName");
    let path = format!("/users/{last}/messages");
    assert_eq!(world.get(&token, &path).await.status(), 200);
}
