//! Where the endpoints are.

use crate::support::{World, reply, sign_in_refusal};
use postroom_microsoft::DoorError;
use postroom_model::ConnectionId;
use serde_json::json;
use std::time::Duration;

async fn world(token_host: Option<&'static str>) -> World {
    World::new(move |seen| async move {
        let root = format!("http://{}", seen.header("host"));
        let token_host = token_host.map_or_else(|| root.clone(), str::to_owned);
        if seen.path.contains("unknown") {
            return sign_in_refusal(400, "invalid_tenant", 90_002);
        }
        let tenant = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
        reply(
            200,
            json!({
                "authorization_endpoint": format!("{root}/{tenant}/oauth2/v2.0/authorize"),
                "token_endpoint": format!("{token_host}/{tenant}/oauth2/v2.0/token"),
                "issuer": format!("{root}/{tenant}/v2.0"),
            }),
        )
    })
    .await
}

#[tokio::test]
async fn the_document_is_read_once_a_day() {
    let world = world(None).await;
    let mut connection = world.connection();
    connection.endpoints = Default::default();
    let asked = futures::future::join_all((0..10).map(|_| world.door.discover(&connection)));
    for found in asked.await {
        let found = found.expect("a document");
        assert_eq!(
            found.tenant_id.as_deref(),
            Some("6babcaad-604b-40ac-a9d7-9fd97c0b779f")
        );
    }
    assert_eq!(world.graph_calls(), 1);
    world.clock.advance(Duration::from_secs(86_401));
    world.door.discover(&connection).await.expect("a document");
    assert_eq!(world.graph_calls(), 2);
    world.door.forget_connection(&ConnectionId::new("c"));
    let by_hand = format!("{}/by-hand/token", connection.authority_url);
    connection.endpoints.token = Some(by_hand.clone());
    let found = world.door.discover(&connection).await.expect("a document");
    assert_eq!(found.token, by_hand);
    assert_eq!(world.graph_calls(), 3);
}

#[tokio::test]
async fn a_document_that_leads_elsewhere_is_refused() {
    let world = world(Some("https://evil.example")).await;
    let mut connection = world.connection();
    connection.endpoints = Default::default();
    let error = world.door.discover(&connection).await.expect_err("refused");
    assert!(matches!(error, DoorError::Address(_)), "{error}");
}

#[tokio::test]
async fn an_unknown_tenant_is_said_so() {
    let world = world(None).await;
    let mut connection = world.connection();
    connection.endpoints = Default::default();
    connection.tenant_id = "unknown.example".to_owned();
    let error = world.door.discover(&connection).await.expect_err("unknown");
    assert!(error.to_string().contains("AADSTS90002"), "{error}");
    assert!(error.to_string().contains("no such tenant"), "{error}");
}
