//! Who may do what, as a table: every operation of the OpenAPI document, and every kind of caller.
//! What is expected comes from the document and from the rules: 401 before all, then 403 for the
//! scope, then 403 for a mailbox that the path names, and everything else that a caller may not see
//! does not exist for it. No answer tells whether it does.

use anyhow::{Context, Result, bail, ensure};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;
use postroom_engine::access::{Caller, Origin};
use postroom_engine::keys::NewKey;
use postroom_engine::persons::{CsrfToken, NewPerson};
use postroom_http::RouterOptions;
use postroom_model::key::{Key, Scope};
use postroom_model::mailbox::Mailbox;
use postroom_model::person::Role;
use postroom_model::{Clock, Secret, SystemClock};
use postroom_tests::{World, WorldOptions};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// An id that nothing has.
const NOWHERE: &str = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f";

/// What an operation needs, as the document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    AnyCaller,
    Scope(Scope),
}

impl Needs {
    fn by_key(self, scopes: &[Scope]) -> bool {
        match self {
            Self::AnyCaller => true,
            Self::Scope(needed) => scopes.iter().any(|scope| scope.implies(needed)),
        }
    }

    fn by_role(self, role: Role) -> bool {
        match self {
            Self::AnyCaller => true,
            Self::Scope(needed) => role.has(needed),
        }
    }
}

#[derive(Clone, Debug)]
struct Operation {
    method: String,
    path: String,
    needs: Needs,
}

impl Operation {
    fn of_mailbox(&self) -> bool {
        self.path.starts_with("/api/v1/mailboxes/{id}")
    }

    fn is_read(&self) -> bool {
        self.method == "GET"
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with this for `{id}`, and nothing that is there for all other parameters.
    fn filled(&self, id: &str) -> String {
        let mut path = self.path.replace("{id}", id);
        for name in ["{fid}", "{mid}", "{aid}", "{cid}", "{uid}", "{account}"] {
            path = path.replace(name, NOWHERE);
        }
        path = path.replace("{path}", "users");
        assert!(
            !path.contains('{'),
            "{path}: what is this parameter to be filled with?"
        );
        path
    }
}

/// Every operation that needs a caller, from the document as callers read it.
async fn operations(world: &World) -> Result<Vec<Operation>> {
    let url = format!("{}/openapi.json", world.api.url());
    let document: Value = reqwest::get(url).await?.json().await?;
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("a path")? {
            let security = operation["security"].as_array().context("security")?;
            let Some(first) = security.first() else {
                ensure!(!path.starts_with("/api/"), "{method} {path} is open");
                continue;
            };
            let scopes = first["bearer"].as_array().context("a bearer's scopes")?;
            let needs = match scopes.as_slice() {
                [] => Needs::AnyCaller,
                [one] => Needs::Scope(
                    one.as_str()
                        .unwrap_or_default()
                        .parse()
                        .map_err(|error: String| anyhow::anyhow!(error))?,
                ),
                more => bail!("{method} {path}: {more:?}"),
            };
            for other in security {
                let named = other.as_object().and_then(|one| one.values().next());
                ensure!(named == Some(&json!(scopes)), "{method} {path}: {other}");
            }
            all.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                needs,
            });
        }
    }
    ensure!(all.len() > 55, "{} operations", all.len());
    Ok(all)
}

/// A call with a query and a body that nobody understands: whoever gets past the door hears of
/// that, or that there is no such thing.
fn garbage(world: &World, operation: &Operation, id: &str) -> Result<RequestBuilder> {
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let url = format!(
        "{}{}?no-such-thing=%ff",
        world.api.url(),
        operation.filled(id)
    );
    let request = http.request(operation.method.parse()?, url);
    Ok(if operation.is_read() {
        request
    } else {
        request
            .header("content-type", "application/json")
            .body("{]garbage")
    })
}

/// Status and body.
async fn answer(request: RequestBuilder) -> Result<(u16, Value)> {
    let answer = request.send().await?;
    let status = answer.status().as_u16();
    Ok((status, answer.json().await.unwrap_or_default()))
}

fn shows(found: &(u16, Value), status: u16, code: &str) -> bool {
    found.0 == status && found.1["code"] == code
}

/// Got past the door: what was sent is refused, or there is no such thing.
fn is_in(found: &(u16, Value)) -> bool {
    shows(found, 400, "invalidRequest") || shows(found, 404, "notFound")
}

async fn all_of(calls: Vec<impl Future<Output = Result<()>>>) -> Result<()> {
    stream::iter(calls)
        .buffer_unordered(16)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

async fn make(world: &World, new: NewKey) -> Result<(Key, String)> {
    let (key, text) = world.engine.create_key(&Caller::Local, new).await?;
    Ok((key, text.reveal().to_owned()))
}

fn new_key(name: &str, scopes: &[Scope]) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        ..NewKey::default()
    }
}

async fn listed(world: &World, scopes: &[Scope], of: &Mailbox) -> Result<String> {
    let new = NewKey {
        mailboxes: Some(vec![of.id.to_string()]),
        ..new_key("listed", scopes)
    };
    Ok(make(world, new).await?.1)
}

/// A person's session.
async fn session(world: &World, role: Role) -> Result<Secret> {
    let new = NewPerson {
        name: Some(role.name().to_owned()),
        address: None,
        role,
    };
    let (_, link) = world.engine.invite_person(&Caller::Local, new).await?;
    let token = link.url.reveal().split_once("token=").context("a token")?.1;
    let begun = world
        .engine
        .sign_in_with_token(&Secret::new(token), &Origin::default())
        .await?;
    Ok(begun.secret)
}

fn with_cookie(request: RequestBuilder, session: &Secret) -> RequestBuilder {
    request.header("cookie", format!("postroom={}", session.reveal()))
}

/// No key, an unknown one, a revoked one, an expired one, one from a wrong network, a session that
/// ended: 401 everywhere, and one as the other.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_known_hears_nothing() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let operations = operations(&world).await?;
    let admin = [Scope::Admin];
    let soon = SystemClock.now() + SignedDuration::from_hours(1);
    let (revoked, revoked_text) = make(&world, new_key("revoked", &admin)).await?;
    let (mut expired, expired_text) = make(
        &world,
        NewKey {
            expires_at: Some(soon),
            ..new_key("expired", &admin)
        },
    )
    .await?;
    let networks = ["203.0.113.0/24", "2001:db8::/32"].map(|one| one.parse());
    let (_, elsewhere) = make(
        &world,
        NewKey {
            networks: Some(networks.into_iter().collect::<Result<_, _>>().unwrap()),
            ..new_key("elsewhere", &admin)
        },
    )
    .await?;
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
    let shown = [
        ("an unknown key", wrong),
        ("a revoked key", revoked_text),
        ("an expired key", expired_text),
        ("a key for elsewhere", elsewhere),
    ];
    let mut calls = Vec::new();
    for operation in &operations {
        let (world, shown) = (&world, &shown);
        calls.push(async move {
            let bare = answer(garbage(world, operation, NOWHERE)?).await?;
            ensure!(
                shows(&bare, 401, "unauthorized"),
                "{} without a key: {bare:?}",
                operation.name()
            );
            let mut first: Option<Value> = None;
            for (who, key) in shown {
                // What a caller claims of its address counts for nothing here.
                let request = garbage(world, operation, NOWHERE)?
                    .bearer_auth(key)
                    .header("x-forwarded-for", "203.0.113.9")
                    .header("forwarded", "for=203.0.113.9");
                let found = answer(request).await?;
                ensure!(
                    shows(&found, 401, "unauthorized"),
                    "{} with {who}: {found:?}",
                    operation.name()
                );
                let body = first.get_or_insert_with(|| found.1.clone());
                ensure!(*body == found.1, "{who} is told apart: {found:?}");
            }
            Ok(())
        });
    }
    all_of(calls).await?;

    let ended = session(&world, Role::Administrator).await?;
    let caller = world.engine.session(&ended).await?;
    world.engine.sign_out(&caller, &Origin::default()).await?;
    let mut calls = Vec::new();
    for operation in &operations {
        let (world, ended) = (&world, &ended);
        calls.push(async move {
            for session in [ended, &Secret::new("prs_nonsense")] {
                let request = with_cookie(garbage(world, operation, NOWHERE)?, session)
                    .header("x-csrf-token", CsrfToken::of(session).reveal());
                let found = answer(request).await?;
                ensure!(
                    shows(&found, 401, "unauthorized"),
                    "{} with an ended session: {found:?}",
                    operation.name()
                );
            }
            Ok(())
        });
    }
    all_of(calls).await?;
    world.stop().await;
    Ok(())
}

/// Networks are judged by the address of the socket, and behind a proxy that the settings name by
/// what that one says.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_from_its_networks_alone() -> Result<()> {
    let options = WorldOptions {
        router: RouterOptions {
            trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
            ..RouterOptions::default()
        },
        ..WorldOptions::default()
    };
    let world = World::start(options).await?;
    let new = NewKey {
        networks: Some(vec!["203.0.113.0/24".parse().unwrap()]),
        ..new_key("office", &[Scope::MailRead])
    };
    let (key, text) = make(&world, new).await?;
    let url = format!("{}/api/v1/keys/self", world.api.url());
    let http = reqwest::Client::new();
    for (header, value, opens) in [
        ("x-forwarded-for", "203.0.113.9", true),
        ("x-forwarded-for", "198.51.100.7, 203.0.113.9", true),
        ("forwarded", "for=203.0.113.9", true),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7", false),
        ("x-forwarded-for", "unknown", false),
        ("x-other", "203.0.113.9", false),
    ] {
        let request = http.get(&url).bearer_auth(&text).header(header, value);
        let (status, _) = answer(request).await?;
        ensure!(status == if opens { 200 } else { 401 }, "{value}: {status}");
    }
    // The administrator sees that somebody has it.
    let audit = world
        .api
        .get(&format!("/audit?action=key.refused&actor={}", key.id))
        .await?;
    let entry = &audit["value"][0];
    ensure!(entry["details"]["reason"] == "network", "{audit}");
    ensure!(entry["actor"]["name"] == "office", "{audit}");

    // From now on it opens from here.
    let path = format!("/keys/{}", key.id);
    let change = json!({"networks": ["127.0.0.0/8", "203.0.113.0/24"]});
    let changed = world
        .api
        .ok(world
            .api
            .request(reqwest::Method::PATCH, &path)
            .json(&change))
        .await?;
    ensure!(changed["networks"] == change["networks"], "{changed}");
    world.api.with_key(&text).get("/keys/self").await?;
    world.stop().await;
    Ok(())
}

/// Each scope alone opens what the document says, and nothing else: refused before anything else is
/// looked at.
#[tokio::test(flavor = "multi_thread")]
async fn each_scope_alone_opens_its_own() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let operations = operations(&world).await?;
    let mut keys = BTreeMap::new();
    for scope in Scope::ALL {
        keys.insert(
            scope,
            make(&world, new_key(scope.name(), &[scope])).await?.1,
        );
    }
    let mut calls = Vec::new();
    for (scope, key) in &keys {
        for operation in &operations {
            let (world, mailbox) = (&world, &mailbox);
            calls.push(async move {
                let who = format!("{} with {} alone", operation.name(), scope.name());
                if operation.needs.by_key(&[*scope]) {
                    let found =
                        answer(garbage(world, operation, NOWHERE)?.bearer_auth(key)).await?;
                    ensure!(is_in(&found), "{who}: {found:?}");
                    return Ok(());
                }
                // Whether there is such a mailbox or not.
                let mut bodies = Vec::new();
                for id in [mailbox.id.as_str(), NOWHERE] {
                    let found = answer(garbage(world, operation, id)?.bearer_auth(key)).await?;
                    ensure!(shows(&found, 403, "scopeMissing"), "{who}: {found:?}");
                    bodies.push(found.1);
                }
                ensure!(bodies[0] == bodies[1], "{who}: {bodies:?}");
                Ok(())
            });
        }
    }
    all_of(calls).await?;
    world.stop().await;
    Ok(())
}

/// A role opens what its scopes open. A change that a cookie speaks for needs the token of that
/// session, and a page of ours.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_opens_its_own() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let operations = operations(&world).await?;
    for role in Role::ALL {
        let own = session(&world, role).await?;
        let other = session(&world, role).await?;
        let mut calls = Vec::new();
        for operation in &operations {
            let (world, own, other) = (&world, &own, &other);
            calls.push(async move {
                let who = format!("{} as {role}", operation.name());
                let request = || anyhow::Ok(with_cookie(garbage(world, operation, NOWHERE)?, own));
                let token = CsrfToken::of(own);
                let found = answer(request()?.header("x-csrf-token", token.reveal())).await?;
                if operation.needs.by_role(role) {
                    ensure!(is_in(&found), "{who}: {found:?}");
                } else {
                    ensure!(shows(&found, 403, "scopeMissing"), "{who}: {found:?}");
                }
                if operation.is_read() {
                    let found = answer(request()?).await?;
                    ensure!(!shows(&found, 403, "csrfFailed"), "{who}: {found:?}");
                    return Ok(());
                }
                let others = CsrfToken::of(other);
                for wrong in [
                    request()?,
                    request()?.header("x-csrf-token", others.reveal()),
                    request()?
                        .header("x-csrf-token", token.reveal())
                        .header("origin", "https://evil.example"),
                    request()?
                        .header("x-csrf-token", token.reveal())
                        .header("sec-fetch-site", "cross-site"),
                ] {
                    let found = answer(wrong).await?;
                    ensure!(shows(&found, 403, "csrfFailed"), "{who}: {found:?}");
                }
                Ok(())
            });
        }
        all_of(calls).await?;
    }
    // Of a key and a cookie in one call the key counts.
    let administrator = session(&world, Role::Administrator).await?;
    let (_, small) = make(&world, new_key("small", &[Scope::CallsRead])).await?;
    for operation in &operations {
        if operation.needs.by_key(&[Scope::CallsRead]) {
            continue;
        }
        let request = with_cookie(garbage(&world, operation, NOWHERE)?, &administrator)
            .header("x-csrf-token", CsrfToken::of(&administrator).reveal())
            .bearer_auth(&small);
        let found = answer(request).await?;
        ensure!(
            shows(&found, 403, "scopeMissing"),
            "{}: {found:?}",
            operation.name()
        );
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
    let scopes: Vec<Scope> = Scope::ALL
        .into_iter()
        .filter(|scope| !Scope::NOT_WITH_MAILBOXES.contains(scope))
        .collect();
    let key = listed(&world, &scopes, &own).await?;
    let named = [
        other.id.to_string(),
        other.address.clone(),
        other.address.to_uppercase(),
        world.user(2)?,
        NOWHERE.to_owned(),
        "nobody@elsewhere.example".to_owned(),
    ];
    let mut operations = operations(&world).await?;
    operations.retain(Operation::of_mailbox);
    ensure!(operations.len() > 15, "{}", operations.len());
    for operation in &operations {
        // Such a key cannot hold `connections`.
        let expected = if operation.needs.by_key(&scopes) {
            "mailboxForbidden"
        } else {
            "scopeMissing"
        };
        let mut first: Option<String> = None;
        for id in &named {
            let found = answer(garbage(&world, operation, id)?.bearer_auth(&key)).await?;
            ensure!(
                shows(&found, 403, expected),
                "{} of {id}: {found:?}",
                operation.name()
            );
            let body = found.1.to_string().replace(id.as_str(), "IT");
            let first = first.get_or_insert_with(|| body.clone());
            ensure!(*first == body, "{id} is told apart: {body}");
        }
        if expected == "mailboxForbidden" {
            for id in [own.id.as_str(), &own.address] {
                let found = answer(garbage(&world, operation, id)?.bearer_auth(&key)).await?;
                ensure!(is_in(&found), "{} of its own: {found:?}", operation.name());
            }
        }
    }
    world.stop().await;
    Ok(())
}

/// What the parameters of a path that names no mailbox lead to.
enum Item {
    /// Something of a mailbox, or of whoever made it: a real one that the caller may not see.
    Others(String),
    /// Nothing that belongs to a mailbox: keys with a list cannot come here, or see it all.
    OfNoMailbox,
}

/// What belongs to another mailbox or another caller is not there: by itself, in lists, and under
/// the own mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_others_does_not_exist() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let own = world.serve(0).await?;
    let other = world.serve(1).await?;
    world.level(&own).await?;
    world.level(&other).await?;
    let scopes: Vec<Scope> = Scope::ALL
        .into_iter()
        .filter(|scope| !Scope::NOT_WITH_MAILBOXES.contains(scope))
        .collect();
    let key = listed(&world, &scopes, &own).await?;
    let api = world.api.with_key(&key);
    let mut sent = Vec::new();
    for mailbox in [&own, &other] {
        let message = json!({
            "subject": "Whose",
            "body": {"content": "<p>Whose</p>"},
            "toRecipients": [{"emailAddress": {"address": "a@elsewhere.example"}}],
            "attachments": [{"name": "a.txt", "contentBytes": "YQ=="}],
        });
        let path = format!("/mailboxes/{}/send", mailbox.id);
        let accepted = world.api.post(&path, &message).await?;
        let id = accepted["id"].as_str().context("an id")?.to_owned();
        world.api.get(&format!("/outbox/{id}?wait=60")).await?;
        world.level(mailbox).await?;
        sent.push(id);
    }
    let first = async |path: &str, wanted: &dyn Fn(&Value) -> bool| {
        let list = world.api.get(path).await?;
        let items = list["value"].as_array().context("a list")?;
        let found = items.iter().find(|item| wanted(item)).context("one")?;
        anyhow::Ok(found["id"].as_str().context("an id")?.to_owned())
    };
    let of = |mailbox: &Mailbox| {
        let id = json!(mailbox.id);
        move |call: &Value| call["mailbox"] == id
    };
    let call = first("/calls?limit=500", &of(&other)).await?;
    let nobodys = first("/calls?limit=500", &|call| call["mailbox"].is_null()).await?;
    let own_call = first("/calls?limit=500", &of(&own)).await?;
    let begin = format!("/connections/{}/logins", world.connection.id);
    let (_, beginner) = make(&world, new_key("beginner", &[Scope::Logins])).await?;
    let beginner = world.api.with_key(&beginner);
    let login = beginner.post(&begin, &json!({})).await?;
    let login = login["id"].as_str().context("an id")?.to_owned();
    let theirs = format!("/mailboxes/{}", other.id);
    let message = first(&format!("{theirs}/messages?hasAttachments=true"), &|_| true).await?;
    let folder = first(&format!("{theirs}/folders"), &|_| true).await?;
    let attachments = format!("{theirs}/messages/{message}/attachments");
    let attachment = first(&attachments, &|_| true).await?;

    // Every path with a parameter is here, or this fails: what does it lead to?
    let item = |path: &str| match path.trim_start_matches("/api/v1") {
        "/outbox/{id}" | "/outbox/{id}/retry" | "/outbox/{id}/cancel" => {
            Item::Others(sent[1].clone())
        }
        "/calls/{id}" => Item::Others(call.clone()),
        "/logins/{id}" | "/logins/{id}/redirect" => Item::Others(login.clone()),
        // What of Graph's a key with a list reaches has a table of its own (`passthrough.rs`).
        "/graph/{account}/v1.0/{path}" => Item::OfNoMailbox,
        path if [
            "/connections/",
            "/accounts/",
            "/keys/",
            "/persons/",
            "/alerts/",
        ]
        .iter()
        .any(|noun| path.starts_with(noun)) =>
        {
            Item::OfNoMailbox
        }
        path => panic!("{path}: what belongs to others here?"),
    };
    for operation in operations(&world).await? {
        if !operation.path.contains('{') || !operation.needs.by_key(&scopes) {
            continue;
        }
        // Well formed, so that only the thing itself can be what is missing.
        let body = match operation.path.trim_start_matches("/api/v1") {
            "/logins/{id}/redirect" => {
                json!({"url": "http://127.0.0.1/auth/callback?code=a&state=b"})
            }
            path if path.contains("/folders") && operation.method != "DELETE" => {
                json!({"displayName": "New"})
            }
            path if path.ends_with("/forward") => json!({
                "toRecipients": [{"emailAddress": {"address": "a@elsewhere.example"}}],
            }),
            path if path.ends_with("{mid}") && operation.method == "PATCH" => {
                json!({"isRead": true})
            }
            _ => json!({}),
        };
        let ask = async |path: String| {
            let request = api.request(
                operation.method.parse()?,
                path.trim_start_matches("/api/v1"),
            );
            let request = match operation.is_read() {
                true => request,
                false => request.json(&body),
            };
            answer(request).await
        };
        let pairs = if operation.of_mailbox() {
            let path = operation.path.replace("{id}", own.id.as_str());
            if !path.contains('{') {
                continue;
            }
            let with = |message: &str, folder: &str, attachment: &str| {
                path.replace("{mid}", message)
                    .replace("{fid}", folder)
                    .replace("{aid}", attachment)
            };
            (
                with(&message, &folder, &attachment),
                with(NOWHERE, NOWHERE, NOWHERE),
            )
        } else {
            match item(&operation.path) {
                Item::OfNoMailbox => continue,
                Item::Others(id) => (
                    operation.path.replace("{id}", &id),
                    operation.path.replace("{id}", NOWHERE),
                ),
            }
        };
        let theirs = ask(pairs.0.clone()).await?;
        ensure!(
            shows(&theirs, 404, "notFound"),
            "{}: {theirs:?}",
            operation.name()
        );
        // One that is another's answers as one that is nobody's.
        let nobodys = ask(pairs.1.clone()).await?;
        let plain = |body: &Value| {
            let mut text = body.to_string();
            for id in [&sent[1], &call, &login, &message, &folder, &attachment] {
                text = text.replace(id.as_str(), NOWHERE);
            }
            text
        };
        ensure!(
            nobodys.0 == 404 && plain(&theirs.1) == plain(&nobodys.1),
            "{}: {theirs:?} {nobodys:?}",
            operation.name()
        );
    }

    // The own ones are there.
    api.get(&format!("/outbox/{}", sent[0])).await?;
    api.get(&format!("/calls/{own_call}")).await?;
    let request = api.request(reqwest::Method::GET, &format!("/calls/{nobodys}"));
    api.refused(request, 404, "notFound").await?;
    beginner.get(&format!("/logins/{login}")).await?;
    world.api.get(&format!("/logins/{login}")).await?;
    let (_, stranger) = make(&world, new_key("stranger", &[Scope::Logins])).await?;
    let stranger = world.api.with_key(&stranger);
    let request = stranger.request(reqwest::Method::GET, &format!("/logins/{login}"));
    stranger.refused(request, 404, "notFound").await?;

    for (path, name) in [
        ("/outbox?limit=500", "mailbox"),
        ("/calls?limit=500", "mailbox"),
        ("/changes?limit=500", "mailbox"),
        ("/mailboxes", "id"),
    ] {
        let list = api.get(path).await?;
        let items = list["value"].as_array().context("a list")?;
        ensure!(!items.is_empty(), "{path}");
        ensure!(
            items.iter().all(|item| item[name] == json!(own.id)),
            "{path}: {items:?}"
        );
    }
    world.stop().await;
    Ok(())
}
