//! What was changed, and by whom.

use anyhow::{Context, Result, ensure};
use postroom_engine::access::{Action, Trail};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};

async fn entries(world: &World, query: &str) -> Result<Vec<Value>> {
    let list = world.api.get(&format!("/audit?limit=500{query}")).await?;
    Ok(list["value"].as_array().context("a list")?.clone())
}

/// Every operation that changes something leaves an entry, or has a reason not to. Even one that
/// was refused: somebody who may has tried.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_that_changes_something_leaves_an_entry() -> Result<()> {
    const NOWHERE: &str = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f";
    let world = World::start(WorldOptions::default()).await?;
    let mailbox = world.serve(0).await?;
    let url = format!("{}/openapi.json", world.api.url());
    let document: Value = reqwest::get(url).await?.json().await?;
    let mut audited = 0;
    for (path, item) in document["paths"].as_object().context("paths")? {
        for (method, operation) in item.as_object().context("a path")? {
            if method == "get" || operation["security"] == json!([]) {
                // What is open and not a call of the API is the return of a browser: the sign-in
                // that it ends has an entry of its own.
                ensure!(
                    method == "get" || path == "/auth/callback",
                    "{method} {path} is open"
                );
                continue;
            }
            let id = operation["operationId"].as_str().context("an id")?;
            let action = Action::ALL.iter().find(|action| action.operation() == id);
            let action = action.with_context(|| format!("{id} is no action"))?;
            let own = match path.contains("/mailboxes/{id}") {
                true => mailbox.id.as_str(),
                false => NOWHERE,
            };
            let mut filled = path.replace("{id}", own);
            for name in ["{fid}", "{mid}", "{aid}", "{cid}", "{uid}", "{account}"] {
                filled = filled.replace(name, NOWHERE);
            }
            let filled = filled.replace("{path}", "users");
            let method: Method = method.to_uppercase().parse()?;
            let request = world
                .api
                .request(method, filled.trim_start_matches("/api/v1"))
                .header("x-request-id", id)
                .header("content-type", "application/json")
                .body("{]garbage");
            let answer = world.api.answer(request).await?;
            ensure!(
                (400..500).contains(&answer.status),
                "{id}: {} {}",
                answer.status,
                answer.body
            );
            let found = entries(&world, &format!("&action={}", action.name())).await?;
            let found: Vec<_> = found.iter().filter(|it| it["requestId"] == id).collect();
            let kind = match action.trail() {
                Trail::Audited(kind) | Trail::Counted(kind) => kind,
                Trail::NotAudited(_) => {
                    ensure!(found.is_empty(), "{id}: {found:?}");
                    continue;
                }
                Trail::Reads => anyhow::bail!("{id} changes something and is said to read"),
            };
            audited += 1;
            let [entry] = found.as_slice() else {
                anyhow::bail!("{id}: {found:?}");
            };
            ensure!(entry["subject"]["kind"] == kind, "{entry}");
            ensure!(entry["actor"]["kind"] == "key", "{entry}");
            ensure!(entry["actor"]["name"] == "tests", "{entry}");
            ensure!(entry["address"] == "127.0.0.1", "{entry}");
        }
    }
    ensure!(audited > 12, "{audited}");
    world.stop().await;
    Ok(())
}

/// An entry says what was done to what, which fields were sent, what a key may do, and how it
/// ended; and no secret.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_says_who_did_what_and_no_secret() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let api = &world.api;
    let new = json!({"name": "small", "scopes": ["mail.read"], "networks": ["10.0.0.0/8"]});
    let made = api.post("/keys", &new).await?;
    let id = made["id"].as_str().context("an id")?;
    let change = api
        .request(Method::PATCH, &format!("/keys/{id}"))
        .json(&json!({"scopes": ["mail.read", "mail.send"]}));
    api.ok(change).await?;
    let secret = "a-client-secret-that-nobody-sees";
    let connection = format!("/connections/{}", world.connection.name);
    let credential = api
        .post(
            &format!("{connection}/credentials"),
            &json!({"secret": secret}),
        )
        .await?;
    let removed = api.request(Method::DELETE, &format!("/keys/{id}"));
    api.ok(removed).await?;
    let twice = json!({
        "name": world.connection.name, "tenantId": "contoso.example", "clientId": world.connection.client_id,
    });
    let refused = api.request(Method::POST, "/connections").json(&twice);
    api.refused(refused, 409, "conflict").await?;

    let of_key = entries(&world, &format!("&subject={id}")).await?;
    let actions: Vec<_> = of_key.iter().map(|it| it["action"].as_str()).collect();
    ensure!(
        actions == [Some("key.revoke"), Some("key.change"), Some("key.create")],
        "{actions:?}"
    );
    for entry in &of_key {
        ensure!(entry["outcome"] == "done", "{entry}");
        ensure!(entry["subject"]["name"] == "small", "{entry}");
        ensure!(entry["requestId"].is_string(), "{entry}");
    }
    ensure!(
        of_key[1]["details"]["fields"] == json!(["scopes"])
            && of_key[1]["details"]["scopes"] == json!(["mail.read", "mail.send"]),
        "{:?}",
        of_key[1]
    );
    ensure!(
        of_key[2]["details"]["networks"] == json!(["10.0.0.0/8"]),
        "{:?}",
        of_key[2]
    );
    let of_credential = entries(&world, "&action=credential").await?;
    ensure!(
        of_credential[0]["subject"]["id"] == credential["id"]
            && of_credential[0]["details"]["fields"] == json!(["secret"]),
        "{of_credential:?}"
    );
    let of_connection = entries(&world, "&action=connection.add").await?;
    ensure!(
        of_connection[0]["outcome"] == "refused"
            && of_connection[0]["details"]["code"] == "conflict",
        "{of_connection:?}"
    );

    // Handing out tokens is counted: the first at once, the others of the minute together.
    let accounts = api.get("/accounts").await?;
    let account = accounts["value"][0]["id"].as_str().context("an account")?;
    let path = format!("/accounts/{account}/token");
    for _ in 0..4 {
        api.post(&path, &json!({})).await?;
    }
    let counted = async || {
        let found = entries(&world, "&action=account.token").await?;
        anyhow::Ok(
            found
                .iter()
                .map(|it| it["details"]["count"].as_i64().unwrap_or(1))
                .sum::<i64>(),
        )
    };
    let found = counted().await?;
    ensure!(found == 4, "{found}");
    ensure!(entries(&world, "&action=account.token").await?.len() < 4);

    let all = entries(&world, "").await?;
    let text = serde_json::to_string(&all)?;
    for hidden in [secret, made["key"].as_str().context("a key")?, world.key()] {
        ensure!(!text.contains(hidden), "the audit log has a secret");
    }
    // By pages, and from a time on.
    let page = api.get("/audit?limit=2").await?;
    let next = page["nextCursor"].as_str().context("a cursor")?;
    let rest = api.get(&format!("/audit?limit=2&cursor={next}")).await?;
    ensure!(rest["value"][0]["id"] == all[2]["id"], "{rest}");
    ensure!(
        entries(&world, "&since=2999-01-01").await?.is_empty(),
        "nothing is of the future"
    );
    world.stop().await;
    Ok(())
}
