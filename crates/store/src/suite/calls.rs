//! The call log.

use super::Ground;
use super::made::*;
use crate::contract::calls::CallQuery;
use postroom_model::call::{CallDetail, CallPart, CallRecord};

/// What a query finds, said without SQL.
type Matches = fn(&CallRecord) -> bool;

pub(super) fn call(number: i64) -> CallRecord {
    CallRecord {
        id: format!("call{number:03}").as_str().into(),
        at: at(number / 2),
        connection: "c".into(),
        account: (number % 2 == 0).then(|| "a".into()),
        mailbox: (number % 3 == 0).then(|| "one".into()),
        caller: "mirror".into(),
        method: "GET".into(),
        path: "graph.example/v1.0/users".into(),
        status: (number % 5 != 0).then_some(if number % 4 == 0 { 404 } else { 200 }),
        duration_ms: 12,
        request_bytes: 0,
        response_bytes: 4_000_000_000,
        attempt: 1,
        request_id: None,
        client_request_id: format!("r{number}"),
        error: None,
        detail: Some(CallDetail {
            request: CallPart {
                headers: vec![("a".into(), "b".into())],
                body: String::new(),
            },
            response: CallPart::default(),
        }),
    }
}

/// Pages neither lose nor repeat an entry, whatever is asked for.
pub async fn pages_newest_first_and_filters(ground: &dyn Ground) {
    let store = ground.open().await;
    let all: Vec<_> = (0..60).map(call).collect();
    ok!(store.record_calls(&all));
    // A batch that is written again is the same batch.
    ok!(store.record_calls(&all));
    let full = ok!(store.call(&all[7].id));
    assert_eq!(full.as_ref(), Some(&all[7]));
    let queries: [(CallQuery, Matches); 5] = [
        (CallQuery::default(), |_| true),
        (
            CallQuery {
                account: Some("a".into()),
                ..CallQuery::default()
            },
            |it| it.account.is_some(),
        ),
        (
            CallQuery {
                mailboxes: Some(vec!["one".into()]),
                failed: true,
                ..CallQuery::default()
            },
            |it| it.mailbox.is_some() && it.status.is_none_or(|status| status >= 400),
        ),
        (
            CallQuery {
                since: Some(at(20)),
                ..CallQuery::default()
            },
            |it| it.at >= at(20),
        ),
        (
            CallQuery {
                mailboxes: Some(Vec::new()),
                ..CallQuery::default()
            },
            |_| false,
        ),
    ];
    for (mut query, matches) in queries {
        query.limit = 7;
        let mut found = Vec::new();
        loop {
            let page = ok!(store.list_calls(&query));
            let Some(last) = page.last() else { break };
            query.after = Some(last.id.clone());
            found.extend(page);
        }
        let mut wanted: Vec<_> = all.iter().filter(|it| matches(it)).cloned().collect();
        wanted.reverse();
        for call in &mut wanted {
            call.detail = None;
        }
        assert_eq!(found, wanted);
    }
}

/// Details go earlier than their entries.
pub async fn forgets_details_before_entries(ground: &dyn Ground) {
    let store = ground.open().await;
    let all: Vec<_> = (0..10).map(call).collect();
    ok!(store.record_calls(&all));
    assert_eq!(ok!(store.prune_calls(at(1), at(3))), 2);
    assert!(ok!(store.call(&all[1].id)).is_none());
    let without = ok!(store.call(&all[5].id)).expect("there");
    assert_eq!(without.detail, None);
    assert!(ok!(store.call(&all[6].id)).expect("there").detail.is_some());
}
