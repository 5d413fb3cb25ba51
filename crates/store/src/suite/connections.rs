//! Connections and credentials.

use super::Ground;
use super::made::*;
use crate::contract::connections::{ConnectionWrite, ConnectionWritten};
use crate::contract::{StoreError, logins};
use postroom_model::account::AccountState;
use postroom_model::connection::{Connection, FederatedSource};
use postroom_model::login::LoginStatus;
use postroom_model::resource::folder::MailFolder;

/// Nothing but the connection is written.
fn plain<'a>(was: &'a Connection, now: &'a Connection) -> ConnectionWrite<'a> {
    ConnectionWrite {
        was,
        now,
        credential: None,
        ends: None,
    }
}

/// Another connection cannot have a name that differs in case only.
pub async fn names_are_unique_without_regard_to_case(ground: &dyn Ground) {
    let store = ground.open().await;
    let mut one = connection("1");
    one.name = "Übung".into();
    ok!(store.insert_connection(&one, None));
    let mut two = connection("2");
    two.name = "ÜBUNG".into();
    let refused = store.insert_connection(&two, None).await;
    assert!(
        matches!(&refused, Err(StoreError::Conflict { existing, .. }) if existing == "1"),
        "{refused:?}"
    );
    two.name = "Other".into();
    ok!(store.insert_connection(&two, None));
    let was = two.clone();
    two.name = "übung".into();
    let refused = store.update_connection(plain(&was, &two)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })));
    let was = one.clone();
    one.name = "ÜBUNG".into();
    one.redirect_uri = None;
    let written = ok!(store.update_connection(plain(&was, &one)));
    assert_eq!(written, ConnectionWritten::Done(Vec::new()));
    assert_eq!(ok!(store.connection(&one.id)).as_ref(), Some(&one));
    let names: Vec<_> = ok!(store.connections())
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["ÜBUNG", "Other"]);
    let gone = connection("3");
    let written = ok!(store.update_connection(plain(&gone, &gone)));
    assert_eq!(written, ConnectionWritten::Gone);
}

/// Credentials keep their secrets; a connection tells of them without.
pub async fn credentials_are_kept_newest_first(ground: &dyn Ground) {
    let store = ground.open().await;
    let id = "c".into();
    ok!(store.insert_connection(&connection("c"), None));
    ok!(store.insert_credential(&id, &credential("old", "secret one", 1)));
    ok!(store.insert_credential(&id, &credential("new", "secret two", 2)));
    drop(store);
    let store = ground.open().await;
    let kept = ok!(store.credentials(&id));
    let secrets: Vec<_> = kept.iter().map(|it| it.secret.reveal()).collect();
    assert_eq!(secrets, ["secret two", "secret one"]);
    let told = ok!(store.connection(&id)).expect("there").credentials;
    assert_eq!(told, kept.into_iter().map(|it| it.info).collect::<Vec<_>>());
    assert!(ok!(store.remove_credential(&id, &"old".into())));
    assert!(!ok!(store.remove_credential(&id, &"old".into())));
    assert_eq!(ok!(store.credentials(&id)).len(), 1);
    assert!(
        store
            .insert_credential(&"x".into(), &credential("y", "z", 1))
            .await
            .is_err()
    );
}

/// Which one Microsoft takes is known until it is refused beside another one.
pub async fn the_credentials_that_are_taken_are_known(ground: &dyn Ground) {
    let store = ground.open().await;
    let id = "c".into();
    ok!(store.insert_connection(&connection("c"), None));
    for (made, name) in ["a", "b"].into_iter().enumerate() {
        let made = i64::try_from(made).expect("small");
        ok!(store.insert_credential(&id, &credential(name, "secret", made)));
    }
    let taken = async || {
        let told = ok!(store.connection(&id)).expect("there").credentials;
        let kept = ok!(store.credentials(&id)).into_iter().map(|it| it.info);
        assert!(kept.eq(told.clone()));
        told.into_iter().map(|it| it.taken_at).collect::<Vec<_>>()
    };
    assert_eq!(taken().await, [None, None]);
    let (a, b) = ("a".into(), "b".into());
    assert!(ok!(store.note_credential_taken(&id, &a, &[], at(5))));
    assert!(!ok!(store.note_credential_taken(
        &id,
        &a,
        std::slice::from_ref(&b),
        at(6)
    )));
    assert_eq!(taken().await, [None, Some(at(5))]);
    assert!(ok!(store.note_credential_taken(&id, &b, &[], at(7))));
    assert_eq!(taken().await, [Some(at(7)), Some(at(5))]);
    assert!(ok!(store.note_credential_taken(
        &id,
        &a,
        &[b, "gone".into()],
        at(8)
    )));
    assert_eq!(taken().await, [None, Some(at(5))]);
    assert!(!ok!(store.note_credential_taken(
        &"x".into(),
        &a,
        &[],
        at(9)
    )));
    assert!(!ok!(store.note_credential_taken(
        &id,
        &"gone".into(),
        &[],
        at(9)
    )));
}

/// Every kind of credential is read back as it was written.
pub async fn kinds_of_credentials_are_kept_whole(ground: &dyn Ground) {
    let store = ground.open().await;
    let id = "c".into();
    ok!(store.insert_connection(&connection("c"), None));
    let from_file = FederatedSource::File {
        file: "/var/run/token".into(),
    };
    let from_url = FederatedSource::Url {
        url: "https://issuer.example/token?audience=x".into(),
        headers: vec!["Metadata".into()],
    };
    let written = [
        federated("url", r#"{"Metadata":"true"}"#, from_url, 4),
        federated("file", "{}", from_file, 3),
        certificate("certificate", "a private key", 2),
        credential("secret", "a secret", 1),
    ];
    for one in &written {
        ok!(store.insert_credential(&id, one));
    }
    drop(store);
    let store = ground.open().await;
    let kept = ok!(store.credentials(&id));
    assert_eq!(kept.len(), written.len());
    for (kept, written) in kept.iter().zip(&written) {
        assert_eq!(kept.info, written.info);
        assert_eq!(kept.secret, written.secret);
    }
    let told = ok!(store.connection(&id)).expect("there").credentials;
    assert_eq!(told, kept.into_iter().map(|it| it.info).collect::<Vec<_>>());
}

/// Nothing of a connection outlives it but outbox and call log.
pub async fn removal_takes_everything_along(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let id = "c".into();
    ok!(store.insert_credential(&id, &credential("s", "secret", 1)));
    ok!(store.put_account(&account("u", "c", Some("user"))));
    ok!(store.save_grant(&"u".into(), &grant("token"), at(9)));
    ok!(store.insert_login(&login("l", "c")));
    ok!(store.apply_messages(
        &here(),
        &page("inbox", vec![message("m", "inbox", "1")], &[]),
        at(1)
    ));
    ok!(store.accept_outbox(&outbox_item("o", "one", 1), None));
    for name in ["connection.c.moved_at", "consent:c", "connection.cc", "c2"] {
        ok!(store.put_setting(name, "x"));
    }
    assert!(ok!(store.remove_connection(&id)));
    assert_eq!(ok!(store.setting("connection.c.moved_at")), None);
    assert_eq!(ok!(store.setting("consent:c")), None);
    assert!(ok!(store.setting("connection.cc")).is_some());
    assert!(ok!(store.setting("c2")).is_some());
    assert!(!ok!(store.remove_connection(&id)));
    assert_eq!(ok!(store.connection(&id)), None);
    assert!(ok!(store.accounts()).is_empty());
    assert!(ok!(store.mailboxes()).is_empty());
    assert!(ok!(store.grant(&"u".into())).is_none());
    assert!(ok!(store.login(&"l".into())).is_none());
    assert!(
        ok!(logins::Logins::login_by_state(
            &*store,
            &login("l", "c").state
        ))
        .is_none()
    );
    assert!(ok!(store.credentials(&id)).is_empty());
    assert_eq!(ok!(store.message(&here(), &"m".into())), None);
    assert_eq!(ok!(store.folders(&here())), Vec::<MailFolder>::new());
    assert!(ok!(store.outbox_item(&"o".into())).is_some());
}

/// What is written was read first: a change that somebody else made meanwhile is not undone.
pub async fn a_stale_change_writes_nothing(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let id = "c".into();
    let was = ok!(store.connection(&id)).expect("there");
    let mut first = was.clone();
    first.graph_url = "https://first.example".into();
    assert_eq!(
        ok!(store.update_connection(plain(&was, &first))),
        ConnectionWritten::Done(Vec::new())
    );
    let secret = credential("late", "secret", 3);
    let second = ConnectionWrite {
        was: &was,
        now: &was,
        credential: Some(&secret),
        ends: Some(("why", at(5))),
    };
    assert_eq!(
        ok!(store.update_connection(second)),
        ConnectionWritten::Stale
    );
    assert_eq!(ok!(store.connection(&id)), Some(first.clone()));
    // Another credential is a change, too: one that is replaced has to be known.
    ok!(store.insert_credential(&id, &credential("s", "secret", 1)));
    assert_eq!(
        ok!(store.update_connection(plain(&first, &was))),
        ConnectionWritten::Stale
    );
}

/// What was granted ends with the change that leads it elsewhere: credentials but the one that is
/// given anew, grants, sign-ins under way. The application account stays as it is.
pub async fn grants_end_with_the_change(ground: &dyn Ground) {
    let store = ground.open().await;
    let id = "c".into();
    with_mailboxes(store.as_ref(), &[]).await;
    ok!(store.insert_credential(&id, &credential("one", "secret", 1)));
    ok!(store.insert_credential(&id, &credential("two", "secret", 2)));
    ok!(store.put_account(&account("u", "c", Some("user"))));
    ok!(store.save_grant(&"u".into(), &grant("token"), at(9)));
    ok!(store.insert_login(&login("l", "c")));
    let was = ok!(store.connection(&id)).expect("there");
    let mut now = was.clone();
    now.authority_url = "https://elsewhere.example".into();
    let given = credential("given", "anew", 3);
    let written = ok!(store.update_connection(ConnectionWrite {
        was: &was,
        now: &now,
        credential: Some(&given),
        ends: Some(("the addresses changed", at(5))),
    }));
    assert_eq!(written, ConnectionWritten::Done(vec!["l".into()]));
    let kept = ok!(store.credentials(&id));
    let secrets: Vec<_> = kept.iter().map(|it| it.secret.reveal()).collect();
    assert_eq!(secrets, ["anew"]);
    assert!(ok!(store.grant(&"u".into())).is_none());
    let user = ok!(store.account(&"u".into())).expect("there");
    assert_eq!(user.state, AccountState::NeedsSignIn);
    assert_eq!(user.reason.as_deref(), Some("the addresses changed"));
    assert_eq!(user.since, at(5));
    let application = ok!(store.account(&"a".into())).expect("there");
    assert_eq!(application.state, AccountState::Active);
    let login = ok!(logins::Logins::login(&*store, &"l".into())).expect("there");
    assert_eq!(login.status, LoginStatus::Failed);
    assert_eq!(login.error.as_deref(), Some("the addresses changed"));

    // Without a new credential there is none.
    let was = ok!(store.connection(&id)).expect("there");
    ok!(store.update_connection(ConnectionWrite {
        ends: Some(("again", at(6))),
        ..plain(&was, &was)
    }));
    assert!(ok!(store.credentials(&id)).is_empty());
}

/// A credential that replaces the others ends nothing else.
pub async fn a_credential_replaces_the_others(ground: &dyn Ground) {
    let store = ground.open().await;
    let id = "c".into();
    with_mailboxes(store.as_ref(), &[]).await;
    ok!(store.insert_credential(&id, &credential("one", "secret", 1)));
    ok!(store.put_account(&account("u", "c", Some("user"))));
    ok!(store.save_grant(&"u".into(), &grant("token"), at(9)));
    let was = ok!(store.connection(&id)).expect("there");
    let given = credential("given", "anew", 3);
    ok!(store.update_connection(ConnectionWrite {
        credential: Some(&given),
        ..plain(&was, &was)
    }));
    let kept = ok!(store.credentials(&id));
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].info.id, given.info.id);
    assert!(ok!(store.grant(&"u".into())).is_some());
}

/// A connection comes with its credential, or not at all.
pub async fn a_connection_comes_with_its_credential(ground: &dyn Ground) {
    let store = ground.open().await;
    let first = credential("one", "secret", 1);
    ok!(store.insert_connection(&connection("c"), Some(&first)));
    assert_eq!(ok!(store.credentials(&"c".into())).len(), 1);
    let mut second = connection("d");
    second.name = connection("c").name;
    let refused = store.insert_connection(&second, Some(&first)).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(ok!(store.connection(&"d".into())), None);
    assert!(ok!(store.credentials(&"d".into())).is_empty());
}
