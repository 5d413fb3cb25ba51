//! Every way in which an application proves itself, and how one replaces another without a gap.

use crate::login::log_in;
use anyhow::{Context, Result, ensure};
use postroom_engine::Engine;
use postroom_engine::access::Caller;
use postroom_engine::keys::NewKey;
use postroom_model::AccountId;
use postroom_model::key::Scope;
use postroom_model::mailbox::Mailbox;
use postroom_sandbox::{ClientCertificate as Registered, FederatedCredential, Secret};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::certificates::ClientCertificate;
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

fn path(world: &World) -> String {
    format!("/connections/{}", world.connection.id)
}

/// Replaces the connection's credentials.
async fn set(world: &World, credential: &Value) -> Result<Value> {
    let request = world.api.request(Method::PATCH, &path(world));
    world
        .api
        .ok(request.json(&json!({"credential": credential})))
        .await
}

/// Adds one beside those that are there.
async fn add(world: &World, credential: &Value) -> Result<Value> {
    world
        .api
        .post(&format!("{}/credentials", path(world)), credential)
        .await
}

async fn remove(world: &World, credential: &Value) -> Result<()> {
    let id = credential["id"].as_str().context("an id")?;
    let path = format!("{}/credentials/{id}", path(world));
    world
        .api
        .ok(world.api.request(Method::DELETE, &path))
        .await?;
    Ok(())
}

/// What the check says of the credential.
async fn credential_step(world: &World) -> Result<Value> {
    let report = world
        .api
        .post(&format!("{}/check", path(world)), &json!({}))
        .await?;
    report["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|step| step["name"] == "credential")
        .cloned()
        .with_context(|| format!("no such step: {report}"))
}

/// Registers a certificate at the app, and nothing else.
fn register(world: &World, pem: &str) {
    let registered = Registered::from_pem(pem).unwrap();
    world
        .sandbox
        .sandbox()
        .alter_app(&world.sandbox.client_id, |app| {
            app.certificates = vec![registered];
            app.secrets.clear();
        });
}

async fn application(world: &World) -> Result<AccountId> {
    let accounts = world.api.get("/accounts").await?;
    accounts["value"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|account| account["kind"] == "application")
        .and_then(|account| account["id"].as_str())
        .map(AccountId::new)
        .with_context(|| format!("no application: {accounts}"))
}

/// A certificate in each form: the tenant is read with it, its dates are known, its key stays in.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_opens_the_tenant_in_whatever_form_it_comes() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let made = ClientCertificate::good()?;
    register(&world, &made.certificate);
    let both = format!("{}{}", made.certificate, made.key);
    for form in [
        json!({"certificate": made.certificate, "privateKey": made.key}),
        json!({"certificate": both}),
        json!({"pkcs12": made.pkcs12("hush")?, "password": "hush"}),
    ] {
        let connection = set(&world, &form).await?;
        let credentials = connection["credentials"].as_array().context("a list")?;
        ensure!(credentials.len() == 1, "{connection}");
        let told = &credentials[0];
        assert_eq!(told["kind"], "certificate");
        assert_eq!(told["expiresAt"], "2120-01-01T00:00:00Z");
        assert!(told["daysLeft"].as_i64() > Some(10_000), "{told}");
        assert_eq!(told["certificate"]["notBefore"], "2020-01-01T00:00:00Z");
        assert_eq!(
            told["certificate"]["thumbprint"].as_str().map(str::len),
            Some(40)
        );
        assert_eq!(
            told["certificate"]["x5tS256"].as_str().map(str::len),
            Some(43)
        );
        assert!(!connection.to_string().contains("PRIVATE KEY"));
        let step = credential_step(&world).await?;
        assert_eq!(step["ok"], true, "{step}");
        let detail = step["detail"].as_str().unwrap_or_default();
        assert!(
            detail.starts_with("Microsoft takes the certificate"),
            "{detail}"
        );
    }
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    world.ensure_equal(&mailbox).await?;
    let calls = world.api.get("/calls?limit=500").await?;
    for call in calls["value"].as_array().context("calls")? {
        let id = call["id"].as_str().context("an id")?;
        let detail = world.api.get(&format!("/calls/{id}")).await?.to_string();
        for beginning in ["eyJhbGci", "eyJ0eXAi"] {
            assert!(!detail.contains(beginning), "an assertion: {detail}");
        }
    }
    let key: String = made.key.lines().skip(1).take(3).collect();
    let ground = world.stop().await;
    assert_eq!(ground.secrets_in(&[key])?, Vec::<String>::new());
    Ok(())
}

/// A certificate that Postroom makes: refused until its public half is registered, with words that
/// say so; good from then on, without anything else being done.
#[tokio::test(flavor = "multi_thread")]
async fn a_made_certificate_is_downloaded_uploaded_and_works() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let connection = set(&world, &json!({"generate": true})).await?;
    let made = &connection["credentials"][0];
    assert_eq!(made["daysLeft"], 730, "{made}");
    assert!(
        made["certificate"]["subject"]
            .as_str()
            .is_some_and(|subject| subject.contains("Postroom Sandbox")),
        "{made}"
    );
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], false, "{step}");
    for (field, says) in [
        ("detail", "AADSTS700027"),
        ("hint", "upload the public half"),
    ] {
        let text = step[field].as_str().unwrap_or_default().to_lowercase();
        assert!(text.contains(&says.to_lowercase()), "{step}");
    }

    let id = made["id"].as_str().context("an id")?;
    let file = world
        .api
        .request(
            Method::GET,
            &format!("{}/credentials/{id}/certificate", path(&world)),
        )
        .send()
        .await?;
    assert_eq!(file.status(), 200);
    let disposition = file.headers()["content-disposition"].to_str()?.to_owned();
    assert!(
        disposition.starts_with("attachment; filename=\"Postroom Sandbox "),
        "{disposition}"
    );
    let pem = file.text().await?;
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"));
    register(&world, &pem);
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], true, "{step}");
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;

    // Only certificates have a public half.
    let secret = add(&world, &json!({"secret": "some-secret"})).await?;
    let id = secret["id"].as_str().context("an id")?;
    let of_secret = format!("{}/credentials/{id}/certificate", path(&world));
    world
        .api
        .refused(
            world.api.request(Method::GET, &of_secret),
            400,
            "invalidRequest",
        )
        .await?;
    world.stop().await;
    Ok(())
}

/// Somebody who reads mail all along, with a fresh token each time, as the application and as a
/// user, and notes each time that it did not work.
struct Reader {
    stop: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<Result<()>>,
}

impl Reader {
    fn start(world: &World, mailbox: &Mailbox, accounts: [AccountId; 2]) -> Self {
        let (stop, rounds) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let (ended, done) = (Arc::clone(&stop), Arc::clone(&rounds));
        let (engine, mailbox) = (world.engine.clone(), mailbox.clone());
        let task = tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                for account in &accounts {
                    engine.expire_token(account);
                    engine
                        .account_token(&Caller::Local, account)
                        .await
                        .context("a token")?;
                }
                let now = engine
                    .sync_mailbox(&mailbox.id, Duration::from_secs(60))
                    .await?;
                ensure!(Engine::is_level(&now), "{:?}", now.sync);
                for account in engine.accounts(&Caller::Local).await? {
                    ensure!(
                        account.reason.is_none(),
                        "{:?}: {:?}",
                        account.state,
                        account.reason
                    );
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        });
        Self { stop, rounds, task }
    }

    /// Returns when it has read whole rounds since now, or has failed.
    async fn goes_on(&self) -> Result<()> {
        let enough = self.rounds.load(Ordering::Relaxed) + 3;
        while self.rounds.load(Ordering::Relaxed) < enough && !self.task.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ensure!(!self.task.is_finished(), "reading came to an end");
        Ok(())
    }

    async fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

/// One secret replaces another and a certificate replaces that, the new one added before Microsoft
/// knows it and the old one taken away there before it is taken away here: mail is read all along,
/// no account stops, no user signs in again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn credentials_are_rotated_while_mail_is_read() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let sandbox = world.sandbox.sandbox();
    let client = world.sandbox.client_id.clone();
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let login = log_in(&world, 1).await?;
    let user = AccountId::new(login["account"].as_str().context("an account")?);
    let reader = Reader::start(&world, &mailbox, [application(&world).await?, user]);
    let outcome = rotate(&world, &reader).await;
    let read = reader.end().await;
    // What the reader met is the reason for what the rotation met.
    read?;
    outcome?;

    let connection = world.api.get(&path(&world)).await?;
    let left = connection["credentials"].as_array().context("a list")?;
    assert_eq!(left.len(), 1, "{connection}");
    assert_eq!(left[0]["kind"], "certificate");
    assert!(
        sandbox
            .app(&client)
            .is_some_and(|app| app.secrets.is_empty())
    );
    world.ensure_equal(&mailbox).await?;
    world.stop().await;
    Ok(())
}

async fn rotate(world: &World, reader: &Reader) -> Result<()> {
    let sandbox = world.sandbox.sandbox();
    let client = world.sandbox.client_id.clone();
    let refused = |number: u32| sandbox.stats().refusals.get(&number).copied().unwrap_or(0);
    let connection = world.api.get(&path(world)).await?;
    let first = connection["credentials"][0].clone();
    reader.goes_on().await?;

    // A new secret, which Microsoft does not know yet.
    let second = add(world, &json!({"secret": "the-second-secret"})).await?;
    reader.goes_on().await?;
    let before = refused(7_000_215);
    ensure!(before > 0, "the newer one is tried first");
    reader.goes_on().await?;
    ensure!(
        refused(7_000_215) == before,
        "one that is refused is not shown again with each token"
    );
    // It is made there, then the old one is removed there: the old one is still shown first here.
    let expires = sandbox.clock().now() + jiff::SignedDuration::from_hours(24);
    sandbox.alter_app(&client, |app| {
        app.secrets.push(Secret {
            value: "the-second-secret".to_owned(),
            expires,
        });
    });
    reader.goes_on().await?;
    sandbox.alter_app(&client, |app| {
        app.secrets
            .retain(|secret| secret.value == "the-second-secret");
    });
    reader.goes_on().await?;
    remove(world, &first).await?;
    reader.goes_on().await?;

    // From a secret to a certificate that is made here.
    let made = add(world, &json!({"generate": true, "validDays": 90})).await?;
    reader.goes_on().await?;
    ensure!(refused(700_027) > 0, "the newer one is tried first");
    let id = made["id"].as_str().context("an id")?;
    let file = format!("{}/credentials/{id}/certificate", path(world));
    let pem = world
        .api
        .request(Method::GET, &file)
        .send()
        .await?
        .text()
        .await?;
    let registered = Registered::from_pem(&pem).context("a certificate")?;
    sandbox.alter_app(&client, |app| app.certificates.push(registered));
    reader.goes_on().await?;
    sandbox.alter_app(&client, |app| app.secrets.clear());
    reader.goes_on().await?;
    remove(world, &second).await?;
    reader.goes_on().await
}

/// An assertion from a file, which changes under way, and from an address; what is wrong with it is
/// said without it, and ends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn another_issuers_word_is_taken_from_a_file_or_an_address() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let sandbox = world.sandbox.sandbox();
    let (audience, subject) = (
        sandbox.root().to_owned(),
        "system:serviceaccount:mail:postroom",
    );
    let credential = FederatedCredential {
        issuer: sandbox.foreign_issuer(),
        subject: subject.to_owned(),
        audience: audience.clone(),
        public_key: None,
    };
    sandbox.alter_app(&world.sandbox.client_id, |app| {
        app.secrets.clear();
        app.federated = vec![credential];
    });
    let minutes = Duration::from_secs(600);
    let good = || sandbox.foreign_assertion(subject, &audience, minutes);
    let file = world.folder().join("assertion.jwt");
    std::fs::write(&file, good() + "\n")?;

    let connection = set(&world, &json!({"federated": {"file": file}})).await?;
    let told = &connection["credentials"][0];
    assert_eq!(told["kind"], "federated");
    assert_eq!(told["federated"], json!({"file": file}));
    assert_eq!(told["expiresAt"], Value::Null);
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], true, "{step}");
    let account = application(&world).await?;
    for (content, says) in [
        ("not an assertion".to_owned(), "no signed assertion"),
        (String::new(), "no signed assertion"),
        ("x".repeat(70_000), "longer"),
        (
            sandbox.foreign_assertion(subject, "api://AzureADTokenExchange", minutes),
            "made for somebody else",
        ),
        (
            sandbox.foreign_assertion("somebody", &audience, minutes),
            "subject",
        ),
    ] {
        std::fs::write(&file, &content)?;
        let step = credential_step(&world).await?;
        assert_eq!(step["ok"], false, "{step}");
        let detail = step["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{says:?} is not in {detail:?}");
        assert!(content.len() < 5 || !detail.contains(&content), "{detail}");
    }
    std::fs::remove_file(&file)?;
    let step = credential_step(&world).await?;
    let detail = step["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("cannot be read"), "{step}");
    // Renewed, it is good again at once.
    std::fs::write(&file, good())?;
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], true, "{step}");
    world.engine.expire_token(&account);
    world.engine.account_token(&Caller::Local, &account).await?;

    let url = format!(
        "{}/token?subject={subject}&audience={audience}",
        sandbox.foreign_issuer()
    );
    let from_url = json!({"federated": {"url": url, "headers": {"Metadata": "true"}}});
    let connection = set(&world, &from_url).await?;
    let told = &connection["credentials"][0]["federated"];
    assert_eq!(told["headers"], json!(["Metadata"]), "{told}");
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], true, "{step}");
    set(&world, &json!({"federated": {"url": url}})).await?;
    let step = credential_step(&world).await?;
    let detail = step["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("answered 400"), "{step}");

    let calls = world.api.get("/calls?limit=500").await?;
    for call in calls["value"].as_array().context("calls")? {
        let id = call["id"].as_str().context("an id")?;
        let detail = world.api.get(&format!("/calls/{id}")).await?.to_string();
        for beginning in ["eyJhbGci", "eyJ0eXAi"] {
            assert!(!detail.contains(beginning), "an assertion: {detail}");
        }
    }
    world.stop().await;
    Ok(())
}

/// What reads from the server is for administrators alone.
#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_sets_a_federated_credential() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let new = NewKey {
        name: "connections".into(),
        scopes: vec![Scope::Connections],
        ..NewKey::default()
    };
    let (_, key) = world.engine.create_key(&Caller::Local, new).await?;
    let api = world.api.with_key(key.reveal());
    let before = world.api.get(&path(&world)).await?["credentials"].clone();
    for federated in [
        json!({"file": "/etc/passwd"}),
        json!({"url": "http://127.0.0.1:1/", "headers": {"Metadata": "true"}}),
    ] {
        let body = json!({"federated": federated});
        let adding = api.request(Method::POST, &format!("{}/credentials", path(&world)));
        let refusal = api.refused(adding.json(&body), 403, "forbidden").await?;
        let detail = refusal["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("admin"), "{refusal}");
        let changing = api.request(Method::PATCH, &path(&world));
        api.refused(
            changing.json(&json!({"credential": body})),
            403,
            "forbidden",
        )
        .await?;
        let new = json!({"name": "Other", "tenantId": "contoso.example",
            "clientId": world.sandbox.client_id, "credential": body});
        let making = api.request(Method::POST, "/connections").json(&new);
        api.refused(making, 403, "forbidden").await?;
    }
    let after = world.api.get(&path(&world)).await?["credentials"].clone();
    assert_eq!(after, before);
    // Secrets and certificates it may.
    let made = json!({"generate": true});
    let adding = api.request(Method::POST, &format!("{}/credentials", path(&world)));
    api.ok(adding.json(&made)).await?;
    world.stop().await;
    Ok(())
}

/// What is no good is refused with a reason, and what was there stays and works.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_credential_changes_nothing() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let good = ClientCertificate::good()?;
    let other = ClientCertificate::good()?;
    let over = ClientCertificate::make((2020, 1, 1), (2021, 1, 1))?;
    let early = ClientCertificate::make((2119, 1, 1), (2120, 1, 1))?;
    let before = world.api.get(&path(&world)).await?;
    for (credential, says) in [
        (
            json!({"certificate": good.certificate}),
            "without its private key",
        ),
        (
            json!({"certificate": good.certificate, "privateKey": other.key}),
            "another certificate",
        ),
        (
            json!({"certificate": over.certificate, "privateKey": over.key}),
            "is over since",
        ),
        (
            json!({"certificate": early.certificate, "privateKey": early.key}),
            "not good before",
        ),
        (
            json!({"certificate": good.certificate, "privateKey": format!("{}{}", good.key, other.key)}),
            "several private keys",
        ),
        (
            json!({"pkcs12": good.pkcs12("hush")?, "password": "loud"}),
            "does not open",
        ),
        (json!({"pkcs12": good.pkcs12("hush")?}), "has a password"),
        (json!({"pkcs12": "???"}), "base64"),
        (json!({"pkcs12": "AAAA"}), "no PKCS#12"),
        (json!({"certificate": "garbage"}), "no PEM"),
        (json!({"certificate": "x".repeat(100_000)}), "longer"),
        (json!({"privateKey": good.key}), "without its certificate"),
        (json!({"secret": "a", "generate": true}), "one of"),
        (json!({"generate": true, "validDays": 0}), "1 to"),
        (json!({"generate": true, "validDays": 4_000}), "1 to"),
        (
            json!({"certificate": good.certificate, "privateKey": good.key, "expiresAt": "2030-01-01"}),
            "expiresAt",
        ),
        (
            json!({"federated": {"file": "relative/path"}}),
            "whole path",
        ),
        (json!({"federated": {"url": "http://192.0.2.1/"}}), "https"),
        (
            json!({"federated": {"url": "https://x/", "headers": {"Host": "y"}}}),
            "headers",
        ),
    ] {
        let changing = world.api.request(Method::PATCH, &path(&world));
        let refusal = world
            .api
            .refused(
                changing.json(&json!({"credential": credential})),
                400,
                "invalidRequest",
            )
            .await?;
        let detail = refusal["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{says:?} is not in {detail:?}");
        assert!(!detail.contains("PRIVATE KEY"), "{detail}");
        let adding = world
            .api
            .request(Method::POST, &format!("{}/credentials", path(&world)));
        world
            .api
            .refused(adding.json(&credential), 400, "invalidRequest")
            .await?;
    }
    assert_eq!(world.api.get(&path(&world)).await?, before);
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], true, "{step}");
    // Nor are there more of them than can be tried at a sign-in.
    for number in 1..8 {
        add(&world, &json!({"secret": format!("secret {number}")})).await?;
    }
    let adding = world
        .api
        .request(Method::POST, &format!("{}/credentials", path(&world)));
    world
        .api
        .refused(adding.json(&json!({"secret": "one more"})), 409, "conflict")
        .await?;
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], true, "the oldest is still tried: {step}");
    world.stop().await;
    Ok(())
}

/// A public client takes no credential and says so; without one its users sign in, and nobody is
/// the application.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_is_for_users_only() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    world
        .sandbox
        .sandbox()
        .alter_app(&world.sandbox.client_id, |app| app.public = true);
    let step = credential_step(&world).await?;
    assert_eq!(step["ok"], false, "{step}");
    let detail = step["detail"].as_str().unwrap_or_default();
    assert!(
        detail.contains("AADSTS") && detail.contains("public"),
        "{step}"
    );

    let connection = world.api.get(&path(&world)).await?;
    remove(&world, &connection["credentials"][0]).await?;
    assert!(application(&world).await.is_err());
    let login = log_in(&world, 0).await?;
    let mailbox = world
        .api
        .post("/mailboxes", &json!({"account": login["account"]}))
        .await?;
    let sync = format!(
        "/mailboxes/{}/sync?wait=60",
        mailbox["id"].as_str().unwrap()
    );
    let level = world.api.post(&sync, &json!({})).await?;
    assert_eq!(level["sync"]["state"], "upToDate", "{level}");
    // A refresh sends none either.
    let account = AccountId::new(login["account"].as_str().unwrap());
    world.engine.expire_token(&account);
    world.engine.account_token(&Caller::Local, &account).await?;
    let served = world
        .api
        .request(Method::POST, "/mailboxes")
        .json(&json!({"connection": world.connection.id, "address": world.user(1)?}));
    world.api.refused(served, 400, "invalidRequest").await?;
    world.stop().await;
    Ok(())
}

/// Personal accounts sign in through `consumers`; an application does not act there by itself.
#[tokio::test(flavor = "multi_thread")]
async fn personal_accounts_sign_in_and_no_application_does() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let sandbox = world.sandbox.sandbox();
    sandbox.alter_app(&world.sandbox.client_id, |app| app.personal_accounts = true);
    let person = sandbox.add_personal_account("kim@outlook.example");
    let new = |tenant: &str, cloud: &str| {
        json!({
            "name": format!("Personal {tenant} {cloud}"), "tenantId": tenant, "cloud": cloud,
            "clientId": world.sandbox.client_id,
            "credential": {"secret": world.sandbox.client_secret},
            "authorityUrl": world.sandbox.authority_url, "graphUrl": world.sandbox.graph_url,
        })
    };
    for (tenant, cloud, says) in [
        ("common", "global", "any tenant"),
        ("organizations", "global", "any tenant"),
        ("consumers", "usgov", "global cloud only"),
        ("consumers", "china", "global cloud only"),
    ] {
        let request = world.api.request(Method::POST, "/connections");
        let refusal = world
            .api
            .refused(request.json(&new(tenant, cloud)), 400, "invalidRequest")
            .await?;
        let detail = refusal["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(says), "{refusal}");
    }
    let connection = world
        .api
        .post("/connections", &new("consumers", "global"))
        .await?;
    let id = connection["id"].as_str().context("an id")?.to_owned();
    let accounts = world.api.get("/accounts").await?.to_string();
    assert!(!accounts.contains(&id), "{accounts}");
    let served = world
        .api
        .request(Method::POST, "/mailboxes")
        .json(&json!({"connection": id, "address": "kim@outlook.example"}));
    let refusal = world.api.refused(served, 400, "invalidRequest").await?;
    let detail = refusal["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("personal"), "{refusal}");

    let login = |who: &str, password: &str| {
        let (who, password) = (who.to_owned(), password.to_owned());
        let (api, id) = (world.api.clone(), id.clone());
        async move {
            let login = api
                .post(&format!("/connections/{id}/logins"), &json!({}))
                .await?;
            let url = login["authorizeUrl"].as_str().context("an address")?;
            sign_in(url, &who, &password, Does::Accepts).await.ok();
            let id = login["id"].as_str().context("an id")?;
            api.get(&format!("/logins/{id}?wait=1")).await
        }
    };
    let signed_in = login(&person.user_principal_name, &person.password).await?;
    assert_eq!(signed_in["status"], "completed", "{signed_in}");
    let account = AccountId::new(signed_in["account"].as_str().unwrap());
    world.engine.expire_token(&account);
    world.engine.account_token(&Caller::Local, &account).await?;
    // Somebody of the tenant is nobody there.
    let user = &world.sandbox.users[0];
    let refused = login(&user.user_principal_name, &user.password).await?;
    assert_eq!(refused["status"], "pending", "{refused}");
    world.stop().await;
    Ok(())
}
