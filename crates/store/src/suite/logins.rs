//! Sign-ins.

use super::Ground;
use super::made::*;
use postroom_model::Secret;
use postroom_model::account::AccountState;
use postroom_model::login::LoginStatus;

/// A sign-in is found by its state, and only the first end counts.
pub async fn found_by_state_and_ended_once(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let login = login("l", "c");
    ok!(store.insert_login(&login));
    let found = ok!(store.login_by_state(&login.state)).expect("there");
    assert_eq!(format!("{found:?}"), format!("{login:?}"));
    assert_eq!(found.verifier, login.verifier);
    assert_eq!(found.nonce, login.nonce);
    assert!(ok!(store.login_by_state(&Secret::new("other"))).is_none());
    assert!(ok!(store.fail_login(
        &login.id,
        LoginStatus::Failed,
        "no consent"
    )));
    assert!(!ok!(store.fail_login(
        &login.id,
        LoginStatus::Expired,
        "late"
    )));
    let user = account("u", "c", Some("user"));
    let late = ok!(store.complete_login(&login.id, &user, &grant("t"), at(9)));
    assert_eq!(late, None);
    assert!(ok!(store.account(&user.id)).is_none());
    let kept = ok!(store.login(&login.id)).expect("there");
    assert_eq!(kept.status, LoginStatus::Failed);
    assert_eq!(kept.error.as_deref(), Some("no consent"));
}

/// Signing in again makes the old account act again, under its old id.
pub async fn completing_keeps_the_accounts_id(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    for id in ["l1", "l2"] {
        ok!(store.insert_login(&login(id, "c")));
    }
    let first = account("first", "c", Some("user"));
    let made = ok!(store.complete_login(&"l1".into(), &first, &grant("one"), at(90)));
    assert_eq!(made.expect("completed").id, first.id);
    ok!(store.set_account_state(
        &first.id,
        AccountState::Revoked,
        Some("revoked"),
        at(5),
        None
    ));
    let mut second = account("second", "c", Some("user"));
    second.display_name = Some("Ada".into());
    second.since = at(6);
    let kept = ok!(store.complete_login(&"l2".into(), &second, &grant("two"), at(91)));
    let kept = kept.expect("completed");
    assert_eq!(kept.id, first.id);
    assert_eq!(kept.state, AccountState::Active);
    assert_eq!((kept.reason.clone(), kept.since), (None, at(6)));
    assert_eq!(kept.display_name.as_deref(), Some("Ada"));
    assert_eq!(ok!(store.account(&first.id)), Some(kept));
    let token = ok!(store.grant(&first.id)).expect("there").refresh_token;
    assert_eq!(token.reveal(), "two");
    let login = ok!(store.login(&"l2".into())).expect("there");
    assert_eq!(login.status, LoginStatus::Completed);
    assert_eq!(login.account, Some(first.id));
}

/// What is over is found; what ended long ago is forgotten, and nothing that is pending.
pub async fn overdue_ones_are_found_and_old_ones_forgotten(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let mut long = login("long", "c");
    long.expires_at = at(10_000);
    ok!(store.insert_login(&long));
    ok!(store.insert_login(&login("short", "c")));
    assert!(ok!(store.overdue_logins(at(599))).is_empty());
    assert_eq!(ok!(store.overdue_logins(at(600))), ["short".into()]);
    assert_eq!(ok!(store.prune_logins(at(10_000))), 0);
    assert!(ok!(store.fail_login(
        &"short".into(),
        LoginStatus::Expired,
        "over"
    )));
    assert!(ok!(store.overdue_logins(at(600))).is_empty());
    assert_eq!(ok!(store.prune_logins(at(0))), 0);
    assert_eq!(ok!(store.prune_logins(at(1))), 1);
    assert!(ok!(store.login(&"short".into())).is_none());
    let long = ok!(store.login(&"long".into())).expect("there");
    assert_eq!(long.status, LoginStatus::Pending);
}

/// A code for another device is kept with its sign-in, and those under way are found again.
pub async fn device_codes_are_found_while_pending(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    ok!(store.insert_login(&login("browser", "c")));
    let mut short = device_login("one", "c");
    if let Some(device) = &mut short.device {
        device.message = None;
    }
    let long = device_login("two", "c");
    ok!(store.insert_login(&short));
    ok!(store.insert_login(&long));
    let found = ok!(store.device_logins());
    assert_eq!(format!("{found:?}"), format!("{:?}", [&short, &long]));
    let code = |login: &postroom_model::login::Login| {
        let device = login.device.as_ref().expect("a device code");
        device.device_code.reveal().to_owned()
    };
    assert_eq!(code(&found[0]), "device-one");
    assert_eq!(
        code(&ok!(store.login(&"two".into())).expect("there")),
        "device-two"
    );
    ok!(store.fail_login(&short.id, LoginStatus::Failed, "declined"));
    let found = ok!(store.device_logins());
    assert_eq!(found.len(), 1);
    ok!(store.fail_login(&long.id, LoginStatus::Expired, "over"));
    assert!(ok!(store.device_logins()).is_empty());
    ok!(store.prune_logins(at(1)));
    assert!(ok!(store.login(&short.id)).is_none());
}
