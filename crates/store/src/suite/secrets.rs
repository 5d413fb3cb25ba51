//! Secrets on disk.

use super::Ground;
use super::made::*;
use postroom_model::Secret;

/// None of the secrets that were given stands anywhere in what the store wrote; what is no secret
/// does.
pub async fn are_not_readable_on_disk(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let id = "c".into();
    ok!(store.insert_credential(&id, &credential("s", "hidden-client-secret", 1)));
    ok!(store.put_account(&account("u", "c", Some("user"))));
    ok!(store.save_grant(&"u".into(), &grant("hidden-refresh-token"), at(9)));
    let mut login = login("l", "c");
    login.state = Secret::new("hidden-state");
    login.nonce = Secret::new("hidden-nonce");
    login.verifier = Secret::new("hidden-verifier");
    login.authorize_url = "https://login.example/?state=hidden-state".into();
    ok!(store.insert_login(&login));
    let mut device = device_login("d", "c");
    if let Some(code) = &mut device.device {
        code.device_code = Secret::new("hidden-device-code");
    }
    ok!(store.insert_login(&device));
    let look = |part: &str| {
        let found = |file: &Vec<u8>| file.windows(part.len()).any(|it| it == part.as_bytes());
        ground.files().iter().any(found)
    };
    assert!(!look("hidden-"), "while open");
    ok!(store.close());
    drop(store);
    assert!(!look("hidden-"), "closed");
    assert!(look("contoso.example"), "the search itself works");
}
