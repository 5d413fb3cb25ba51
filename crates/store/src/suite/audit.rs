//! The audit log.

use super::Ground;
use super::made::*;
use crate::contract::audit::AuditQuery;
use postroom_model::audit::{ActorKind, AuditEntry, Outcome, Subject};

/// What a query finds, said without SQL.
type Matches = fn(&AuditEntry) -> bool;

fn entry(number: i64) -> AuditEntry {
    let mut it = audit_entry(&format!("entry{number:03}"), number / 2);
    if number % 3 == 0 {
        it.actor.kind = ActorKind::Person;
        it.actor.id = Some("ann".into());
        it.actor.name = "Ann".into();
    }
    if number % 4 == 0 {
        it.action = "keys.odd".into();
    }
    it
}

/// Pages neither lose nor repeat an entry, whatever is asked for.
pub async fn pages_newest_first_and_filters(ground: &dyn Ground) {
    let store = ground.open().await;
    let all: Vec<_> = (0..60).map(entry).collect();
    ok!(store.insert_audit(&all));
    ok!(store.insert_audit(&all[..3]));
    let queries: [(AuditQuery, Matches); 7] = [
        (AuditQuery::default(), |_| true),
        (
            AuditQuery {
                actor: Some("ann".into()),
                ..AuditQuery::default()
            },
            |it| it.actor.kind == ActorKind::Person,
        ),
        (
            AuditQuery {
                actor: Some("Ann".into()),
                action: Some("keys.odd".into()),
                ..AuditQuery::default()
            },
            |it| it.actor.name == "Ann" && it.action == "keys.odd",
        ),
        (
            AuditQuery {
                // A noun is every verb of it, and of no longer noun.
                action: Some("key".into()),
                ..AuditQuery::default()
            },
            |it| it.action == "key.create",
        ),
        (
            AuditQuery {
                subject: Some("k007".into()),
                ..AuditQuery::default()
            },
            |_| false,
        ),
        (
            AuditQuery {
                subject: Some("of entry007".into()),
                ..AuditQuery::default()
            },
            |it| it.id.as_str() == "entry007",
        ),
        (
            AuditQuery {
                since: Some(at(10)),
                until: Some(at(20)),
                ..AuditQuery::default()
            },
            |it| it.at >= at(10) && it.at < at(20),
        ),
    ];
    for (mut query, matches) in queries {
        query.limit = 7;
        let mut found = Vec::new();
        loop {
            let page = ok!(store.list_audit(&query));
            let Some(last) = page.last() else { break };
            query.after = Some(last.id.clone());
            found.extend(page);
        }
        let mut wanted: Vec<_> = all.iter().filter(|it| matches(it)).cloned().collect();
        wanted.reverse();
        assert_eq!(found, wanted);
    }
    assert_eq!(ok!(store.prune_audit(at(10))), 20);
}

/// What was begun is finished once.
pub async fn an_entry_is_finished_once(ground: &dyn Ground) {
    let store = ground.open().await;
    let mut it = audit_entry("a", 1);
    it.outcome = Outcome::Begun;
    it.subject = None;
    ok!(store.insert_audit(std::slice::from_ref(&it)));
    it.outcome = Outcome::Done;
    it.subject = Some(Subject {
        kind: "key".into(),
        id: Some("k".into()),
        name: None,
    });
    it.details.insert("more".into(), true.into());
    assert!(ok!(store.finish_audit(&it)));
    let mut other = it.clone();
    other.outcome = Outcome::Failed;
    assert!(!ok!(store.finish_audit(&other)));
    assert!(!ok!(store.finish_audit(&audit_entry("gone", 1))));
    let query = AuditQuery {
        limit: 10,
        ..AuditQuery::default()
    };
    assert_eq!(ok!(store.list_audit(&query)), [it]);
}
