//! What goes wrong outside is named, costs nothing, and leaves the rest working.

use anyhow::Result;
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};

fn connection(world: &World, change: Value) -> Value {
    let mut connection = json!({
        "name": "Another",
        "tenantId": world.sandbox.tenant_id,
        "clientId": world.sandbox.client_id,
        "credential": {"secret": world.sandbox.client_secret},
        "authorityUrl": world.sandbox.authority_url,
        "graphUrl": world.sandbox.graph_url,
    });
    for (name, value) in change.as_object().unwrap() {
        connection[name] = value.clone();
    }
    connection
}

/// Each wrong setting of a connection is named by the check, with Microsoft's number and what to do.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_what_is_wrong() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    for (name, change, number) in [
        ("good", json!({}), None),
        (
            "wrong secret",
            json!({"credential": {"secret": "not-the-secret"}}),
            Some("7000215"),
        ),
        (
            "unknown tenant",
            json!({"tenantId": "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f"}),
            Some("90002"),
        ),
        (
            "unknown application",
            json!({"clientId": "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f"}),
            Some("700016"),
        ),
    ] {
        let mut body = connection(&world, change);
        body["name"] = name.into();
        let made = world.api.post("/connections", &body).await?;
        let path = format!("/connections/{}/check", made["id"].as_str().unwrap());
        let report = world.api.post(&path, &json!({})).await?;
        assert_eq!(report["ok"], number.is_none(), "{name}: {report}");
        if let Some(number) = number {
            let step = report["steps"]
                .as_array()
                .unwrap()
                .iter()
                .find(|step| step["ok"] == false)
                .unwrap();
            let text = step.to_string();
            assert!(text.contains(number), "{name}: {step}");
            assert!(
                step["hint"].as_str().is_some_and(|hint| hint.len() > 10),
                "{step}"
            );
        }
    }
    world.stop().await;
    Ok(())
}

/// An expired secret is told apart from a wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_secret_is_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let client = world.sandbox.client_id.clone();
    let past = world.sandbox.sandbox().clock().now() - jiff::SignedDuration::from_hours(1);
    world.sandbox.sandbox().alter_app(&client, |app| {
        for secret in &mut app.secrets {
            secret.expires = past;
        }
    });
    let account = world.api.get("/accounts").await?["value"][0]["id"].clone();
    world.engine.expire_token(&account.as_str().unwrap().into());
    let synced = world
        .api
        .post(
            &format!("/mailboxes/{}/sync?wait=60", mailbox.id),
            &json!({}),
        )
        .await?;
    assert_eq!(synced["sync"]["state"], "failed", "{synced}");
    let error = synced["sync"]["error"].as_str().unwrap();
    assert!(error.contains("7000222"), "{error}");
    let accounts = world.api.get("/accounts").await?;
    assert_eq!(
        accounts["value"][0]["state"], "credentialExpired",
        "{accounts}"
    );
    world.stop().await;
    Ok(())
}

/// 403 on one mailbox leaves the other one level.
#[tokio::test(flavor = "multi_thread")]
async fn one_forbidden_mailbox_does_not_hold_up_the_others() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let one = world.serve(0).await?;
    let two = world.serve(1).await?;
    let client = world.sandbox.client_id.clone();
    world
        .sandbox
        .sandbox()
        .limit_mailboxes(&client, &[one.id.as_str()]);
    world.level(&one).await?;
    let refused = world
        .api
        .post(&format!("/mailboxes/{}/sync?wait=60", two.id), &json!({}))
        .await?;
    assert_eq!(refused["sync"]["state"], "failed", "{refused}");
    world
        .api
        .refused(
            world.api.request(Method::POST, "/mailboxes").json(&json!({
                "connection": world.connection.id,
                "address": world.user(2)?,
            })),
            403,
            "microsoftForbade",
        )
        .await?;
    world.stop().await;
    Ok(())
}

/// Answers of Microsoft's that are cut off, slow, HTML or garbage: the mirror ends level all the
/// same, once they stop.
#[tokio::test(flavor = "multi_thread")]
async fn broken_answers_end_level() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    for action in [
        FaultAction::Cut,
        FaultAction::Drop,
        FaultAction::Html { status: 200 },
        FaultAction::TruncatedJson,
        FaultAction::GarbageJson,
        FaultAction::Status {
            status: 503,
            retry_after: Some(1),
            code: None,
            headers: Default::default(),
        },
    ] {
        world
            .sandbox
            .sandbox()
            .fault(Fault::on("/delta", action).times(2));
    }
    let mut level = Value::Null;
    for _ in 0..8 {
        level = world
            .api
            .post(
                &format!("/mailboxes/{}/sync?wait=60", mailbox.id),
                &json!({}),
            )
            .await?;
        if level["sync"]["state"] == "upToDate" {
            break;
        }
    }
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    world.ensure_equal(&mailbox).await?;
    world.stop().await;
    Ok(())
}

/// A tenant that does not take `$expand=attachments` in delta pages is mirrored without, and that
/// is remembered.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_expand_is_learned() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.sandbox.sandbox().fault(
        Fault::on(
            "expand=attachments",
            FaultAction::Status {
                status: 400,
                retry_after: None,
                code: Some("ErrorInvalidRequest".into()),
                headers: Default::default(),
            },
        )
        .times(1_000),
    );
    world.level(&mailbox).await?;
    world.ensure_equal(&mailbox).await?;
    world.stop().await;
    Ok(())
}

/// A caller's mistakes are named, and none of them reaches Microsoft.
#[tokio::test(flavor = "multi_thread")]
async fn a_callers_mistakes_are_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let id = mailbox.id.as_str();
    let api = &world.api;
    let post = |path: String| api.request(Method::POST, &path);
    let json_text = "application/json";
    let asked = world.sandbox.sandbox().stats().graph_requests;
    for (request, status, code) in [
        (
            post(format!("/mailboxes/{id}/send"))
                .header("content-type", json_text)
                .body("{\"subject\": "),
            400,
            "invalidRequest",
        ),
        (
            post(format!("/mailboxes/{id}/send")).json(&json!({"subjekt": "x"})),
            400,
            "invalidRequest",
        ),
        (
            post(format!("/mailboxes/{id}/send")).json(&json!({"subject": "x"})),
            400,
            "invalidRequest",
        ),
        (
            post(format!("/mailboxes/{id}/send")).json(&json!({
                "toRecipients": [{"emailAddress": {"address": "no address"}}]
            })),
            400,
            "invalidRequest",
        ),
        (
            post(format!("/mailboxes/{id}/send"))
                .header("content-type", "text/csv")
                .body("a,b"),
            415,
            "unsupportedMediaType",
        ),
        (
            api.request(
                Method::GET,
                &format!("/mailboxes/{id}/messages?folder=nowhere"),
            ),
            404,
            "notFound",
        ),
        (
            api.request(Method::GET, &format!("/mailboxes/{id}/messages?limit=many")),
            400,
            "invalidRequest",
        ),
        (
            api.request(Method::GET, &format!("/mailboxes/{id}/messages?cursor=x")),
            400,
            "invalidRequest",
        ),
        (
            api.request(
                Method::GET,
                &format!("/mailboxes/{id}/messages?receivedAfter=yesterday"),
            ),
            400,
            "invalidRequest",
        ),
        (
            api.request(Method::GET, &format!("/mailboxes/{id}/messages/nothing")),
            404,
            "notFound",
        ),
        (
            api.request(Method::GET, "/mailboxes/nobody@nowhere.example"),
            404,
            "notFound",
        ),
        (api.request(Method::GET, "/outbox/nothing"), 404, "notFound"),
        (api.request(Method::GET, "/logins/nothing"), 404, "notFound"),
        (api.request(Method::GET, "/calls/nothing"), 404, "notFound"),
        (
            api.request(Method::GET, "/changes?since=garbage"),
            410,
            "cursorExpired",
        ),
        (api.request(Method::GET, "/threads"), 404, "notYet"),
        (
            api.request(Method::DELETE, "/changes"),
            405,
            "methodNotAllowed",
        ),
    ] {
        api.refused(request, status, code).await?;
    }
    let large = "QUFB".repeat(1_100_000);
    api.refused(
        post(format!("/mailboxes/{id}/send")).json(&json!({
            "toRecipients": [{"emailAddress": {"address": "a@b.example"}}],
            "attachments": [{"name": "large.bin", "contentType": "x/y", "contentBytes": large}],
        })),
        413,
        "tooLarge",
    )
    .await?;
    assert_eq!(world.sandbox.sandbox().stats().graph_requests, asked);
    world.stop().await;
    Ok(())
}

/// A full disk: what was accepted stays, what cannot be written is refused with a word, and work
/// goes on when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing() -> Result<()> {
    let mut options = WorldOptions::default();
    options.sandbox.messages = 3_000;
    options.sandbox.mail.mailboxes_for_bulk = 1;
    options.max_pages = Some(900);
    let world = World::start(options).await?;
    let mailbox = world.serve(0).await?;
    let full = world
        .api
        .post(
            &format!("/mailboxes/{}/sync?wait=60", mailbox.id),
            &json!({}),
        )
        .await?;
    assert_ne!(full["sync"]["state"], "upToDate", "{full}");
    let list = world
        .api
        .get(&format!("/mailboxes/{}/messages?limit=5", mailbox.id))
        .await?;
    assert_eq!(list["value"].as_array().unwrap().len(), 5);
    let world = world
        .restart_with(|options| options.max_pages = None)
        .await?;
    world.level(&mailbox).await?;
    world.ensure_equal(&mailbox).await?;
    world.stop().await;
    Ok(())
}

/// A permission that is missing is named by the check, with where to grant it.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_is_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let client = world.sandbox.client_id.clone();
    world.sandbox.sandbox().alter_app(&client, |app| {
        app.application.retain(|role| !role.starts_with("Mail."));
    });
    let report = world
        .api
        .post(
            &format!("/connections/{}/check", world.connection.id),
            &json!({}),
        )
        .await?;
    assert_eq!(report["ok"], false, "{report}");
    let step = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["name"] == "permissions")
        .unwrap();
    assert_eq!(step["ok"], false, "{step}");
    assert!(step.to_string().contains("Mail.ReadWrite"), "{step}");
    assert!(
        step["hint"]
            .as_str()
            .is_some_and(|hint| hint.contains("permissions")),
        "{step}"
    );
    world.stop().await;
    Ok(())
}

/// A sign-in that nobody finishes ends by itself, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_nobody_finishes_expires() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let login = world
        .api
        .post(
            &format!("/connections/{}/logins", world.connection.id),
            &json!({"expiresIn": 5}),
        )
        .await?;
    let id = login["id"].as_str().unwrap();
    let ended = world.api.get(&format!("/logins/{id}?wait=30")).await?;
    assert_eq!(ended["status"], "expired", "{ended}");
    world.stop().await;
    Ok(())
}

/// A user who was revoked at Microsoft has to sign in again; a lost network does not end a grant.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_refused_grant_ends_a_grant() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let login = world
        .api
        .post(
            &format!("/connections/{}/logins", world.connection.id),
            &json!({}),
        )
        .await?;
    let user = world.sandbox.users[0].clone();
    postroom_tests::browser::sign_in(
        login["authorizeUrl"].as_str().unwrap(),
        &user.user_principal_name,
        &user.password,
        postroom_tests::browser::Does::Accepts,
    )
    .await?;
    let login = world
        .api
        .get(&format!(
            "/logins/{}?wait=30",
            login["id"].as_str().unwrap()
        ))
        .await?;
    let account = login["account"].as_str().unwrap().to_owned();
    let token = |world: &World| {
        world
            .api
            .request(Method::POST, &format!("/accounts/{account}/token"))
    };

    world.engine.expire_token(&account.as_str().into());
    world
        .sandbox
        .sandbox()
        .fault(Fault::on("/oauth2/v2.0/token", FaultAction::Drop).times(20));
    world
        .api
        .refused(token(&world), 502, "microsoftUnreachable")
        .await?;
    world.sandbox.sandbox().faults().clear();
    let state = |accounts: &Value| {
        accounts["value"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["id"] == account.as_str())
            .unwrap()["state"]
            .clone()
    };
    assert_eq!(state(&world.api.get("/accounts").await?), "active");
    world.api.ok(token(&world)).await?;

    world.sandbox.sandbox().revoke(&user.user_principal_name);
    world.engine.expire_token(&account.as_str().into());
    let refused = world.api.answer(token(&world)).await?;
    assert_eq!(refused.status, 409, "{refused:?}");
    let state = state(&world.api.get("/accounts").await?);
    assert!(state == "revoked" || state == "needsSignIn", "{state}");
    world.stop().await;
    Ok(())
}
