//! The vault: where ciphertexts open, and how keys are changed or lost.

use super::Ground;
use super::made::*;
use crate::contract::data_keys::Resealed;
use crate::contract::tables::{Table, Value};
use crate::contract::{Store, StoreError};
use crate::seal::{VaultReset, change_master_key, rotate, vault_status};
use crate::transfer::TABLES;
use crate::{MasterKey, seal};
use postroom_model::Secret;
use postroom_model::account::AccountState;
use std::sync::Arc;
use tokio::sync::Notify;

/// Two secrets, three sign-ins, two under way and one with a code for another device.
const SEALED: u64 = 2 + 3 + 2 * 4 + 5;

/// The key that the cases' stores are made with.
fn first() -> MasterKey {
    MasterKey::from_bytes([7; 32])
}

fn other() -> MasterKey {
    MasterKey::from_bytes([8; 32])
}

/// Something in every column that is sealed, and something in others.
async fn fill(store: &dyn Store) {
    with_mailboxes(store, &["one"]).await;
    for id in ["s1", "s2"] {
        let secret = credential(id, &format!("secret-{id}"), 1);
        ok!(store.insert_credential(&"c".into(), &secret));
    }
    for id in ["u1", "u2", "u3"] {
        ok!(store.put_account(&account(id, "c", Some(id))));
        ok!(store.save_grant(&id.into(), &grant(&format!("token-{id}")), at(9)));
    }
    for id in ["l1", "l2"] {
        ok!(store.insert_login(&login(id, "c")));
    }
    ok!(store.insert_login(&device_login("d", "c")));
    ok!(store.insert_key(&key("k"), &[1; 32]));
    ok!(store.apply_messages(
        &here(),
        &page("inbox", vec![message("m", "inbox", "1")], &[]),
        at(1)
    ));
    ok!(store.put_setting("name", "value"));
}

/// Every secret is what it was.
async fn ensure_secrets(store: &dyn Store) {
    for credential in ok!(store.credentials(&"c".into())) {
        let expected = format!("secret-{}", credential.info.id);
        assert_eq!(credential.secret, Secret::new(expected));
    }
    for id in ["u1", "u2", "u3"] {
        let token = ok!(store.grant(&id.into())).expect("a grant").refresh_token;
        assert_eq!(token, Secret::new(format!("token-{id}")));
    }
    for id in ["l1", "l2"] {
        let found = ok!(store.login(&id.into())).expect("a sign-in");
        assert_eq!(format!("{found:?}"), format!("{:?}", login(id, "c")));
        assert_eq!(found.verifier, login(id, "c").verifier);
    }
    let found = ok!(store.login(&"d".into())).and_then(|it| it.device);
    assert_eq!(found.expect("a code").device_code, Secret::new("device-d"));
}

fn table(name: &str) -> &'static Table {
    TABLES
        .iter()
        .find(|table| table.name == name)
        .expect("a table")
}

/// A ciphertext as it lies, and the key of its row.
async fn lying(store: &dyn Store, name: &str, key: &[&str], column: &str) -> (Vec<Value>, Vec<u8>) {
    let table = table(name);
    let key: Vec<_> = key.iter().map(|it| Value::Text((*it).into())).collect();
    let rows = ok!(store.read_rows(table, None, 100));
    let row = rows.iter().find(|row| table.key_of(row) == key);
    let at = table.columns.iter().position(|it| it.name == column);
    match &row.expect("a row")[at.expect("a column")] {
        Value::Bytes(sealed) => (key, sealed.to_vec()),
        other => panic!("{other:?}"),
    }
}

async fn put(
    store: &dyn Store,
    name: &str,
    key: &[Value],
    column: &'static str,
    from: &[u8],
    to: &[u8],
) {
    let what = Resealed {
        key: key.to_vec(),
        column,
        from: from.to_vec(),
        to: to.to_vec(),
    };
    assert_eq!(ok!(store.reseal(table(name), vec![what])), 1);
}

/// Moved by SQL to another row, another column or another table, it does not open; back in its
/// place it does.
pub async fn a_ciphertext_opens_in_its_place_only(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    fill(store).await;
    let (grant_key, token) = lying(store, "grants", &["u1"], "refresh_token").await;
    let (_, of_another) = lying(store, "grants", &["u2"], "refresh_token").await;
    let (login_key, state) = lying(store, "logins", &["l1"], "state").await;
    let (_, nonce) = lying(store, "logins", &["l1"], "nonce").await;
    let (secret_key, secret) = lying(store, "credentials", &["c", "s1"], "secret").await;
    let sealed = |outcome: Option<StoreError>| {
        assert!(
            matches!(outcome, Some(StoreError::Sealed { .. })),
            "{outcome:?}"
        );
    };
    for foreign in [&of_another, &state, &secret] {
        put(
            store,
            "grants",
            &grant_key,
            "refresh_token",
            &token,
            foreign,
        )
        .await;
        sealed(store.grant(&"u1".into()).await.err());
        put(
            store,
            "grants",
            &grant_key,
            "refresh_token",
            foreign,
            &token,
        )
        .await;
    }
    put(store, "logins", &login_key, "state", &state, &nonce).await;
    sealed(store.login(&"l1".into()).await.err());
    put(store, "logins", &login_key, "state", &nonce, &state).await;
    put(store, "credentials", &secret_key, "secret", &secret, &token).await;
    assert!(
        ok!(store.credentials(&"c".into()))
            .iter()
            .any(|it| it.secret.is_empty())
    );
    let status = ok!(vault_status(store, &first()));
    assert_eq!((status.sealed, status.unopened), (SEALED, 1));
    put(store, "credentials", &secret_key, "secret", &token, &secret).await;
    ensure_secrets(store).await;
}

/// A credential that was tampered with is told apart, and the others are read; sign-ins likewise.
pub async fn one_that_does_not_open_stops_no_other(ground: &dyn Ground) {
    let store = ground.open().await;
    let store = store.as_ref();
    fill(store).await;
    ok!(store.insert_login(&device_login("e", "c")));
    let (key, secret) = lying(store, "credentials", &["c", "s1"], "secret").await;
    put(store, "credentials", &key, "secret", &secret, b"odd").await;
    let (key, code) = lying(store, "device_codes", &["d"], "device_code").await;
    put(store, "device_codes", &key, "device_code", &code, b"odd").await;
    let read: Vec<_> = ok!(store.credentials(&"c".into()))
        .into_iter()
        .map(|it| (it.info.id.into_string(), it.secret.reveal().to_owned()))
        .collect();
    let expected = [("s2", "secret-s2"), ("s1", "")];
    assert_eq!(
        read,
        expected.map(|(id, secret)| (id.to_owned(), secret.to_owned()))
    );
    let read = ok!(store.device_logins());
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].id, "e".into());
}

/// After a rotation there is one data key, another one, and every secret opens with it alone.
pub async fn rotation_leaves_one_key_and_every_secret(ground: &dyn Ground) {
    let store = ground.open().await;
    fill(store.as_ref()).await;
    let before = ok!(store.data_keys());
    let (_, token) = lying(store.as_ref(), "grants", &["u1"], "refresh_token").await;
    let wrong = rotate(store.as_ref(), &other(), 2, &|_| {}).await;
    assert!(matches!(wrong, Err(StoreError::MasterKey(_))), "{wrong:?}");
    assert_eq!(ok!(store.data_keys()), before);
    let rotated = ok!(rotate(store.as_ref(), &first(), 2, &|_| {}));
    assert_eq!((rotated.resealed, rotated.unopened), (SEALED, 0));
    assert!(!rotated.resumed);
    drop(store);
    let store = ground.open().await;
    let after = ok!(store.data_keys());
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
    ensure_secrets(store.as_ref()).await;
    // What lay there before opens no more.
    let (key, now) = lying(store.as_ref(), "grants", &["u1"], "refresh_token").await;
    assert_ne!(now, token);
    put(
        store.as_ref(),
        "grants",
        &key,
        "refresh_token",
        &now,
        &token,
    )
    .await;
    assert!(matches!(
        store.grant(&"u1".into()).await,
        Err(StoreError::Sealed { .. })
    ));
}

/// Cut off after every transaction in turn, the store can be used, and the next try goes on.
pub async fn rotation_can_be_cut_off_anywhere(ground: &dyn Ground) {
    let store = ground.open().await;
    fill(store.as_ref()).await;
    let before = ok!(store.data_keys());
    drop(store);
    let mut cuts = 0;
    loop {
        let store = ground.open().await;
        // An engine in between reads everything and seals something.
        ensure_secrets(store.as_ref()).await;
        ok!(store.save_grant(&"u3".into(), &grant("token-u3"), at(9)));
        let cut = Notify::new();
        let watcher = |progress: crate::transfer::Progress| {
            // The first word comes before anything is written, the next after a transaction.
            if progress.done > 0 {
                cut.notify_one();
            }
        };
        let master = first();
        let ended = tokio::select! {
            biased;
            () = cut.notified() => None,
            rotated = rotate(store.as_ref(), &master, 1, &watcher) => Some(rotated.expect("rotated")),
        };
        ok!(store.close());
        drop(store);
        match ended {
            None => cuts += 1,
            Some(rotated) => {
                assert!(rotated.resumed);
                break;
            }
        }
        assert!(cuts < 100, "it goes on from where it was");
    }
    // Where the next transaction is on its way already when it is cut off, two go at once.
    assert!(cuts >= 3, "{cuts}");
    let store = ground.open().await;
    ensure_secrets(store.as_ref()).await;
    let after = ok!(store.data_keys());
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
    let status = ok!(vault_status(store.as_ref(), &first()));
    assert_eq!((status.unopened, status.unfinished), (0, false));
}

/// The store opens with the new master key alone, in the middle of a rotation, too.
pub async fn the_master_key_is_changed_at_once(ground: &dyn Ground) {
    let store = ground.open().await;
    fill(store.as_ref()).await;
    let cut = Notify::new();
    let (master, watcher) = (first(), |_| cut.notify_one());
    tokio::select! {
        biased;
        () = cut.notified() => {}
        _ = rotate(store.as_ref(), &master, 1, &watcher) => panic!("too late"),
    }
    assert_eq!(ok!(store.data_keys()).len(), 2);
    let wrong = change_master_key(store.as_ref(), &other(), &first()).await;
    assert!(matches!(wrong, Err(StoreError::MasterKey(_))), "{wrong:?}");
    ok!(change_master_key(store.as_ref(), &first(), &other()));
    drop(store);
    let old = ground.open_with(first(), None).await.map(drop);
    assert!(matches!(old, Err(StoreError::MasterKey(_))), "{old:?}");
    let store = ok!(ground.open_with(other(), None));
    ensure_secrets(store.as_ref()).await;
    let rotated = ok!(rotate(store.as_ref(), &other(), 100, &|_| {}));
    assert!(rotated.resumed);
    drop(store);
    ensure_secrets(ok!(ground.open_with(other(), None)).as_ref()).await;
}

/// Without the master key a store is refused, and stays as it is; reset, it is used with another
/// one. What could not be opened is gone, accounts say what to do, and all the rest is there.
pub async fn a_lost_key_costs_secrets_and_nothing_else(ground: &dyn Ground) {
    let store = ground.open().await;
    fill(store.as_ref()).await;
    ok!(store.set_account_state(
        &"u2".into(),
        AccountState::Revoked,
        Some("revoked"),
        at(5),
        None
    ));
    let rows = rows_but(store.as_ref(), &[]).await;
    drop(store);
    let reset = VaultReset { at: at(50) };
    let needless = ground.open_with(first(), Some(reset)).await.map(drop);
    assert!(
        matches!(&needless, Err(StoreError::Unusable { reason, .. }) if reason.contains("rotate")),
        "{needless:?}"
    );
    let refused = ground.open_with(other(), None).await.map(drop);
    assert!(
        matches!(&refused, Err(StoreError::MasterKey(text)) if text.contains("vault reset")),
        "{refused:?}"
    );
    let store = ground.open().await;
    ensure_secrets(store.as_ref()).await;
    assert_eq!(rows_but(store.as_ref(), &[]).await, rows);
    let touched = [
        "vault_keys",
        "credentials",
        "grants",
        "logins",
        "device_codes",
        "accounts",
    ];
    let rest = rows_but(store.as_ref(), &touched).await;
    drop(store);

    let store: Arc<dyn Store> = ok!(ground.open_with(other(), Some(reset)));
    assert_eq!(rows_but(store.as_ref(), &touched).await, rest);
    for name in ["credentials", "grants", "logins", "device_codes"] {
        assert_eq!(ok!(store.count_rows(table(name))), 0, "{name}");
    }
    for account in ok!(store.accounts()) {
        let (state, reason) = match account.user_id {
            Some(_) => (AccountState::NeedsSignIn, seal::SIGN_IN_AGAIN),
            None => (AccountState::CredentialExpired, seal::NEW_CREDENTIAL),
        };
        assert_eq!(account.state, state);
        assert_eq!(account.reason.as_deref(), Some(reason));
        assert_eq!((account.since, account.expires_at), (at(50), None));
    }
    ok!(store.save_grant(&"u1".into(), &grant("new"), at(99)));
    drop(store);
    let store = ok!(ground.open_with(other(), None));
    let token = ok!(store.grant(&"u1".into()))
        .expect("a grant")
        .refresh_token;
    assert_eq!(token, Secret::new("new"));
}

/// Every row of every table but these.
async fn rows_but(store: &dyn Store, but: &[&str]) -> Vec<(String, Vec<Vec<Value>>)> {
    let mut all = Vec::new();
    for table in TABLES.iter().filter(|table| !but.contains(&table.name)) {
        let rows = ok!(store.read_rows(table, None, 1_000));
        all.push((table.name.to_owned(), rows));
    }
    all
}
