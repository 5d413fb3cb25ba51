//! The call log as callers see it.

use crate::support::{code, id_of, world};
use postroom_engine::access::Caller;
use postroom_engine::calls::StoreCallLog;
use postroom_model::call::CallRecord;
use postroom_model::key::Scope;
use postroom_model::ports::CallLog;
use postroom_model::{CallId, ConnectionId, Timestamp};
use postroom_store::contract::calls::CallQuery;
use std::sync::Arc;

fn record(id: &str, mailbox: Option<&str>) -> CallRecord {
    CallRecord {
        id: CallId::new(id),
        at: Timestamp::UNIX_EPOCH,
        connection: ConnectionId::new("c"),
        account: None,
        mailbox: mailbox.map(id_of),
        caller: "test".to_owned(),
        method: "GET".to_owned(),
        path: "graph.example/v1.0/users?$search=ann".to_owned(),
        status: Some(200),
        duration_ms: 1,
        request_bytes: 0,
        response_bytes: 0,
        attempt: 1,
        request_id: None,
        client_request_id: "r".to_owned(),
        error: None,
        detail: None,
    }
}

#[tokio::test]
async fn each_caller_sees_its_own() {
    let world = world().await;
    world.mailboxes(&["ann@x.example", "bob@x.example"]).await;
    let engine = &world.engine;
    let log = StoreCallLog::new(Arc::clone(engine.store()));
    log.record(record("1", None));
    log.record(record("2", Some("ann@x.example")));
    log.record(record("3", Some("bob@x.example")));
    log.flush().await;

    let all = world.caller(&[Scope::CallsRead], None).await;
    let ann = world
        .caller(&[Scope::CallsRead], Some(&["ann@x.example"]))
        .await;
    let ids = async |caller: &Caller, query: CallQuery| {
        let calls = engine.calls(caller, query).await.unwrap();
        let ids: Vec<_> = calls
            .into_iter()
            .map(|call| call.id.into_string())
            .collect();
        ids.concat()
    };
    let any = CallQuery {
        limit: 50,
        ..CallQuery::default()
    };
    let of_bob = CallQuery {
        mailboxes: Some(vec![id_of("bob@x.example")]),
        ..any.clone()
    };
    assert_eq!(ids(&all, any.clone()).await, "321");
    assert_eq!(ids(&ann, any.clone()).await, "2");
    assert_eq!(ids(&all, of_bob.clone()).await, "3");
    assert_eq!(ids(&ann, of_bob).await, "");
    for hidden in ["1", "3", "4"] {
        let call = engine.call(&ann, &CallId::new(hidden)).await;
        assert_eq!(code(call), "notFound");
    }

    let shown = engine.call(&ann, &CallId::new("2")).await.unwrap();
    assert_eq!(shown.path, "graph.example/v1.0/users?$search=…");
    let whole = engine.call(&Caller::Local, &CallId::new("2")).await;
    assert!(whole.unwrap().path.ends_with("$search=ann"));
}

#[tokio::test]
async fn a_flood_is_written_and_the_flush_waits_for_it() {
    let world = world().await;
    let engine = &world.engine;
    let log = StoreCallLog::new(Arc::clone(engine.store()));
    for number in 0..1_200 {
        log.record(record(&format!("{number:05}"), None));
    }
    log.flush().await;
    for first_and_last in ["00000", "01199"] {
        let id = CallId::new(first_and_last);
        assert!(engine.store().call(&id).await.unwrap().is_some());
    }
    // Nothing waits: this must not hang.
    log.flush().await;
}
