//! Accounts and grants.

use super::Ground;
use super::made::*;
use crate::contract::StoreError;
use crate::contract::connections::ConnectionWrite;
use postroom_model::account::AccountState;
use postroom_model::grant::Grant;

/// A second account of the same user is refused, with the id of the one there.
pub async fn one_for_a_user_and_one_for_the_application(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_connection(&connection("c"), None));
    ok!(store.insert_connection(&connection("d"), None));
    let accounts = [
        account("z", "c", Some("user")),
        account("b", "c", None),
        account("a", "d", Some("user")),
    ];
    for account in &accounts {
        ok!(store.put_account(account));
    }
    for second in [account("x", "c", Some("user")), account("y", "c", None)] {
        let refused = store.put_account(&second).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(ok!(store.accounts()), accounts);
    let mut anew = accounts[0].clone();
    anew.display_name = Some("Ada".into());
    anew.expires_at = None;
    ok!(store.put_account(&anew));
    assert_eq!(ok!(store.account(&anew.id)), Some(anew.clone()));
    assert_eq!(ok!(store.account_of(&"c".into(), Some("user"))), Some(anew));
    assert_eq!(
        ok!(store.account_of(&"c".into(), None)),
        Some(accounts[1].clone())
    );
    assert_eq!(ok!(store.account_of(&"d".into(), None)), None);
}

/// Who remembers an account hears of every write that could touch it, and not of the call log.
pub async fn a_version_moves_with_what_is_written(ground: &dyn Ground) {
    let store = ground.open().await;
    let mut before = store.version();
    let mut moved = |what: &str| {
        let now = store.version();
        assert!(now > before, "{what}");
        before = now;
    };
    let mut connection = connection("c");
    ok!(store.insert_connection(&connection, None));
    moved("a connection is added");
    let account = account("a", "c", Some("user"));
    ok!(store.put_account(&account));
    moved("an account is written");
    let was = connection.clone();
    connection.name = "another".into();
    ok!(store.update_connection(ConnectionWrite {
        was: &was,
        now: &connection,
        credential: None,
        ends: None,
    }));
    moved("a connection is changed");
    let state = AccountState::NeedsSignIn;
    ok!(store.set_account_state(&account.id, state, None, at(5), None));
    moved("an account's state is written");
    ok!(store.remove_account(&account.id));
    moved("an account is removed");
    ok!(store.remove_connection(&connection.id));
    moved("a connection is removed");

    let before = store.version();
    ok!(store.touch_keys(&[("k".into(), at(7))]));
    ok!(store.record_calls(&[]));
    assert_eq!(store.version(), before);
}

/// The same state again does not move its beginning.
pub async fn state_is_written_once(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let id = "a".into();
    let state = AccountState::CredentialExpired;
    ok!(store.set_account_state(&id, state, Some("why"), at(5), None));
    ok!(store.set_account_state(&id, state, Some("why"), at(6), None));
    let kept = ok!(store.account(&id)).expect("there");
    assert_eq!((kept.state, kept.since), (state, at(5)));
    ok!(store.set_account_state(&id, state, None, at(7), None));
    let kept = ok!(store.account(&id)).expect("there");
    assert_eq!((kept.reason, kept.since), (None, at(7)));
}

/// A grant is written over, and is gone with its account and the mailboxes.
pub async fn grants_are_kept_and_go_with_the_account(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["other"]).await;
    let id = "u".into();
    ok!(store.put_account(&account("u", "c", Some("user"))));
    ok!(store.insert_mailbox(&mailbox("one", "c", "u")));
    assert!(ok!(store.grant(&id)).is_none());
    ok!(store.save_grant(&id, &grant("token one"), at(50)));
    ok!(store.save_grant(&id, &grant("token two"), at(60)));
    let kept = ok!(store.grant(&id)).expect("there");
    assert_eq!(kept.refresh_token.reveal(), "token two");
    assert_eq!((kept.scopes, kept.received_at), (grant("").scopes, at(3)));
    assert_eq!(
        ok!(store.account(&id)).expect("there").expires_at,
        Some(at(60))
    );
    assert!(ok!(store.remove_account(&id)));
    assert!(!ok!(store.remove_account(&id)));
    assert!(ok!(store.grant(&id)).is_none());
    assert!(ok!(store.mailbox(&here())).is_none());
    assert!(ok!(store.mailbox(&"other".into())).is_some());
    assert!(store.save_grant(&id, &grant("x"), at(1)).await.is_err());
}

/// A refresh that was overtaken writes nothing: neither its grant nor what it found out.
pub async fn a_grant_follows_the_one_it_was_got_with(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let id = "u".into();
    ok!(store.put_account(&account("u", "c", Some("user"))));
    let (one, two, three) = (grant("one"), grant("two"), grant("three"));
    let used = |grant: &Grant| grant.refresh_token.clone();
    let state = AccountState::Revoked;
    // None is there yet, and none comes of it.
    assert!(!ok!(store.rotate_grant(&id, &used(&one), &two, at(50))));
    assert!(!ok!(store.set_account_state(
        &id,
        state,
        None,
        at(5),
        Some(&used(&one))
    )));
    assert!(ok!(store.grant(&id)).is_none());

    ok!(store.save_grant(&id, &one, at(50)));
    assert!(ok!(store.rotate_grant(&id, &used(&one), &two, at(60))));
    let end = ok!(store.account(&id)).expect("there").expires_at;
    assert_eq!(end, Some(at(60)));
    assert!(!ok!(store.rotate_grant(&id, &used(&one), &three, at(70))));
    let kept = ok!(store.grant(&id)).expect("there");
    assert_eq!(kept.refresh_token.reveal(), "two");

    assert!(!ok!(store.set_account_state(
        &id,
        state,
        None,
        at(5),
        Some(&used(&one))
    )));
    let user = ok!(store.account(&id)).expect("there");
    assert_eq!(user.state, AccountState::Active);
    assert!(ok!(store.set_account_state(
        &id,
        state,
        None,
        at(5),
        Some(&used(&two))
    )));
    let user = ok!(store.account(&id)).expect("there");
    assert_eq!(user.state, state);
}

/// What Microsoft asks of an account is kept until a sign-in met it.
pub async fn claims_challenges_end_with_a_sign_in(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let user = account("u", "c", Some("user"));
    ok!(store.put_account(&user));
    assert_eq!(ok!(store.claims_challenge(&user.id)), None);
    for claims in ["{}", "{\"a\":1}"] {
        ok!(store.put_claims_challenge(&user.id, claims));
        assert_eq!(
            ok!(store.claims_challenge(&user.id)).as_deref(),
            Some(claims)
        );
    }
    ok!(store.insert_login(&login("l", "c")));
    ok!(store.complete_login(&"l".into(), &user, &grant("t"), at(9)));
    assert_eq!(ok!(store.claims_challenge(&user.id)), None);
    // Of an account that is gone there is nothing to keep.
    ok!(store.put_claims_challenge(&"nobody".into(), "{}"));
    assert_eq!(ok!(store.claims_challenge(&"nobody".into())), None);
}
