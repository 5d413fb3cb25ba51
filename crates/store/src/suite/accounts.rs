//! Accounts and grants.

use super::Ground;
use super::made::*;
use crate::contract::StoreError;
use postroom_model::account::AccountState;

/// A second account of the same user is refused, with the id of the one there.
pub async fn one_for_a_user_and_one_for_the_application(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_connection(&connection("c")));
    ok!(store.insert_connection(&connection("d")));
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

/// The same state again does not move its beginning.
pub async fn state_is_written_once(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let id = "a".into();
    let state = AccountState::CredentialExpired;
    ok!(store.set_account_state(&id, state, Some("why"), at(5)));
    ok!(store.set_account_state(&id, state, Some("why"), at(6)));
    let kept = ok!(store.account(&id)).expect("there");
    assert_eq!((kept.state, kept.since), (state, at(5)));
    ok!(store.set_account_state(&id, state, None, at(7)));
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
