//! People who open the console.

use super::Ground;
use super::made::*;
use crate::contract::StoreError;
use postroom_model::person::{MicrosoftIdentity, Role};

/// Found by who they are at Microsoft and by address; each of both once.
pub async fn found_by_identity_and_by_address(ground: &dyn Ground) {
    let store = ground.open().await;
    let (mut ann, bob) = (person("ann"), person("bob"));
    ok!(store.insert_person(&ann));
    ok!(store.insert_person(&bob));
    assert_eq!(ok!(store.persons()), [ann.clone(), bob.clone()]);
    assert_eq!(
        ok!(store.person_by_address("bob@contoso.example")),
        Some(bob.clone())
    );
    let identity = MicrosoftIdentity {
        tenant_id: "t".into(),
        object_id: "o".into(),
    };
    assert_eq!(ok!(store.person_by_identity(&identity)), None);
    ann.role = Role::Administrator;
    ann.name = "Ann".into();
    assert!(ok!(store.update_person(&ann)));
    let (by, address) = (&ann.id, "ann@contoso.example");
    assert_eq!(
        ok!(store.bind_person(by, "bob@contoso.example", &identity)),
        None
    );
    ann.identity = Some(identity.clone());
    assert_eq!(
        ok!(store.bind_person(by, address, &identity)),
        Some(ann.clone())
    );
    assert_eq!(
        ok!(store.bind_person(&"gone".into(), address, &identity)),
        None
    );
    let refused = store
        .bind_person(&bob.id, "bob@contoso.example", &identity)
        .await;
    assert!(
        matches!(&refused, Err(StoreError::Conflict { existing, .. }) if existing == "ann"),
        "{refused:?}"
    );
    assert_eq!(ok!(store.person_by_identity(&identity)), Some(ann.clone()));
    assert!(!ok!(store.update_person(&person("gone"))));

    let twice = |mut other: postroom_model::person::Person| {
        other.id = "other".into();
        other
    };
    for taken in [
        twice(bob.clone()),
        twice(postroom_model::person::Person {
            address: None,
            ..ann.clone()
        }),
    ] {
        let refused = store.insert_person(&taken).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict { .. })),
            "{refused:?}"
        );
    }
    let mut renamed = bob.clone();
    renamed.address.clone_from(&ann.address);
    let refused = store.update_person(&renamed).await;
    assert!(
        matches!(&refused, Err(StoreError::Conflict { existing, .. }) if existing == "ann"),
        "{refused:?}"
    );
    // Any number may have neither.
    for id in ["c", "d"] {
        let bare = postroom_model::person::Person {
            address: None,
            ..person(id)
        };
        ok!(store.insert_person(&bare));
    }
}

/// Another address is another account: whoever came in by the former is out.
pub async fn another_address_lets_another_account_in(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_person(&person("ann")));
    let identity = MicrosoftIdentity {
        tenant_id: "t".into(),
        object_id: "o".into(),
    };
    let bound = ok!(store.bind_person(&"ann".into(), "ann@contoso.example", &identity));
    let mut ann = bound.expect("bound");
    assert!(ok!(store.insert_session(&session("s1", "ann", 5), &[9; 32])));
    ann.role = Role::Reader;
    assert!(ok!(store.update_person(&ann)));
    assert!(ok!(store.session_by_hash(&[9; 32])).is_some());
    assert_eq!(
        ok!(store.person_by_identity(&identity)).map(|it| it.role),
        Some(Role::Reader)
    );
    ann.address = Some("anna@contoso.example".to_owned());
    assert!(ok!(store.update_person(&ann)));
    assert_eq!(ok!(store.session_by_hash(&[9; 32])), None);
    assert_eq!(ok!(store.person_by_identity(&identity)), None);
    // Who was not let in by an address stays.
    let bare = postroom_model::person::Person {
        address: None,
        ..person("first")
    };
    ok!(store.insert_person(&bare));
    assert!(ok!(
        store.insert_session(&session("s2", "first", 5), &[8; 32])
    ));
    let named = postroom_model::person::Person {
        address: Some("first@contoso.example".to_owned()),
        ..bare
    };
    assert!(ok!(store.update_person(&named)));
    assert!(ok!(store.session_by_hash(&[8; 32])).is_some());
}

/// A token is used once, only in time, and is the only one of its person.
pub async fn a_token_signs_in_once(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.insert_person(&person("ann")));
    ok!(store.put_sign_in_token(&[1; 32], &token(Some("ann"), 100)));
    ok!(store.put_sign_in_token(&[2; 32], &token(Some("ann"), 100)));
    assert_eq!(ok!(store.sign_in_token(&[1; 32])), None);
    assert_eq!(
        ok!(store.sign_in_token(&[2; 32])),
        Some(token(Some("ann"), 100))
    );
    let first = person("first");
    let now = session("s1", "nobody", 50);
    let signed_in = ok!(store.redeem_sign_in_token(&[2; 32], &first, &now, &[9; 32]));
    let signed_in = signed_in.expect("signed in");
    assert_eq!(signed_in.id.as_str(), "ann");
    assert_eq!(signed_in.signed_in_at, Some(at(50)));
    let (kept, whose) = ok!(store.session_by_hash(&[9; 32])).expect("there");
    assert_eq!((kept.id.as_str(), whose), ("s1", signed_in));
    let again = session("s2", "nobody", 51);
    assert_eq!(
        ok!(store.redeem_sign_in_token(&[2; 32], &first, &again, &[8; 32])),
        None
    );
    ok!(store.put_sign_in_token(&[3; 32], &token(Some("ann"), 60)));
    let late = session("s3", "nobody", 60);
    assert_eq!(
        ok!(store.redeem_sign_in_token(&[3; 32], &first, &late, &[7; 32])),
        None
    );
    assert_eq!(ok!(store.session_by_hash(&[7; 32])), None);
    assert_eq!(ok!(store.sign_in_token(&[3; 32])), None);
}

/// A token for nobody makes the first person, and never a second one.
pub async fn the_first_token_makes_the_first_person(ground: &dyn Ground) {
    let store = ground.open().await;
    ok!(store.put_sign_in_token(&[1; 32], &token(None, 100)));
    ok!(store.put_sign_in_token(&[2; 32], &token(None, 100)));
    let first = person("first");
    let now = session("s1", "nobody", 50);
    assert_eq!(
        ok!(store.redeem_sign_in_token(&[1; 32], &first, &now, &[9; 32])),
        None
    );
    let made = ok!(store.redeem_sign_in_token(&[2; 32], &first, &now, &[9; 32]));
    assert_eq!(made.map(|made| made.id), Some(first.id));
    ok!(store.put_sign_in_token(&[3; 32], &token(None, 100)));
    let second = person("second");
    let later = session("s2", "nobody", 51);
    assert_eq!(
        ok!(store.redeem_sign_in_token(&[3; 32], &second, &later, &[8; 32])),
        None
    );
    assert_eq!(ok!(store.persons()).len(), 1);
}
