//! How fast a mirror fills on PostgreSQL. `cargo test --release -p postroom-store --test
//! postgres_speed -- --ignored --nocapture`

#![allow(clippy::print_stdout, reason = "it reports to whoever runs it by hand")]

use bytes::Bytes;
use postroom_cluster::Cluster;
use postroom_store::contract::blobs::blob_ref;
use postroom_store::contract::messages::{MessagePage, MessageQuery, Messages as _};
use postroom_store::suite::made::*;
use postroom_store::{DatabaseUrl, MasterKey, PostgresOptions, PostgresStore};
use std::time::Instant;

/// Messages of a page, as Microsoft gives them with attachments.
const PAGE: i64 = 40;
const PAGES: i64 = 100;

/// A page of a first round: every second message has an attachment of 20 kB.
fn first_page(turn: i64) -> MessagePage {
    let long = |text: &str, number: i64| format!("{text}{number:0>9}{}", "A".repeat(140));
    let mut contents = Vec::new();
    let messages = (0..PAGE).map(|index| {
        let number = (turn * PAGE + index) * 7919 % 1_000_003;
        let mut one = message(&long("AAMk", number), &long("AQMk", 1), &long("CQ", turn));
        one.received_at = Some(at(number));
        one.conversation_id = Some(long("AAQk", number / 3));
        one.body = "<p>word </p>".repeat(341);
        one.json = format!(r#"{{"x":"{}"}}"#, "y".repeat(1500));
        one.attachments = Some(Vec::new());
        if index % 2 == 0 {
            let content = Bytes::from(number.to_string().repeat(20_000 / 6));
            let blob = blob_ref(&content);
            one.attachments = Some(vec![attachment(
                &long("AAMkat", number),
                Some(blob.clone()),
            )]);
            contents.push((blob, content));
        }
        one
    });
    let mut page = page(&long("AQMk", 1), messages.collect(), &[]);
    page.contents = contents;
    page
}

fn report(name: &str, count: i64, begun: Instant) {
    let spent = begun.elapsed();
    println!(
        "{name}: {:.0} a second, {:.1} ms a page",
        f64::from(u32::try_from(count).expect("few")) / spent.as_secs_f64(),
        spent.as_secs_f64() * 1000.0 * f64::from(u32::try_from(PAGE).expect("few"))
            / f64::from(u32::try_from(count).expect("few")),
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn speed() {
    let database = Cluster::shared().create_database();
    let url = DatabaseUrl::parse(&database.url()).expect("an address");
    let options = PostgresOptions::new(url, MasterKey::from_bytes([7; 32]));
    let store = PostgresStore::open(options).await.expect("opened");
    with_mailboxes(&store, &["one", "two", "three", "four", "five"]).await;
    let pages: Vec<_> = (0..PAGES).map(first_page).collect();
    for name in ["new, one after the other", "unchanged"] {
        let begun = Instant::now();
        for page in &pages {
            let applied = store.apply_messages(&here(), page, at(1)).await;
            applied.expect("applied");
        }
        report(name, PAGE * PAGES, begun);
    }
    let begun = Instant::now();
    let mailboxes = ["two", "three", "four", "five"].map(|mailbox| {
        let (store, pages) = (&store, &pages);
        async move {
            for page in pages {
                let applied = store.apply_messages(&mailbox.into(), page, at(1)).await;
                applied.expect("applied");
            }
        }
    });
    futures::future::join_all(mailboxes).await;
    report("new, four mailboxes at once", 4 * PAGE * PAGES, begun);
    let query = MessageQuery {
        limit: 50,
        ..MessageQuery::default()
    };
    let begun = Instant::now();
    for _ in 0..500 {
        assert_eq!(
            store
                .list_messages(&here(), &query)
                .await
                .expect("listed")
                .len(),
            50
        );
    }
    println!(
        "a list of 50: {:.2} ms",
        begun.elapsed().as_secs_f64() * 2.0
    );
}
