//! What the call log, errors and `Debug` show.

use crate::support::{World, reply, sign_in_refusal, token};
use postroom_microsoft::{GraphPath, GraphRequest};
use postroom_model::Secret;
use serde_json::json;

#[tokio::test]
async fn no_secret_is_in_the_call_log() {
    let world = World::new(|seen| async move {
        match seen.is_token() {
            true => token("ACCESSTOKEN"),
            false => reply(
                201,
                json!({ "uploadUrl": "https://x/?authtoken=UPLOADSECRET", "password": "PASSWORD1", "subject": "hello" }),
            ),
        }
    })
    .await;
    let who = world.user();
    let request = GraphRequest::post(GraphPath::user("u").lit("messages"))
        .json(&json!({ "subject": "hi", "contentBytes": "Q09OVEVOVA==", "password": "PASSWORD2" }));
    let answer = world.door.send(&who, request).await.expect("an answer");
    let shown = format!("{answer:?} {who:?} {:?}", world.door);
    assert!(!shown.contains("ACCESSTOKEN") && !shown.contains("UPLOADSECRET"));
    let log = world.log.0.lock().expect("log").clone();
    assert_eq!(log.len(), 2);
    let text = serde_json::to_string(&log).expect("JSON");
    for secret in [
        "ACCESSTOKEN",
        "REFRESH0",
        "REFRESH-ACCESSTOKEN",
        "CLIENTSECRET",
        "UPLOADSECRET",
        "PASSWORD1",
        "PASSWORD2",
        "Q09OVEVOVA",
    ] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    for plain in [
        "grant_type=refresh_token",
        "\\\"subject\\\":\\\"hello\\\"",
        "client-request-id",
    ] {
        assert!(text.contains(plain), "{plain} is not in {text}");
    }
    assert_eq!(log[1].caller, "test");
    assert_eq!(log[1].status, Some(201));
    assert!(log[1].path.ends_with("/v1.0/users/u/messages"));
}

#[tokio::test]
async fn detail_can_be_off() {
    let settings = postroom_microsoft::DoorSettings {
        log_detail: false,
        ..Default::default()
    };
    let world = World::with(settings, |_| async { token("T") }).await;
    world.door.access_token(&world.user()).await.expect("token");
    let log = world.log.0.lock().expect("log");
    assert!(log.iter().all(|call| call.detail.is_none()));
}

#[tokio::test]
async fn an_error_of_the_sign_in_has_no_secret() {
    let world = World::new(|_| async { sign_in_refusal(400, "invalid_grant", 70_008) }).await;
    let error = world
        .door
        .redeem_code(
            &world.connection(),
            &Secret::new("THECODE"),
            "http://localhost/cb",
            &Secret::new("THEVERIFIER"),
            &Secret::new("THENONCE"),
            &[],
        )
        .await
        .expect_err("refused");
    let shown = format!("{error} {error:?}");
    let log = serde_json::to_string(&*world.log.0.lock().expect("log")).expect("JSON");
    for secret in ["THECODE", "THEVERIFIER", "THENONCE", "CLIENTSECRET"] {
        assert!(!shown.contains(secret) && !log.contains(secret), "{secret}");
    }
}
