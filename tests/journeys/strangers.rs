//! What is open, what the document says of it, and keys that would be greater than the one that makes
//! them. `authorize.rs` has the table of who may do what.

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use postroom_engine::Code;
use postroom_engine::access::Caller;
use postroom_engine::keys::NewKey;
use postroom_http::{RouteAccess, route_table};
use postroom_model::key::{Key, Scope};
use postroom_model::mailbox::Mailbox;
use postroom_model::{Clock, SystemClock};
use postroom_tests::{World, WorldOptions};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn code(answer: Response) -> (u16, String) {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

async fn expect(request: RequestBuilder, what: &str, status: u16, expected: Code) -> Result<()> {
    let found = code(request.send().await?).await;
    ensure!(
        found == (status, expected.text().to_owned()),
        "{what}: expected {status} {}, got {found:?}",
        expected.text()
    );
    Ok(())
}

async fn made(
    world: &World,
    name: &str,
    scopes: &[Scope],
    of: Option<&Mailbox>,
    expires_at: Option<Timestamp>,
) -> Result<(Key, String)> {
    let new = NewKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        mailboxes: of.map(|mailbox| vec![mailbox.id.to_string()]),
        networks: None,
        expires_at,
    };
    let (key, text) = world.engine.create_key(&Caller::Local, new).await?;
    Ok((key, text.reveal().to_owned()))
}

/// What is open answers without a key; numbers only to this machine itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_needs_no_key() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let http = reqwest::Client::new();
    let mut open = 0;
    for route in route_table() {
        if route.access != RouteAccess::Open {
            continue;
        }
        open += 1;
        let url = format!("{}{}", world.api.url(), route.path);
        let answer = http.request(route.method.parse()?, url).send().await?;
        let status = answer.status().as_u16();
        // A callback that nobody asked for is refused, and not for want of a key.
        let well = match route.path.as_str() {
            "/auth/callback" => status == 400,
            _ => status == 200,
        };
        ensure!(well, "{} {}: {status}", route.method, route.path);
    }
    ensure!(open > 3, "{open}");
    for path in ["/openapi.json", "/docs", "/docs/errors"] {
        let answer = http
            .get(format!("{}{path}", world.api.url()))
            .send()
            .await?;
        ensure!(answer.status() == 200, "{path}: {}", answer.status());
    }
    let metrics = http
        .get(format!("{}/metrics", world.api.url()))
        .header("x-forwarded-for", "203.0.113.9");
    expect(metrics, "numbers through a proxy", 401, Code::Unauthorized).await?;
    world.stop().await;
    Ok(())
}

/// The document that callers read, the table that these tests walk and the router are one.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_the_table_and_the_router_agree() -> Result<()> {
    const METHODS: [&str; 8] = [
        "get", "put", "post", "delete", "options", "head", "patch", "trace",
    ];
    let world = World::start(WorldOptions::default()).await?;
    let http = reqwest::Client::new();
    let url = format!("{}/openapi.json", world.api.url());
    let document: Value = http.get(url).send().await?.json().await?;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        let mut methods = BTreeSet::new();
        for (method, operation) in item.as_object().context("a path")? {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            let method = method.to_uppercase();
            let needs = match operation["security"].as_array().map(Vec::as_slice) {
                Some([]) => "open".to_owned(),
                Some([first, ..]) => first["bearer"][0].as_str().unwrap_or("any").to_owned(),
                None => "unsaid".to_owned(),
            };
            described.insert(format!("{method} {path} {needs}"));
            methods.insert(method);
        }
        // The router says itself which methods it takes.
        let url = format!("{}{}", world.api.url(), path.replace(['{', '}'], ""));
        let answer = http.request(Method::TRACE, url).send().await?;
        ensure!(answer.status() == 405, "TRACE {path}: {}", answer.status());
        let allowed = answer.headers().get("allow").context("Allow")?.to_str()?;
        let allowed: BTreeSet<String> = allowed
            .split(',')
            .map(|method| method.trim().to_owned())
            .filter(|method| method != "HEAD")
            .collect();
        ensure!(allowed == methods, "{path}: {allowed:?}, {methods:?}");
    }
    let table: BTreeSet<String> = route_table()
        .into_iter()
        .map(|route| {
            let needs = match route.access {
                RouteAccess::Open => "open",
                RouteAccess::AnyKey => "any",
                RouteAccess::Scope(scope) => scope.name(),
            };
            format!("{} {} {needs}", route.method, route.path)
        })
        .collect();
    let differ: Vec<_> = described.symmetric_difference(&table).collect();
    ensure!(differ.is_empty(), "{differ:?}");
    world.stop().await;
    Ok(())
}

/// No key makes or changes one that may do more, reach more or live longer than itself.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_makes_a_greater_one() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let own = world.serve(0).await?;
    let other = world.serve(1).await?;
    let hour = SystemClock.now() + SignedDuration::from_hours(1);
    let day = SystemClock.now() + SignedDuration::from_hours(24);
    let admin = [Scope::Admin];
    let (short, text) = made(&world, "short", &admin, None, Some(hour)).await?;
    let api = world.api.with_key(&text);
    let new = |expires_at: Option<Timestamp>| json!({"name": "new", "scopes": ["mail.read"], "expiresAt": expires_at});
    let sooner = hour - SignedDuration::from_mins(1);
    api.post("/keys", &new(Some(sooner))).await?;
    for longer in [None, Some(day)] {
        let request = api.request(Method::POST, "/keys").json(&new(longer));
        api.refused(request, 403, "forbidden").await?;
        let change = json!({"expiresAt": longer});
        let itself = api
            .request(Method::PATCH, &format!("/keys/{}", short.id))
            .json(&change);
        api.refused(itself, 403, "forbidden").await?;
    }
    // A person's access has no end: a key that has one lets nobody in.
    let person = json!({"name": "Eve", "role": "administrator"});
    let request = api.request(Method::POST, "/persons").json(&person);
    api.refused(request, 403, "forbidden").await?;
    let eve = world
        .api
        .post("/persons", &json!({"name": "Eve", "role": "reader"}))
        .await?;
    let path = format!("/persons/{}", eve["id"].as_str().context("an id")?);
    let request = api
        .request(Method::PATCH, &path)
        .json(&json!({"role": "administrator"}));
    api.refused(request, 403, "forbidden").await?;
    let request = api.request(Method::POST, &format!("{path}/invitation"));
    api.refused(request, 403, "forbidden").await?;
    let (greater, greater_text) = made(&world, "greater", &admin, None, None).await?;
    let path = format!("/keys/{}", greater.id);
    let smaller = api
        .request(Method::PATCH, &path)
        .json(&json!({"name": "taken"}));
    api.refused(smaller, 403, "forbidden").await?;
    api.refused(api.request(Method::DELETE, &path), 403, "forbidden")
        .await?;
    world.api.with_key(&greater_text).get("/keys/self").await?;

    // Whoever is no admin makes none at all; and where a key comes to the engine otherwise, its
    // own scopes and mailboxes are the end.
    let scopes = [Scope::MailRead, Scope::MailSend];
    let (key, text) = made(&world, "listed", &scopes, Some(&own), None).await?;
    let api = world.api.with_key(&text);
    let request = api.request(Method::POST, "/keys").json(&new(None));
    api.refused(request, 403, "scopeMissing").await?;
    let caller = Caller::Key(std::sync::Arc::new(key));
    let asked = |scopes: &[Scope], mailboxes: Option<&Mailbox>| NewKey {
        name: "new".to_owned(),
        scopes: scopes.to_vec(),
        mailboxes: mailboxes.map(|one| vec![one.id.to_string()]),
        ..NewKey::default()
    };
    let create = |new: NewKey| world.engine.create_key(&caller, new);
    create(asked(&[Scope::MailRead], Some(&own))).await?;
    for (new, expected) in [
        (asked(&[Scope::MailWrite], Some(&own)), Code::Forbidden),
        (asked(&[Scope::MailRead], None), Code::Forbidden),
        (asked(&admin, None), Code::Forbidden),
        // What it does not reach is not there for it.
        (
            asked(&[Scope::MailRead], Some(&other)),
            Code::InvalidRequest,
        ),
    ] {
        let what = format!("{new:?}");
        let refused = create(new).await.map(|_| ()).map_err(|why| why.code);
        ensure!(refused == Err(expected), "{what}: {refused:?}");
    }
    world.stop().await;
    Ok(())
}

/// A list of mailboxes does not go together with what reaches beyond any mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_goes_with_mailbox_scopes_only() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let own = world.serve(0).await?;
    let api = &world.api;
    for scope in Scope::ALL {
        let beyond = [
            "admin",
            "connections",
            "connections.read",
            "tokens",
            "alerts.read",
            "audit.read",
            "alerts.read",
        ];
        let may = !beyond.contains(&scope.name());
        let with_list = json!({"name": "a", "scopes": [scope], "mailboxes": [own.id]});
        let request = api.request(Method::POST, "/keys").json(&with_list);
        if may {
            api.ok(request).await?;
            continue;
        }
        api.refused(request, 400, "invalidRequest").await?;

        // Nor does it come about in two steps.
        let without = json!({"name": "b", "scopes": [scope]});
        let key = api.post("/keys", &without).await?;
        let path = format!("/keys/{}", key["id"].as_str().context("an id")?);
        let request = api
            .request(Method::PATCH, &path)
            .json(&json!({"mailboxes": [own.id]}));
        api.refused(request, 400, "invalidRequest").await?;
        let listed = json!({"name": "c", "scopes": ["mail.read"], "mailboxes": [own.id]});
        let key = api.post("/keys", &listed).await?;
        let path = format!("/keys/{}", key["id"].as_str().context("an id")?);
        let request = api
            .request(Method::PATCH, &path)
            .json(&json!({"scopes": ["mail.read", scope]}));
        api.refused(request, 400, "invalidRequest").await?;
    }
    world.stop().await;
    Ok(())
}
