//! Rows come in pages that are as large as memory bears, whatever is in them.

use crate::place::{Place, database, folder};
use postroom_store::contract::tables::{Row, Value};
use postroom_store::suite::made::*;
use postroom_store::transfer::{ATTACHMENTS, MESSAGE_TEXTS, MESSAGES};

const MIB: usize = 1 << 20;

fn size(rows: &[Row]) -> usize {
    rows.iter().flatten().map(Value::size).sum()
}

async fn long_rows_come_few_at_once(place: &Place) {
    let store = place.open().await;
    with_mailboxes(&*store, &["one", "two"]).await;
    for (number, id) in (0..24).zip(["one", "two"].into_iter().cycle()) {
        let mut long = message(&format!("m{number:02}"), "a", "1");
        long.body = "long ".repeat(MIB / 5);
        long.attachments = Some(vec![attachment("x", None), attachment("y", None)]);
        store
            .put_message(&id.into(), &long, &[], None, at(number))
            .await
            .expect("written");
    }
    let mut after: Option<Vec<Value>> = None;
    let (mut all, mut pages) = (Vec::new(), 0);
    loop {
        let rows = store
            .read_rows(&MESSAGE_TEXTS, after.as_deref(), 1000)
            .await
            .expect("read");
        let Some(last) = rows.last() else { break };
        assert!(size(&rows) <= 10 * MIB, "{} bytes", size(&rows));
        after = Some(MESSAGE_TEXTS.key_of(last).to_vec());
        all.extend(
            rows.iter()
                .map(|row| (format!("{:?}", &row[0]), row[..2].to_vec())),
        );
        pages += 1;
    }
    assert_eq!(all.len(), 24);
    assert!(pages <= 4, "{pages} pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_rows_come_few_at_once_from_a_folder() {
    long_rows_come_few_at_once(&folder()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_rows_come_few_at_once_from_a_database() {
    long_rows_come_few_at_once(&database()).await;
}

/// Every page size gives the same rows in the same order, on both kinds, also where a page ends
/// between two mailboxes or within a message's attachments.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_give_the_same_rows() {
    for place in [folder(), database()] {
        let store = place.open().await;
        with_mailboxes(&*store, &["one", "two", "three"]).await;
        for (number, id) in (0..13).zip(["one", "two", "three"].into_iter().cycle()) {
            let mut it = message(&format!("m{number}"), "a", "1");
            it.attachments = Some(vec![attachment("x", None), attachment("y", None)]);
            store
                .put_message(&id.into(), &it, &[], None, at(number))
                .await
                .expect("written");
        }
        for table in [&MESSAGES, &MESSAGE_TEXTS, &ATTACHMENTS] {
            let all = store.read_rows(table, None, 1000).await.expect("read");
            let keys: Vec<Vec<i64>> = all
                .iter()
                .map(|row| {
                    let number = |value: &Value| match value {
                        Value::Integer(number) => *number,
                        other => panic!("{other:?}"),
                    };
                    table.key_of(row).iter().map(number).collect()
                })
                .collect();
            assert!(keys.is_sorted() && !keys.is_empty());
            let last = store.last_key(table).await.expect("read");
            assert_eq!(last.as_deref(), all.last().map(|row| table.key_of(row)));
            for limit in 1..6 {
                let (mut after, mut paged): (Option<Vec<Value>>, Vec<Row>) = (None, Vec::new());
                loop {
                    let rows = store.read_rows(table, after.as_deref(), limit).await;
                    let rows = rows.expect("read");
                    assert!(rows.len() <= limit as usize);
                    let Some(last) = rows.last() else { break };
                    after = Some(table.key_of(last).to_vec());
                    paged.extend(rows);
                }
                assert!(paged == all, "{} in pages of {limit}", table.name);
            }
        }
    }
}
