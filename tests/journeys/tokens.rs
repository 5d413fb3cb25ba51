//! Access tokens for other programs.

use crate::login::{log_in, refreshes};
use anyhow::{Context, Result, ensure};
use postroom_engine::access::Caller;
use postroom_engine::tokens::TokenAsk;
use postroom_model::AccountId;
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Value, json};

const IMAP: &str = "https://outlook.office.com/IMAP.AccessAsUser.All";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_handed_out_for_what_is_asked() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let scopes =
        json!({"scopes": ["User.Read", "Mail.ReadWrite", "Mail.Send", "IMAP.AccessAsUser.All"]});
    let connection = format!("/connections/{}", world.connection.id);
    world
        .api
        .ok(world.api.request(Method::PATCH, &connection).json(&scopes))
        .await?;
    let login = log_in(&world, 0).await?;
    let account = login["account"].as_str().context("an account")?.to_owned();
    let path = format!("/accounts/{account}/token");
    let ask = |body: Value| world.api.request(Method::POST, &path).json(&body);

    let answer = ask(json!({})).send().await?;
    ensure!(answer.headers()["cache-control"] == "no-store");
    let own: Value = answer.json().await?;
    ensure!(
        own["expiresAt"].is_string() && own.get("scopes").is_none(),
        "{own}"
    );
    let token = own["accessToken"].as_str().context("a token")?;
    let me = reqwest::Client::new()
        .get(format!("{}/v1.0/me", world.sandbox.graph_url))
        .bearer_auth(token)
        .send()
        .await?;
    ensure!(me.status() == 200, "{}", me.status());

    let before = refreshes(&world);
    let mut imap = Value::Null;
    for _ in 0..5 {
        imap = world.api.ok(ask(json!({"scopes": [IMAP]}))).await?;
    }
    ensure!(refreshes(&world) - before == 1, "one refresh, cached");
    ensure!(
        imap["scopes"].to_string().contains("IMAP.AccessAsUser.All"),
        "{imap}"
    );
    ensure!(imap["accessToken"] != own["accessToken"]);
    let kept = world.api.ok(ask(json!({}))).await?;
    ensure!(
        kept["accessToken"] == own["accessToken"],
        "Graph's own stays"
    );
    // A token for IMAP opens nothing at Graph.
    let refused = reqwest::Client::new()
        .get(format!("{}/v1.0/me", world.sandbox.graph_url))
        .bearer_auth(imap["accessToken"].as_str().context("a token")?)
        .send()
        .await?;
    ensure!(refused.status() == 401, "{}", refused.status());

    let application = world.api.get("/accounts").await?;
    let application = application["value"]
        .as_array()
        .context("accounts")?
        .iter()
        .find(|account| account["kind"] == "application")
        .context("the application")?["id"]
        .as_str()
        .context("an id")?
        .to_owned();
    let as_application = |body: Value| {
        world
            .api
            .request(Method::POST, &format!("/accounts/{application}/token"))
            .json(&body)
    };
    world
        .api
        .ok(as_application(
            json!({"scopes": ["https://outlook.office365.com/.default"]}),
        ))
        .await?;
    for (request, what) in [
        (as_application(json!({"scopes": ["Mail.Read"]})), ".default"),
        (
            ask(json!({"scopes": [IMAP, "Mail.Read"]})),
            "one token each",
        ),
        (ask(json!({"scopes": ["offline_access"]})), "sign-in"),
        (ask(json!({"minValidity": 90_000})), "minValidity"),
        (ask(json!({"scope": "Mail.Read"})), "scope"),
    ] {
        let refused = world.api.refused(request, 400, "invalidRequest").await?;
        let detail = refused["detail"].as_str().unwrap_or_default();
        ensure!(detail.contains(what), "{what}: {detail}");
    }
    // What Microsoft refuses for these scopes ends no grant.
    let refused = world
        .api
        .answer(ask(json!({"scopes": ["Calendars.Read"]})))
        .await?;
    ensure!(
        refused.status >= 400 && refused.body["microsoft"]["code"] == "AADSTS65001",
        "{refused:?}"
    );
    let accounts = world.api.get("/accounts").await?;
    let states = accounts["value"].as_array().context("accounts")?;
    ensure!(
        states.iter().all(|account| account["state"] == "active"),
        "{accounts}"
    );

    // Who has one is noted, and the token nowhere.
    let calls = world.api.get("/calls?limit=500").await?;
    let calls = calls["value"].as_array().context("calls")?;
    let noted = calls.iter().filter(|call| call["method"] == "TOKEN");
    let noted: Vec<_> = noted
        .filter(|call| {
            call["path"]
                .as_str()
                .is_some_and(|path| path.contains(IMAP))
        })
        .collect();
    // Those of one token to one caller within a moment are told together.
    let times = |call: &&Value| {
        let path = call["path"].as_str().unwrap_or_default();
        let times = path.rsplit_once(", ").map(|(_, last)| last);
        let times = times.and_then(|last| last.strip_suffix(" times")?.parse().ok());
        times.unwrap_or(1)
    };
    ensure!(noted.iter().map(times).sum::<usize>() == 5, "{noted:?}");
    ensure!(
        noted
            .iter()
            .all(|call| call["caller"] == "tests" && call["account"] == json!(account))
    );
    let secrets = [own, imap].map(|answer| {
        answer["accessToken"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    });
    let mut log = json!(calls).to_string();
    for call in calls {
        let id = call["id"].as_str().context("an id")?;
        log.push_str(&world.api.get(&format!("/calls/{id}")).await?.to_string());
    }
    ensure!(
        secrets.iter().all(|secret| !log.contains(secret.as_str())),
        "a token in the log"
    );
    let ground = world.stop().await;
    assert_eq!(ground.secrets_in(&secrets)?, Vec::<String>::new());
    Ok(())
}

/// What is remembered of an account is forgotten at once when it changes.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_account_has_no_token_any_more() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let login = log_in(&world, 0).await?;
    let account = login["account"].as_str().context("an account")?.to_owned();
    let path = format!("/accounts/{account}/token");
    for _ in 0..3 {
        world.api.post(&path, &json!({})).await?;
    }
    world
        .api
        .ok(world
            .api
            .request(Method::DELETE, &format!("/accounts/{account}")))
        .await?;
    let gone = world.api.request(Method::POST, &path).json(&json!({}));
    world.api.refused(gone, 404, "notFound").await?;
    world.stop().await;
    Ok(())
}

/// What a cached hand-out takes within the process: to be run by hand, in a release build.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, and says nothing in a debug build"]
async fn how_long_a_cached_hand_out_takes() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let accounts = world.api.get("/accounts").await?;
    let id = accounts["value"][0]["id"].as_str().context("an account")?;
    let (id, ask) = (AccountId::new(id), TokenAsk::default());
    world
        .engine
        .token_to_hand_on(&Caller::Local, &id, &ask)
        .await?;
    let begun = std::time::Instant::now();
    for _ in 0..100_000 {
        world
            .engine
            .token_to_hand_on(&Caller::Local, &id, &ask)
            .await?;
    }
    eprintln!("{:?} each", begun.elapsed() / 100_000);
    world.stop().await;
    Ok(())
}
