//! What ends is said ahead of time: each level once, over restarts, to whoever asks and by mail.

use crate::login::log_in;
use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use postroom_engine::access::Caller;
use postroom_engine::alerts::AlertSettings;
use postroom_engine::connections::{ConnectionChange, NewConnection, NewCredential};
use postroom_model::{Clock, HeldClock, Secret, SystemClock, Timestamp};
use postroom_sandbox::{ClientCertificate, Secret as TenantSecret};
use postroom_store::contract::outbox::OutboxQuery;
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;
const APPLICATION: &str = "GET /applications/{application-id}";

/// A world whose clocks, ours and the tenant's, stand or go together.
struct Held {
    world: World,
    clock: HeldClock,
    start: Timestamp,
    cursor: String,
}

impl Held {
    async fn start(change: impl FnOnce(&mut WorldOptions)) -> Result<Self> {
        let start = SystemClock.now();
        let clock = HeldClock::at(start);
        let mut options = WorldOptions {
            clock: Some(clock.clone()),
            ..WorldOptions::default()
        };
        change(&mut options);
        let world = World::start(options).await?;
        let cursor = latest(&world).await?;
        Ok(Self {
            world,
            clock,
            start,
            cursor,
        })
    }

    fn in_days(&self, days: i64) -> Timestamp {
        self.start + SignedDuration::from_hours(24 * days + 1)
    }

    fn advance(&self, seconds: u64) {
        let by = Duration::from_secs(seconds);
        self.world.sandbox.sandbox().advance(by);
        self.clock.advance(by);
    }

    /// What happened since it was last asked for; waits for the first.
    async fn events(&mut self) -> Result<Vec<(String, i64, String)>> {
        self.read_events(30).await
    }

    async fn read_events(&mut self, wait: u32) -> Result<Vec<(String, i64, String)>> {
        let path = format!("/alerts/events?since={}&wait={wait}", self.cursor);
        let page = self.world.api.get(&path).await?;
        self.cursor = page["nextCursor"].as_str().context("a cursor")?.to_owned();
        let events = page["value"].as_array().context("events")?;
        Ok(events
            .iter()
            .map(|event| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (
                    text(&event["type"]),
                    event["data"]["level"].as_i64().unwrap_or(-1),
                    text(&event["data"]["change"]),
                )
            })
            .collect())
    }

    /// Fails when anything is said, however often it is looked and whoever begins anew.
    async fn nothing_more(mut self) -> Result<Self> {
        self.world.engine.watch_alerts().await?;
        self.world = self.world.restart().await?;
        for _ in 0..2 {
            self.world.engine.watch_alerts().await?;
        }
        let more = self.read_events(0).await?;
        ensure!(more.is_empty(), "said again: {more:?}");
        Ok(self)
    }

    /// Has the application fetch a token anew, with whichever credential is taken now.
    async fn tokens_again(&self) -> Result<()> {
        let accounts = self.world.engine.accounts(&Caller::Local).await?;
        let account = accounts.first().context("an account")?;
        let path = format!("/accounts/{}/token", account.id);
        // One that a mirror is fetching at this moment would count as the last one.
        self.world.api.post(&path, &json!({})).await?;
        // What was taken last goes first for a few minutes.
        self.advance(6 * 60);
        self.world.engine.expire_token(&account.id);
        self.world.api.post(&path, &json!({})).await?;
        Ok(())
    }

    /// The open alerts.
    async fn open(&self) -> Result<Vec<Value>> {
        let list = self.world.api.get("/alerts").await?;
        Ok(list["value"].as_array().context("a list")?.clone())
    }

    /// The only open alert, once its mail is as wanted.
    async fn mail_when(&self, status: &str) -> Result<Value> {
        for _ in 0..600 {
            let open = self.open().await?;
            ensure!(open.len() == 1, "{open:?}");
            if open[0]["mail"]["status"] == status {
                return Ok(open[0].clone());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("no mail is {status}: {:?}", self.open().await?)
    }

    /// Subjects of what Postroom mailed to the `nth` user, sorted.
    fn mailed_to(&self, nth: usize) -> Result<Vec<String>> {
        let address = self.world.user(nth)?;
        let sandbox = self.world.sandbox.sandbox();
        let user = sandbox.directory().find(&address).context("a user")?;
        let mailbox = sandbox.mail().snapshot(&user.id).context("a mailbox")?;
        let mut subjects: Vec<_> = mailbox
            .messages
            .into_iter()
            .filter(|it| !it.is_draft && it.subject.starts_with("Postroom:"))
            .map(|it| it.subject)
            .collect();
        subjects.sort();
        Ok(subjects)
    }

    async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.world.api.url());
        Ok(reqwest::get(url).await?.text().await?)
    }

    async fn outbox(&self) -> Result<usize> {
        let query = OutboxQuery {
            limit: 100,
            ..OutboxQuery::default()
        };
        Ok(self.world.engine.store().list_outbox(&query).await?.len())
    }
}

async fn latest(world: &World) -> Result<String> {
    let page = world.api.get("/alerts/events?since=latest").await?;
    Ok(page["cursor"].as_str().context("a cursor")?.to_owned())
}

fn said(kind: &str, level: i64, change: &str) -> Vec<(String, i64, String)> {
    vec![(format!("postroom.{kind}"), level, change.to_owned())]
}

/// From 61 days ahead to after the end: each level once and in order, in the events, the list, the
/// numbers and one mail each; the last mail cannot be sent with the secret that is over, which is
/// shown and does no more. A new secret resolves it.
#[tokio::test(flavor = "multi_thread")]
async fn levels_in_order_each_once_and_by_mail() -> Result<()> {
    let mut held = Held::start(|options| options.engine.send_attempts = 2).await?;
    let end = held.in_days(61);
    let client = held.world.sandbox.client_id.clone();
    let tenant = held.world.sandbox.sandbox().clone();
    tenant.alter_app(&client, |app| app.secrets[0].expires = end);
    held.world.serve(0).await?;
    let settings = AlertSettings {
        mail_to: vec![held.world.user(1)?],
        mail_from: Some(held.world.user(0)?),
    };
    held.world = held
        .world
        .restart_with(|options| options.engine.alerts = settings)
        .await?;
    let path = format!("/connections/{}", held.world.connection.id);
    let secret = held.world.sandbox.client_secret.clone();
    let typed = json!({"credential": {"secret": secret, "expiresAt": end.to_string()}});
    let request = held.world.api.request(Method::PATCH, &path).json(&typed);
    held.world.api.ok(request).await?;
    held = held.nothing_more().await?;
    assert_eq!(held.open().await?, Vec::<Value>::new());

    let mut subjects = Vec::new();
    for (days, level, left) in [
        (1, 60, "in 60 days"),
        (30, 30, "in 30 days"),
        (23, 7, "in 7 days"),
        (6, 1, "in 1 day"),
    ] {
        held.advance(days * DAY);
        let change = if level == 60 { "raised" } else { "escalated" };
        assert_eq!(
            held.events().await?,
            said("credential.expiring", level, change)
        );
        let alert = held.mail_when("sent").await?;
        assert_eq!(alert["level"], level);
        assert_eq!(alert["daysLeft"], level);
        assert_eq!(alert["type"], "credential.expiring");
        assert_eq!(alert["subject"]["kind"], "credential");
        assert_eq!(alert["connection"], json!(held.world.connection.id));
        let severity = if level == 1 { "error" } else { "warning" };
        assert_eq!(alert["severity"], severity);
        let metrics = held.metrics().await?;
        let number = format!("postroom_alerts_open{{severity=\"{severity}\"}} 1");
        assert!(metrics.contains(&number), "{metrics}");
        let hint = alert["hint"].as_str().context("a hint")?;
        assert!(hint.contains("Certificates & secrets"), "{hint}");
        subjects.push(format!(
            "Postroom: The client secret of Sandbox ends soon: {left}"
        ));
        subjects.sort();
        held = held.nothing_more().await?;
        assert_eq!(held.mailed_to(1)?, subjects, "{level} days ahead");
        assert_eq!(held.outbox().await?, subjects.len());
    }

    held.advance(DAY + 2 * 60 * 60);
    assert_eq!(
        held.events().await?,
        said("credential.expired", 0, "escalated")
    );
    // The mail waits for the very secret that is over; it is tried a few times and no more.
    let failed = {
        let mut tries = 0;
        loop {
            let open = held.open().await?;
            ensure!(open.len() == 1, "{open:?}");
            if open[0]["mail"]["status"] == "failed" {
                break open[0].clone();
            }
            tries += 1;
            ensure!(tries < 600, "{open:?}");
            held.advance(60);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(failed["severity"], "error");
    let reason = failed["mail"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("7000222"), "{failed}");
    let path = format!("/alerts/{}", failed["id"].as_str().context("an id")?);
    assert_eq!(held.world.api.get(&path).await?["id"], failed["id"]);
    held.advance(DAY);
    held = held.nothing_more().await?;
    assert_eq!(held.outbox().await?, 5);
    assert_eq!(held.mailed_to(1)?, subjects);

    // Somebody looks after it …
    let known = held
        .world
        .api
        .post(&format!("{path}/acknowledge"), &json!({}))
        .await?;
    assert_eq!(known["acknowledgedBy"], "tests");
    assert_eq!(held.open().await?.len(), 1);
    // … and makes a new secret.
    let until = held.in_days(800);
    tenant.alter_app(&client, |app| {
        app.secrets.push(TenantSecret {
            value: "new8Q~and-quite-another-one".to_owned(),
            expires: until,
        });
    });
    let credential = NewCredential::secret(Secret::new("new8Q~and-quite-another-one"), Some(until));
    let id = held.world.connection.id.clone();
    let engine = &held.world.engine;
    engine
        .add_credential(&Caller::Local, &id, credential)
        .await?;
    assert_eq!(
        held.events().await?,
        said("credential.expired", 0, "resolved")
            .into_iter()
            .map(|(_, level, change)| ("postroom.credential.resolved".to_owned(), level, change))
            .collect::<Vec<_>>()
    );
    held = held.nothing_more().await?;
    assert_eq!(held.open().await?, Vec::<Value>::new());
    let metrics = held.metrics().await?;
    assert!(metrics.contains("postroom_alerts_open{severity=\"error\"} 0"));
    let again = held
        .world
        .api
        .request(Method::POST, &format!("{path}/acknowledge"));
    held.world.api.refused(again, 404, "notFound").await?;
    let all = held.world.api.get("/alerts?resolved=true").await?;
    assert_eq!(all["value"].as_array().map(Vec::len), Some(1));

    // What was told from the first to the last, and no secret in it.
    let events = held.world.api.get("/alerts/events").await?;
    let told = events["value"].as_array().context("events")?;
    assert_eq!(told.len(), 6);
    let text = format!("{events}{all}");
    for secret in [secret.as_str(), "new8Q~and-quite"] {
        assert!(!text.contains(secret));
    }
    held.world.stop().await;
    Ok(())
}

/// A certificate that Postroom made and nobody uploaded is beside a secret that ends soon: that is
/// said, over restarts, until Microsoft takes the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_nobody_uploaded_keeps_nothing_quiet() -> Result<()> {
    let mut held = Held::start(|_| {}).await?;
    held.world.serve(0).await?;
    let id = held.world.connection.id.clone();
    let secret = Secret::new(held.world.sandbox.client_secret.as_str());
    let change = ConnectionChange {
        credential: Some(NewCredential::secret(secret, Some(held.in_days(5)))),
        ..ConnectionChange::default()
    };
    let engine = &held.world.engine;
    engine
        .change_connection(&Caller::Local, &id, change)
        .await?;
    assert_eq!(
        held.events().await?,
        said("credential.expiring", 7, "raised")
    );
    // The newest is tried first: with the clock held still neither would be.
    held.advance(1);
    let engine = &held.world.engine;
    let made = engine
        .add_credential(&Caller::Local, &id, NewCredential::Made { valid_days: 700 })
        .await?;
    // With a token of the secret's in between, and after a new beginning.
    held = held.nothing_more().await?;
    held.tokens_again().await?;
    held = held.nothing_more().await?;
    let open = held.open().await?;
    assert_eq!(open[0]["daysLeft"], 5, "{open:?}");

    let (_, pem) = held.world.engine.certificate_of(&id, &made.id).await?;
    let certificate = ClientCertificate::from_pem(&pem).context("a certificate")?;
    let client = held.world.sandbox.client_id.clone();
    let tenant = held.world.sandbox.sandbox().clone();
    tenant.alter_app(&client, |app| app.certificates.push(certificate));
    held.tokens_again().await?;
    let events = held.events().await?;
    let expected = (
        "postroom.credential.resolved".to_owned(),
        7,
        "resolved".to_owned(),
    );
    let shown = held.world.api.get(&format!("/connections/{id}")).await?;
    assert_eq!(events, [expected], "{}", shown["credentials"]);
    let accounts = held.world.api.get("/accounts").await?;
    let end = made.expires_at.context("an end")?;
    assert_eq!(accounts["value"][0]["expiresAt"], json!(end));
    held = held.nothing_more().await?;
    held.world.stop().await;
    Ok(())
}

/// Whoever starts the server anew does not get a mail for each alert.
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_apart_over_restarts() -> Result<()> {
    let mut held = Held::start(|_| {}).await?;
    held.world.serve(0).await?;
    let settings = AlertSettings {
        mail_to: vec![held.world.user(1)?],
        mail_from: Some(held.world.user(0)?),
    };
    held.world = held
        .world
        .restart_with(|options| options.engine.alerts = settings)
        .await?;
    let ending = async |held: &Held, name: &str| {
        let new = NewConnection {
            name: name.to_owned(),
            tenant_id: "contoso.example".to_owned(),
            client_id: "11111111-2222-3333-4444-555555555555".to_owned(),
            credential: Some(NewCredential::secret(
                Secret::new("secret"),
                Some(held.in_days(20)),
            )),
            ..NewConnection::default()
        };
        let engine = &held.world.engine;
        engine.add_connection(&Caller::Local, new).await?;
        engine.watch_alerts().await?;
        anyhow::Ok(())
    };
    ending(&held, "First").await?;
    held.mail_when("sent").await?;
    assert_eq!(held.mailed_to(1)?.len(), 1);
    held.advance(60);
    held.world = held.world.restart().await?;
    ending(&held, "Second").await?;
    held.world.engine.watch_alerts().await?;
    assert_eq!(held.outbox().await?, 1);
    held.advance(10 * 60);
    held.world.engine.watch_alerts().await?;
    assert_eq!(held.outbox().await?, 2);
    held.world.stop().await;
    Ok(())
}

/// Where the application may read its own object, ends are Microsoft's; where it may not, it is
/// asked once a day and nothing is said of it.
#[tokio::test(flavor = "multi_thread")]
async fn the_application_object_is_read_where_permitted() -> Result<()> {
    let mut held = Held::start(|_| {}).await?;
    let tenant = held.world.sandbox.sandbox().clone();
    let client = held.world.sandbox.client_id.clone();
    let path = format!("/connections/{}", held.world.connection.id);
    let asked = || tenant.stats().routes.get(APPLICATION).copied().unwrap_or(0);

    held.world.engine.read_applications().await?;
    held.world.engine.read_applications().await?;
    assert_eq!(asked(), 1, "a refusal is remembered");
    held.world = held.world.restart().await?;
    held.world.engine.read_applications().await?;
    assert_eq!(asked(), 1, "over a restart, too");
    let shown = held.world.api.get(&path).await?;
    assert_eq!(shown["credentials"][0]["daysLeft"], Value::Null);
    let accounts = held.world.api.get("/accounts").await?;
    let state = accounts["value"][0]["state"].as_str();
    assert!(
        matches!(state, Some("active" | "refreshing")),
        "the refusal says nothing of the account: {state:?}"
    );

    // The permission is granted, and a day later it is found.
    tenant.alter_app(&client, |app| {
        app.application.push("Application.Read.All".to_owned());
        app.secrets[0].expires = held.in_days(21);
    });
    held.advance(DAY);
    assert_eq!(
        held.events().await?,
        said("credential.expiring", 30, "raised")
    );
    let shown = held.world.api.get(&path).await?;
    assert_eq!(shown["credentials"][0]["daysLeft"], 20);
    let open = held.open().await?;
    let detail = open[0]["detail"].as_str().context("a detail")?;
    assert!(detail.contains("application object"), "{detail}");

    // A second secret that begins alike ends earlier: which is ours cannot be told.
    let earlier = held.in_days(6);
    let alike = format!("{}~another", &held.world.sandbox.client_secret[..3]);
    tenant.alter_app(&client, |app| {
        app.secrets.push(TenantSecret {
            value: alike.clone(),
            expires: earlier,
        });
    });
    held.advance(DAY);
    assert_eq!(
        held.events().await?,
        said("credential.expiring", 7, "escalated")
    );
    let open = held.open().await?;
    assert_eq!(open[0]["daysLeft"], 4);
    let detail = open[0]["detail"].as_str().context("a detail")?;
    assert!(detail.contains("cannot be told"), "{detail}");

    // It is taken away again: the later date is the secret's, and is said anew.
    tenant.alter_app(&client, |app| app.secrets.truncate(1));
    held.advance(DAY);
    let news = held.events().await?;
    let changes: Vec<_> = news
        .iter()
        .map(|(_, level, what)| (*level, what.as_str()))
        .collect();
    assert_eq!(changes, [(7, "resolved"), (30, "raised")]);
    let text = held.world.api.get("/alerts/events").await?.to_string();
    assert!(!text.contains(&held.world.sandbox.client_secret));
    assert!(!text.contains(&alike));
    let secrets = [held.world.sandbox.client_secret.clone(), alike];
    let ground = held.world.stop().await;
    assert_eq!(ground.secrets_in(&secrets)?, Vec::<String>::new());
    Ok(())
}

/// A user whose grant ended is said once, and a sign-in resolves it; a key is told of before its
/// end and not after it was revoked.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_keys_are_watched() -> Result<()> {
    let mut held = Held::start(|_| {}).await?;
    let login = log_in(&held.world, 0).await?;
    let account = login["account"].as_str().context("an account")?.to_owned();
    let user = held.world.user(0)?;
    held.world.sandbox.sandbox().revoke(&user);
    held.world.engine.expire_token(&account.as_str().into());
    let token = format!("/accounts/{account}/token");
    let request = held.world.api.request(Method::POST, &token);
    assert_eq!(held.world.api.answer(request).await?.status, 409);
    let news = held.events().await?;
    ensure!(
        news.len() == 1 && news[0].0.starts_with("postroom.account."),
        "{news:?}"
    );
    held = held.nothing_more().await?;
    let open = held.open().await?;
    assert_eq!(open[0]["subject"]["id"], account.as_str());
    assert_eq!(open[0]["severity"], "error");
    log_in(&held.world, 0).await?;
    assert_eq!(
        held.events().await?,
        said("account.resolved", 0, "resolved")
    );

    let key = json!({
        "name": "scanner", "scopes": ["mail.read"], "expiresAt": held.in_days(40).to_string(),
    });
    let key = held.world.api.post("/keys", &key).await?;
    held.advance(35 * DAY);
    assert_eq!(held.events().await?, said("key.expiring", 7, "raised"));
    let path = format!("/keys/{}", key["id"].as_str().context("an id")?);
    let request = held.world.api.request(Method::DELETE, &path);
    held.world.api.ok(request).await?;
    assert_eq!(held.events().await?, said("key.resolved", 7, "resolved"));

    // Who may read alerts, and who not.
    let made = json!({"name": "reader", "scopes": ["alerts.read"]});
    let reader = held.world.api.post("/keys", &made).await?;
    let reader = held
        .world
        .api
        .with_key(reader["key"].as_str().context("a key")?);
    assert_eq!(reader.get("/alerts").await?["value"], json!([]));
    let refused = reader.request(Method::POST, "/alerts/x/acknowledge");
    reader.refused(refused, 403, "scopeMissing").await?;
    let mailbox = held.world.serve(1).await?;
    let listed = json!({
        "name": "listed", "scopes": ["alerts.read"], "mailboxes": [mailbox.address],
    });
    let request = held.world.api.request(Method::POST, "/keys").json(&listed);
    held.world
        .api
        .refused(request, 400, "invalidRequest")
        .await?;
    let wrong = reader.request(Method::GET, "/alerts/events?since=nonsense");
    let refused = reader.refused(wrong, 410, "cursorExpired").await?;
    let detail = refused["detail"].to_string();
    ensure!(
        detail.contains("/alerts/events") && !detail.contains("/changes"),
        "{detail}"
    );
    held.world.stop().await;
    Ok(())
}
