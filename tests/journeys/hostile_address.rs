//! Nobody who may change a connection can learn its secret: each address is pointed at a host that
//! keeps all that arrives, in one call and in several, by a key that may change connections and by
//! an administrator's; then everything that makes Postroom call somebody is done.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_engine::access::Caller;
use postroom_engine::keys::NewKey;
use postroom_model::key::Scope;
use postroom_model::{AccountId, ConnectionId};
use postroom_sandbox::{ClientCertificate as Registered, FederatedCredential};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::certificates::ClientCertificate;
use postroom_tests::listener::Listener;
use postroom_tests::secrets::contains;
use postroom_tests::{Api, World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const SUBJECT: &str = "system:serviceaccount:mail:postroom";

/// What the connection proves itself with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Secret,
    Certificate,
    Federated,
    /// Nothing: a public client.
    Public,
}

/// A world with a host of somebody else's beside it.
struct Scene {
    world: World,
    listener: Listener,
    certificate: ClientCertificate,
    assertion: String,
    file: String,
    /// Keys that attack: one that may change connections, and an administrator's.
    attackers: [(&'static str, Api); 2],
}

/// One connection, whole and in use.
struct Victim {
    id: ConnectionId,
    mailbox: String,
    accounts: Vec<AccountId>,
    /// What must arrive nowhere.
    secrets: Vec<(&'static str, String)>,
}

impl Scene {
    async fn set() -> Result<Self> {
        let mut options = WorldOptions::default();
        options.door.backoff_base = Duration::from_millis(1);
        options.door.backoff_limit = Duration::from_millis(2);
        let world = World::start(options).await?;
        world
            .engine
            .remove_connection(&Caller::Local, &world.connection.id)
            .await?;
        let sandbox = world.sandbox.sandbox();
        let certificate = ClientCertificate::good()?;
        let registered = Registered::from_pem(&certificate.certificate).context("a certificate")?;
        let root = sandbox.root().to_owned();
        let federated = FederatedCredential {
            issuer: sandbox.foreign_issuer(),
            subject: SUBJECT.to_owned(),
            audience: root.clone(),
            public_key: None,
        };
        sandbox.alter_app(&world.sandbox.client_id, |app| {
            app.certificates = vec![registered];
            app.federated = vec![federated];
        });
        let assertion = sandbox.foreign_assertion(SUBJECT, &root, Duration::from_secs(3_600));
        let file = world.folder().join("assertion.jwt");
        std::fs::write(&file, &assertion)?;
        let new = NewKey {
            name: "changes connections".into(),
            scopes: vec![
                Scope::Connections,
                Scope::Logins,
                Scope::MailRead,
                Scope::PeopleRead,
            ],
            ..NewKey::default()
        };
        let (_, key) = world.engine.create_key(&Caller::Local, new).await?;
        let attackers = [
            ("connections", world.api.with_key(key.reveal())),
            ("admin", world.api.clone()),
        ];
        Ok(Self {
            listener: Listener::start().await?,
            certificate,
            assertion,
            file: file.to_string_lossy().into_owned(),
            attackers,
            world,
        })
    }

    fn credential(&self, kind: Kind) -> Value {
        match kind {
            Kind::Secret => json!({"secret": self.world.sandbox.client_secret}),
            Kind::Certificate => json!({
                "certificate": self.certificate.certificate,
                "privateKey": self.certificate.key,
            }),
            Kind::Federated => json!({"federated": {"file": self.file}}),
            Kind::Public => Value::Null,
        }
    }

    /// A connection with a signed-in user and a mailbox, each with a token.
    async fn victim(&self, kind: Kind) -> Result<Victim> {
        let (api, sandbox) = (&self.world.api, &self.world.sandbox);
        let connection = api
            .post(
                "/connections",
                &json!({
                    "name": "Victim", "tenantId": sandbox.tenant_id, "clientId": sandbox.client_id,
                    "authorityUrl": sandbox.authority_url, "graphUrl": sandbox.graph_url,
                    "credential": self.credential(kind),
                }),
            )
            .await?;
        let id = ConnectionId::new(connection["id"].as_str().context("an id")?);
        let login = self.log_in(api, &id).await?.context("a sign-in")?;
        ensure!(login["status"] == "completed", "{login}");
        let served = match kind {
            Kind::Public => json!({"account": login["account"]}),
            _ => json!({"connection": id, "address": self.world.user(1)?}),
        };
        let mailbox = api.post("/mailboxes", &served).await?;
        let mailbox = mailbox["id"].as_str().context("an id")?.to_owned();
        api.post(&format!("/mailboxes/{mailbox}/sync?wait=60"), &json!({}))
            .await?;
        let mut accounts = Vec::new();
        let mut secrets = vec![
            ("the client secret", sandbox.client_secret.clone()),
            (
                "the private key",
                self.certificate
                    .key
                    .lines()
                    .nth(5)
                    .context("a line")?
                    .to_owned(),
            ),
            ("the assertion", self.assertion.clone()),
        ];
        for account in self.world.engine.accounts(&Caller::Local).await? {
            let token = self
                .world
                .engine
                .account_token(&Caller::Local, &account.id)
                .await?;
            secrets.push(("an access token", token.token.reveal().to_owned()));
            if let Some(grant) = self.world.engine.store().grant(&account.id).await? {
                secrets.push(("a refresh token", grant.refresh_token.reveal().to_owned()));
            }
            accounts.push(account.id);
        }
        let expected = if kind == Kind::Public { (1, 5) } else { (2, 6) };
        ensure!((accounts.len(), secrets.len()) == expected, "{accounts:?}");
        Ok(Victim {
            id,
            mailbox,
            accounts,
            secrets,
        })
    }

    /// Signs a user in where the address that is given for it is the tenant's own; what a user would
    /// do at a stranger's page is the user's business.
    async fn log_in(&self, api: &Api, id: &ConnectionId) -> Result<Option<Value>> {
        let begun = api
            .answer(
                api.request(Method::POST, &format!("/connections/{id}/logins"))
                    .json(&json!({})),
            )
            .await?;
        let Some(url) = begun.body["authorizeUrl"].as_str() else {
            return Ok(None);
        };
        if !url.starts_with(&self.world.sandbox.authority_url) {
            return Ok(None);
        }
        let user = &self.world.sandbox.users[0];
        sign_in(
            url,
            &user.user_principal_name,
            &user.password,
            Does::Accepts,
        )
        .await
        .ok();
        let login = begun.body["id"].as_str().context("an id")?;
        Ok(Some(api.get(&format!("/logins/{login}?wait=1")).await?))
    }

    /// Everything that makes Postroom call somebody. What comes of it does not matter.
    async fn provoke(&self, api: &Api, victim: &Victim) -> Result<()> {
        let id = &victim.id;
        let post = |path: String| api.answer(api.request(Method::POST, &path).json(&json!({})));
        post(format!("/connections/{id}/check")).await?;
        post(format!("/mailboxes/{}/sync?wait=1", victim.mailbox)).await?;
        self.log_in(api, id).await?;
        // Asked for in the background from then on; what arrives later is looked at later.
        let device = json!({"method": "deviceCode", "expiresIn": 30});
        let begin = api.request(Method::POST, &format!("/connections/{id}/logins"));
        api.answer(begin.json(&device)).await?;
        api.answer(api.request(Method::GET, &format!("/connections/{id}/users")))
            .await?;
        for account in &victim.accounts {
            // Again with a token that has to be fetched.
            self.world.engine.expire_token(account);
            let _ = self
                .world
                .engine
                .account_token(&Caller::Local, account)
                .await;
        }
        post(format!("/connections/{id}/check")).await?;
        // Who signed in after the change is looked at, too.
        for account in self.world.engine.accounts(&Caller::Local).await? {
            let _ = self
                .world
                .engine
                .account_token(&Caller::Local, &account.id)
                .await;
        }
        Ok(())
    }

    /// Fails when something arrived that opens anything at the real one.
    async fn nothing_arrived(&self, victim: &Victim, what: &str) -> Result<usize> {
        let mut secrets = victim.secrets.clone();
        for account in self.world.engine.accounts(&Caller::Local).await? {
            if let Some(grant) = self.world.engine.store().grant(&account.id).await? {
                secrets.push((
                    "a new refresh token",
                    grant.refresh_token.reveal().to_owned(),
                ));
            }
        }
        let arrived = self.listener.take();
        for request in &arrived {
            for (name, secret) in &secrets {
                let encoded: String =
                    url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
                ensure!(
                    !contains(request, secret.as_bytes()) && !contains(request, encoded.as_bytes()),
                    "{what}: {name} arrived:\n{}",
                    String::from_utf8_lossy(request)
                );
            }
            self.opens_nothing(request, what).await?;
        }
        Ok(arrived.len())
    }

    /// Whatever a request shows is shown to the real sign-in service and to the real Graph.
    async fn opens_nothing(&self, request: &[u8], what: &str) -> Result<()> {
        let text = String::from_utf8_lossy(request).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let query = head
            .split_whitespace()
            .nth(1)
            .and_then(|target| target.split_once('?'))
            .map_or("", |(_, query)| query);
        let fields: Vec<(String, String)> = [body, query]
            .iter()
            .flat_map(|part| url::form_urlencoded::parse(part.as_bytes()).into_owned())
            .collect();
        let field = |name: &str| {
            fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        if let Some(assertion) = field("client_assertion") {
            let claims = assertion.split('.').nth(1).unwrap_or_default();
            let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
            let audience = claims["aud"].as_str().unwrap_or_default();
            ensure!(
                audience.starts_with(&self.listener.root()),
                "{what}: an assertion for {audience} arrived"
            );
        }
        let sandbox = &self.world.sandbox;
        let http = reqwest::Client::new();
        let token = format!(
            "{}/{}/oauth2/v2.0/token",
            sandbox.authority_url, sandbox.tenant_id
        );
        // As it came, and as the application's own request with what came.
        let scope = format!("{}/.default", sandbox.graph_url);
        let shown = || {
            let of_use = |name: &str| name.starts_with("client_") || name.starts_with("code");
            let shown = fields.iter().filter(|(name, _)| of_use(name)).cloned();
            let mut shown: Vec<(String, String)> = shown.collect();
            if !shown.iter().any(|(name, _)| name == "client_id") {
                shown.push(("client_id".into(), sandbox.client_id.clone()));
            }
            shown
        };
        let with = |more: &[(&str, &str)]| {
            let more = more
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()));
            shown().into_iter().chain(more).collect::<Vec<_>>()
        };
        let back = format!("{}/back", self.listener.root());
        let own_back = format!("{}/auth/callback", self.world.api.url());
        let code = ("grant_type", "authorization_code");
        let tries = [
            fields.clone(),
            with(&[("grant_type", "client_credentials"), ("scope", &scope)]),
            with(&[code, ("redirect_uri", &back)]),
            with(&[code, ("redirect_uri", &own_back)]),
        ];
        for form in tries {
            let answer = http.post(&token).form(&form).send().await?;
            ensure!(
                !answer.status().is_success(),
                "{what}: what arrived opens the tenant: {text}"
            );
        }
        let bearer = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("authorization")
                .then(|| value.trim().to_owned())
        });
        if let Some(bearer) = bearer {
            let users = format!("{}/v1.0/users?$top=1", sandbox.graph_url);
            let me = format!("{}/v1.0/me", sandbox.graph_url);
            for address in [users, me] {
                let answer = http
                    .get(address)
                    .header("authorization", &bearer)
                    .send()
                    .await?;
                ensure!(
                    !answer.status().is_success(),
                    "{what}: a token that opens Graph arrived: {text}"
                );
            }
        }
        Ok(())
    }

    /// What the attacker sends, call by call.
    fn attacks(&self, kind: Kind) -> Vec<(String, Vec<Value>)> {
        let evil = self.listener.root();
        let real = &self.world.sandbox.authority_url;
        let graph = &self.world.sandbox.graph_url;
        let tenant = &self.world.sandbox.tenant_id;
        let at = |root: &str, name: &str| json!(format!("{root}/{tenant}/oauth2/v2.0/{name}"));
        let all = |root: &str| {
            json!({"authorization": at(root, "authorize"), "token": at(root, "token"),
                "deviceAuthorization": at(root, "devicecode"), "jwks": at(root, "keys")})
        };
        let full_scopes = json!([format!("{graph}/Mail.Read"), format!("{graph}/User.Read")]);
        let microsofts = json!(["https://graph.microsoft.com/Mail.Read"]);
        let typed = match kind {
            Kind::Secret => json!({"secret": "typed-by-the-attacker"}),
            Kind::Certificate => json!({"generate": true}),
            Kind::Public => json!({"secret": "typed-by-the-attacker"}),
            // The attacker names the file and never sees what is in it.
            Kind::Federated => json!({"federated": {"file": self.file}}),
        };
        let asked = json!({"federated": {"url": format!("{evil}/token"),
            "headers": {"Metadata": "true"}}});
        let one_call = [
            ("authorityUrl", json!({"authorityUrl": evil})),
            ("graphUrl", json!({"graphUrl": evil})),
            (
                "redirectUri",
                json!({"redirectUri": format!("{evil}/back")}),
            ),
            ("endpoints", json!({"endpoints": all(&evil)})),
            (
                "endpoints.authorization",
                json!({"endpoints": {"authorization": at(&evil, "authorize")}}),
            ),
            (
                "endpoints.token",
                json!({"endpoints": {"token": at(&evil, "token")}}),
            ),
            (
                "endpoints.deviceAuthorization",
                json!({"endpoints": {"deviceAuthorization": at(&evil, "devicecode")}}),
            ),
            (
                "endpoints.jwks",
                json!({"endpoints": {"jwks": at(&evil, "keys")}}),
            ),
            (
                "sign-in here, token there",
                json!({"endpoints": {"authorization": at(real, "authorize"),
                    "token": at(&evil, "token")}}),
            ),
            (
                "sign-in here, token there, by the authority",
                json!({"authorityUrl": evil, "endpoints": {"authorization": at(real, "authorize")}}),
            ),
            (
                "graphUrl with scopes of the real one",
                json!({"graphUrl": evil, "scopes": full_scopes}),
            ),
            (
                "graphUrl with Microsoft's scopes",
                json!({"graphUrl": evil, "scopes": microsofts}),
            ),
            (
                "everything",
                json!({"authorityUrl": evil, "graphUrl": evil, "endpoints": all(&evil),
                "redirectUri": format!("{evil}/back")}),
            ),
            ("federated.url", json!({"credential": asked})),
        ];
        let mut attacks: Vec<(String, Vec<Value>)> = Vec::new();
        for (name, call) in one_call {
            attacks.push((name.to_owned(), vec![call.clone()]));
            // With a credential of the attacker's own in the same call, or in one before or after.
            if call.get("credential").is_none() {
                let mut both = call.clone();
                both["credential"] = typed.clone();
                attacks.push((format!("{name}, with a credential"), vec![both]));
                attacks.push((
                    format!("{name}, then a credential"),
                    vec![call, json!({"credential": typed})],
                ));
            }
        }
        attacks.push((
            "one endpoint after the other".to_owned(),
            vec![
                json!({"endpoints": {"jwks": at(&evil, "keys")}}),
                json!({"endpoints": {"authorization": at(&evil, "authorize"),
                    "jwks": at(&evil, "keys")}}),
                json!({"endpoints": {"authorization": at(&evil, "authorize"),
                    "token": at(&evil, "token")}}),
                json!({"endpoints": {"token": at(&evil, "token")}}),
                json!({"endpoints": {}, "graphUrl": evil}),
            ],
        ));
        attacks.push((
            "scopes, then graphUrl".to_owned(),
            vec![json!({"scopes": full_scopes}), json!({"graphUrl": evil})],
        ));
        attacks.push((
            "graphUrl, then scopes".to_owned(),
            vec![json!({"graphUrl": evil}), json!({"scopes": full_scopes})],
        ));
        attacks.push((
            "away and back".to_owned(),
            vec![
                json!({"authorityUrl": evil, "graphUrl": evil}),
                json!({"authorityUrl": real, "graphUrl": evil}),
            ],
        ));
        attacks.push((
            "by another cloud".to_owned(),
            vec![
                json!({"cloud": "china", "authorityUrl": evil, "graphUrl": graph}),
                json!({"cloud": "global", "authorityUrl": real, "graphUrl": evil}),
            ],
        ));
        attacks
    }
}

async fn attacked(kind: Kind) -> Result<()> {
    let scene = Scene::set().await?;
    let client = scene.world.sandbox.client_id.clone();
    scene
        .world
        .sandbox
        .sandbox()
        .alter_app(&client, |app| app.public = kind == Kind::Public);
    let (mut taken, mut arrived) = (0, 0);
    for sends_users_to_the_real_one in [false, true] {
        let real = scene.world.sandbox.authority_url.clone();
        scene
            .listener
            .sends_users_to(sends_users_to_the_real_one.then_some(real.as_str()));
        for (by, api) in &scene.attackers {
            for (name, calls) in scene.attacks(kind) {
                // The trick of the discovery document needs an authority.
                if sends_users_to_the_real_one && !calls[0].to_string().contains("authorityUrl") {
                    continue;
                }
                let what = format!("{kind:?}, {by}: {name}");
                let victim = scene.victim(kind).await.with_context(|| what.clone())?;
                for call in &calls {
                    let change = api
                        .request(Method::PATCH, &format!("/connections/{}", victim.id))
                        .json(call);
                    let answer = api.answer(change).await?;
                    taken += usize::from(answer.status == 200);
                    ensure!(answer.status < 500, "{what}: {}", answer.body);
                    ensure!(
                        *by == "admin"
                            || answer.status != 200
                            || name.starts_with("redirectUri")
                            || !call.to_string().contains(&scene.listener.root()),
                        "{what}: {call} was taken from a key without admin"
                    );
                    // What was refused has changed nothing.
                    if answer.status == 200 {
                        scene.provoke(api, &victim).await?;
                    }
                    arrived += scene.nothing_arrived(&victim, &what).await?;
                }
                scene
                    .world
                    .engine
                    .remove_connection(&Caller::Local, &victim.id)
                    .await?;
            }
        }
    }
    // The test would be worth nothing if no attack had come as far as the host.
    ensure!(
        taken > 10 && arrived > 10,
        "{taken} calls taken, {arrived} arrived"
    );
    scene.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_to_no_other_host() -> Result<()> {
    attacked(Kind::Secret).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificates_word_is_good_for_no_other_host() -> Result<()> {
    attacked(Kind::Certificate).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_clients_users_are_signed_in_for_no_other_host() -> Result<()> {
    attacked(Kind::Public).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_issuers_assertion_goes_to_no_other_host() -> Result<()> {
    attacked(Kind::Federated).await
}

/// A connection goes to a stranger and back, each time with a secret in the same call, while it is
/// used all the time and others change it at the same moment: a secret arrives only where it was
/// given for.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_only_for_the_address_it_came_with() -> Result<()> {
    const TURNS: usize = 12;
    let scene = Scene::set().await?;
    let (api, sandbox) = (&scene.world.api, &scene.world.sandbox);
    let evil = scene.listener.root();
    let outside = json!({
        "authorityUrl": evil, "graphUrl": evil, "credential": {"secret": "for-the-stranger"},
    });
    let inside = json!({
        "authorityUrl": sandbox.authority_url, "graphUrl": sandbox.graph_url,
        "credential": {"secret": sandbox.client_secret},
    });
    let mut new = outside.clone();
    new["name"] = "Back and forth".into();
    new["tenantId"] = sandbox.tenant_id.clone().into();
    new["clientId"] = sandbox.client_id.clone().into();
    let made = api.post("/connections", &new).await?;
    let id = made["id"].as_str().context("an id")?.to_owned();
    let path = format!("/connections/{id}");
    let change = async |change: &Value| -> Result<u16> {
        let request = api.request(Method::PATCH, &path).json(change);
        let answer = api.answer(request).await?;
        ensure!(
            answer.status == 200 || answer.body["code"] == "conflict",
            "{}",
            answer.body
        );
        Ok(answer.status)
    };
    let turns = async {
        let mut done = 0;
        for turn in 0..TURNS {
            // One alone, and then both at once, with a third that says nothing of addresses.
            done += usize::from(change(&inside).await? == 200);
            let name = json!({"name": format!("Turn {turn}")});
            let (one, two, three) = tokio::join!(change(&outside), change(&inside), change(&name));
            for status in [one?, two?, three?] {
                done += usize::from(status == 200);
            }
            let now = scene.world.engine.connection(&id).await?;
            let kept = scene.world.engine.store().credentials(&now.id).await?;
            let fits = |secret: &str| (secret == "for-the-stranger") == (now.authority_url == evil);
            ensure!(
                kept.len() == 1 && kept.iter().all(|kept| fits(kept.secret.reveal())),
                "{} credentials at {}",
                kept.len(),
                now.authority_url
            );
            change(&outside).await?;
        }
        Ok::<usize, anyhow::Error>(done)
    };
    let user = async || -> Result<()> {
        loop {
            let check = api.request(Method::POST, &format!("{path}/check"));
            api.answer(check.json(&json!({}))).await?;
            for account in scene.world.engine.accounts(&Caller::Local).await? {
                let engine = &scene.world.engine;
                let _ = engine.account_token(&Caller::Local, &account.id).await;
            }
        }
    };
    let done = tokio::select! {
        done = turns => done?,
        ended = user() => { ended?; 0 }
        ended = user() => { ended?; 0 }
    };
    ensure!(done > TURNS, "{done} changes");
    let arrived = scene.listener.take();
    ensure!(
        arrived.iter().any(|it| contains(it, b"for-the-stranger")),
        "the stranger was never asked"
    );
    for request in &arrived {
        ensure!(
            !contains(request, sandbox.client_secret.as_bytes()),
            "the secret arrived:\n{}",
            String::from_utf8_lossy(request)
        );
    }
    scene.world.stop().await;
    Ok(())
}
