//! People who open the console: signing in, what they may do, signing out.

use anyhow::{Context, Result, ensure};
use postroom_engine::access::Caller;
use postroom_engine::keys::NewKey;
use postroom_engine::persons::NewPerson;
use postroom_model::key::Scope;
use postroom_model::person::Role;
use postroom_tests::browser::{Does, walk_in};
use postroom_tests::{Api, World, WorldOptions};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

/// A browser that has one cookie of the server.
struct Browser {
    http: Client,
    url: String,
    cookie: Option<String>,
}

impl Browser {
    fn new(world: &World) -> Result<Self> {
        Ok(Self {
            http: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()?,
            url: world.api.url().to_owned(),
            cookie: None,
        })
    }

    /// Sends, and keeps the cookie that comes.
    async fn send(&mut self, request: reqwest::RequestBuilder) -> Result<Response> {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let answer = request.send().await?;
        for line in answer.headers().get_all("set-cookie") {
            let line = line.to_str()?;
            ensure!(
                line.contains("; HttpOnly; SameSite=Lax") && line.contains("; Path=/;"),
                "{line}"
            );
            if let Some(pair) = line
                .split(';')
                .next()
                .filter(|it| it.starts_with("postroom="))
            {
                self.cookie = Some(pair.to_owned()).filter(|pair| pair != "postroom=");
            }
        }
        Ok(answer)
    }

    async fn open(&mut self, path: &str) -> Result<(u16, String)> {
        let answer = self.send(self.http.get(self.address(path))).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn form(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Response> {
        let form = self
            .http
            .post(self.address(path))
            .header("origin", &self.url)
            .form(fields);
        self.send(form).await
    }

    async fn api(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request = self.http.request(method, self.address(path));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.send(request).await?;
        Ok(answer.json().await?)
    }

    async fn session(&mut self) -> Result<Value> {
        self.api(Method::GET, "/api/v1/session", None).await
    }

    fn address(&self, path: &str) -> String {
        match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}{path}", self.url),
        }
    }
}

fn token_of(url: &str) -> &str {
    url.split_once("token=").map_or("", |(_, token)| token)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_lets_one_administrator_in() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let void = world.engine.first_sign_in().await?.context("a first one")?;
    let link = world.engine.first_sign_in().await?.context("a first one")?;
    let mut browser = Browser::new(&world)?;
    // Looking at the address uses nothing up.
    for _ in 0..2 {
        let (status, page) = browser.open(link.url.reveal()).await?;
        ensure!(
            status == 200 && page.contains("action=\"/signin\"") && !page.contains("<script"),
            "{page}"
        );
    }
    ensure!(browser.cookie.is_none());
    let signed_in = browser
        .form("/signin", &[("token", token_of(link.url.reveal()))])
        .await?;
    ensure!(signed_in.status() == 303, "{}", signed_in.status());
    ensure!(signed_in.headers()["location"] == "/");
    let session = browser.session().await?;
    ensure!(session["role"] == "administrator", "{session}");
    ensure!(session["scopes"] == json!(["admin"]), "{session}");
    let (_, start) = browser.open("/").await?;
    ensure!(start.contains("Administrator") && start.contains("/signout"));

    // It works once, the one before is void, and there is no further first one.
    for url in [&link.url, &void.url] {
        let mut other = Browser::new(&world)?;
        let refused = other
            .form("/signin", &[("token", token_of(url.reveal()))])
            .await?;
        ensure!(refused.status() == 401, "{}", refused.status());
        ensure!(other.cookie.is_none());
    }
    ensure!(world.engine.first_sign_in().await?.is_none());
    let audit = world.api.get("/audit?action=person.signIn").await?;
    let outcomes: Vec<_> = audit["value"]
        .as_array()
        .context("a list")?
        .iter()
        .map(|it| it["outcome"].as_str().unwrap_or_default())
        .collect();
    ensure!(
        outcomes.contains(&"done") && outcomes.contains(&"refused"),
        "{audit}"
    );

    // A change needs the token of the session; a key made so is the administrator's doing.
    let new = json!({"name": "by hand", "scopes": ["mail.read"]});
    let refused = browser
        .api(Method::POST, "/api/v1/keys", Some(&new))
        .await?;
    ensure!(refused["code"] == "csrfFailed", "{refused}");
    let csrf = session["csrfToken"].as_str().context("a token")?;
    let request = browser
        .http
        .post(browser.address("/api/v1/keys"))
        .header("x-csrf-token", csrf)
        .json(&new);
    ensure!(browser.send(request).await?.status() == 201);
    let audit = world
        .api
        .get("/audit?action=key.create&actor=Administrator")
        .await?;
    ensure!(audit["value"][0]["actor"]["kind"] == "person", "{audit}");

    // Signing out ends it at once, also for who has the cookie.
    let cookie = browser.cookie.clone();
    let wrong = browser.form("/signout", &[("csrfToken", "wrong")]).await?;
    ensure!(wrong.status() == 403, "{}", wrong.status());
    let out = browser.form("/signout", &[("csrfToken", csrf)]).await?;
    ensure!(out.status() == 303 && browser.cookie.is_none());
    browser.cookie = cookie;
    let over = browser.session().await?;
    ensure!(over["code"] == "unauthorized", "{over}");
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_replaces_the_session_and_roles_count_at_once() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let invite = json!({"name": "Ann", "address": "Ann@Contoso.com", "role": "operator"});
    let ann = world.api.post("/persons", &invite).await?;
    ensure!(ann["address"] == "ann@contoso.com", "{ann}");
    let id = ann["id"].as_str().context("an id")?;
    let mut browser = Browser::new(&world)?;
    let url = ann["signInUrl"].as_str().context("an address")?;
    browser.form("/signin", &[("token", token_of(url))]).await?;
    let first = browser.cookie.clone().context("a cookie")?;
    let again = world
        .api
        .post(&format!("/persons/{id}/invitation"), &json!({}))
        .await?;
    let url = again["signInUrl"].as_str().context("an address")?;
    browser.form("/signin", &[("token", token_of(url))]).await?;
    let second = browser.cookie.clone().context("a cookie")?;
    ensure!(first != second, "a sign-in begins a session of its own");
    browser.cookie = Some(first);
    ensure!(browser.session().await?["code"] == "unauthorized");
    browser.cookie = Some(second);
    ensure!(browser.session().await?["role"] == "operator");
    let connections = browser
        .api(Method::GET, "/api/v1/connections", None)
        .await?;
    ensure!(connections["value"].is_array(), "{connections}");
    let keys = browser.api(Method::GET, "/api/v1/keys", None).await?;
    ensure!(keys["code"] == "scopeMissing", "{keys}");

    // What is changed counts from the next call on.
    let change = world
        .api
        .request(Method::PATCH, &format!("/persons/{id}"))
        .json(&json!({"role": "administrator"}));
    world.api.ok(change).await?;
    let keys = browser.api(Method::GET, "/api/v1/keys", None).await?;
    ensure!(keys["value"].is_array(), "{keys}");

    // The only administrator stays one, but for the command line.
    for request in [
        world
            .api
            .request(Method::PATCH, &format!("/persons/{id}"))
            .json(&json!({"role": "reader"})),
        world.api.request(Method::DELETE, &format!("/persons/{id}")),
    ] {
        world.api.refused(request, 409, "conflict").await?;
    }
    world
        .engine
        .remove_person(&Caller::Local, &id.into())
        .await?;
    ensure!(browser.session().await?["code"] == "unauthorized");
    let gone = world.api.request(Method::GET, &format!("/persons/{id}"));
    world.api.refused(gone, 404, "notFound").await?;
    world.stop().await;
    Ok(())
}

/// Signs in with Microsoft, as the nth user of the sandbox; gives the last page and the cookies.
async fn with_microsoft(world: &World, nth: usize) -> Result<(String, Option<String>)> {
    let user = &world.sandbox.users[nth];
    let begin = format!("{}/signin/microsoft", world.api.url());
    let (_, page, cookies) = walk_in(
        &begin,
        &user.user_principal_name,
        &user.password,
        Does::Accepts,
    )
    .await?;
    let cookie = cookies
        .get("postroom")
        .filter(|value| !value.is_empty())
        .map(|value| format!("postroom={value}"));
    Ok((page, cookie))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_microsoft_who_was_invited_comes_in() -> Result<()> {
    let mut world = World::start(WorldOptions::default()).await?;
    let (page, cookie) = with_microsoft(&world, 0).await?;
    ensure!(page.contains("nobody has let you in"), "{page}");
    ensure!(cookie.is_none());

    let address = world.user(0)?;
    let new = NewPerson {
        name: None,
        address: Some(address.to_uppercase()),
        role: Role::Reader,
    };
    let (ann, _) = world.engine.invite_person(&Caller::Local, new).await?;
    ensure!(ann.identity.is_none());
    let (page, cookie) = with_microsoft(&world, 0).await?;
    ensure!(page.contains("signed in"), "{page}");
    let mut browser = Browser::new(&world)?;
    browser.cookie = cookie;
    let session = browser.session().await?;
    ensure!(session["role"] == "reader", "{session}");
    let known = world.engine.console_person(&ann.id).await?;
    ensure!(known.identity.is_some() && known.signed_in_at.is_some());

    // Another address is another account: who came in by the former is out, at once.
    let change = world
        .api
        .request(Method::PATCH, &format!("/persons/{}", ann.id))
        .json(&json!({"address": world.user(2)?}));
    world.api.ok(change).await?;
    ensure!(browser.session().await?["code"] == "unauthorized");
    let (page, cookie) = with_microsoft(&world, 0).await?;
    ensure!(page.contains("nobody has let you in"), "{page}");
    ensure!(cookie.is_none());
    let (page, _) = with_microsoft(&world, 2).await?;
    ensure!(page.contains("signed in"), "{page}");

    // The settings may let a whole tenant in.
    let tenant = world.sandbox.tenant_id.clone();
    world = world
        .restart_with(|options| {
            options.engine.sign_in_tenant = Some(tenant);
            options.engine.sign_in_role = Some(Role::Operator);
        })
        .await?;
    let (page, cookie) = with_microsoft(&world, 1).await?;
    ensure!(page.contains("signed in"), "{page}");
    let mut browser = Browser::new(&world)?;
    browser.cookie = cookie;
    ensure!(browser.session().await?["role"] == "operator");
    world.stop().await;
    Ok(())
}

/// A return that was begun in another browser, or twice, signs nobody in.
/// Whoever says where people sign in says who they are: a key that may change connections may not.
#[tokio::test(flavor = "multi_thread")]
async fn where_people_sign_in_is_for_administrators_to_say() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let new = NewKey {
        name: "changes connections".into(),
        scopes: vec![Scope::Connections],
        ..NewKey::default()
    };
    let (_, key) = world.engine.create_key(&Caller::Local, new).await?;
    let key = world.api.with_key(key.reveal());
    let path = format!("/connections/{}", world.connection.id);
    let refused = async |api: &Api, method: Method, path: &str, body: &Value| -> Result<bool> {
        let answer = api.answer(api.request(method, path).json(body)).await?;
        ensure!(
            answer.status < 300 || answer.body["code"] == "forbidden",
            "{}",
            answer.body
        );
        Ok(answer.status == 403)
    };
    let elsewhere = json!({"tenantId": "another.example"});
    let back = json!({"tenantId": world.connection.tenant_id});
    // While there is nobody, there is nobody to be taken for.
    ensure!(!refused(&key, Method::PATCH, &path, &elsewhere).await?);
    ensure!(!refused(&key, Method::PATCH, &path, &back).await?);

    let person = NewPerson {
        name: Some("Ann".into()),
        address: None,
        role: Role::Administrator,
    };
    world.engine.invite_person(&Caller::Local, person).await?;
    ensure!(refused(&key, Method::PATCH, &path, &elsewhere).await?);
    ensure!(!refused(&key, Method::PATCH, &path, &json!({"name": "Contoso"})).await?);
    // With a second one there is none to sign in through; with either gone the other would be it.
    let second = json!({
        "name": "Second", "tenantId": "another.example",
        "clientId": "00000000-0000-0000-0000-000000000009",
    });
    ensure!(!refused(&key, Method::POST, "/connections", &second).await?);
    ensure!(refused(&key, Method::DELETE, &path, &json!({})).await?);
    ensure!(refused(&key, Method::DELETE, "/connections/Second", &json!({})).await?);
    ensure!(!refused(&world.api, Method::PATCH, &path, &elsewhere).await?);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_belongs_to_the_browser_that_began() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mut browser = Browser::new(&world)?;
    let (status, page) = browser.open("/signin").await?;
    ensure!(
        status == 200 && page.contains("/signin/microsoft"),
        "{page}"
    );
    let begun = browser
        .send(browser.http.get(browser.address("/signin/microsoft")))
        .await?;
    let authorize = begun.headers()["location"].to_str()?.to_owned();
    let state = url::Url::parse(&authorize)?
        .query_pairs()
        .find(|(name, _)| name == "state")
        .context("a state")?
        .1
        .into_owned();
    for asks in ["nonce=", "code_challenge=", "scope=openid+profile&"] {
        ensure!(authorize.contains(asks), "{authorize}");
    }
    let back = format!("/auth/callback?code=stolen&state={state}");
    let (status, page) = Browser::new(&world)?.open(&back).await?;
    ensure!(status == 401 && page.contains("another browser"), "{page}");
    // And it is over now, also where it was begun.
    let cookie = begun.headers()["set-cookie"].to_str()?.to_owned();
    browser.cookie = cookie.split(';').next().map(str::to_owned);
    let (status, page) = browser.open(&back).await?;
    ensure!(status == 400 && page.contains("Nobody waits"), "{page}");
    world.stop().await;
    Ok(())
}
