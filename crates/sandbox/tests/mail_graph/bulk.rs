//! Mail in bulk is cheap to have and quick to read.

use std::time::Instant;

use http::Method;
use postroom_sandbox::mail::MailOptions;
use serde_json::Value;

use crate::support::{ANNA, World};

#[test]
fn a_hundred_thousand_messages_start_at_once() {
    let start = Instant::now();
    let world = World::with(MailOptions {
        messages: 100_000,
        mailboxes_for_bulk: 1,
        sample_mail: false,
        ..MailOptions::default()
    });
    let took = start.elapsed();
    assert!(took.as_secs() < 5, "{took:?}");
    let folders = world.get(ANNA, "mailFolders?$top=100");
    let counts: Vec<u64> = folders["value"]
        .as_array()
        .expect("array")
        .iter()
        .filter_map(|folder| folder["totalItemCount"].as_u64())
        .filter(|count| *count > 0)
        .collect();
    assert_eq!(counts.iter().sum::<u64>(), 100_000);
    assert!(
        counts.len() >= 6 && counts.iter().all(|count| *count == 12_500),
        "{counts:?}"
    );
}

#[test]
fn a_folder_is_read_to_its_end() {
    let world = World::with(MailOptions {
        messages: 4_000,
        mailboxes_for_bulk: 1,
        bulk_folders: 1,
        sample_mail: false,
        ..MailOptions::default()
    });
    let start = Instant::now();
    let mut link = "mailFolders/inbox/messages/delta?$expand=attachments".to_owned();
    let (mut count, mut with_files, mut inline_only, mut bytes) = (0, 0, 0, 0);
    loop {
        let body = world
            .call(Method::GET, ANNA, &link)
            .header("prefer", "odata.maxpagesize=50, IdType=\"ImmutableId\"")
            .bytes();
        bytes += body.len();
        let page: Value = serde_json::from_slice(&body).expect("JSON");
        for item in page["value"].as_array().expect("array") {
            count += 1;
            let attachments = item["attachments"].as_array().expect("array").len();
            let has = item["hasAttachments"] == true;
            with_files += usize::from(has);
            inline_only += usize::from(attachments > 0 && !has);
            let body = item["body"]["content"].as_str().expect("text").len();
            assert!((900..8_000).contains(&body), "{body}");
        }
        match page["@odata.nextLink"].as_str() {
            Some(next) => next.clone_into(&mut link),
            None => break,
        }
    }
    eprintln!("{count} messages, {bytes} bytes, {:?}", start.elapsed());
    assert_eq!(count, 4_000);
    assert!((600..1_000).contains(&with_files), "{with_files}");
    assert!((250..550).contains(&inline_only), "{inline_only}");
}

/// Run in release with `--ignored` to measure: pages of 50 with attachments, no parsing.
#[test]
#[ignore = "a measurement"]
fn pages_per_second() {
    let world = World::with(MailOptions {
        messages: 40_000,
        mailboxes_for_bulk: 1,
        bulk_folders: 1,
        sample_mail: false,
        ..MailOptions::default()
    });
    for options in ["", "?$expand=attachments"] {
        let start = Instant::now();
        let mut link = format!("mailFolders/inbox/messages/delta{options}");
        let mut bytes = 0;
        loop {
            let body = world
                .call(Method::GET, ANNA, &link)
                .header("prefer", "odata.maxpagesize=50")
                .bytes();
            bytes += body.len();
            let tail =
                String::from_utf8_lossy(&body[body.len().saturating_sub(2_000)..]).into_owned();
            let Some(at) = tail.find("\"@odata.nextLink\":\"") else {
                break;
            };
            let rest = &tail[at + 19..];
            rest[..rest.find('"').expect("an end")].clone_into(&mut link);
        }
        let took = start.elapsed();
        eprintln!(
            "{options}: {:.0} messages/s, {bytes} bytes",
            40_000.0 / took.as_secs_f64()
        );
    }
}
