//! Reading and changing messages.

use http::Method;
use postroom_sandbox::mail::MailOptions;
use serde_json::{Value, json};

use crate::support::{ANNA, BERT, World, id, texts};

fn list(world: &World, path: &str) -> Vec<Value> {
    world.get(ANNA, path)["value"]
        .as_array()
        .expect("array")
        .clone()
}

#[test]
fn ids_change_on_moves_unless_immutable() {
    let world = World::empty();
    let immutable = world.receive(ANNA, "one");
    let before = world.get(ANNA, &format!("messages/{immutable}"));
    let moved = world.post(
        ANNA,
        &format!("messages/{}/move", id(&before)),
        json!({"destinationId": "archive"}),
    );
    assert_ne!(moved["id"], before["id"]);
    assert_ne!(moved["changeKey"], before["changeKey"]);
    assert_eq!(
        world
            .call(Method::GET, ANNA, &format!("messages/{}", id(&before)))
            .refused(),
        (404, "ErrorItemNotFound".into())
    );
    let same = world
        .call(Method::GET, ANNA, &format!("messages/{immutable}"))
        .immutable()
        .json();
    assert_eq!(id(&same), immutable);
    assert_eq!(
        world.call(Method::GET, ANNA, "messages/abc").refused(),
        (400, "ErrorInvalidIdMalformed".into())
    );
    assert_eq!(
        world
            .call(Method::GET, BERT, &format!("messages/{immutable}"))
            .refused()
            .0,
        404
    );
    assert_eq!(
        world
            .call(
                Method::GET,
                ANNA,
                &format!("mailFolders/inbox/messages/{immutable}")
            )
            .refused()
            .0,
        404
    );
    let copy = world.post(
        ANNA,
        &format!("messages/{immutable}/copy"),
        json!({"destinationId": "inbox"}),
    );
    assert_eq!(copy["internetMessageId"], before["internetMessageId"]);
    assert_eq!(world.get(ANNA, "mailFolders/inbox")["totalItemCount"], 1);
}

#[test]
fn deleting_goes_through_deleted_items() {
    let world = World::empty();
    let message = world.receive(ANNA, "one");
    let path = format!("messages/{message}");
    assert_eq!(world.call(Method::DELETE, ANNA, &path).status(), 204);
    assert_eq!(
        world.get(ANNA, "mailFolders/deleteditems")["totalItemCount"],
        1
    );
    assert_eq!(world.call(Method::DELETE, ANNA, &path).status(), 204);
    assert_eq!(
        world.get(ANNA, "mailFolders/deleteditems")["totalItemCount"],
        0
    );
    assert_eq!(
        world.get(ANNA, "mailFolders/recoverableitemsdeletions")["totalItemCount"],
        1
    );
    assert!(list(&world, "messages").is_empty());
    let other = world.receive(ANNA, "two");
    world
        .call(
            Method::POST,
            ANNA,
            &format!("messages/{other}/permanentDelete"),
        )
        .status();
    assert_eq!(
        world
            .call(Method::GET, ANNA, &format!("messages/{other}"))
            .refused()
            .0,
        404
    );
}

#[test]
fn patch_knows_drafts_from_the_rest_and_etags() {
    let world = World::empty();
    let message = world.receive(ANNA, "one");
    let path = format!("messages/{message}");
    let before = world.get(ANNA, &path);
    let etag = before["@odata.etag"].as_str().expect("etag").to_owned();
    let after = world
        .call(Method::PATCH, ANNA, &path)
        .header("if-match", &etag)
        .body(&json!({"Categories": ["Blue"], "importance": "High", "flag": {"flagStatus": "flagged"}}))
        .json();
    assert_eq!(after["categories"], json!(["Blue"]));
    assert_eq!(after["importance"], "high");
    assert_eq!(after["flag"]["flagStatus"], "flagged");
    assert_eq!(
        world
            .call(Method::PATCH, ANNA, &path)
            .header("if-match", &etag)
            .body(&json!({"isRead": true}))
            .refused()
            .0,
        412
    );
    assert_eq!(
        world
            .call(Method::PATCH, ANNA, &path)
            .body(&json!({"subject": "no"}))
            .refused()
            .0,
        400
    );
    assert_eq!(
        world
            .call(Method::PATCH, ANNA, &path)
            .body(&json!({"nonsense": 1}))
            .refused(),
        (400, "RequestBodyRead".into())
    );
    let draft = world.post(ANNA, "messages", json!({"subject": "a"}));
    let draft = world
        .call(Method::PATCH, ANNA, &format!("messages/{}", id(&draft)))
        .body(&json!({"subject": "b", "body": {"contentType": "HTML", "content": "<b>x</b>"}}))
        .json();
    assert_eq!(draft["subject"], "b");
    assert_eq!(draft["bodyPreview"], "x");
}

#[test]
fn lists_page_filter_and_order() {
    let world = World::with(MailOptions {
        messages: 90,
        mailboxes_for_bulk: 1,
        ..MailOptions::default()
    });
    assert_eq!(list(&world, "messages").len(), 10);
    let mut link = format!(
        "{}/users/{ANNA}/mailFolders/inbox/messages?$top=3&$select=subject,receivedDateTime&$count=true",
        crate::support::BASE
    );
    let mut all = Vec::new();
    loop {
        let page = world.get(ANNA, &link);
        all.extend(page["value"].as_array().expect("array").clone());
        match page["@odata.nextLink"].as_str() {
            Some(next) => next.clone_into(&mut link),
            None => {
                assert_eq!(page["@odata.count"], all.len());
                break;
            }
        }
    }
    let times = texts(&all, "receivedDateTime");
    assert!(times.is_sorted_by(|one, two| one >= two));
    assert!(all[0].get("body").is_none() && all[0].get("id").is_some());
    let unread = list(&world, "messages?$filter=isRead eq false&$top=200");
    assert!(!unread.is_empty() && unread.iter().all(|one| one["isRead"] == false));
    let cut = times[times.len() / 2];
    let since = list(
        &world,
        &format!(
            "mailFolders/inbox/messages?$filter=receivedDateTime ge {cut} and isRead eq true&$orderby=receivedDateTime asc&$top=100"
        ),
    );
    let since = texts(&since, "receivedDateTime");
    assert!(!since.is_empty() && since.is_sorted() && since.iter().all(|time| *time >= cut));
    assert_eq!(
        world
            .call(
                Method::GET,
                ANNA,
                "messages?$filter=isRead eq true&$orderby=receivedDateTime desc"
            )
            .refused(),
        (400, "InefficientFilter".into())
    );
    let from = list(
        &world,
        "messages?$filter=startswith(from/emailAddress/address,'ines')&$top=500",
    );
    assert!(
        from.iter()
            .all(|one| one["from"]["emailAddress"]["address"] == "ines.falk@fabrikam.example")
    );
    for bad in [
        "messages?$top=0",
        "messages?$top=1001",
        "messages?$select=nothing",
        "messages?$filter=foo eq 1",
        "messages?$orderby=body",
        "messages?$search=bare",
        "messages?$search=\"x\"&$orderby=receivedDateTime",
        "messages?$search=\"x\"&$filter=isRead eq true",
    ] {
        assert_eq!(world.call(Method::GET, ANNA, bad).refused().0, 400, "{bad}");
    }
    let count = world.call(Method::GET, ANNA, "messages/$count").bytes();
    let count: usize = std::str::from_utf8(&count)
        .expect("text")
        .parse()
        .expect("number");
    assert!(count >= 90);
    let sorted = list(
        &world,
        "messages?$orderby=subject&$top=1000&$select=subject",
    );
    assert_eq!(sorted.len(), count);
    let subjects: Vec<String> = texts(&sorted, "subject")
        .iter()
        .map(|one| one.to_lowercase())
        .collect();
    assert!(subjects.is_sorted());
}

#[test]
fn search_finds_words_and_keys() {
    let world = World::empty();
    world.receive(ANNA, "zebra");
    world.receive(ANNA, "lion");
    let found = list(&world, "messages?$search=\"zebra\"");
    assert_eq!(texts(&found, "subject"), ["zebra"]);
    assert_eq!(
        list(&world, "messages?$search=\"from:side subject:lion\"").len(),
        1
    );
    assert_eq!(list(&world, "messages?$search=\"body of\"").len(), 2);
}

#[test]
fn bodies_come_as_wanted() {
    let world = World::empty();
    let draft = world.post(
        ANNA,
        "messages",
        json!({"subject": "x", "body": {"contentType": "html", "content": "<p>Hi</p><script>evil()</script>"}}),
    );
    let path = format!("messages/{}", id(&draft));
    let safe = world.get(ANNA, &path);
    assert!(
        !safe["body"]["content"]
            .as_str()
            .expect("text")
            .contains("evil")
    );
    let unsafe_html = world
        .call(Method::GET, ANNA, &path)
        .header("prefer", "outlook.allow-unsafe-html")
        .json();
    assert!(
        unsafe_html["body"]["content"]
            .as_str()
            .expect("text")
            .contains("evil")
    );
    let answer = world
        .call(Method::GET, ANNA, &path)
        .header("prefer", "outlook.body-content-type=\"text\"")
        .send()
        .expect("succeeds");
    assert_eq!(
        answer.headers["preference-applied"],
        "outlook.body-content-type=\"text\""
    );
    let text = world
        .call(Method::GET, ANNA, &path)
        .header("prefer", "outlook.body-content-type=\"text\"")
        .json();
    assert_eq!(
        text["body"],
        json!({"contentType": "text", "content": "Hi"})
    );
}

#[test]
fn attachments_of_three_kinds() {
    let world = World::empty();
    let draft = world.post(ANNA, "messages", json!({"subject": "x"}));
    let path = format!("messages/{}/attachments", id(&draft));
    let file = world.post(
        ANNA,
        &path,
        json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "aGVsbG8="}),
    );
    assert_eq!(file["contentType"], "text/plain");
    assert_eq!(file["contentBytes"], "aGVsbG8=");
    let one = format!("{path}/{}", id(&file));
    assert_eq!(
        &world
            .call(Method::GET, ANNA, &format!("{one}/$value"))
            .bytes()[..],
        b"hello"
    );
    world.post(
        ANNA,
        &path,
        json!({"@odata.type": "microsoft.graph.fileAttachment", "name": "i.png", "contentBytes": "AAAA", "isInline": true, "contentId": "i"}),
    );
    let item = world.post(
        ANNA,
        &path,
        json!({"@odata.type": "#microsoft.graph.itemAttachment", "name": "inner",
               "item": {"@odata.type": "microsoft.graph.message", "subject": "inner"}}),
    );
    let expanded = world.get(
        ANNA,
        &format!(
            "{path}/{}?$expand=microsoft.graph.itemattachment/item",
            id(&item)
        ),
    );
    assert_eq!(expanded["item"]["subject"], "inner");
    let link = world.post(
        ANNA,
        &path,
        json!({"@odata.type": "#microsoft.graph.referenceAttachment", "name": "link", "sourceUrl": "https://x.example/f"}),
    );
    assert_eq!(
        world
            .call(Method::GET, ANNA, &format!("{path}/{}/$value", id(&link)))
            .refused()
            .0,
        405
    );
    let all = list(&world, &format!("{path}?$select=id,name,size"));
    assert_eq!(all.len(), 4);
    assert!(all[0].get("contentBytes").is_none());
    let whole = world.get(
        ANNA,
        &format!("messages/{}?$expand=attachments($select=name)", id(&draft)),
    );
    assert_eq!(whole["hasAttachments"], true);
    assert_eq!(whole["attachments"].as_array().expect("array").len(), 4);
    for gone in [&file, &item, &link] {
        assert_eq!(
            world
                .call(Method::DELETE, ANNA, &format!("{path}/{}", id(gone)))
                .status(),
            204
        );
    }
    assert_eq!(
        world.get(ANNA, &format!("messages/{}", id(&draft)))["hasAttachments"],
        false
    );
    let large = "A".repeat(4 * 1024 * 1024);
    let refused = world
        .call(Method::POST, ANNA, &path)
        .body(&json!({"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": large}))
        .refused();
    assert_eq!(refused.0, 413);
    let session = format!("{path}/createUploadSession");
    assert_eq!(world.call(Method::POST, ANNA, &session).refused().0, 404);
}

#[test]
fn stamps_are_found() {
    let world = World::empty();
    let stamp = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name PostroomId";
    world.post(
        ANNA,
        "messages",
        json!({"subject": "x", "singleValueExtendedProperties": [{"id": stamp, "value": "k-1"}],
               "internetMessageHeaders": [{"name": "x-key", "value": "k-1"}]}),
    );
    let found = list(
        &world,
        &format!(
            "messages?$filter=singleValueExtendedProperties/Any(ep: ep/id eq '{stamp}' and ep/value eq 'k-1')&$expand=singleValueExtendedProperties($filter=id eq '{stamp}')&$select=id,internetMessageHeaders"
        ),
    );
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["singleValueExtendedProperties"][0]["value"], "k-1");
    assert_eq!(
        found[0]["internetMessageHeaders"],
        json!([{"name": "x-key", "value": "k-1"}])
    );
    let refused = world
        .call(Method::POST, ANNA, "messages")
        .body(&json!({"internetMessageHeaders": [{"name": "Key", "value": "1"}]}))
        .refused();
    assert_eq!(refused, (400, "InvalidInternetMessageHeader".into()));
}

#[test]
fn mime_goes_in_and_out() {
    let world = World::empty();
    let mime = "From: anna@contoso.example\r\nTo: x@y.example\r\nSubject: raw\r\n\r\nhello\r\n";
    let draft = world.call(Method::POST, ANNA, "messages").mime(mime).json();
    assert_eq!(
        (&draft["subject"], &draft["isDraft"]),
        (&json!("raw"), &json!(true))
    );
    let value = world
        .call(
            Method::GET,
            ANNA,
            &format!("messages/{}/$value", id(&draft)),
        )
        .bytes();
    assert_eq!(&value[..], mime.as_bytes());
    let refused = world
        .call(Method::POST, ANNA, "messages")
        .raw(b"not base64!", "text/plain")
        .refused();
    assert_eq!(refused, (400, "ErrorMimeContentInvalidBase64String".into()));
    let composed = world.post(
        ANNA,
        "messages",
        json!({"subject": "Grüße", "body": {"contentType": "html", "content": "<p>é</p>"},
               "toRecipients": [{"emailAddress": {"address": "a@b.example", "name": "Ä B"}}],
               "attachments": [{"@odata.type": "#microsoft.graph.fileAttachment", "name": "ü.txt", "contentBytes": "aGVsbG8="}]}),
    );
    let path = format!("messages/{}/$value", id(&composed));
    let bytes = world.call(Method::GET, ANNA, &path).bytes();
    assert_eq!(bytes, world.call(Method::GET, ANNA, &path).bytes());
    let parsed = mail_parser::MessageParser::default()
        .parse(&bytes[..])
        .expect("parses");
    assert_eq!(parsed.subject(), Some("Grüße"));
    assert_eq!(
        parsed.attachment(0).expect("attachment").contents(),
        b"hello"
    );
    assert_eq!(parsed.body_html(0).expect("html").trim(), "<p>é</p>");
}

#[test]
fn other_methods_are_refused() {
    let world = World::empty();
    assert_eq!(world.call(Method::PUT, ANNA, "messages").refused().0, 405);
    assert_eq!(world.call(Method::GET, ANNA, "sendMail").refused().0, 405);
    assert_eq!(
        world.call(Method::GET, "no-one", "messages").refused(),
        (404, "MailboxNotEnabledForRESTAPI".into())
    );
    assert_eq!(
        world.get(ANNA, "mailboxSettings")["language"]["locale"],
        "en-US"
    );
}

#[test]
fn ids_are_translated_and_keys_come_in_parentheses() {
    let world = World::empty();
    let immutable = world.receive(ANNA, "one");
    let default = world.get(ANNA, &format!("messages('{immutable}')"));
    let answer = world.post(
        ANNA,
        "translateExchangeIds",
        json!({"inputIds": [id(&default), "broken"], "sourceIdType": "restId", "targetIdType": "restImmutableEntryId"}),
    );
    assert_eq!(answer["value"][0]["targetId"], immutable);
    assert_eq!(
        answer["value"][1]["errorDetails"]["code"],
        "ErrorInvalidIdMalformed"
    );
    let list = world.get(
        ANNA,
        "mailFolders('Inbox')/messages/microsoft.graph.delta()",
    );
    assert_eq!(list["value"].as_array().expect("array").len(), 1);
}
