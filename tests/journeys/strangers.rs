//! Who may not, does not: every route there is, and every kind of stranger.

use anyhow::{Context, Result, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use postroom_engine::Code;
use postroom_engine::access::Caller;
use postroom_engine::keys::NewKey;
use postroom_http::{RouteAccess, RouteScope, route_table};
use postroom_model::key::{Key, Scope};
use postroom_model::mailbox::Mailbox;
use postroom_model::{Clock, SystemClock};
use postroom_tests::{World, WorldOptions};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Asks for nothing that is there, with a query and a body that nobody understands: whoever gets
/// past the door hears of that, or that there is no such thing.
const NOWHERE: &str = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f";

fn filled(route: &RouteScope, id: &str) -> String {
    let mut path = route.path.replace("{id}", id);
    for name in ["{fid}", "{mid}", "{aid}", "{cid}", "{uid}"] {
        path = path.replace(name, NOWHERE);
    }
    assert!(
        !path.contains('{'),
        "{path}: what is this parameter to be filled with?"
    );
    path
}

fn garbage(world: &World, route: &RouteScope, id: &str) -> Result<RequestBuilder> {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let url = format!("{}{}?no-such-thing=%ff", world.api.url(), filled(route, id));
    let request = http.request(route.method.parse()?, url);
    Ok(if route.method == "GET" {
        request
    } else {
        request
            .header("content-type", "application/json")
            .body("{]garbage")
    })
}

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

async fn key(world: &World, name: &str, scopes: &[Scope], of: Option<&Mailbox>) -> Result<String> {
    let (_, text) = made(world, name, scopes, of, None).await?;
    Ok(text)
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
        expires_at,
    };
    let (key, text) = world.engine.create_key(&Caller::Local, new).await?;
    Ok((key, text.reveal().to_owned()))
}

fn secured() -> Vec<RouteScope> {
    let mut routes = route_table();
    routes.retain(|route| route.access != RouteAccess::Open);
    assert!(routes.len() > 40, "{}", routes.len());
    routes
}

/// No key, a wrong one, a revoked one, an expired one: 401 everywhere, and all alike.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_valid_key_nothing_opens() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let admin = [Scope::Admin];
    let soon = SystemClock.now() + SignedDuration::from_hours(1);
    let (revoked, revoked_text) = made(&world, "revoked", &admin, None, None).await?;
    let (mut expired, expired_text) = made(&world, "expired", &admin, None, Some(soon)).await?;
    for text in [&revoked_text, &expired_text] {
        world.api.with_key(text).get("/keys/self").await?;
    }
    world.engine.revoke_key(&Caller::Local, &revoked.id).await?;
    expired.expires_at = Some(SystemClock.now() - SignedDuration::from_secs(1));
    ensure!(world.engine.store().update_key(&expired).await?);

    // Of a key's form, and nobody's: its last character is another one.
    let mut wrong = world.key().to_owned();
    let last = wrong.pop().context("a key's text")?;
    wrong.push(if last == 'a' { 'b' } else { 'a' });
    let keys = [
        ("no key", None),
        ("an unknown key", Some(wrong)),
        ("no key of ours", Some("Bearer".to_owned())),
        ("a revoked key", Some(revoked_text)),
        ("an expired key", Some(expired_text)),
    ];
    let mut calls = Vec::new();
    for route in secured() {
        for (name, key) in &keys {
            let mut request = garbage(&world, &route, NOWHERE)?;
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let what = format!("{} {} with {name}", route.method, route.path);
            calls.push(async move { expect(request, &what, 401, Code::Unauthorized).await });
        }
    }
    stream::iter(calls)
        .buffer_unordered(16)
        .try_collect::<Vec<()>>()
        .await?;
    world.stop().await;
    Ok(())
}

/// A key with every scope but the needed one is told so before anything else is looked at; one
/// with the needed scope alone gets further.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_its_scope() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    for scope in Scope::ALL {
        let others: Vec<Scope> = Scope::ALL
            .into_iter()
            .filter(|other| !other.implies(scope))
            .collect();
        let without = key(&world, "without", &others, None).await?;
        let alone = key(&world, "alone", &[scope], None).await?;
        for route in secured() {
            if route.access != RouteAccess::Scope(scope) {
                continue;
            }
            for id in [mailbox.id.as_str(), NOWHERE] {
                let what = format!("{} {} without {}", route.method, route.path, scope.name());
                let request = garbage(&world, &route, id)?.bearer_auth(&without);
                expect(request, &what, 403, Code::ScopeMissing).await?;
            }
            let request = garbage(&world, &route, NOWHERE)?.bearer_auth(&alone);
            let found = code(request.send().await?).await;
            let past = [
                (400, Code::InvalidRequest.text().to_owned()),
                (404, Code::NotFound.text().to_owned()),
            ];
            ensure!(
                past.contains(&found),
                "{} {} with {} alone: {found:?}",
                route.method,
                route.path,
                scope.name()
            );
        }
    }
    for route in secured() {
        if route.access == RouteAccess::AnyKey {
            let alone = key(&world, "any", &[Scope::CallsRead], None).await?;
            let path = route.path.trim_start_matches("/api/v1");
            world.api.with_key(&alone).get(path).await?;
        }
    }
    world.stop().await;
    Ok(())
}

/// A mailbox that is not on the key's list is forbidden, whether it exists or not, however it is
/// named and whatever is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_mailboxes_is_the_end_of_a_key() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let own = world.serve(0).await?;
    let other = world.serve(1).await?;
    let unserved = world.user(2)?;
    let scopes: Vec<Scope> = Scope::ALL
        .into_iter()
        .filter(|scope| !Scope::NOT_WITH_MAILBOXES.contains(scope))
        .collect();
    let listed = key(&world, "listed", &scopes, Some(&own)).await?;
    let named = [
        other.id.to_string(),
        other.address.clone(),
        other.address.to_uppercase(),
        unserved,
        NOWHERE.to_owned(),
        "nobody@elsewhere.example".to_owned(),
    ];
    let mut routes = 0;
    for route in secured() {
        if !route.path.starts_with("/api/v1/mailboxes/{id}") {
            continue;
        }
        routes += 1;
        // Such a key cannot hold `connections`.
        let expected = match route.access {
            RouteAccess::Scope(scope) if scopes.contains(&scope) => Code::MailboxForbidden,
            _ => Code::ScopeMissing,
        };
        for id in &named {
            let request = garbage(&world, &route, id)?.bearer_auth(&listed);
            let what = format!("{} {} of {id}", route.method, route.path);
            expect(request, &what, 403, expected).await?;
        }
        if expected == Code::MailboxForbidden {
            for id in [own.id.as_str(), &own.address] {
                let request = garbage(&world, &route, id)?.bearer_auth(&listed);
                let (status, code) = code(request.send().await?).await;
                ensure!(
                    matches!(status, 400 | 404),
                    "{} {} of its own: {status} {code}",
                    route.method,
                    route.path
                );
            }
        }
    }
    ensure!(routes > 15, "{routes}");
    world.stop().await;
    Ok(())
}

/// What else belongs to other mailboxes or other keys is not there.
#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_others_does_not_exist() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let own = world.serve(0).await?;
    let other = world.serve(1).await?;
    world.level(&own).await?;
    world.level(&other).await?;
    let scopes = [
        Scope::MailRead,
        Scope::MailWrite,
        Scope::MailSend,
        Scope::CallsRead,
        Scope::Logins,
    ];
    let listed = world
        .api
        .with_key(&key(&world, "listed", &scopes, Some(&own)).await?);
    let mut sent = Vec::new();
    for mailbox in [&own, &other] {
        let accepted = world
            .api
            .post(
                &format!("/mailboxes/{}/send", mailbox.id),
                &json!({
                    "subject": "Whose",
                    "body": {"content": "<p>Whose</p>"},
                    "toRecipients": [{"emailAddress": {"address": "a@elsewhere.example"}}],
                }),
            )
            .await?;
        let id = accepted["id"].as_str().context("an id")?.to_owned();
        world.api.get(&format!("/outbox/{id}?wait=60")).await?;
        sent.push(id);
    }
    let gone = |method: Method, path: String| {
        let listed = listed.clone();
        async move {
            let request = listed.request(method.clone(), &path);
            listed
                .refused(request, 404, "notFound")
                .await
                .with_context(|| format!("{method} {path}"))
        }
    };

    gone(Method::GET, format!("/outbox/{}", sent[1])).await?;
    gone(Method::POST, format!("/outbox/{}/retry", sent[1])).await?;
    gone(Method::POST, format!("/outbox/{}/cancel", sent[1])).await?;
    listed.get(&format!("/outbox/{}", sent[0])).await?;

    let calls = world.api.get("/calls?limit=500").await?;
    let call = |of: &Value| {
        let calls = calls["value"].as_array().context("calls")?;
        let call = calls.iter().find(|call| call["mailbox"] == *of);
        let id = call.context("a call")?["id"].as_str().context("an id")?;
        anyhow::Ok(format!("/calls/{id}"))
    };
    gone(Method::GET, call(&json!(other.id))?).await?;
    gone(Method::GET, call(&Value::Null)?).await?;
    listed.get(&call(&json!(own.id))?).await?;

    for (path, name) in [
        ("/outbox?limit=500", "mailbox"),
        ("/calls?limit=500", "mailbox"),
        ("/changes?limit=500", "mailbox"),
        ("/mailboxes", "id"),
    ] {
        let list = listed.get(path).await?;
        let items = list["value"].as_array().context("a list")?;
        ensure!(!items.is_empty(), "{path}");
        ensure!(
            items.iter().all(|item| item[name] == json!(own.id)),
            "{path}: {items:?}"
        );
    }

    // Under its own mailbox it finds no message and no folder of the other one.
    for noun in ["messages", "folders"] {
        let theirs = world
            .api
            .get(&format!("/mailboxes/{}/{noun}", other.id))
            .await?;
        let id = theirs["value"][0]["id"].as_str().context("an id")?;
        let path = format!("/mailboxes/{}/{noun}/{id}", own.id);
        gone(Method::GET, path.clone()).await?;
        gone(Method::DELETE, path).await?;
    }

    // A sign-in is for the key that began it.
    let begin = format!("/connections/{}/logins", world.connection.id);
    let beginner = key(&world, "beginner", &[Scope::Logins], None).await?;
    let beginner = world.api.with_key(&beginner);
    let login = beginner.post(&begin, &json!({})).await?;
    let path = format!("/logins/{}", login["id"].as_str().context("an id")?);
    let stranger = key(&world, "stranger", &[Scope::Logins], None).await?;
    let stranger = world.api.with_key(&stranger);
    let url = json!({"url": "http://127.0.0.1/auth/callback?code=a&state=b"});
    for api in [&stranger, &listed] {
        api.refused(api.request(Method::GET, &path), 404, "notFound")
            .await?;
        let redirect = api
            .request(Method::POST, &format!("{path}/redirect"))
            .json(&url);
        api.refused(redirect, 404, "notFound").await?;
    }
    beginner.get(&path).await?;
    world.api.get(&path).await?;
    world.stop().await;
    Ok(())
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
        expires_at: None,
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
        let may = !["admin", "connections", "tokens", "alerts.read"].contains(&scope.name());
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
