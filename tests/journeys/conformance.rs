//! What is sent to Microsoft and what the sandbox answers fits Microsoft's own document, and what
//! Postroom answers fits Postroom's.

use anyhow::{Context, Result, ensure};
use postroom_sandbox::faults::{Fault, FaultAction};
use postroom_tests::browser::{Does, sign_in};
use postroom_tests::{World, WorldOptions};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// A world in which everything that passes at Graph is held against Microsoft's document.
async fn watched() -> Result<World> {
    let mut options = WorldOptions::default();
    options.sandbox.conformance = true;
    World::start(options).await
}

fn text(value: &Value) -> Result<&str> {
    value
        .as_str()
        .with_context(|| format!("a text, not {value}"))
}

/// Everything that was exchanged so far was allowed, and these operations were among it.
fn conforms(world: &World, operations: &[&str]) -> Result<()> {
    let sandbox = world.sandbox.sandbox();
    let violations = sandbox.violations();
    ensure!(violations.is_empty(), "{}", violations.join("\n"));
    let seen = sandbox.operations_seen();
    for operation in operations {
        ensure!(
            seen.contains(*operation),
            "{operation} was never called: {seen:#?}"
        );
    }
    Ok(())
}

/// The whole of a mailbox's life, as the application.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_exchanged_about_mail_fits_microsofts_document() -> Result<()> {
    let world = watched().await?;
    let api = &world.api;
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let at = format!("/mailboxes/{}", mailbox.id);

    // Reading; each first time asks Microsoft where the mirror has not kept it.
    let list = api
        .get(&format!("{at}/messages?hasAttachments=true&limit=50"))
        .await?;
    let mut files = 0;
    for message in list["value"].as_array().context("messages")? {
        let path = format!("{at}/messages/{}", text(&message["id"])?);
        api.get(&path).await?;
        let attachments = api.get(&format!("{path}/attachments")).await?;
        for attachment in attachments["value"].as_array().context("attachments")? {
            let content = format!("{path}/attachments/{}/content", text(&attachment["id"])?);
            let answer = api.answer(api.request(Method::GET, &content)).await?;
            files += usize::from(answer.status == 200);
        }
        let mime = api.request(Method::GET, &format!("{path}/mime"));
        ensure!(api.answer(mime).await?.status == 200, "{path}/mime");
    }
    ensure!(files > 0, "no file was read");

    // Folders.
    let parent = api
        .post(&format!("{at}/folders"), &json!({"displayName": "Parent"}))
        .await?;
    let child = json!({"displayName": "Child", "parentFolderId": parent["id"]});
    let child = api.post(&format!("{at}/folders"), &child).await?;
    let child = format!("{at}/folders/{}", text(&child["id"])?);
    let rename = api
        .request(Method::PATCH, &child)
        .json(&json!({"displayName": "Renamed"}));
    api.ok(rename).await?;

    // Changing, moving, deleting.
    let inbox = api
        .get(&format!("{at}/messages?folder=inbox&limit=3"))
        .await?;
    let message = |nth: usize| {
        anyhow::Ok(format!(
            "{at}/messages/{}",
            text(&inbox["value"][nth]["id"])?
        ))
    };
    for change in [
        json!({"isRead": true}),
        json!({"isRead": false, "categories": ["Blue category", "Ours"]}),
        json!({"flag": {"flagStatus": "flagged"}}),
        json!({"flag": {"flagStatus": "complete"}, "categories": []}),
        json!({"folder": parent["id"]}),
        json!({"folder": "inbox", "isRead": true}),
    ] {
        let request = api.request(Method::PATCH, &message(0)?).json(&change);
        api.ok(request).await.with_context(|| change.to_string())?;
    }
    api.ok(api.request(Method::DELETE, &message(1)?)).await?;
    api.ok(api.request(Method::DELETE, &child)).await?;

    // Sending, in every way.
    let attachments = json!([
        {"name": "a.txt", "contentType": "text/plain", "contentBytes": "aGVsbG8="},
        {"name": "b.png", "contentType": "image/png", "contentBytes": "aGVsbG8=",
         "isInline": true, "contentId": "b"},
    ]);
    let somebody =
        json!([{"emailAddress": {"name": "Some Body", "address": "a@elsewhere.example"}}]);
    let whole = json!({
        "subject": "Everything", "importance": "high",
        "body": {"contentType": "html", "content": "<p>All <img src=\"cid:b\"></p>"},
        "toRecipients": somebody, "ccRecipients": somebody, "bccRecipients": somebody,
        "replyTo": somebody, "attachments": attachments,
    });
    let plain = json!({
        "subject": "Plain", "body": {"contentType": "text", "content": "Hello"},
        "toRecipients": [{"emailAddress": {"address": "a@elsewhere.example"}}],
    });
    let body = json!({"contentType": "html", "content": "<p>Above</p>"});
    let original = message(2)?;
    for (path, sent) in [
        (format!("{at}/send"), whole),
        (format!("{at}/send"), plain),
        (
            format!("{original}/reply"),
            json!({"body": body, "attachments": attachments}),
        ),
        (
            format!("{original}/replyAll"),
            json!({"body": body, "ccRecipients": somebody, "quote": false}),
        ),
        (
            format!("{original}/forward"),
            json!({"body": body, "toRecipients": somebody, "attachments": attachments}),
        ),
    ] {
        let accepted = api.post(&path, &sent).await?;
        let item = api
            .get(&format!("/outbox/{}?wait=60", text(&accepted["id"])?))
            .await?;
        ensure!(item["status"] == "sent", "{path}: {item}");
    }
    world.level(&mailbox).await?;

    // A mailbox whose attachments do not come along with the messages.
    let refuse = FaultAction::Status {
        status: 400,
        retry_after: None,
        code: None,
        headers: Default::default(),
    };
    let refused = Fault::on("expand=attachments", refuse).times(1_000);
    world.sandbox.sandbox().fault(refused);
    let second = world.serve(1).await?;
    world.level(&second).await?;
    world.sandbox.sandbox().faults().clear();
    conforms(
        &world,
        &[
            "GET /users/{user-id}/mailFolders/delta",
            "GET /users/{user-id}/mailFolders/{mailFolder-id}/childFolders",
            "GET /users/{user-id}/mailFolders/{mailFolder-id}/messages/delta",
            "POST /$batch",
            "GET /users/{user-id}/messages/{message-id}",
            "GET /users/{user-id}/messages/{message-id}/$value",
            "GET /users/{user-id}/messages/{message-id}/attachments",
            "GET /users/{user-id}/messages/{message-id}/attachments/{attachment-id}/$value",
            "PATCH /users/{user-id}/messages/{message-id}",
            "POST /users/{user-id}/messages/{message-id}/move",
            "DELETE /users/{user-id}/messages/{message-id}",
            "POST /users/{user-id}/messages",
            "POST /users/{user-id}/messages/{message-id}/send",
            "POST /users/{user-id}/messages/{message-id}/attachments",
            "POST /users/{user-id}/messages/{message-id}/createReply",
            "POST /users/{user-id}/messages/{message-id}/createReplyAll",
            "POST /users/{user-id}/messages/{message-id}/createForward",
            "POST /users/{user-id}/mailFolders",
            "POST /users/{user-id}/mailFolders/{mailFolder-id}/childFolders",
            "PATCH /users/{user-id}/mailFolders/{mailFolder-id}",
            "DELETE /users/{user-id}/mailFolders/{mailFolder-id}",
        ],
    )?;
    world.stop().await;
    Ok(())
}

/// People and connections, as the application and as a signed-in user.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_exchanged_about_people_fits_microsofts_document() -> Result<()> {
    let world = watched().await?;
    let api = &world.api;
    let at = format!("/connections/{}", world.connection.id);
    let report = api.post(&format!("{at}/check"), &json!({})).await?;
    ensure!(report["ok"] == true, "{report}");
    let scopes = json!({"scopes": ["User.Read", "User.ReadBasic.All", "Mail.ReadWrite"]});
    api.ok(api.request(Method::PATCH, &at).json(&scopes))
        .await?;

    let login = api.post(&format!("{at}/logins"), &json!({})).await?;
    let user = world.sandbox.users.first().context("a user")?;
    let (name, password) = (&user.user_principal_name, &user.password);
    sign_in(text(&login["authorizeUrl"])?, name, password, Does::Accepts).await?;
    let login = api
        .get(&format!("/logins/{}?wait=30", text(&login["id"])?))
        .await?;
    ensure!(login["status"] == "completed", "{login}");
    let account = text(&login["account"])?;
    let mailbox = api.post("/mailboxes", &json!({"account": account})).await?;
    let sync = format!("/mailboxes/{}/sync?wait=60", text(&mailbox["id"])?);
    let level = api.post(&sync, &json!({})).await?;
    ensure!(level["sync"]["state"] == "upToDate", "{level}");

    let search: String = name.chars().take(3).collect();
    let page = api.get(&format!("{at}/users?limit=2")).await?;
    let next = text(&page["nextCursor"])?;
    for path in [
        format!("{at}/users?limit=2&cursor={next}"),
        format!("{at}/users?search={search}"),
        format!("{at}/users?fields=id,displayName,accountEnabled,assignedLicenses"),
        format!("{at}/users?account={account}"),
        format!("{at}/users/{name}"),
        format!("{at}/users/{name}?account={account}"),
    ] {
        api.get(&path).await?;
    }
    let (mut managers, mut photos, mut groups) = (0, 0, 0);
    for user in &world.sandbox.users {
        let user = format!("{at}/users/{}", user.user_principal_name);
        for (noun, found) in [
            ("licenses", &mut 0),
            ("groups", &mut groups),
            ("manager", &mut managers),
            ("photo", &mut photos),
            ("photo?size=48x48", &mut 0),
        ] {
            let request = api.request(Method::GET, &format!("{user}/{noun}"));
            let answer = api.answer(request).await?;
            ensure!(
                matches!(answer.status, 200 | 404),
                "{user}/{noun}: {} {}",
                answer.status,
                answer.body
            );
            *found += usize::from(answer.status == 200);
        }
    }
    ensure!(managers > 0 && photos > 0 && groups > 0);
    conforms(
        &world,
        &[
            "GET /users",
            "GET /users/{user-id}",
            "GET /users/{user-id}/licenseDetails",
            "GET /users/{user-id}/manager",
            "GET /users/{user-id}/memberOf/microsoft.graph.group",
            "GET /users/{user-id}/photo/$value",
            "GET /users/{user-id}/photos/{profilePhoto-id}/$value",
        ],
    )?;
    world.stop().await;
    Ok(())
}

/// The watch of these tests sees what is wrong: a property that Microsoft does not know, alone and
/// in a batch.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_seen() -> Result<()> {
    let world = watched().await?;
    let tenant = postroom_tests::Tenant::of(&world.sandbox).await?;
    let messages = format!("/users/{}/messages", world.user(0)?);
    let list = tenant
        .call(Method::GET, &format!("{messages}?$top=1"), None)
        .await?;
    let message = format!("{messages}/{}", text(&list["value"][0]["id"])?);
    conforms(&world, &[])?;
    let wrong = json!({"isRead": true, "isRaed": true});
    // Whether the sandbox takes it is its business.
    let _ = tenant.call(Method::PATCH, &message, Some(&wrong)).await;
    let seen = world.sandbox.sandbox().violations();
    ensure!(seen.len() == 1 && seen[0].contains("isRaed"), "{seen:?}");
    let batch = json!({"requests": [{
        "id": "1", "method": "PATCH", "url": message, "body": {"isRaed2": true},
        "headers": {"Content-Type": "application/json"},
    }]});
    let _ = tenant.call(Method::POST, "/$batch", Some(&batch)).await;
    let seen = world.sandbox.sandbox().violations();
    ensure!(
        seen.len() == 2 && seen.iter().any(|one| one.contains("isRaed2")),
        "{seen:?}"
    );
    world.stop().await;
    Ok(())
}

/// The document that callers read.
struct Document(Value);

impl Document {
    fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        while let Some(link) = schema["$ref"].as_str() {
            let pointer = link.trim_start_matches('#');
            schema = self.0.pointer(pointer).unwrap_or(&Value::Null);
        }
        schema
    }

    fn properties(&self, schema: &Value, found: &mut Map<String, Value>) {
        let schema = self.resolve(schema);
        for part in ["allOf", "oneOf", "anyOf"] {
            for part in schema[part].as_array().into_iter().flatten() {
                self.properties(part, found);
            }
        }
        if let Some(own) = schema["properties"].as_object() {
            found.extend(own.clone());
        }
    }

    /// What a body has and the document does not name. An object that names nothing is open.
    fn unknown(&self, schema: &Value, body: &Value, at: &str, found: &mut Vec<String>) {
        match body {
            Value::Array(items) => {
                let schema = self.resolve(schema);
                let inner = &schema["items"];
                for item in items {
                    self.unknown(inner, item, &format!("{at}[]"), found);
                }
            }
            Value::Object(object) => {
                let mut known = Map::new();
                self.properties(schema, &mut known);
                for (name, value) in object.iter().filter(|_| !known.is_empty()) {
                    let at = format!("{at}/{name}");
                    match known.get(name) {
                        Some(schema) => self.unknown(schema, value, &at, found),
                        None => found.push(at),
                    }
                }
            }
            _ => {}
        }
    }

    /// Holds an answer of `method path` against what the document says about it.
    fn holds(&self, method: &str, path: &str, status: u16, body: &Value) -> Result<()> {
        let responses = &self.0["paths"][format!("/api/v1{path}")][method]["responses"];
        let response = responses
            .get(status.to_string())
            .or_else(|| responses.get("default").filter(|_| status >= 400))
            .with_context(|| format!("{method} {path} does not answer {status}"))?;
        let kind = if status < 400 {
            "application/json"
        } else {
            "application/problem+json"
        };
        let mut schema = response["content"][kind]["schema"].clone();
        ensure!(schema.is_object(), "{method} {path} {status}: no schema");
        let mut unknown = Vec::new();
        self.unknown(&schema, body, "", &mut unknown);
        ensure!(
            unknown.is_empty(),
            "{method} {path} {status}: not in the document: {unknown:?}"
        );
        schema["components"] = self.0["components"].clone();
        let validator = jsonschema::validator_for(&schema)?;
        let wrong: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        ensure!(
            wrong.is_empty(),
            "{method} {path} {status}: {wrong:?} in {body}"
        );
        Ok(())
    }
}

/// Postroom keeps to its own document.
#[tokio::test(flavor = "multi_thread")]
async fn our_answers_fit_our_document() -> Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let api = &world.api;
    let document = Document(serde_json::to_value(postroom_http::openapi())?);
    let mailbox = world.serve(0).await?;
    world.level(&mailbox).await?;
    let box_path = format!("/mailboxes/{}", mailbox.id);
    let first = |list: &Value| anyhow::Ok(text(&list["value"][0]["id"])?.to_owned());

    let sent = json!({
        "subject": "Ours",
        "toRecipients": [{"emailAddress": {"address": "a@elsewhere.example"}}],
    });
    let accepted = api.post(&format!("{box_path}/send"), &sent).await?;
    document.holds("post", "/mailboxes/{id}/send", 202, &accepted)?;
    let item = text(&accepted["id"])?;
    api.get(&format!("/outbox/{item}?wait=60")).await?;
    let key = json!({"name": "Ours", "scopes": ["mail.read"], "mailboxes": [mailbox.id], "expiresAt": "2100-01-01"});
    let key = api.post("/keys", &key).await?;
    document.holds("post", "/keys", 201, &key)?;
    let check = format!("/connections/{}/check", world.connection.id);
    let report = api.post(&check, &json!({})).await?;
    document.holds("post", "/connections/{id}/check", 200, &report)?;
    let folder = api
        .post(
            &format!("{box_path}/folders"),
            &json!({"displayName": "Ours"}),
        )
        .await?;
    document.holds("post", "/mailboxes/{id}/folders", 201, &folder)?;
    let begin = format!("/connections/{}/logins", world.connection.id);
    let login = api.post(&begin, &json!({})).await?;
    document.holds("post", "/connections/{id}/logins", 201, &login)?;

    let with_files = format!("{box_path}/messages?hasAttachments=true&fields=id");
    let message = first(&api.get(&with_files).await?)?;
    let folder = text(&folder["id"])?;
    let call = first(&api.get("/calls").await?)?;
    let user = world.user(0)?;
    let connection = &world.connection.id;
    for (template, path) in [
        ("/connections", "/connections".to_owned()),
        ("/connections/{id}", format!("/connections/{connection}")),
        (
            "/connections/{id}/users",
            format!("/connections/{connection}/users?limit=3"),
        ),
        (
            "/connections/{id}/users/{uid}",
            format!("/connections/{connection}/users/{user}"),
        ),
        (
            "/connections/{id}/users/{uid}/licenses",
            format!("/connections/{connection}/users/{user}/licenses"),
        ),
        (
            "/connections/{id}/users/{uid}/groups",
            format!("/connections/{connection}/users/{user}/groups"),
        ),
        ("/logins/{id}", format!("/logins/{}", text(&login["id"])?)),
        ("/accounts", "/accounts".to_owned()),
        ("/mailboxes", "/mailboxes".to_owned()),
        ("/mailboxes/{id}", box_path.clone()),
        ("/mailboxes/{id}/folders", format!("{box_path}/folders")),
        (
            "/mailboxes/{id}/folders/{fid}",
            format!("{box_path}/folders/{folder}"),
        ),
        (
            "/mailboxes/{id}/messages",
            format!("{box_path}/messages?limit=20"),
        ),
        (
            "/mailboxes/{id}/messages/{mid}",
            format!("{box_path}/messages/{message}"),
        ),
        (
            "/mailboxes/{id}/messages/{mid}/attachments",
            format!("{box_path}/messages/{message}/attachments"),
        ),
        ("/outbox", "/outbox".to_owned()),
        ("/outbox/{id}", format!("/outbox/{item}")),
        ("/changes", "/changes?limit=20".to_owned()),
        ("/calls", "/calls?limit=20".to_owned()),
        ("/calls/{id}", format!("/calls/{call}")),
        ("/keys", "/keys".to_owned()),
        ("/keys/self", "/keys/self".to_owned()),
    ] {
        let body = api.get(&path).await?;
        if let Some(list) = body.get("value") {
            ensure!(
                list.as_array().is_some_and(|list| !list.is_empty()),
                "{path}: empty"
            );
        }
        document.holds("get", template, 200, &body)?;
    }

    for (template, path, status) in [
        ("/mailboxes/{id}", "/mailboxes/nobody".to_owned(), 404),
        (
            "/mailboxes/{id}/messages",
            format!("{box_path}/messages?limit=x"),
            400,
        ),
    ] {
        let answer = api.answer(api.request(Method::GET, &path)).await?;
        ensure!(
            answer.status == status,
            "{path}: {} {}",
            answer.status,
            answer.body
        );
        document.holds("get", template, status, &answer.body)?;
    }
    let listed = api.with_key(text(&key["key"])?);
    for (api, status) in [(listed, 403), (api.with_key("nonsense"), 401)] {
        let answer = api.answer(api.request(Method::GET, "/keys")).await?;
        ensure!(answer.status == status, "{} {}", answer.status, answer.body);
        document.holds("get", "/keys", status, &answer.body)?;
    }
    world.stop().await;
    Ok(())
}
