//! The folder tree.

use super::Ground;
use super::made::*;
use crate::contract::Store;
use crate::contract::cursors::CursorKey;
use crate::contract::folders::FolderPage;
use postroom_model::resource::folder::MailFolder;

fn tree(folders: Vec<MailFolder>, whole: bool) -> FolderPage {
    FolderPage {
        folders,
        removed: Vec::new(),
        whole,
        cursor: None,
    }
}

async fn ids(store: &dyn Store) -> Vec<String> {
    let folders = ok!(store.folders(&here()));
    folders.into_iter().map(|it| it.id.into_string()).collect()
}

/// Counts are written without a change: they change with every message.
pub async fn changes_only_for_more_than_counts(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let mut inbox = folder("in", Some("root"));
    inbox.well_known_name = Some("inbox".into());
    let page = FolderPage {
        cursor: Some(cursor("tree")),
        ..tree(vec![folder("a", Some("in")), inbox.clone()], false)
    };
    ok!(store.apply_folders(&here(), &page, at(1)));
    ok!(store.apply_folders(&here(), &page, at(2)));
    assert_eq!(ids(store.as_ref()).await, ["in", "a"]);
    let key = CursorKey {
        owner: "one".into(),
        kind: "mailFolders",
        scope: String::new(),
    };
    assert_eq!(ok!(store.cursor(&key)), Some(cursor("tree")));
    ok!(store.forget_cursor(&key));
    assert_eq!(ok!(store.cursor(&key)), None);
    inbox.unread_item_count = 5;
    ok!(store.apply_folders(&here(), &tree(vec![inbox.clone()], false), at(3)));
    let changes = words(&all_changes(store.as_ref()).await);
    assert_eq!(changes, ["folder a created", "folder in created"]);
    assert_eq!(ok!(store.folder(&here(), "INBOX")), Some(inbox.clone()));
    assert_eq!(ok!(store.folder(&here(), "in")), Some(inbox.clone()));
    assert_eq!(ok!(store.folder(&here(), "IN")), None);
    inbox.display_name = "Posteingang".into();
    ok!(store.apply_folders(&here(), &tree(vec![inbox], false), at(4)));
    let changes = words(&all_changes(store.as_ref()).await);
    assert_eq!(
        changes.last().map(String::as_str),
        Some("folder in updated")
    );
}

/// A whole tree says what is gone by leaving it out.
pub async fn a_whole_tree_removes_the_rest(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one", "two"]).await;
    let all = || vec![folder("a", None), folder("b", Some("a")), folder("c", None)];
    ok!(store.apply_folders(&here(), &tree(all(), true), at(1)));
    ok!(store.apply_folders(&"two".into(), &tree(all(), true), at(1)));
    let rest = tree(vec![folder("c", None), folder("d", None)], true);
    ok!(store.apply_folders(&here(), &rest, at(2)));
    assert_eq!(ids(store.as_ref()).await, ["c", "d"]);
    assert_eq!(ok!(store.folders(&"two".into())).len(), 3);
    let changes = words(&all_changes(store.as_ref()).await);
    assert_eq!(
        changes[6..],
        ["folder d created", "folder a deleted", "folder b deleted"]
    );
    ok!(store.apply_folders(&"gone".into(), &rest, at(3)));
    assert!(ok!(store.folders(&"gone".into())).is_empty());
}

/// The messages of a gone folder may turn up elsewhere: they are leaving.
pub async fn a_gone_folder_takes_its_cursor_and_marks_its_messages(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    ok!(store.apply_folders(&here(), &tree(vec![folder("a", None)], true), at(1)));
    ok!(store.apply_messages(
        &here(),
        &page("a", vec![message("m", "a", "1")], &[]),
        at(1)
    ));
    let gone = FolderPage {
        removed: vec!["a".into()],
        ..tree(Vec::new(), false)
    };
    ok!(store.apply_folders(&here(), &gone, at(2)));
    let key = CursorKey {
        owner: "one".into(),
        kind: "messages",
        scope: "a".into(),
    };
    assert_eq!(ok!(store.cursor(&key)), None);
    assert_eq!(ok!(store.leaving(&here(), None, 9)), ["m".into()]);
    assert!(ok!(store.message(&here(), &"m".into())).is_some());
    // The folder comes back: its numbers go on.
    ok!(store.apply_folders(&here(), &tree(vec![folder("a", None)], true), at(3)));
    ok!(store.apply_messages(
        &here(),
        &page("a", vec![message("n", "a", "1")], &[]),
        at(3)
    ));
    assert_eq!(
        ok!(store.message(&here(), &"n".into()))
            .expect("there")
            .number,
        2
    );
}
