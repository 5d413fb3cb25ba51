//! What is missing at Microsoft is named, with where to mend it: by the check of a connection, and
//! to whoever waits for a sign-in.

use anyhow::{Context, Result};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::report::{assert_says, check, step};
use postroom_tests::{World, WorldOptions};
use serde_json::{Value, json};

async fn begin(world: &World) -> Result<Value> {
    let path = format!("/connections/{}/logins", world.connection.id);
    world.api.post(&path, &json!({})).await
}

/// Signs the first user in, whatever that comes to.
async fn log_in(world: &World) -> Result<(Value, String)> {
    let login = begin(world).await?;
    let user = &world.sandbox.users[0];
    let (_, page) = sign_in(
        login["authorizeUrl"].as_str().unwrap(),
        &user.user_principal_name,
        &user.password,
        Does::Accepts,
    )
    .await?;
    let ended = world
        .api
        .get(&format!(
            "/logins/{}?wait=60",
            login["id"].as_str().unwrap()
        ))
        .await?;
    Ok((ended, page))
}

/// The account that a sign-in came to.
async fn account(world: &World, login: &Value) -> Result<Value> {
    let accounts = world.api.get("/accounts").await?;
    accounts["value"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|account| account["id"] == login["account"])
        .cloned()
        .with_context(|| format!("{login} has no account: {accounts}"))
}

/// A redirect URI that the app registration does not have: the check says so, and a sign-in fails
/// with the same words instead of waiting for a browser that never comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_uri_that_is_not_registered_is_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let client = world.sandbox.client_id.clone();
    let uri = format!("{}/auth/callback", world.api.url());
    world.sandbox.sandbox().alter_app(&client, |app| {
        app.any_loopback = false;
        app.redirect_uris = vec!["https://app.example/auth/callback".to_owned()];
    });

    let report = check(&world).await?;
    assert_eq!(report["ok"], false, "{report}");
    let redirect = step(&report, "redirectUri")?;
    assert_eq!(redirect["ok"], false, "{redirect}");
    assert_says(&redirect["detail"], &["AADSTS50011", &uri]);
    assert_says(
        &redirect["hint"],
        &["Authentication", "Web", &uri, client.as_str()],
    );
    assert_eq!(step(&report, "credential")?["ok"], true, "{report}");

    let (login, page) = log_in(&world).await?;
    assert!(page.contains("AADSTS50011"), "{page}");
    assert_eq!(login["status"], "failed", "{login}");
    assert_says(
        &login["error"],
        &["AADSTS50011", "not registered", "Authentication", &uri],
    );

    world
        .sandbox
        .sandbox()
        .alter_app(&client, |app| app.redirect_uris = vec![uri.clone()]);
    let report = check(&world).await?;
    assert_eq!(step(&report, "redirectUri")?["ok"], true, "{report}");
    let (login, _) = log_in(&world).await?;
    assert_eq!(login["status"], "completed", "{login}");
    world.stop().await;
    Ok(())
}

/// A user for whom nobody consents any more: named by the check, though the application itself is
/// well, and well again by itself once an administrator consented.
#[tokio::test(flavor = "multi_thread")]
async fn a_users_missing_consent_is_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report}");
    assert_eq!(step(&report, "users")?["ok"], Value::Null, "{report}");
    let (login, _) = log_in(&world).await?;
    assert_eq!(login["status"], "completed", "{login}");
    let report = check(&world).await?;
    assert_eq!(step(&report, "users")?["ok"], true, "{report}");

    let client = world.sandbox.client_id.clone();
    let user = world.user(0)?;
    assert!(world.sandbox.sandbox().withdraw_consent(&client, &user));
    // Twice: what was found the first time is not only remembered.
    for _ in 0..2 {
        let report = check(&world).await?;
        assert_eq!(report["ok"], false, "{report}");
        let users = step(&report, "users")?;
        assert_eq!(users["ok"], false, "{users}");
        assert_says(&users["detail"], &["AADSTS65001", "consent", &user]);
        assert_says(
            &users["hint"],
            &[
                "API permissions",
                "delegated",
                "Grant admin consent",
                &client,
            ],
        );
        assert_eq!(step(&report, "credential")?["ok"], true, "{report}");
    }
    let found = account(&world, &login).await?;
    assert_eq!(found["state"], "consentMissing", "{found}");
    assert_says(&found["reason"], &["AADSTS65001"]);

    world
        .sandbox
        .sandbox()
        .alter_app(&client, |app| app.delegated_consent = true);
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report}");
    let found = account(&world, &login).await?;
    assert_eq!(found["state"], "active", "{found}");
    world.stop().await;
    Ok(())
}

/// One user whose sign-in ended is named, and says nothing against the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_has_to_sign_in_again_is_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    log_in(&world).await?;
    let user = world.user(0)?;
    assert!(world.sandbox.sandbox().revoke(&user));
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report}");
    let users = step(&report, "users")?;
    assert_says(&users["detail"], &[&user, "0 of 1", "AADSTS"]);
    assert_says(&users["hint"], &["postroom login"]);
    world.stop().await;
    Ok(())
}

/// What the application's token does not have: the check names what it is for, the permission and
/// where to grant it, and nothing of what is there.
#[tokio::test(flavor = "multi_thread")]
async fn the_applications_missing_permissions_are_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let client = world.sandbox.client_id.clone();
    let where_to = [
        "API permissions",
        "application permissions",
        "Grant admin consent",
        client.as_str(),
    ];

    world.sandbox.sandbox().alter_app(&client, |app| {
        app.application.retain(|role| role != "Mail.Send");
    });
    let report = check(&world).await?;
    assert_eq!(report["ok"], false, "{report}");
    let permissions = step(&report, "permissions")?;
    assert_eq!(permissions["ok"], false, "{permissions}");
    assert_eq!(
        permissions["detail"],
        "Not granted: sending mail (Mail.Send)."
    );
    assert_says(&permissions["hint"], &where_to);

    // On the list of the app registration, but no administrator has consented.
    world.sandbox.sandbox().alter_app(&client, |app| {
        app.application.push("Mail.Send".to_owned());
        app.application_consent = false;
    });
    let report = check(&world).await?;
    assert_eq!(report["ok"], false, "{report}");
    let permissions = step(&report, "permissions")?;
    assert_eq!(permissions["ok"], false, "{permissions}");
    assert_says(
        &permissions["detail"],
        &[
            "reading mail (Mail.",
            "sending mail (Mail.",
            "looking up people (User.",
        ],
    );
    assert_says(&permissions["hint"], &where_to);

    world
        .sandbox
        .sandbox()
        .alter_app(&client, |app| app.application_consent = true);
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report}");
    world.stop().await;
    Ok(())
}
