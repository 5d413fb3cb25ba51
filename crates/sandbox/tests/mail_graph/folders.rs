//! mailFolders.

use http::Method;
use serde_json::json;

use crate::support::{ANNA, BERT, World, id, texts};

#[test]
fn well_known_names_work_in_any_case_and_names_are_localised() {
    let world = World::empty();
    let english = world.get(ANNA, "mailFolders/Inbox");
    assert_eq!(english["displayName"], "Inbox");
    assert_eq!(
        world.get(BERT, "mailFolders/inbox")["displayName"],
        "Posteingang"
    );
    let again = world.get(ANNA, &format!("mailFolders/{}", id(&english)));
    assert_eq!(again["id"], english["id"]);
    let list = world.get(ANNA, "mailFolders?$top=100");
    let names = list["value"].as_array().expect("array").clone();
    assert!(texts(&names, "displayName").contains(&"Sent Items"));
    assert!(!texts(&names, "displayName").contains(&"Sync Issues"));
    let all = world.get(ANNA, "mailFolders?$top=100&includeHiddenFolders=true");
    assert!(texts(all["value"].as_array().expect("array"), "displayName").contains(&"Sync Issues"));
}

#[test]
fn a_folder_lives() {
    let world = World::empty();
    let made = world.post(ANNA, "mailFolders", json!({"displayName": "Work"}));
    let path = format!("mailFolders/{}", id(&made));
    let below = world.post(
        ANNA,
        &format!("{path}/childFolders"),
        json!({"displayName": "2026"}),
    );
    assert_eq!(below["parentFolderId"], made["id"]);
    assert_eq!(world.get(ANNA, &path)["childFolderCount"], 1);
    let twice = world
        .call(Method::POST, ANNA, "mailFolders")
        .body(&json!({"displayName": "work"}))
        .refused();
    assert_eq!(twice, (409, "ErrorFolderExists".into()));
    let renamed = world
        .call(Method::PATCH, ANNA, &path)
        .body(&json!({"displayName": "Play"}))
        .json();
    assert_eq!(
        (&renamed["displayName"], &renamed["id"]),
        (&json!("Play"), &made["id"])
    );
    let into_itself = world
        .call(Method::POST, ANNA, &format!("{path}/move"))
        .body(&json!({"destinationId": below["id"]}))
        .refused();
    assert_eq!(into_itself.0, 400);
    world.post(
        ANNA,
        &format!("{path}/move"),
        json!({"destinationId": "archive"}),
    );
    assert_eq!(
        world.get(ANNA, "mailFolders/archive")["childFolderCount"],
        1
    );
    assert_eq!(world.call(Method::DELETE, ANNA, &path).status(), 204);
    assert_eq!(
        world.get(ANNA, &path)["parentFolderId"],
        world.get(ANNA, "mailFolders/deleteditems")["id"]
    );
    assert_eq!(world.call(Method::DELETE, ANNA, &path).status(), 204);
    assert_eq!(
        world.call(Method::GET, ANNA, &path).refused(),
        (404, "ErrorItemNotFound".into())
    );
    assert_eq!(
        world
            .call(Method::DELETE, ANNA, "mailFolders/inbox")
            .refused()
            .0,
        400
    );
    assert_eq!(
        world
            .call(Method::GET, ANNA, "mailFolders/nowhere")
            .refused(),
        (400, "ErrorInvalidIdMalformed".into())
    );
}

#[test]
fn counts_follow() {
    let world = World::empty();
    let message = world.receive(ANNA, "one");
    world.receive(ANNA, "two");
    let inbox = world.get(ANNA, "mailFolders/inbox");
    assert_eq!(
        (&inbox["totalItemCount"], &inbox["unreadItemCount"]),
        (&json!(2), &json!(2))
    );
    world
        .call(Method::PATCH, ANNA, &format!("messages/{message}"))
        .body(&json!({"isRead": true}))
        .json();
    assert_eq!(world.get(ANNA, "mailFolders/inbox")["unreadItemCount"], 1);
}

#[test]
fn the_hierarchy_has_a_delta() {
    let world = World::empty();
    let (all, link) = world.round(ANNA, "mailFolders/delta", "");
    assert!(texts(&all, "displayName").contains(&"Inbox"));
    let (none, link) = world.round(ANNA, &link, "");
    assert!(none.is_empty(), "{none:?}");
    let made = world.post(ANNA, "mailFolders", json!({"displayName": "New"}));
    let (changed, link) = world.round(ANNA, &link, "odata.maxpagesize=1");
    assert!(
        texts(&changed, "displayName").contains(&"New"),
        "{changed:?}"
    );
    world
        .call(
            Method::POST,
            ANNA,
            &format!("mailFolders/{}/permanentDelete", id(&made)),
        )
        .status();
    let (gone, _) = world.round(ANNA, &link, "");
    let gone: Vec<_> = gone
        .iter()
        .filter(|one| one.get("@removed").is_some())
        .collect();
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0]["id"], made["id"]);
}

#[test]
fn children_can_be_expanded() {
    let world = World::empty();
    let made = world.post(
        ANNA,
        "mailFolders/inbox/childFolders",
        json!({"displayName": "Below"}),
    );
    let inbox = world.get(ANNA, "mailFolders/inbox?$expand=childFolders");
    assert_eq!(inbox["childFolders"][0]["id"], made["id"]);
    assert_eq!(
        world
            .call(Method::GET, ANNA, "mailFolders?$expand=messages")
            .refused()
            .0,
        400
    );
}
