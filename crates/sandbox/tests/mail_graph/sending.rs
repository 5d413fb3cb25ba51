//! Drafts, replies and what becomes of them.

use std::time::Duration;

use http::Method;
use postroom_sandbox::mail::MailOptions;
use serde_json::{Value, json};

use crate::support::{ANNA, BERT, CLEO, World, id};

fn to(addresses: &[&str]) -> Value {
    addresses
        .iter()
        .map(|address| json!({"emailAddress": {"address": address}}))
        .collect()
}

fn newest(world: &World, mailbox: &str, folder: &str) -> Value {
    world.get(mailbox, &format!("mailFolders/{folder}/messages?$top=1"))["value"][0].clone()
}

#[test]
fn a_message_goes_round() {
    let world = World::empty();
    let status = world
        .call(Method::POST, ANNA, "sendMail")
        .body(&json!({"Message": {
            "Subject": "Hello",
            "Body": {"ContentType": "Text", "Content": "Hi Bert"},
            "ToRecipients": [{"EmailAddress": {"Address": "bert@contoso.example"}}],
            "ccRecipients": to(&["outside@else.example"]),
            "bccRecipients": to(&["cleo@contoso.example"]),
        }}))
        .status();
    assert_eq!(status, 202);
    let received = newest(&world, BERT, "inbox");
    assert_eq!(received["subject"], "Hello");
    assert_eq!(received["isRead"], false);
    assert_eq!(received["bccRecipients"], json!([]));
    assert_eq!(
        received["from"]["emailAddress"]["address"],
        "anna@contoso.example"
    );
    assert_eq!(newest(&world, CLEO, "inbox")["subject"], "Hello");
    let sent = newest(&world, ANNA, "sentitems");
    assert_eq!(sent["internetMessageId"], received["internetMessageId"]);
    assert_eq!(
        sent["bccRecipients"][0]["emailAddress"]["address"],
        "cleo@contoso.example"
    );
    assert_eq!(world.mail.sent()[0].external, ["outside@else.example"]);
    let reply = world
        .call(
            Method::POST,
            BERT,
            &format!("messages/{}/replyAll", id(&received)),
        )
        .body(&json!({"comment": "Thanks & bye"}))
        .status();
    assert_eq!(reply, 202);
    let answer = newest(&world, ANNA, "inbox");
    assert_eq!(answer["subject"], "RE: Hello");
    assert_eq!(answer["conversationId"], sent["conversationId"]);
    let content = answer["body"]["content"].as_str().expect("text");
    assert!(
        content.contains("Thanks &amp; bye") && content.contains("Hi Bert"),
        "{content}"
    );
    assert_eq!(
        answer["ccRecipients"][0]["emailAddress"]["address"],
        "outside@else.example"
    );
    let mime = world
        .call(
            Method::GET,
            ANNA,
            &format!("messages/{}/$value", id(&answer)),
        )
        .bytes();
    let parsed = mail_parser::MessageParser::default()
        .parse(&mime[..])
        .expect("parses");
    let original = sent["internetMessageId"].as_str().expect("text");
    assert_eq!(
        parsed.in_reply_to().as_text(),
        Some(original.trim_matches(['<', '>']))
    );
}

#[test]
fn a_draft_keeps_its_immutable_id() {
    let world = World::with(MailOptions {
        sample_mail: false,
        sent_copy_delay: 30,
        ..MailOptions::default()
    });
    let draft = world
        .call(Method::POST, ANNA, "messages")
        .immutable()
        .body(&json!({"subject": "x", "toRecipients": to(&["bert@contoso.example"])}))
        .json();
    let path = format!("messages/{}", id(&draft));
    let status = world
        .call(Method::POST, ANNA, &format!("{path}/send"))
        .status();
    assert_eq!(status, 202);
    assert_eq!(world.call(Method::GET, ANNA, &path).refused().0, 404);
    assert_eq!(newest(&world, BERT, "inbox")["subject"], "x");
    world.clock.advance(Duration::from_secs(40));
    let sent = world.call(Method::GET, ANNA, &path).immutable().json();
    assert_eq!(sent["id"], draft["id"]);
    assert_eq!(sent["isDraft"], false);
    assert_eq!(
        sent["parentFolderId"],
        world.get(ANNA, "mailFolders/sentitems")["id"]
    );
    assert_eq!(
        world
            .call(Method::POST, ANNA, &format!("{path}/send"))
            .refused()
            .0,
        400
    );
}

#[test]
fn unknown_recipients_bounce() {
    let world = World::empty();
    world
        .call(Method::POST, ANNA, "sendMail")
        .body(&json!({"message": {"subject": "x", "toRecipients": to(&["nobody@contoso.example"])}, "saveToSentItems": false}))
        .status();
    let bounce = newest(&world, ANNA, "inbox");
    assert_eq!(bounce["subject"], "Undeliverable: x");
    assert_eq!(
        world.get(ANNA, "mailFolders/sentitems")["totalItemCount"],
        0
    );
}

#[test]
fn refusals() {
    let world = World::empty();
    let refused = |message: Value| {
        world
            .call(Method::POST, ANNA, "sendMail")
            .body(&json!({"message": message}))
            .refused()
    };
    assert_eq!(
        refused(json!({"subject": "x"})),
        (400, "ErrorInvalidRecipients".into())
    );
    assert_eq!(
        refused(json!({"toRecipients": to(&["not an address"])})),
        (400, "ErrorInvalidRecipients".into())
    );
    let many: Vec<String> = (0..501).map(|one| format!("p{one}@else.example")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(refused(json!({"toRecipients": to(&many)})).0, 400);
    let other = json!({"toRecipients": to(&["x@else.example"]), "from": {"emailAddress": {"address": "bert@contoso.example"}}});
    assert_eq!(refused(other.clone()), (403, "ErrorSendAsDenied".into()));
    assert_eq!(
        world
            .call(Method::POST, BERT, "sendMail")
            .caller(ANNA)
            .body(&json!({"message": {"toRecipients": to(&["x@else.example"])}}))
            .refused(),
        (403, "ErrorSendAsDenied".into())
    );
    world.mail.allow_send(ANNA, "bert@contoso.example", true);
    world
        .call(Method::POST, ANNA, "sendMail")
        .caller(ANNA)
        .body(&json!({"message": other}))
        .status();
    let sent = newest(&world, ANNA, "sentitems");
    assert_eq!(
        sent["from"]["emailAddress"]["address"],
        "bert@contoso.example"
    );
    assert_eq!(
        sent["sender"]["emailAddress"]["address"],
        "anna@contoso.example"
    );
    assert_eq!(
        world
            .call(Method::POST, ANNA, "sendMail")
            .raw(b"{", "application/json")
            .refused()
            .0,
        400
    );
}

#[test]
fn mime_is_sent() {
    let world = World::empty();
    let mime = "From: anna@contoso.example\r\nTo: bert@contoso.example\r\nSubject: raw\r\nX-Mine: 1\r\nMessage-ID: <raw@mine>\r\n\r\nhello\r\n";
    assert_eq!(
        world
            .call(Method::POST, ANNA, "sendMail")
            .mime(mime)
            .status(),
        202
    );
    let received = newest(&world, BERT, "inbox");
    assert_eq!(received["internetMessageId"], "<raw@mine>");
    let with_headers = world.get(
        BERT,
        &format!("messages/{}?$select=internetMessageHeaders", id(&received)),
    );
    assert!(
        with_headers["internetMessageHeaders"]
            .as_array()
            .expect("array")
            .contains(&json!({"name": "X-Mine", "value": "1"}))
    );
}

#[test]
fn replies_and_forwards_as_drafts() {
    let world = World::empty();
    let message = world.receive(ANNA, "Question");
    let create = |action: &str, body: Value| {
        world
            .call(Method::POST, ANNA, &format!("messages/{message}/{action}"))
            .body(&body)
    };
    let draft = create("createReply", json!({"comment": "lost"})).json();
    assert_eq!(draft["subject"], "RE: Question");
    assert_eq!(
        draft["toRecipients"][0]["emailAddress"]["address"],
        "out@side.example"
    );
    assert!(
        !draft["body"]["content"]
            .as_str()
            .expect("text")
            .contains("lost")
    );
    assert!(
        draft["body"]["content"]
            .as_str()
            .expect("text")
            .contains("Body of Question")
    );
    let both = create(
        "createReply",
        json!({"comment": "a", "message": {"body": {"content": "b"}}}),
    );
    assert_eq!(both.refused().0, 400);
    let own = create(
        "createReply",
        json!({"message": {"body": {"contentType": "html", "content": "<p>own</p>"}}}),
    )
    .json();
    assert!(
        own["body"]["content"]
            .as_str()
            .expect("text")
            .contains("own")
    );
    let forward = create(
        "createForward",
        json!({"toRecipients": to(&["x@else.example"])}),
    )
    .json();
    assert_eq!(forward["subject"], "FW: Question");
    let twice = create(
        "forward",
        json!({"toRecipients": to(&["a@b.example"]), "message": {"toRecipients": to(&["a@b.example"])}}),
    );
    assert_eq!(twice.refused().0, 400);
    assert_eq!(create("forward", json!({"comment": "x"})).refused().0, 400);
    let mime = world
        .call(
            Method::POST,
            ANNA,
            &format!("messages/{message}/createReply"),
        )
        .mime("Subject: \r\nContent-Type: text/plain\r\n\r\nby mime\r\n")
        .json();
    assert_eq!(mime["subject"], "RE: Question");
    assert_eq!(mime["conversationId"], draft["conversationId"]);
}
