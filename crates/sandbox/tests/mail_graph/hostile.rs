//! Calls that make no sense are refused, and nothing breaks.

use http::Method;
use postroom_sandbox::mail::MailOptions;
use proptest::prelude::*;
use serde_json::json;

use crate::support::{ANNA, World, id};

const SEGMENTS: &[&str] = &[
    "mailFolders",
    "inbox",
    "messages",
    "delta",
    "$count",
    "$value",
    "attachments",
    "childFolders",
    "sendMail",
    "move",
    "copy",
    "send",
    "reply",
    "createReply",
    "createForward",
    "forward",
    "permanentDelete",
    "MESSAGE",
    "FOLDER",
    "ATTACHMENT",
    "mailboxSettings",
    "language",
    "translateExchangeIds",
    "microsoft.graph.delta()",
    "x('y')",
    "ü",
    "AAMkA",
    "deleteditems",
];

const QUERIES: &[&str] = &[
    "",
    "$top=5",
    "$top=-1",
    "$skip=99999999999999999999",
    "$skip=3",
    "$select=subject,body",
    "$select=,",
    "$filter=isRead eq true",
    "$filter=((((",
    "$orderby=subject desc",
    "$search=\"a\"",
    "$search=\"",
    "$expand=attachments($select=id)",
    "$expand=x(",
    "$count=true",
    "$skiptoken=zz",
    "$deltatoken=AAAA",
    "changeType=created",
    "includeHiddenFolders=maybe",
    "$filter=receivedDateTime ge 2020-01-01",
];

const BODIES: &[&str] = &[
    "",
    "{",
    "[]",
    "null",
    "{}",
    "{\"message\":{}}",
    "{\"comment\":1,\"message\":2}",
    "{\"displayName\":\"x\"}",
    "{\"destinationId\":\"archive\"}",
    "{\"destinationId\":5}",
    "{\"toRecipients\":[{\"emailAddress\":{\"address\":\"a@b.example\"}}]}",
    "{\"isRead\":\"x\",\"flag\":[],\"body\":3}",
    "{\"isRead\":true}",
    "{\"body\":{\"content\":\"<\"}}",
    "{\"inputIds\":[1,\"x\"],\"sourceIdType\":\"restId\",\"targetIdType\":\"restId\"}",
    "{\"@odata.type\":\"#microsoft.graph.fileAttachment\",\"contentBytes\":\"%%\"}",
    "{\"@odata.type\":\"#microsoft.graph.itemAttachment\",\"item\":{\"attachments\":[{}]}}",
    "RnJvbTogYUBiCgp4Cg==",
];

const METHODS: &[Method] = &[
    Method::GET,
    Method::POST,
    Method::PATCH,
    Method::DELETE,
    Method::PUT,
];

#[test]
fn nothing_breaks() {
    let world = World::with(MailOptions {
        messages: 30,
        ..MailOptions::default()
    });
    let call = (
        0..METHODS.len(),
        proptest::collection::vec(0..SEGMENTS.len(), 0..6),
        proptest::collection::vec(0..QUERIES.len(), 0..3),
        0..BODIES.len(),
        any::<bool>(),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(3_000));
    runner
        .run(&call, |(method, segments, queries, body, mime)| {
            let messages = world.get(
                ANNA,
                "messages?$top=1&$expand=attachments&$filter=hasAttachments eq true",
            );
            let message = &messages["value"][0];
            let mut path = String::new();
            for place in segments {
                path.push('/');
                path.push_str(match SEGMENTS[place] {
                    "MESSAGE" if message.is_object() => id(message),
                    "ATTACHMENT" if message.is_object() => id(&message["attachments"][0]),
                    other => other,
                });
            }
            let queries: Vec<&str> = queries.iter().map(|place| QUERIES[*place]).collect();
            let whole = format!("{}?{}", path.trim_start_matches('/'), queries.join("&"));
            let kind = if mime {
                "text/plain"
            } else {
                "application/json"
            };
            let answer = world
                .call(METHODS[method].clone(), ANNA, &whole)
                .raw(BODIES[body].as_bytes(), kind)
                .send();
            if let Err(error) = answer {
                prop_assert!((400..500).contains(&error.status), "{whole}: {error:?}");
                let body = error.body("a", "b", "c");
                prop_assert_ne!(&body["error"]["code"], &json!(""));
            }
            Ok(())
        })
        .expect("holds");
}
