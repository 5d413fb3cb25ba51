//! Connections, their credentials, and where those may go.

use crate::support::{code, credential, new_connection, world};
use postroom_engine::access::Caller;
use postroom_engine::connections::{ConnectionChange, NewConnection, NewCredential};
use postroom_engine::grants::StoreVault;
use postroom_model::Secret;
use postroom_model::account::{AccountKind, AccountState};
use postroom_model::connection::Endpoints;
use postroom_model::key::Scope;
use postroom_model::ports::TokenVault as _;
use std::sync::Arc;

#[tokio::test]
async fn the_application_follows_the_credentials() {
    let world = world().await;
    let engine = &world.engine;
    let bare = new_connection("bare", Some(" \n"));
    let bare = engine.add_connection(&Caller::Local, bare).await.unwrap();
    assert!(bare.credentials.is_empty());
    assert!(engine.accounts(&Caller::Local).await.unwrap().is_empty());

    let first = engine
        .add_credential(&Caller::Local, &bare.id, credential("one\n"))
        .await
        .unwrap();
    let accounts = engine.accounts(&Caller::Local).await.unwrap();
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].kind, AccountKind::Application);
    let kept = engine.store().credentials(&bare.id).await.unwrap();
    assert_eq!(kept[0].secret.reveal(), "one");
    assert_eq!(
        code(engine.remove_account(&accounts[0].id).await),
        "conflict"
    );

    world.pass(1);
    let second = engine
        .add_credential(&Caller::Local, &bare.id, credential("two"))
        .await
        .unwrap();
    engine.remove_credential(&bare.id, &first.id).await.unwrap();
    let still = engine.accounts(&Caller::Local).await.unwrap();
    assert_eq!(still[0].id, accounts[0].id);
    engine
        .remove_credential(&bare.id, &second.id)
        .await
        .unwrap();
    assert!(engine.accounts(&Caller::Local).await.unwrap().is_empty());
    let again = engine.remove_credential(&bare.id, &second.id).await;
    assert_eq!(code(again), "notFound");
}

/// Whoever read a connection before it was changed would send the new secret to the old address.
#[tokio::test]
async fn a_secret_is_not_given_out_for_addresses_that_were_changed() {
    let world = world().await;
    let engine = &world.engine;
    let new = new_connection("moves", Some("the old one"));
    let before = engine.add_connection(&Caller::Local, new).await.unwrap();
    let vault = StoreVault::new(Arc::clone(engine.store()), Arc::clone(engine.clock()));
    assert_eq!(vault.credentials(&before).await.unwrap().len(), 1);
    let change = ConnectionChange {
        authority_url: Some("https://login.elsewhere.example".into()),
        credential: Some(NewCredential::secret(Secret::new("the new one"), None)),
        ..ConnectionChange::default()
    };
    let after = engine
        .change_connection(&Caller::Local, &before.id, change)
        .await
        .unwrap();
    assert!(vault.credentials(&before).await.is_err());
    assert!(vault.grant(&"nobody".into(), &before).await.is_err());
    let kept = vault.credentials(&after).await.unwrap();
    assert_eq!(kept[0].secret.reveal(), "the new one");
}

#[tokio::test]
async fn mailboxes_outlive_a_missing_secret() {
    let world = world().await;
    world.mailboxes(&["ann@x.example"]).await;
    let engine = &world.engine;
    let connection = engine.connections().await.unwrap().remove(0);
    let secret = &connection.credentials[0].id;
    engine
        .remove_credential(&connection.id, secret)
        .await
        .unwrap();
    let account = engine.accounts(&Caller::Local).await.unwrap().remove(0);
    assert_eq!(account.state, AccountState::CredentialExpired);
    assert_eq!(engine.mailboxes(&Caller::Local).await.unwrap().len(), 1);
    engine
        .add_credential(&Caller::Local, &connection.id, credential("new"))
        .await
        .unwrap();
    let account = engine.accounts(&Caller::Local).await.unwrap().remove(0);
    assert_eq!(account.state, AccountState::Active);
}

#[tokio::test]
async fn names_are_unique_whatever_their_case() {
    let world = world().await;
    let engine = &world.engine;
    let id = world.connection().await;
    let twice = engine.add_connection(&Caller::Local, new_connection("CONTOSO", None));
    let problem = twice.await.unwrap_err();
    assert_eq!(problem.code.text(), "conflict");
    assert_eq!(problem.existing.as_deref(), Some(id.as_str()));
    assert_eq!(engine.connection("contoso").await.unwrap().id, id);
    assert_eq!(engine.connection(id.as_str()).await.unwrap().id, id);
    assert_eq!(code(engine.connection("nobody").await), "notFound");
}

#[tokio::test]
async fn only_admin_leads_outside_the_clouds() {
    let world = world().await;
    let engine = &world.engine;
    let plain = world.caller(&[Scope::Connections], None).await;
    let outside = engine.add_connection(&plain, new_connection("Outside", None));
    assert_eq!(code(outside.await), "forbidden");
    let inside = NewConnection {
        endpoints: Endpoints::default(),
        ..new_connection("Inside", Some("s3cret"))
    };
    let inside = engine.add_connection(&plain, inside).await.unwrap();
    let away = ConnectionChange {
        graph_url: Some("https://graph.example".to_owned()),
        ..ConnectionChange::default()
    };
    let changed = engine.change_connection(&plain, &inside.id, away.clone());
    assert_eq!(code(changed.await), "forbidden");
    assert_eq!(engine.connection("Inside").await.unwrap(), inside);

    let admin = world.caller(&[Scope::Admin], None).await;
    let moved = engine
        .change_connection(&admin, &inside.id, away)
        .await
        .unwrap();
    assert_eq!(moved.graph_url, "https://graph.example");
    assert!(moved.credentials.is_empty(), "the secret went along");
    assert!(
        engine
            .store()
            .credentials(&inside.id)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_secret_given_again_stays() {
    let world = world().await;
    let engine = &world.engine;
    let id = world.connection().await;
    let change = ConnectionChange {
        authority_url: Some("https://login.example/".to_owned()),
        credential: Some(credential("again")),
        ..ConnectionChange::default()
    };
    let moved = engine
        .change_connection(&Caller::Local, &id, change)
        .await
        .unwrap();
    assert_eq!(moved.authority_url, "https://login.example");
    let kept = engine.store().credentials(&id).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].secret.reveal(), "again");

    let named = ConnectionChange {
        name: Some("Renamed".to_owned()),
        ..ConnectionChange::default()
    };
    let named = engine
        .change_connection(&Caller::Local, &id, named)
        .await
        .unwrap();
    assert_eq!(named.credentials.len(), 1, "nothing moved, nothing ends");
}

/// The same certificate a second time would be tried at every sign-in, and be no other way in.
#[tokio::test]
async fn a_certificate_is_added_once() {
    let world = world().await;
    let engine = &world.engine;
    let id = world.connection().await;
    let add = |new| engine.add_credential(&Caller::Local, &id, new);
    let made = add(NewCredential::Made { valid_days: 30 }).await.unwrap();
    let kept = engine.store().credentials(&id).await.unwrap();
    let kept = kept.into_iter().find(|it| it.info.id == made.id).unwrap();
    let again = NewCredential::Pem {
        certificate: Secret::new(made.certificate.unwrap().pem),
        private_key: Some(kept.secret),
        password: None,
    };
    let problem = add(again).await.unwrap_err();
    assert_eq!(problem.code.text(), "conflict");
    assert!(problem.detail.contains(made.id.as_str()), "{problem}");
    add(NewCredential::Made { valid_days: 30 }).await.unwrap();
}

/// What is said to people has no gaps in it.
#[tokio::test]
async fn endpoints_at_two_hosts_are_refused_in_one_sentence() {
    let world = world().await;
    let mut new = new_connection("Two hosts", None);
    new.endpoints.token = Some("https://elsewhere.example/token".to_owned());
    let refused = world.engine.add_connection(&Caller::Local, new).await;
    let detail = refused.unwrap_err().detail;
    assert!(detail.contains("give authorityUrl and all"), "{detail}");
    assert!(!detail.contains("  "), "{detail}");
}
