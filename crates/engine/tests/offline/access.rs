//! Keys and what they open.

use crate::support::{code, id_of, world};
use postroom_engine::access::{Action, Caller};
use postroom_engine::keys::{KeyChange, NewKey};
use postroom_model::clock::later;
use postroom_model::key::Scope;
use std::time::Duration;

fn new_key(name: &str, scopes: &[Scope]) -> NewKey {
    NewKey {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        ..NewKey::default()
    }
}

#[tokio::test]
async fn a_key_opens_until_it_is_revoked_or_over() {
    let world = world().await;
    let engine = &world.engine;
    let (key, secret) = engine
        .create_key(&Caller::Local, new_key("one", &[Scope::MailRead]))
        .await
        .unwrap();
    assert!(engine.authenticate(secret.reveal(), None).await.is_ok());
    for wrong in ["", "prk_", &secret.reveal()[..46], "Bearer x"] {
        assert_eq!(code(engine.authenticate(wrong, None).await), "unauthorized");
    }
    engine.revoke_key(&Caller::Local, &key.id).await.unwrap();
    let revoked = engine.authenticate(secret.reveal(), None).await;
    assert_eq!(code(revoked), "unauthorized");
    assert_eq!(
        code(engine.revoke_key(&Caller::Local, &key.id).await),
        "notFound"
    );
    assert!(engine.keys().await.unwrap().is_empty());

    let short = NewKey {
        expires_at: Some(later(engine.now(), Duration::from_secs(10))),
        ..new_key("short", &[Scope::MailRead])
    };
    let (_, secret) = engine.create_key(&Caller::Local, short).await.unwrap();
    assert!(engine.authenticate(secret.reveal(), None).await.is_ok());
    world.pass(10);
    let over = engine.authenticate(secret.reveal(), None).await;
    assert_eq!(code(over), "unauthorized");
}

#[tokio::test]
async fn the_use_of_a_key_is_noted() {
    let world = world().await;
    let engine = &world.engine;
    let caller = world.caller(&[Scope::MailRead], None).await;
    let id = &caller.key().unwrap().id;
    for _ in 0..100 {
        let key = engine.store().key(id).await.unwrap().unwrap();
        if key.last_used_at == Some(engine.now()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the use of the key was not noted");
}

#[tokio::test]
async fn who_may_is_answered_in_the_promised_order() {
    let world = world().await;
    world.mailboxes(&["ann@x.example", "bob@x.example"]).await;
    let engine = &world.engine;
    let all = world.caller(&[Scope::MailRead], None).await;
    let listed = world
        .caller(&[Scope::MailRead], Some(&["Ann@x.example"]))
        .await;
    let named = async |caller: &Caller, scope, named: &str| {
        let action = match scope {
            Scope::MailSend => Action::SendMessage,
            _ => Action::GetMailbox,
        };
        engine
            .mailbox_for(caller, action, named)
            .await
            .map(|mailbox| mailbox.address)
            .map_err(|problem| problem.code.text())
    };
    let ann = Ok("ann@x.example".to_owned());
    assert_eq!(
        named(&all, Scope::MailSend, "nobody").await,
        Err("scopeMissing")
    );
    assert_eq!(
        named(&all, Scope::MailRead, "nobody").await,
        Err("notFound")
    );
    assert_eq!(named(&all, Scope::MailRead, "ANN@x.example").await, ann);
    assert_eq!(named(&all, Scope::MailRead, "id-of-ann").await, ann);
    assert_eq!(named(&listed, Scope::MailRead, "id-of-ann").await, ann);
    assert_eq!(named(&listed, Scope::MailRead, "ann@x.example").await, ann);
    for other in ["bob@x.example", "id-of-bob", "nobody", "no@where.example"] {
        assert_eq!(
            named(&listed, Scope::MailRead, other).await,
            Err("mailboxForbidden"),
            "{other}"
        );
    }
    engine
        .remove_mailbox(&id_of("ann@x.example"))
        .await
        .unwrap();
    assert_eq!(
        named(&listed, Scope::MailRead, "id-of-ann").await,
        Err("notFound")
    );
}

#[tokio::test]
async fn a_key_makes_and_changes_no_greater_one() {
    let world = world().await;
    world.mailboxes(&["ann@x.example", "bob@x.example"]).await;
    let engine = &world.engine;
    let small = world
        .caller(&[Scope::MailRead], Some(&["ann@x.example"]))
        .await;
    let admin = world.caller(&[Scope::Admin], None).await;
    let greater = engine.create_key(&small, new_key("all", &[Scope::MailRead]));
    assert_eq!(code(greater.await), "forbidden");
    let of_ann = NewKey {
        mailboxes: Some(vec!["id-of-ann".to_owned()]),
        ..new_key("ann's", &[Scope::MailRead])
    };
    let (key, _) = engine.create_key(&small, of_ann).await.unwrap();
    let widened = KeyChange {
        scopes: Some(vec![Scope::MailSend]),
        ..KeyChange::default()
    };
    assert_eq!(
        code(engine.change_key(&small, &key.id, widened.clone()).await),
        "forbidden"
    );
    assert!(engine.change_key(&admin, &key.id, widened).await.is_ok());
    let revoked = engine.revoke_key(&small, &key.id).await;
    assert_eq!(code(revoked), "forbidden");
    assert!(engine.revoke_key(&admin, &key.id).await.is_ok());
}

#[tokio::test]
async fn unfit_keys_are_refused() {
    let world = world().await;
    let engine = &world.engine;
    let read = [Scope::MailRead];
    let unfit = [
        new_key("", &read),
        new_key("a\u{7}b", &read),
        new_key("none", &[]),
        NewKey {
            mailboxes: Some(vec!["nobody@x.example".to_owned()]),
            ..new_key("unknown", &read)
        },
        NewKey {
            mailboxes: Some(Vec::new()),
            ..new_key("empty", &read)
        },
        NewKey {
            expires_at: Some(engine.now()),
            ..new_key("over", &read)
        },
    ];
    for new in unfit {
        let name = new.name.clone();
        let made = engine.create_key(&Caller::Local, new).await;
        assert_eq!(code(made), "invalidRequest", "{name:?}");
    }
}
