//! Calls that may be repeated.

use crate::support::{code, world};
use postroom_engine::access::Caller;
use postroom_engine::idempotency::Idempotent;
use postroom_model::key::Scope;

#[tokio::test]
async fn the_same_again_gives_the_same_answer() {
    let world = world().await;
    let engine = &world.engine;
    let caller = world.caller(&[Scope::MailSend], None).await;
    let claim = async |caller: &Caller, hash: &str| {
        engine.claim_idempotent(caller, "k1", hash.to_owned()).await
    };
    let Idempotent::Do(mut first) = claim(&caller, "h").await.unwrap() else {
        panic!("the first one is to be done");
    };
    assert_eq!(code(claim(&caller, "h").await), "idempotencyUnderWay");
    assert_eq!(code(claim(&caller, "other").await), "idempotencyMismatch");
    assert!(matches!(
        claim(&Caller::Local, "other").await,
        Ok(Idempotent::Do(_))
    ));
    first.status = 202;
    first.body = "{}".to_owned();
    engine.answer_idempotent(&first).await.unwrap();
    assert!(matches!(
        claim(&caller, "h").await,
        Ok(Idempotent::Answered { status: 202, .. })
    ));
}

#[tokio::test]
async fn a_claim_is_let_go_and_a_dead_one_taken_over() {
    let world = world().await;
    let engine = &world.engine;
    let claim = async || {
        engine
            .claim_idempotent(&Caller::Local, "k", "h".to_owned())
            .await
    };
    let Ok(Idempotent::Do(first)) = claim().await else {
        panic!("the first one is to be done");
    };
    engine.release_idempotent(&first).await.unwrap();
    assert!(matches!(claim().await, Ok(Idempotent::Do(_))));
    assert_eq!(code(claim().await), "idempotencyUnderWay");
    world.pass(601);
    assert!(matches!(claim().await, Ok(Idempotent::Do(_))));
}

#[tokio::test]
async fn unfit_keys_are_refused() {
    let world = world().await;
    for unfit in ["", &"x".repeat(256), "a\nb"] {
        let claimed = world
            .engine
            .claim_idempotent(&Caller::Local, unfit, String::new());
        assert_eq!(code(claimed.await), "invalidRequest");
    }
}
