//! Delta rounds of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use postroom_sandbox::mail::{MailOptions, Quirks};
use serde_json::{Value, json};

use crate::support::{ANNA, World, id, texts};

const INBOX: &str = "mailFolders/inbox/messages/delta?$select=subject,isRead";
const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

fn patch(world: &World, message: &str, body: Value) {
    world
        .call(Method::PATCH, ANNA, &format!("messages/{message}"))
        .body(&body)
        .json();
}

fn shift(world: &World, message: &str, to: &str) {
    world.post(
        ANNA,
        &format!("messages/{message}/move"),
        json!({"destinationId": to}),
    );
}

#[test]
fn a_round_and_what_follows() {
    let world = World::empty();
    let one = world.receive(ANNA, "one");
    let two = world.receive(ANNA, "two");
    let (all, link) = world.round(ANNA, INBOX, "IdType=\"ImmutableId\", odata.maxpagesize=1");
    assert_eq!(
        all.iter().map(id).collect::<BTreeSet<_>>(),
        BTreeSet::from([one.as_str(), two.as_str()])
    );
    assert_eq!(all[0]["@odata.type"], "#microsoft.graph.message");
    assert!(all[0].get("body").is_none());
    let (none, link) = world.round(ANNA, &link, IMMUTABLE);
    assert!(none.is_empty());
    patch(&world, &one, json!({"isRead": true}));
    patch(&world, &two, json!({"categories": ["x"]}));
    let (changed, link) = world.round(ANNA, &link, IMMUTABLE);
    assert_eq!(changed.len(), 2);
    assert!(changed[0].get("subject").is_none() && changed[0]["isRead"] == true);
    assert_eq!(changed[1]["subject"], "two");
    shift(&world, &one, "archive");
    let (gone, link) = world.round(ANNA, &link, IMMUTABLE);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0]["@removed"]["reason"], "deleted");
    assert_eq!(id(&gone[0]), one);
    let (archived, _) = world.round(ANNA, "mailFolders/archive/messages/delta", IMMUTABLE);
    assert_eq!(id(&archived[0]), one);
    // The same link again gives the same.
    let (again, _) = world.round(ANNA, &link, IMMUTABLE);
    assert!(again.is_empty());
}

#[test]
fn an_item_that_returns_is_lost_with_immutable_ids_only() {
    for quirk in [true, false] {
        let world = World::with(MailOptions {
            sample_mail: false,
            quirks: Quirks {
                loses_returned_items: quirk,
                ..Quirks::default()
            },
            ..MailOptions::default()
        });
        let one = world.receive(ANNA, "one");
        let (_, immutable_link) = world.round(ANNA, INBOX, IMMUTABLE);
        let (first, default_link) = world.round(ANNA, INBOX, "");
        shift(&world, &one, "archive");
        shift(&world, &one, "inbox");
        let (changed, _) = world.round(ANNA, &immutable_link, IMMUTABLE);
        assert_eq!(changed.len(), 1);
        assert_eq!(changed[0].get("@removed").is_some(), quirk);
        let (changed, _) = world.round(ANNA, &default_link, "");
        assert_eq!(changed.len(), 2);
        let removed: Vec<&str> = changed
            .iter()
            .filter(|one| one.get("@removed").is_some())
            .map(id)
            .collect();
        assert_eq!(removed, [id(&first[0])]);
    }
}

#[test]
fn a_message_that_came_went_and_came_is_seen() {
    let world = World::empty();
    let (_, link) = world.round(ANNA, INBOX, IMMUTABLE);
    let one = world.receive(ANNA, "one");
    shift(&world, &one, "archive");
    shift(&world, &one, "inbox");
    let (changed, _) = world.round(ANNA, &link, IMMUTABLE);
    assert!(changed.iter().all(|one| one.get("@removed").is_none()));
    assert_eq!(changed.len(), 1);
}

#[test]
fn tokens_are_checked() {
    let world = World::with(MailOptions {
        sample_mail: false,
        delta_token_life: Some(3_600),
        ..MailOptions::default()
    });
    let (_, link) = world.round(ANNA, INBOX, "");
    let broken = format!("{}x", &link[..link.len() - 2]);
    assert_eq!(world.call(Method::GET, ANNA, &broken).refused().0, 400);
    let other = link.replace("mailFolders/", "mailFolders/archive/childFolders/");
    let _ = world.call(Method::GET, ANNA, &other).send();
    world.clock.advance(Duration::from_secs(4_000));
    assert_eq!(
        world.call(Method::GET, ANNA, &link).refused(),
        (410, "syncStateNotFound".into())
    );
    let (_, link) = world.round(ANNA, INBOX, "");
    world.mail.expire_delta_tokens();
    let error = world
        .call(Method::GET, ANNA, &link)
        .send()
        .expect_err("expired");
    assert_eq!((error.status, error.code.as_str()), (410, "resyncRequired"));
    let location = &error.headers[0].1;
    world.receive(ANNA, "one");
    let (all, _) = world.round(ANNA, location, "");
    assert_eq!(texts(&all, "subject"), ["one"]);
}

#[test]
fn options_are_checked() {
    let world = World::empty();
    for bad in [
        "mailFolders/inbox/messages/delta?$search=\"x\"",
        "mailFolders/inbox/messages/delta?$filter=isRead eq true",
        "mailFolders/inbox/messages/delta?$orderby=subject",
        "mailFolders/inbox/messages/delta?changeType=nothing",
        "messages/delta",
    ] {
        assert_eq!(world.call(Method::GET, ANNA, bad).refused().0, 400, "{bad}");
    }
    world.receive(ANNA, "one");
    let (_, link) = world.round(
        ANNA,
        "mailFolders/inbox/messages/delta?changeType=created&$filter=receivedDateTime ge 2020-01-01&$orderby=receivedDateTime desc",
        "",
    );
    let two = world.receive(ANNA, "two");
    patch(&world, &two, json!({"isRead": true}));
    let (created, link) = world.round(ANNA, &link, "");
    assert_eq!(texts(&created, "subject"), ["two"]);
    patch(&world, &two, json!({"isRead": false}));
    let (none, _) = world.round(ANNA, &link, "");
    assert!(none.is_empty());
}

#[test]
fn pages_have_sizes() {
    let world = World::with(MailOptions {
        messages: 400,
        mailboxes_for_bulk: 1,
        bulk_folders: 1,
        sample_mail: false,
        ..MailOptions::default()
    });
    let length = |path: &str, prefer: &str| {
        world
            .call(Method::GET, ANNA, path)
            .header("prefer", prefer)
            .json()["value"]
            .as_array()
            .expect("array")
            .len()
    };
    assert_eq!(length("mailFolders/inbox/messages/delta", ""), 10);
    assert_eq!(
        length("mailFolders/inbox/messages/delta", "odata.maxpagesize=300"),
        300
    );
    assert_eq!(
        length(
            "mailFolders/inbox/messages/delta?$expand=attachments",
            "odata.maxpagesize=300"
        ),
        50
    );
    let (filtered, _) = world.round(
        ANNA,
        "mailFolders/inbox/messages/delta?$filter=receivedDateTime ge 2000-01-01",
        "odata.maxpagesize=70",
    );
    assert_eq!(filtered.len(), 400);
}

/// A mirror that follows two folders by default ids while messages move at random is level with
/// the mailbox at every end of a round.
#[test]
fn a_mirror_follows() {
    let world = World::with(MailOptions {
        messages: 60,
        mailboxes_for_bulk: 1,
        bulk_folders: 2,
        sample_mail: false,
        ..MailOptions::default()
    });
    let folders = ["inbox", "archive"];
    let mut links: Vec<String> = folders
        .iter()
        .map(|folder| format!("mailFolders/{folder}/messages/delta?$select=subject"))
        .collect();
    let mut mirrors = vec![BTreeMap::new(); 2];
    let mut dice = 7_u64;
    for _ in 0..30 {
        for place in 0..2 {
            let (items, link) = world.round(ANNA, &links[place], "odata.maxpagesize=7");
            links[place] = link;
            for item in items {
                let key = id(&item).to_owned();
                if item.get("@removed").is_some() {
                    mirrors[place].remove(&key);
                } else {
                    mirrors[place].insert(key, ());
                }
            }
        }
        let snapshot = world.mail.snapshot(ANNA).expect("a snapshot");
        for (place, folder) in folders.iter().enumerate() {
            let folder = snapshot
                .folders
                .iter()
                .find(|one| one.well_known.as_deref() == Some(*folder))
                .expect("the folder");
            let truth: BTreeSet<&String> = snapshot
                .messages
                .iter()
                .filter(|message| message.folder_id == folder.id)
                .map(|message| &message.id)
                .collect();
            assert_eq!(truth, mirrors[place].keys().collect());
        }
        for _ in 0..6 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = (dice >> 33) as usize % snapshot.messages.len();
            let message = &snapshot.messages[place].immutable_id;
            match dice >> 60 {
                0..4 => shift(&world, message, "archive"),
                4..8 => shift(&world, message, "inbox"),
                8..10 => {
                    let _ = world
                        .call(Method::DELETE, ANNA, &format!("messages/{message}"))
                        .send();
                }
                10..12 => {
                    world.receive(ANNA, "new");
                }
                _ => {
                    let _ = world
                        .call(Method::PATCH, ANNA, &format!("messages/{message}"))
                        .body(&json!({"isRead": true}))
                        .send();
                }
            }
        }
    }
}
