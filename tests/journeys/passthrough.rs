//! Any call to Graph, passed through; and what a key with a list of mailboxes does not reach.

use crate::login::log_in;
use anyhow::{Context, Result, ensure};
use postroom_engine::access::Caller;
use postroom_engine::keys::NewKey;
use postroom_model::key::Scope;
use postroom_model::mailbox::Mailbox;
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::wait::until;
use postroom_tests::{Api, World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn key(world: &World, name: &str, scopes: &[Scope], of: Option<&Mailbox>) -> Result<Api> {
    let new = NewKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        mailboxes: of.map(|mailbox| vec![mailbox.id.to_string()]),
        networks: None,
        expires_at: None,
    };
    let (_, text) = world.engine.create_key(&Caller::Local, new).await?;
    Ok(world.api.with_key(text.reveal()))
}

/// A world in which nothing calls Graph by itself once its mailboxes are level.
async fn quiet() -> Result<World> {
    let mut options = WorldOptions::default();
    options.engine.people_interval = Duration::ZERO;
    World::start(options).await
}

/// Where an account's Graph is.
fn graph(account: &impl ToString) -> String {
    format!("/graph/{}/v1.0", account.to_string())
}

/// A request exactly as it is written: clients tidy paths up before they send them.
async fn raw(
    world: &World,
    api: &Api,
    method: &str,
    target: &str,
    body: &str,
) -> Result<(u16, Value)> {
    let host = world.api.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&host).await?;
    let key = api.request(Method::GET, "/x").build()?;
    let key = key.headers()["authorization"].to_str()?.to_owned();
    let length = body.len();
    let head = format!(
        "{method} /api/v1{target} HTTP/1.1\r\nhost: {host}\r\nauthorization: {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).context("a status")?.parse()?;
    let json = answer.split_once("\r\n\r\n").map(|(_, body)| body);
    let json = json.and_then(|body| serde_json::from_str(body).ok());
    Ok((status, json.unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_through_and_are_in_the_log() -> Result<()> {
    let world = quiet().await?;
    let mailbox = world.serve(0).await?;
    let base = graph(&mailbox.account);
    let user = format!("{base}/users/{}", mailbox.id);
    let api = key(&world, "scripts", &[Scope::Graph], None).await?;

    let page = api
        .get(&format!("{user}/messages?$top=2&$select=subject"))
        .await?;
    ensure!(
        page["value"].as_array().is_some_and(|list| list.len() == 2),
        "{page}"
    );
    let id = page["value"][0]["id"].as_str().context("an id")?;
    // Microsoft's link, followed by putting this server in its host's place.
    let next = page["@odata.nextLink"].as_str().context("a link")?;
    let next = next
        .strip_prefix(&world.sandbox.graph_url)
        .context("at Graph")?;
    let next = format!("/graph/{}{next}", mailbox.account);
    let second = api.get(&next).await?;
    ensure!(
        second["value"][0]["id"] != page["value"][0]["id"],
        "{second}"
    );

    // Ids are those of everywhere else here.
    let served = world.level(&mailbox).await?;
    world
        .api
        .get(&format!("/mailboxes/{}/messages/{id}", served.id))
        .await?;
    let change = json!({"isRead": true});
    api.ok(api
        .request(Method::PATCH, &format!("{user}/messages/{id}"))
        .json(&change))
        .await?;
    let mime = api
        .request(Method::GET, &format!("{user}/messages/{id}/$value"))
        .send()
        .await?;
    ensure!(mime.status() == 200, "{}", mime.status());
    ensure!(
        mime.headers()["content-security-policy"]
            .to_str()?
            .starts_with("sandbox")
    );
    ensure!(mime.headers()["x-content-type-options"] == "nosniff");
    ensure!(mime.headers()["cache-control"] == "private, no-store");
    ensure!(
        mime.headers().contains_key("request-id") && mime.headers().contains_key("x-request-id")
    );
    ensure!(mime.text().await?.contains("Subject:"));
    let head = api
        .request(Method::HEAD, &format!("{user}/messages/{id}"))
        .send()
        .await?;
    ensure!(!head.headers().contains_key("set-cookie"));

    // Microsoft's refusals are Microsoft's.
    let refused = api
        .answer(api.request(Method::GET, &format!("{user}/messages/none")))
        .await?;
    ensure!(
        refused.status == 404 || refused.status == 400,
        "{refused:?}"
    );
    ensure!(refused.body["error"]["code"].is_string(), "{refused:?}");
    let refused = api
        .answer(api.request(Method::GET, &format!("{base}/nonsense")))
        .await?;
    ensure!(refused.body["error"]["code"].is_string(), "{refused:?}");

    let calls = world.api.get("/calls?limit=500").await?;
    let calls = calls["value"].as_array().context("calls")?;
    let patched = calls
        .iter()
        .find(|call| call["method"] == "PATCH")
        .context("a call")?;
    ensure!(patched["caller"] == "scripts", "{patched}");
    ensure!(patched["mailbox"] == json!(mailbox.id), "{patched}");
    ensure!(patched["account"] == json!(mailbox.account), "{patched}");
    ensure!(
        patched["requestBytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 0),
        "{patched}"
    );
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_a_caller_is_said() -> Result<()> {
    let world = quiet().await?;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let base = graph(&mailbox.account);
    let api = key(&world, "graph alone", &[Scope::Graph], None).await?;
    let get = |path: String| api.request(Method::GET, &path);
    api.refused(get("/graph/nobody/v1.0/users".into()), 404, "notFound")
        .await?;
    api.refused(
        get(format!("/graph/{}/beta/users", mailbox.account)),
        404,
        "notFound",
    )
    .await?;
    let me = api
        .refused(get(format!("{base}/me/messages")), 400, "invalidRequest")
        .await?;
    ensure!(
        me["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("/users/")),
        "{me}"
    );
    let once = get(format!("{base}/users")).header("idempotency-key", "1");
    api.refused(once, 400, "invalidRequest").await?;
    let packed = api
        .request(Method::POST, &format!("{base}/users"))
        .header("content-encoding", "gzip")
        .body("x");
    api.refused(packed, 415, "unsupportedMediaType").await?;

    // Sending needs a scope of its own, in a batch too.
    let user = format!("/users/{}", mailbox.id);
    let message = json!({"message": {
        "subject": "Passed through", "body": {"contentType": "text", "content": "x"},
        "toRecipients": [{"emailAddress": {"address": "a@elsewhere.example"}}],
    }});
    let send = |api: &Api| {
        api.request(Method::POST, &format!("{base}{user}/sendMail"))
            .json(&message)
    };
    let batch = |api: &Api| {
        let part = json!({
            "id": "1", "method": "POST", "url": format!("{user}/microsoft.graph.sendMail"),
            "headers": {"Content-Type": "application/json"}, "body": message,
        });
        api.request(Method::POST, &format!("{base}/$batch"))
            .json(&json!({"requests": [part]}))
    };
    world.sandbox.sandbox().reset_stats();
    api.refused(send(&api), 403, "scopeMissing").await?;
    api.refused(batch(&api), 403, "scopeMissing").await?;
    ensure!(world.sandbox.sandbox().stats().graph_requests == 0);
    let sender = key(&world, "sender", &[Scope::Graph, Scope::MailSend], None).await?;
    ensure!(sender.answer(send(&sender)).await?.status == 202);
    let answer = sender.ok(batch(&sender)).await?;
    ensure!(answer["responses"][0]["status"] == 202, "{answer}");

    // One without the scope gets nowhere, whatever it sends.
    let reader = key(&world, "reader", &[Scope::MailRead], None).await?;
    reader
        .refused(
            reader.request(Method::GET, &format!("{base}{user}/messages")),
            403,
            "scopeMissing",
        )
        .await?;
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_a_me() -> Result<()> {
    let world = quiet().await?;
    let login = log_in(&world, 0).await?;
    let account = login["account"].as_str().context("an account")?.to_owned();
    let me = world.api.get(&format!("{}/me", graph(&account))).await?;
    ensure!(me["userPrincipalName"] == json!(world.user(0)?), "{me}");
    world.stop().await;
    Ok(())
}

/// Every form that could be read as another mailbox. `{own}` and `{other}` are addresses.
const HOSTILE: &[&str] = &[
    "/users/{other}/messages",
    "/users/{otherId}/messages",
    "/users('{other}')/messages",
    "/users(%27{other}%27)/messages",
    "/users(@u)/messages?@u='{other}'",
    "/USERS/{other}/messages",
    "/%75sers/{other}/messages",
    "/users/{own}/../{other}/messages",
    "/users/{own}/%2e%2e/{other}/messages",
    "/users/{own}/%2E./{other}/messages",
    "/users/{own}/%252e%252e/{other}/messages",
    "/users/{own}/..%2f{other}/messages",
    "/users/{own}%2f..%2f{other}/messages",
    "/users/{own}%252f..%252f{other}/messages",
    "/users/{own}/messages/../../{other}/messages",
    "/users/{own}/messages/..%5c..%5c{other}%5cmessages",
    "/users/{own}/messages/..\\..\\{other}\\messages",
    "/users/{own}\\..\\{other}/messages",
    "/users/{own}//users/{other}/messages",
    "//users/{other}/messages",
    "/users//{other}/messages",
    "/./users/{other}/messages",
    "/users/{own};/../{other}/messages",
    "/users/{own};{other}/messages",
    "/users/{own}/calendars/../../{other}/messages",
    "/users/{own}/messages('..')/{other}/messages",
    "/users('{own}')('{other}')/messages",
    "/users/{own}%00/messages",
    "/users/{own}%20/messages",
    "/users/{own}./messages",
    "/users/{own}/calendar/graph.getSchedule",
    "/users/{own}/messages/$ref",
    "/users/{own}/messages?$filter=id%20eq%20$root/users('{other}')/id",
    "/users/{own}/calendar/getSchedule",
    "/users/{own}/manager",
    "/users/{own}",
    "/users/{own}/sendMail",
    "/users",
    "/users/delta",
    "/users?$filter=mail%20eq%20'{other}'",
    "/me/messages",
    "/groups",
    "/organization",
    "/v1.0/users/{other}/messages",
    "/../beta/users/{other}/messages",
    "/%2e%2e/v1.0/users/{other}/messages",
    "/$metadata",
];

/// No form reaches another mailbox, alone or in a batch: Graph hears nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn no_form_reaches_another_mailbox() -> Result<()> {
    let world = quiet().await?;
    let own = world.serve(0).await?;
    let other = world.serve(1).await?;
    // What the mirror reads by itself is done before anything is counted.
    for mailbox in [&own, &other] {
        world.level(mailbox).await?;
    }
    let api = key(
        &world,
        "listed",
        &[Scope::Graph, Scope::MailSend],
        Some(&own),
    )
    .await?;
    let base = graph(&own.account);
    let fill = |form: &str| {
        form.replace("{own}", &own.address)
            .replace("{otherId}", other.id.as_str())
            .replace("{other}", &other.address)
    };
    // What is its own is reached by each of its names, and by links that Graph gives.
    for form in [
        "/users/{own}/messages",
        "/users('{own}')/mailFolders('inbox')/messages/delta",
        "/Users/{own}/Messages?$top=1",
    ] {
        let (status, body) = raw(&world, &api, "GET", &format!("{base}{}", fill(form)), "").await?;
        ensure!(status == 200, "{form}: {status} {body}");
    }
    let batch = |url: &str| {
        json!({"requests": [
            {"id": "1", "method": "GET", "url": format!("/users/{}/messages?$top=1", own.id)},
            {"id": "2", "method": "GET", "url": url},
        ]})
        .to_string()
    };
    let (status, body) = raw(
        &world,
        &api,
        "POST",
        &format!("{base}/$batch"),
        &batch(&fill("/users/{own}/messages")),
    )
    .await?;
    ensure!(
        status == 200 && body["responses"][1]["status"] == 200,
        "{status} {body}"
    );

    world.sandbox.sandbox().reset_stats();
    for form in HOSTILE {
        let form = fill(form);
        for method in ["GET", "POST", "PATCH", "DELETE"] {
            let (status, body) = raw(&world, &api, method, &format!("{base}{form}"), "{}").await?;
            ensure!(
                matches!(status, 400 | 403) && body["code"].is_string(),
                "{method} {form}: {status} {body}"
            );
        }
        let absolute = format!("{}/v1.0{form}", world.sandbox.graph_url);
        let upward = format!("{}/beta{form}", world.sandbox.graph_url);
        for url in [
            form.as_str(),
            form.trim_start_matches('/'),
            &absolute,
            &upward,
        ] {
            let target = format!("{base}/$batch");
            let (status, body) = raw(&world, &api, "POST", &target, &batch(url)).await?;
            ensure!(
                matches!(status, 400 | 403) && body["code"].is_string(),
                "in a batch, {url}: {status} {body}"
            );
        }
    }
    for url in [
        "/$batch",
        "$batch",
        "/%24batch",
        "//elsewhere.example/v1.0/users/x/messages",
        "https://elsewhere.example/v1.0/users/x/messages",
    ] {
        let (status, body) =
            raw(&world, &api, "POST", &format!("{base}/$batch"), &batch(url)).await?;
        ensure!(
            matches!(status, 400 | 403),
            "in a batch, {url}: {status} {body}"
        );
    }
    let stats = world.sandbox.sandbox().stats();
    ensure!(stats.graph_requests == 0, "{:?}", stats.routes);

    // Whose mailbox it is not is told apart from what no list opens.
    let get = |path: String| api.request(Method::GET, &path);
    api.refused(
        get(format!("{base}/users/{}/messages", other.address)),
        403,
        "mailboxForbidden",
    )
    .await?;
    api.refused(
        get(format!("{base}/users/nobody@elsewhere.example/messages")),
        403,
        "mailboxForbidden",
    )
    .await?;
    api.refused(get(format!("{base}/groups")), 403, "forbidden")
        .await?;

    // Accounts that serve none of its mailboxes are not there for it.
    let login = log_in(&world, 1).await?;
    let stranger = login["account"].as_str().context("an account")?.to_owned();
    api.refused(
        get(format!("{}/users/{}/messages", graph(&stranger), own.id)),
        404,
        "notFound",
    )
    .await?;

    // Nor does what it may see of the log tell it more.
    let calls = key(&world, "calls", &[Scope::CallsRead], Some(&own)).await?;
    let calls = calls.get("/calls?limit=500").await?;
    let calls = calls["value"].as_array().context("calls")?;
    ensure!(
        calls.iter().all(|call| call["mailbox"] == json!(own.id)),
        "{calls:?}"
    );
    world.stop().await;
    Ok(())
}

/// A batch is counted by its parts, and is in the log with its mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_through_whole() -> Result<()> {
    let world = quiet().await?;
    let own = world.serve(0).await?;
    world.level(&own).await?;
    let base = graph(&own.account);
    let parts: Vec<Value> = (0..20)
        .map(|id| json!({"id": id.to_string(), "method": "GET", "url": format!("/users/{}/messages?$top=1", own.id)}))
        .collect();
    let batches = (0..4).map(|_| {
        let body = json!({"requests": parts});
        let (api, path) = (world.api.clone(), format!("{base}/$batch"));
        async move { api.post(&path, &body).await }
    });
    for answer in futures::future::join_all(batches).await {
        let answer = answer?;
        let answers = answer["responses"].as_array().context("answers")?;
        ensure!(answers.len() == 20);
        ensure!(
            answers.iter().all(|one| one["status"] == 200),
            "{answers:?}"
        );
    }
    let stats = world.sandbox.sandbox().stats();
    ensure!(
        stats.max_concurrency <= 4 && stats.throttled == 0,
        "{stats:?}"
    );
    let large = format!("{{\"requests\":[]{}}}", " ".repeat(5 * 1024 * 1024));
    let request = world
        .api
        .request(Method::POST, &format!("{base}/$batch"))
        .body(large);
    world.api.refused(request, 413, "tooLarge").await?;
    world.stop().await;
    Ok(())
}

/// However a mailbox is written, its calls are counted with it, and are in the log as its own.
#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_mailbox_uses_its_budget() -> Result<()> {
    let world = quiet().await?;
    let own = world.serve(0).await?;
    world.level(&own).await?;
    let base = graph(&own.account);
    let id = own.id.to_string();
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let spellings = [
        format!("users/{id}"),
        format!("users/{}", id.to_uppercase()),
        format!("users/{encoded}"),
        format!("users('{}')", id.to_uppercase()),
        format!("USERS/{}", own.address.to_uppercase()),
        format!("users/{}", own.address.replace('@', "%40")),
    ];
    for spelling in &spellings {
        let target = format!("{base}/{spelling}/messages?$top=1");
        raw(&world, &world.api, "GET", &target, "").await?;
    }
    let calls = world.api.get("/calls?limit=500").await?;
    let calls = calls["value"].as_array().context("calls")?;
    let passed: Vec<_> = calls
        .iter()
        .filter(|call| {
            call["path"]
                .as_str()
                .is_some_and(|path| path.contains("$top=1") || path.contains("%24top=1"))
                && call["caller"] != json!("mirror")
        })
        .collect();
    ensure!(passed.len() >= spellings.len(), "{calls:#?}");
    ensure!(
        passed.iter().all(|call| call["mailbox"] == json!(own.id)),
        "{passed:#?}"
    );
    world.stop().await;
    Ok(())
}

/// A caller that hangs up in the middle ends the call to Microsoft, and holds no place of the
/// mailbox any more.
#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_ends_the_call() -> Result<()> {
    let world = quiet().await?;
    let own = world.serve(0).await?;
    world.level(&own).await?;
    let base = graph(&own.account);
    let path = format!("{base}/users/{}/messages", own.id);
    let sandbox = world.sandbox.sandbox();
    let mut hung = Vec::new();
    for _ in 0..4 {
        sandbox.fault(Fault::on("/messages", FaultAction::Hang));
        let request = world.api.request(Method::GET, &path);
        hung.push(tokio::spawn(request.send()));
        // At Microsoft, however slow this machine is: what hangs up before has called nobody.
        until("the call hangs", || sandbox.faults().waiting().is_empty()).await?;
    }
    for call in hung {
        call.abort();
        ensure!(call.await.is_err(), "a hanging call was answered");
    }
    // All four places are free again: nobody waits in vain for one.
    for _ in 0..4 {
        world.api.get(&path).await?;
    }
    // A call is in the log once its end was noticed.
    for _ in 0..12_000 {
        let calls = world.api.get("/calls?limit=500").await?;
        let calls = calls["value"].as_array().context("calls")?;
        let given_up = calls.iter().filter(|call| {
            call["error"]
                .as_str()
                .is_some_and(|error| error.contains("given up by the caller"))
        });
        if given_up.count() == 4 {
            world.stop().await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("not every call that was given up is in the log")
}
