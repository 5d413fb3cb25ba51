//! An app registration as Graph shows it: who may look, and what is told of credentials.

mod support;

use postroom_sandbox::{AppRegistration, Options, Secret};
use serde_json::Value;
use support::World;

/// The application object, asked for with an application's token.
async fn object(world: &World, token: &str, path: &str) -> (u16, Value) {
    let url = format!("{}/v1.0/{path}", world.running.graph_url);
    let answer = world.client.get(url).bearer_auth(token).send().await;
    let answer = answer.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

async fn token(world: &World, client: &str, secret: &str) -> String {
    let scope = format!("{}/.default", world.running.graph_url);
    let answer = world
        .client
        .post(world.entra("oauth2/v2.0/token"))
        .form(&[
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_secret", secret),
            ("scope", &scope),
        ])
        .send()
        .await
        .expect("an answer");
    let json: Value = answer.json().await.expect("JSON");
    let token = json["access_token"].as_str();
    token.unwrap_or_else(|| panic!("{json}")).to_owned()
}

fn permit(world: &World, client: &str, permission: &str) {
    assert!(world.sandbox().alter_app(client, |app| {
        app.application = vec![permission.to_owned(), "Mail.Read".to_owned()];
        app.application_consent = true;
    }));
}

#[tokio::test]
async fn is_shown_to_who_may_read_applications_and_has_no_values() {
    let world = World::with(Options {
        conformance: true,
        ..Options::default()
    })
    .await;
    let (client, secret) = (&world.running.client_id, &world.running.client_secret);
    let path = format!("applications(appId='{client}')");
    let before = token(&world, client, secret).await;
    let (status, refused) = object(&world, &before, &path).await;
    assert_eq!(status, 403, "{refused}");
    assert_eq!(refused["error"]["code"], "Authorization_RequestDenied");
    let (status, _) = object(&world, &before, "applications(appId='nobody')").await;
    assert_eq!(status, 403, "who may not look is not told what there is");

    permit(&world, client, "Application.Read.All");
    let after = token(&world, client, secret).await;
    let (status, shown) = object(&world, &after, &path).await;
    assert_eq!(status, 200, "{shown}");
    let one = &shown["passwordCredentials"][0];
    assert_eq!(one["hint"], secret[..3]);
    assert_eq!(one["secretText"], Value::Null);
    assert!(one["endDateTime"].is_string() && one["keyId"].is_string());
    assert!(!shown.to_string().contains(secret.as_str()));
    assert_eq!(shown["appId"], client.as_str());
    let by_id = format!(
        "applications/{}?$select=id,passwordCredentials",
        shown["id"].as_str().expect("an id")
    );
    let (status, same) = object(&world, &after, &by_id).await;
    assert_eq!(status, 200);
    assert_eq!(same["id"], shown["id"]);
    assert!(same.get("displayName").is_none());
    // The client id is no object's id.
    let (status, _) = object(&world, &after, &format!("applications/{client}")).await;
    assert_eq!(status, 404);
    let (status, _) = object(&world, &after, &format!("{path}?$select=nothing")).await;
    assert_eq!(status, 400);
    assert_eq!(world.sandbox().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn owned_by_reaches_what_is_owned() {
    let world = World::new().await;
    let (client, secret) = (&world.running.client_id, &world.running.client_secret);
    let mut other = AppRegistration::new("0a0a0a0a-0000-4000-8000-00000000000a", "Other");
    other.secrets = vec![Secret {
        value: "other".to_owned(),
        expires: world.sandbox().clock().now(),
    }];
    world.sandbox().put_app(other.clone());
    permit(&world, client, "Application.ReadWrite.OwnedBy");
    let token = token(&world, client, secret).await;
    let own = format!("applications(appId='{client}')");
    assert_eq!(object(&world, &token, &own).await.0, 403);
    world
        .sandbox()
        .alter_app(client, |app| app.owns_itself = true);
    assert_eq!(object(&world, &token, &own).await.0, 200);
    let others = format!("applications(appId='{}')", other.client_id);
    assert_eq!(object(&world, &token, &others).await.0, 403);
}
