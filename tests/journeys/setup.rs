//! Setting up: what is wrong is named with the page where it is mended, what an administrator needs
//! is written down, and a limit to chosen mailboxes is proven, not believed.

use anyhow::{Context, Result, ensure};
use postroom_sandbox::SignedIn;
use postroom_sandbox::exchange::{ExchangeAccess, RoleAssignment};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::process::Program;
use postroom_tests::report::{assert_says, check, check_with, step};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

const NOWHERE: &str = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f";

fn roles(mailboxes: &[&str], roles: &[&str]) -> ExchangeAccess {
    ExchangeAccess {
        role_assignments: roles
            .iter()
            .map(|role| RoleAssignment {
                role: format!("Application {role}"),
                mailboxes: Some(mailboxes.iter().map(|one| (*one).to_owned()).collect()),
                after_seconds: 0,
            })
            .collect(),
        ..ExchangeAccess::default()
    }
}

/// Each step that can fail fails alone, with Microsoft's number, the page and the button.
#[tokio::test(flavor = "multi_thread")]
async fn each_failing_step_says_where_it_is_mended() -> Result<()> {
    let mut options = WorldOptions::default();
    options.door.max_attempts = 1;
    let world = World::start(options).await?;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let unreachable = format!("http://{closed}");
    for (name, change, failing, code, says) in [
        (
            "tenant",
            json!({"tenantId": NOWHERE}),
            "tenant",
            "AADSTS90002",
            "Tenant ID",
        ),
        (
            "application",
            json!({"clientId": NOWHERE}),
            "application",
            "AADSTS700016",
            "App registrations → All applications",
        ),
        (
            "secret",
            json!({"credential": {"secret": "not-the-secret"}}),
            "credential",
            "AADSTS7000215",
            "Client secrets → New client secret",
        ),
        (
            "address",
            json!({"authorityUrl": unreachable}),
            "authority",
            "",
            "firewall",
        ),
    ] {
        let mut body = json!({
            "name": name,
            "tenantId": world.sandbox.tenant_id,
            "clientId": world.sandbox.client_id,
            "credential": {"secret": world.sandbox.client_secret},
            "authorityUrl": world.sandbox.authority_url,
            "graphUrl": world.sandbox.graph_url,
        });
        for (field, value) in change.as_object().context("an object")? {
            body[field] = value.clone();
        }
        world.api.post("/connections", &body).await?;
        let path = format!("/connections/{name}/check");
        let report = world.api.post(&path, &json!({})).await?;
        assert_eq!(report["ok"], false, "{report:#}");
        let failed: Vec<_> = report["steps"]
            .as_array()
            .context("steps")?
            .iter()
            .filter(|step| step["ok"] == false)
            .map(|step| &step["name"])
            .collect();
        let also = failed.iter().all(|one| {
            // The authorize address says the same of an unknown application.
            *one == failing || (failing == "application" && *one == "redirectUri")
        });
        assert!(also && failed[0] == failing, "{name}: {report:#}");
        let failed = step(&report, failing)?;
        assert_eq!(
            failed["code"].as_str().unwrap_or_default(),
            code,
            "{failed}"
        );
        assert_says(&failed["hint"], &[says]);
    }
    world.stop().await;
    Ok(())
}

/// What changes at Microsoft: the application is switched off, its secret ends, consent goes.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_changed_is_named() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let client = world.sandbox.client_id.clone();
    let sandbox = world.sandbox.sandbox();
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(step(&report, "application")?["ok"], true, "{report:#}");

    sandbox.alter_app(&client, |app| app.enabled = false);
    let report = check(&world).await?;
    let application = step(&report, "application")?;
    assert_eq!(application["ok"], false, "{report:#}");
    assert_eq!(application["code"], "AADSTS7000112", "{application}");
    assert_says(
        &application["hint"],
        &["Enterprise applications", "Enabled for users to sign-in?"],
    );
    // The secret was not looked at, so nothing is said against it.
    assert_eq!(step(&report, "credential")?["ok"], Value::Null);
    sandbox.alter_app(&client, |app| app.enabled = true);

    let past = sandbox.clock().now() - jiff::SignedDuration::from_hours(1);
    let good = sandbox.app(&client).context("the app")?.secrets;
    sandbox.alter_app(&client, |app| app.secrets[0].expires = past);
    let report = check(&world).await?;
    let credential = step(&report, "credential")?;
    assert_eq!(credential["code"], "AADSTS7000222", "{report:#}");
    assert_says(&credential["hint"], &["New client secret"]);
    assert_eq!(step(&report, "application")?["ok"], true, "{report:#}");
    assert_eq!(step(&report, "permissions")?["ok"], Value::Null);
    sandbox.alter_app(&client, |app| app.secrets = good);

    sandbox.alter_app(&client, |app| app.application_consent = false);
    let report = check(&world).await?;
    let permissions = step(&report, "permissions")?;
    assert_eq!(permissions["ok"], false, "{report:#}");
    assert_says(&permissions["detail"], &["Mail.ReadWrite", "Mail.Send"]);
    assert_says(&permissions["hint"], &["Grant admin consent"]);
    sandbox.alter_app(&client, |app| app.application_consent = true);

    // On this machine another time is a held clock, not a wrong one.
    sandbox.advance(std::time::Duration::from_secs(3600));
    let report = check(&world).await?;
    let clock = step(&report, "clock")?;
    assert_eq!(clock["ok"], Value::Null, "{report:#}");
    assert_says(&clock["detail"], &["another time"]);
    world.stop().await;
    Ok(())
}

/// Of two secrets one is wrong: both are named, and the connection is well.
#[tokio::test(flavor = "multi_thread")]
async fn each_credential_is_tried_on_its_own() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let good = world.connection.credentials[0].id.clone();
    let path = format!("/connections/{}/credentials", world.connection.id);
    let wrong = world
        .api
        .post(
            &path,
            &json!({"secret": "not-the-secret", "expiresAt": "2100-01-01"}),
        )
        .await?;
    let wrong = wrong["id"].as_str().context("an id")?;
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(step(&report, "credential")?["ok"], true, "{report:#}");
    let of_good = step(&report, &format!("credential:{good}"))?;
    assert_eq!(of_good["ok"], true, "{of_good}");
    let of_wrong = step(&report, &format!("credential:{wrong}"))?;
    assert_eq!(of_wrong["ok"], false, "{of_wrong}");
    assert_eq!(of_wrong["essential"], false, "{of_wrong}");
    assert_eq!(of_wrong["code"], "AADSTS7000215", "{of_wrong}");
    assert_says(&of_wrong["detail"], &["client secret", "more days"]);
    assert_says(&of_wrong["hint"], &["Another one is good"]);
    ensure!(!report.to_string().contains("not-the-secret"));
    world.stop().await;
    Ok(())
}

/// A call for each feature in use, and none that writes.
#[tokio::test(flavor = "multi_thread")]
async fn features_in_use_are_called_and_nothing_is_written() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    world.sandbox.sandbox().reset_stats();
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report:#}");
    let read = step(&report, "feature:mail.read")?;
    assert_eq!(read["ok"], true, "{read}");
    assert_says(&read["detail"], &[&mailbox.address]);
    assert_eq!(step(&report, "feature:people.read")?["ok"], true);
    // Nobody sends: what it takes is not needed.
    ensure!(step(&report, "feature:mail.send").is_err(), "{report:#}");

    let client = world.sandbox.client_id.clone();
    world.sandbox.sandbox().alter_app(&client, |app| {
        app.application.retain(|role| role != "Mail.Send");
    });
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_says(
        &step(&report, "permissions")?["detail"],
        &["not in use", "sending mail (Mail.Send)"],
    );
    let key = json!({"name": "ERP", "scopes": ["mail.send"], "mailboxes": [mailbox.id]});
    world.api.post("/keys", &key).await?;
    let report = check(&world).await?;
    assert_eq!(report["ok"], false, "{report:#}");
    let send = step(&report, "feature:mail.send")?;
    assert_eq!(send["ok"], Value::Null, "{send}");
    assert_says(&send["detail"], &["Not tried", "Mail.Send"]);
    assert_says(
        &step(&report, "permissions")?["detail"],
        &["Not granted: sending mail (Mail.Send)."],
    );

    let stats = serde_json::to_value(world.sandbox.sandbox().stats())?;
    let text = stats.to_string();
    for method in ["POST /users", "PATCH /", "DELETE /", "PUT /"] {
        ensure!(!text.contains(method), "{method}: {text}");
    }
    world.stop().await;
    Ok(())
}

/// Not limited, limited by roles, limited by a policy, limited too far, and what proves nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_proven_or_it_is_none() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let (inside, outside) = (mailbox.address.clone(), world.user(1)?);
    let client = world.sandbox.client_id.clone();
    let sandbox = world.sandbox.sandbox();
    let both = json!({"insideMailbox": inside, "outsideMailbox": outside});

    let report = check_with(&world, both.clone()).await?;
    assert_eq!(report["ok"], false, "{report:#}");
    assert_eq!(report["limit"]["result"], "notLimited", "{report:#}");
    assert_eq!(report["limit"]["outside"]["status"], 200, "{report:#}");
    assert_says(
        &step(&report, "limit")?["detail"],
        &["NOT limited", &outside],
    );
    assert_says(&step(&report, "limit")?["hint"], &["Entra ID", "--script"]);

    // Roles alone change nothing as long as Entra ID grants the same.
    sandbox.set_exchange_access(&client, roles(&[&inside], &["Mail.ReadWrite", "Mail.Send"]));
    let report = check_with(&world, both.clone()).await?;
    assert_eq!(report["limit"]["result"], "notLimited", "{report:#}");

    // Reading is taken from Entra ID and sending forgotten.
    sandbox.alter_app(&client, |app| {
        app.application
            .retain(|role| !role.starts_with("Mail.Read"));
    });
    let report = check_with(&world, both.clone()).await?;
    assert_eq!(report["limit"]["result"], "readingOnly", "{report:#}");
    assert_eq!(report["ok"], false, "{report:#}");
    assert_eq!(step(&report, "limit")?["ok"], false, "{report:#}");
    assert_says(&step(&report, "limit:entra")?["detail"], &["Mail.Send"]);
    assert_says(
        &step(&report, "limit:entra")?["hint"],
        &["Remove permission"],
    );

    sandbox.alter_app(&client, |app| {
        app.application.retain(|role| !role.starts_with("Mail"));
    });
    let report = check_with(&world, both.clone()).await?;
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["limit"]["result"], "proven", "{report:#}");
    assert_eq!(report["limit"]["outside"]["status"], 403, "{report:#}");
    assert_eq!(step(&report, "limit:entra")?["ok"], true, "{report:#}");
    // The token has no permission for mail, and yet nothing is missing: the call decides.
    assert_eq!(step(&report, "feature:mail.read")?["ok"], true);
    assert_says(
        &step(&report, "permissions")?["detail"],
        &["Granted by Exchange", "reading mail"],
    );
    // Nobody named: one that is served, and one of the directory that is not.
    let report = check_with(&world, json!({"limit": true})).await?;
    assert_eq!(report["limit"]["result"], "proven", "{report:#}");
    assert_eq!(report["limit"]["inside"]["mailbox"], json!(inside));
    assert_ne!(report["limit"]["outside"]["mailbox"], json!(inside));

    // What is not there proves nothing, though it is refused.
    for nobody in ["nobody@lindner.example", NOWHERE] {
        let report = check_with(&world, json!({"outsideMailbox": nobody})).await?;
        assert_eq!(report["limit"]["result"], "undecided", "{report:#}");
        assert_eq!(step(&report, "limit")?["ok"], Value::Null, "{report:#}");
    }

    let elsewhere = world.user(2)?;
    sandbox.set_exchange_access(&client, roles(&[&elsewhere], &["Mail.ReadWrite"]));
    let report = check_with(&world, both.clone()).await?;
    assert_eq!(report["limit"]["result"], "insideRefused", "{report:#}");
    assert_eq!(report["ok"], false, "{report:#}");
    // Without the directory it cannot be told whether the other one is there.
    sandbox.alter_app(&client, |app| app.application.clear());
    sandbox.set_exchange_access(&client, roles(&[&inside], &["Mail.ReadWrite"]));
    let report = check_with(&world, both.clone()).await?;
    assert_eq!(report["limit"]["result"], "undecided", "{report:#}");
    assert_says(&step(&report, "limit")?["detail"], &["User.ReadBasic.All"]);
    world.stop().await;
    Ok(())
}

/// The older way, with its own words.
#[tokio::test(flavor = "multi_thread")]
async fn an_access_policy_is_proven_as_well() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let client = world.sandbox.client_id.clone();
    world
        .sandbox
        .sandbox()
        .limit_mailboxes(&client, &[mailbox.id.as_str()]);
    let outside = world.user(1)?;
    let report = check_with(&world, json!({"outsideMailbox": outside})).await?;
    assert_eq!(report["limit"]["result"], "proven", "{report:#}");
    assert_eq!(report["ok"], true, "{report:#}");
    assert_says(&step(&report, "limit:entra")?["detail"], &["policy"]);

    // A mailbox that is served and out of reach is named, with both ways out.
    world
        .sandbox
        .sandbox()
        .limit_mailboxes(&client, &[&outside]);
    let report = check(&world).await?;
    let read = step(&report, "feature:mail.read")?;
    assert_eq!(read["ok"], false, "{report:#}");
    assert_eq!(read["code"], "ErrorAccessDenied", "{read}");
    assert_says(&read["hint"], &["application access policy"]);

    for (body, says) in [
        (
            json!({"insideMailbox": outside, "outsideMailbox": outside}),
            "the same",
        ),
        (json!({"insideMailbox": "a\u{7}b"}), "address"),
        (json!({"inside": outside}), "inside"),
    ] {
        let path = format!("/connections/{}/check", world.connection.id);
        let request = world.api.request(Method::POST, &path).json(&body);
        let problem = world.api.refused(request, 400, "invalidRequest").await?;
        assert_says(&problem["detail"], &[says]);
    }
    world.stop().await;
    Ok(())
}

async fn download(world: &World, path: &str) -> Result<(String, String)> {
    let answer = world.api.request(Method::GET, path).send().await?;
    ensure!(answer.status() == 200, "{path}: {}", answer.status());
    let name = answer.headers()["content-disposition"].to_str()?.to_owned();
    Ok((name, answer.text().await?))
}

/// What an administrator of the application gets, and the script that goes with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_gets_what_the_application_needs() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let path = format!("/connections/{}/setup", world.connection.id);
    // Nothing is served yet: no mailbox to limit to.
    let request = world.api.request(Method::GET, &format!("{path}/script"));
    let problem = world.api.refused(request, 400, "invalidRequest").await?;
    assert_says(&problem["detail"], &["mailboxes"]);

    let mailbox = world.serve(0).await?;
    let client = &world.sandbox.client_id;
    let setup = world.api.get(&path).await?;
    let names = |list: &Value| -> Vec<String> {
        list.as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["name"].as_str().map(str::to_owned))
            .collect()
    };
    assert_eq!(
        names(&setup["permissions"]["application"]),
        ["Mail.Read", "User.ReadBasic.All"],
        "{setup:#}"
    );
    assert!(
        names(&setup["permissions"]["optionalApplication"]).contains(&"Mail.Send".to_owned()),
        "{setup:#}"
    );
    assert_eq!(setup["limit"]["mailboxes"], json!([mailbox.address]));
    assert_eq!(setup["limit"]["roles"], json!(["Application Mail.Read"]));
    let access = setup["manifest"][0]["resourceAccess"].as_array();
    assert_eq!(access.map(Vec::len), Some(2), "{setup:#}");
    assert_eq!(
        setup["redirectUri"],
        format!("{}/auth/callback", world.api.url())
    );
    let url = Url::parse(
        setup["adminConsent"]["registeredUrl"]
            .as_str()
            .context("a URL")?,
    )?;
    assert!(url.path().ends_with("/v2.0/adminconsent"), "{url}");
    let query: std::collections::HashMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["client_id"], *client);
    assert_eq!(
        query["scope"],
        format!("{}/.default", world.sandbox.graph_url)
    );
    assert!(query["state"].len() > 20, "{url}");
    // Asked again, the address is the same: one that was sent off goes on working.
    assert_eq!(
        world.api.get(&path).await?["adminConsent"],
        setup["adminConsent"]
    );
    assert_says(
        &setup["letter"]["text"],
        &[
            client,
            "Mail.Read (for reading mail)",
            "API permissions",
            url.as_str(),
            &mailbox.address,
            "Application Mail.Read",
            "Not needed now",
        ],
    );

    let all = format!("{path}?features=mail.read,mail.write,mail.send");
    let setup = world.api.get(&all).await?;
    assert_eq!(
        names(&setup["permissions"]["application"]),
        ["Mail.ReadWrite", "Mail.Send"],
        "{setup:#}"
    );

    let mailboxes = format!(
        "{path}/script?features=mail.read,mail.send&mailboxes={}",
        "o'brien%40contoso.com,%20ann%40contoso.com,ANN%40contoso.com"
    );
    let (name, script) = download(&world, &mailboxes).await?;
    assert_eq!(name, "attachment; filename=\"limit-sandbox.ps1\"");
    for text in [
        "'o''brien@contoso.com'",
        "'ann@contoso.com'",
        "'Application Mail.ReadWrite'",
        "'Application Mail.Send'",
        "New-ServicePrincipal -AppId $AppId -ObjectId $ObjectId",
        client,
    ] {
        assert!(script.contains(text), "{text}: {script}");
    }
    assert_eq!(
        script.to_lowercase().matches("'ann@contoso.com'").count(),
        1
    );
    // The token told the service principal's object id.
    assert!(!script.contains("$ObjectId = '',"), "{script}");
    for wrong in [
        "mailboxes=%27;%20Remove-Mailbox",
        "mailboxes=a%40b.c%0A%27",
        "features=mail.delete",
    ] {
        let request = world
            .api
            .request(Method::GET, &format!("{path}/script?{wrong}"));
        world.api.refused(request, 400, "invalidRequest").await?;
    }
    world.stop().await;
    Ok(())
}

/// Without a credential users act, and nothing is there to be limited.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_gets_what_users_need() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let body = json!({
        "name": "users",
        "tenantId": world.sandbox.tenant_id,
        "clientId": world.sandbox.client_id,
        "authorityUrl": world.sandbox.authority_url,
        "graphUrl": world.sandbox.graph_url,
        "redirectUri": "https://app.example/back",
    });
    world.api.post("/connections", &body).await?;
    let setup = world.api.get("/connections/users/setup").await?;
    let delegated: Vec<_> = setup["permissions"]["delegated"]
        .as_array()
        .context("permissions")?
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert!(delegated.contains(&"Mail.ReadWrite"), "{setup:#}");
    assert_eq!(setup["permissions"]["application"], json!([]));
    assert_eq!(setup["limit"], Value::Null);
    let url = Url::parse(
        setup["adminConsent"]["delegatedUrl"]
            .as_str()
            .context("a URL")?,
    )?;
    let scope = url.query_pairs().find(|(name, _)| name == "scope");
    let scope = scope.map(|(_, value)| value.into_owned());
    let wanted = format!("{}/Mail.ReadWrite", world.sandbox.graph_url);
    assert!(
        scope
            .as_deref()
            .is_some_and(|scope| scope.contains(&wanted)),
        "{url}"
    );
    assert_says(
        &setup["letter"]["text"],
        &[
            "Delegated permissions",
            "https://app.example/back",
            url.as_str(),
        ],
    );
    let request = world
        .api
        .request(Method::GET, "/connections/users/setup/script");
    world.api.refused(request, 400, "invalidRequest").await?;
    // No application acts, so there is no limit to prove.
    let request = world
        .api
        .request(Method::POST, "/connections/users/check")
        .json(&json!({"limit": true}));
    world.api.refused(request, 400, "invalidRequest").await?;
    world.stop().await;
    Ok(())
}

async fn returns(address: &str) -> Result<(u16, String)> {
    let answer = reqwest::get(address).await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

fn consent(world: &World, address: &str, accepts: bool) -> Result<String> {
    let sandbox = world.sandbox.sandbox();
    let admin = sandbox.administrator().context("an administrator")?;
    match sandbox.consent_as_administrator(
        address,
        &admin.user_principal_name,
        &admin.password,
        accepts,
    ) {
        SignedIn::Redirect(to) => Ok(to),
        SignedIn::Page(page) => anyhow::bail!("a page: {page}"),
    }
}

/// An administrator opens the address, comes back, and what lacked consent works.
#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_consented_is_believed_after_a_look() -> Result<()> {
    let mut options = WorldOptions::default();
    options.engine.people_interval = std::time::Duration::ZERO;
    let world = World::start(options).await?;
    let client = world.sandbox.client_id.clone();
    let sandbox = world.sandbox.sandbox();
    sandbox.alter_app(&client, |app| app.application_consent = false);
    let path = format!("/connections/{}/setup", world.connection.id);
    let setup = world.api.get(&path).await?;
    let address = setup["adminConsent"]["registeredUrl"]
        .as_str()
        .context("a URL")?;

    // Declined, the address says admin_consent=True all the same.
    let declined = consent(&world, address, false)?;
    ensure!(declined.contains("admin_consent=True"), "{declined}");
    let (status, page) = returns(&declined).await?;
    assert_eq!(status, 400, "{page}");
    ensure!(
        page.contains("declined") && !page.contains("Consent given"),
        "{page}"
    );

    // Nobody asked: another state, or none.
    for forged in [
        format!(
            "{}/auth/callback?admin_consent=True&state=x",
            world.api.url()
        ),
        format!("{}/auth/callback?admin_consent=True", world.api.url()),
        format!(
            "{}/auth/callback?error=permission_denied&error_description=%3Cscript%3E",
            world.api.url()
        ),
    ] {
        let (status, page) = returns(&forged).await?;
        assert_eq!(status, 400, "{forged}: {page}");
        ensure!(
            page.contains("No consent") && !page.contains("<script"),
            "{page}"
        );
    }

    let accepted = consent(&world, address, true)?;
    // Whatever tenant the address names, the connection's own is looked at.
    let accepted = accepted.replace(&world.sandbox.tenant_id, NOWHERE);
    let (status, page) = returns(&accepted).await?;
    assert_eq!(status, 200, "{page}");
    ensure!(
        page.contains("Consent given") && page.contains("it is well"),
        "{page}"
    );
    let report = check(&world).await?;
    assert_eq!(report["ok"], true, "{report:#}");

    // Returned to at once, nothing is tried again; and an address that claims too much is found out.
    let before = world.sandbox.sandbox().stats();
    let (status, page) = returns(&accepted).await?;
    assert_eq!(status, 200, "{page}");
    ensure!(!page.contains("tried"), "{page}");
    let after = world.sandbox.sandbox().stats();
    assert_eq!(serde_json::to_value(before)?, serde_json::to_value(after)?);
    world.stop().await;
    Ok(())
}

/// Users whose consent was missing can act again, without signing in anew.
#[tokio::test(flavor = "multi_thread")]
async fn consent_for_users_ends_what_lacked_it() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let client = world.sandbox.client_id.clone();
    let user = world.sandbox.users[0].clone();
    let begun = world
        .api
        .post(
            &format!("/connections/{}/logins", world.connection.id),
            &json!({}),
        )
        .await?;
    let url = begun["authorizeUrl"].as_str().context("a URL")?;
    sign_in(
        url,
        &user.user_principal_name,
        &user.password,
        Does::Accepts,
    )
    .await?;
    let state = async |expected: &str| -> Result<()> {
        let accounts = world.api.get("/accounts").await?;
        let list = accounts["value"].as_array().context("accounts")?;
        let account = list.iter().find(|one| one["kind"] == "user");
        let found = account.context("the user")?;
        ensure!(found["state"] == expected, "{found}");
        Ok(())
    };
    state("active").await?;
    let sandbox = world.sandbox.sandbox();
    ensure!(sandbox.withdraw_consent(&client, &user.user_principal_name));
    check(&world).await?;
    state("consentMissing").await?;

    let setup = world
        .api
        .get(&format!("/connections/{}/setup", world.connection.id))
        .await?;
    let address = setup["adminConsent"]["registeredUrl"]
        .as_str()
        .context("a URL")?;
    let (status, page) = returns(&consent(&world, address, true)?).await?;
    assert_eq!(status, 200, "{page}");
    state("active").await?;
    world.stop().await;
    Ok(())
}

/// The same from the shell.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_prints_it() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let ground = postroom_tests::Ground::new()?;
    let program = Program::new(&ground.folder())?;
    let run = |arguments: &[&str]| {
        let mut command = program.command(arguments);
        command
            .args(["--server", world.api.url()])
            .env("POSTROOM_KEY", world.key());
        async move {
            let done = tokio::task::spawn_blocking(move || command.output()).await??;
            anyhow::Ok((
                done.status.code(),
                String::from_utf8(done.stdout)?,
                String::from_utf8(done.stderr)?,
            ))
        }
    };
    let (status, table, hints) = run(&["connection", "check"]).await?;
    assert_eq!(status, Some(0), "{table}{hints}");
    ensure!(table.contains("✓\tauthority\t"), "{table}");
    ensure!(table.contains("✓\tfeature:mail.read\t"), "{table}");
    ensure!(table.contains("–\tusers\t"), "{table}");

    let outside = world.user(1)?;
    let (status, table, hints) = run(&["connection", "check", "--outside", &outside]).await?;
    assert_eq!(status, Some(1), "{table}{hints}");
    ensure!(table.contains("✗\tlimit\tNOT limited"), "{table}");
    ensure!(
        hints.contains("✗ limit: Take the application permissions"),
        "{hints}"
    );

    let (status, list, said) = run(&["connection", "setup"]).await?;
    assert_eq!(status, Some(0), "{list}{said}");
    ensure!(
        list.contains("Mail.Read\tapplication\tyes\treading mail"),
        "{list}"
    );
    ensure!(said.contains("adminconsent"), "{said}");
    let (_, letter, _) = run(&["connection", "setup", "--text"]).await?;
    ensure!(letter.starts_with("Subject: Microsoft 365"), "{letter}");
    ensure!(letter.contains(&mailbox.address), "{letter}");
    let (_, script, _) = run(&["connection", "setup", "--script"]).await?;
    ensure!(script.contains("New-ManagementScope") && script.ends_with("-Confirm:$false\n"));
    let (_, setup, _) = run(&["connection", "setup", "--json"]).await?;
    let setup: Value = serde_json::from_str(&setup)?;
    assert_eq!(setup["clientId"], json!(world.sandbox.client_id));
    world.stop().await;
    Ok(())
}
