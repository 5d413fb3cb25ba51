//! Calls that may be repeated.

use super::Ground;
use super::made::*;
use crate::contract::idempotency::{Claimed, IdempotencyClaim};

fn claim(key: Option<&str>, request: &str) -> IdempotencyClaim {
    IdempotencyClaim {
        key: key.map(Into::into),
        idempotency_key: "again".into(),
        request_hash: request.into(),
        status: 0,
        body: String::new(),
    }
}

/// However many come at once, one goes on.
pub async fn of_two_one_is_new(ground: &dyn Ground) {
    let store = ground.open().await;
    let claims = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(
            async move { ok!(store.claim_idempotency(&claim(Some("k"), "r"), at(1), at(0))) },
        )
    });
    let mut new = 0;
    for claimed in futures::future::join_all(claims).await {
        match claimed.expect("ran") {
            Claimed::New => new += 1,
            other => assert_eq!(other, Claimed::UnderWay),
        }
    }
    assert_eq!(new, 1);
    // Another key's claim is another claim.
    let other = ok!(store.claim_idempotency(&claim(None, "r"), at(1), at(0)));
    assert_eq!(other, Claimed::New);
}

/// The first answer is given again; another request is refused; the dead are taken over.
pub async fn answers_are_kept_and_others_refused(ground: &dyn Ground) {
    let store = ground.open().await;
    let mine = claim(Some("k"), "r");
    let ask = async |claim: &IdempotencyClaim, now, stale| {
        ok!(store.claim_idempotency(claim, at(now), at(stale)))
    };
    assert_eq!(ask(&mine, 1, 0).await, Claimed::New);
    assert_eq!(ask(&claim(Some("k"), "x"), 1, 0).await, Claimed::Different);
    assert_eq!(ask(&mine, 9, 1).await, Claimed::UnderWay);
    assert_eq!(ask(&mine, 9, 2).await, Claimed::New);
    assert_eq!(ask(&mine, 9, 2).await, Claimed::UnderWay);
    ok!(store.release_idempotency(&mine));
    assert_eq!(ask(&mine, 10, 0).await, Claimed::New);
    let answered = IdempotencyClaim {
        status: 202,
        body: "{}".into(),
        ..mine.clone()
    };
    ok!(store.answer_idempotency(&answered));
    ok!(store.release_idempotency(&mine));
    let answer = Claimed::Answered {
        status: 202,
        body: "{}".into(),
    };
    assert_eq!(ask(&mine, 100, 50).await, answer);
    assert_eq!(ok!(store.prune_idempotency(at(10))), 0);
    assert_eq!(ok!(store.prune_idempotency(at(11))), 1);
    assert_eq!(ask(&mine, 100, 50).await, Claimed::New);
}
