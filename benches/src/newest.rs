//! Reading the newest 50 messages of a folder that holds 200,000, over HTTP.

use crate::measure;
use crate::postroom::{self, Place, Server};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Messages in the folder.
const MESSAGES: i64 = 200_000;
/// Readings.
const READINGS: usize = 1_000;

/// Makes a folder large by repeating its messages, reads its beginning again and again, and prints
/// how long that takes.
pub(crate) async fn run(name: &str, place: &Place) -> Result<()> {
    let key = measure::run(
        place
            .command()?
            .args(["key", "create", "--name", "bench", "--scope", "admin"]),
    )?
    .1;
    fill(place)?;
    let server = Server::start(place)?;
    let http = reqwest::Client::new();
    let get = async |path: &str| -> Result<Value> {
        Ok(http
            .get(format!("{}/api/v1{path}", Server::URL))
            .bearer_auth(key.trim())
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?)
    };
    let mailboxes = get("/mailboxes").await?;
    let mailbox = mailboxes["value"][0]["id"].as_str().context("a mailbox")?;
    let folders = get(&format!("/mailboxes/{mailbox}/folders")).await?;
    let folder = folders["value"]
        .as_array()
        .into_iter()
        .flatten()
        .max_by_key(|folder| folder["totalItemCount"].as_u64())
        .and_then(|folder| folder["id"].as_str())
        .context("a folder")?;
    let path = format!("/mailboxes/{mailbox}/messages?folder={folder}&limit=50");
    let mut took = Vec::with_capacity(READINGS);
    for number in 0..READINGS + 50 {
        let began = Instant::now();
        let list = get(&path).await?;
        // The first ones fill caches.
        if number >= 50 {
            took.push(began.elapsed());
        }
        ensure!(
            list["value"].as_array().map(Vec::len) == Some(50),
            "a short list"
        );
    }
    took.sort();
    let at = |share: usize| -> Duration { took[took.len() * share / 100] };
    println!(
        "{name}: the newest 50 of {MESSAGES} messages over HTTP: p50 {:.2} ms, p99 {:.2} ms",
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3,
    );
    drop(server);
    Ok(())
}

/// Repeats the messages of the largest folder, older and older, until there are enough.
fn fill(place: &Place) -> Result<()> {
    match &place.database {
        None => {
            let connection = rusqlite::Connection::open(postroom::database(place))?;
            let has: i64 = connection.query_row(LARGEST, [], |row| row.get(1))?;
            let (columns, values) = columns("number + k.k * 10000000", "k.k * 86400000000");
            connection.execute_batch(&format!(
                "BEGIN;
                 CREATE TEMP TABLE k AS WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL
                    SELECT k + 1 FROM n WHERE k < {times}) SELECT k FROM n;
                 CREATE TEMP TABLE largest AS {LARGEST};
                 INSERT INTO messages ({columns}, id_hash)
                    SELECT {values}, id_hash FROM messages m, k
                    WHERE m.folder = (SELECT folder FROM largest);
                 INSERT INTO message_texts (message, json, body)
                    SELECT t.message + k.k * 10000000, t.json, ''
                    FROM message_texts t JOIN messages m ON m.number = t.message, k
                    WHERE m.number < 10000000 AND m.folder = (SELECT folder FROM largest);
                 COMMIT;",
                times = MESSAGES / has.max(1),
            ))?;
        }
        Some(url) => {
            let has = postroom_cluster::psql(
                url,
                &format!("SET search_path = postroom_data; SELECT count FROM ({LARGEST}) it"),
            )?;
            let has: i64 = has.trim().parse()?;
            let (columns, values) = columns("number + k.k * 10000000", "k.k * interval '1 day'");
            postroom_cluster::psql(
                url,
                &format!(
                    "SET search_path = postroom_data; BEGIN;
                     INSERT INTO messages ({columns})
                        SELECT {values} FROM messages m, generate_series(1::bigint, {times}) k
                        WHERE m.folder = (SELECT folder FROM ({LARGEST}) it);
                     INSERT INTO message_texts (mailbox, message, json, body)
                        SELECT t.mailbox, t.message + k.k * 10000000, t.json, ''
                        FROM message_texts t JOIN messages m
                            ON m.mailbox = t.mailbox AND m.number = t.message,
                            generate_series(1::bigint, {times}) k
                        WHERE m.number < 10000000
                            AND m.folder = (SELECT folder FROM ({LARGEST}) it);
                     COMMIT; ANALYZE;",
                    times = MESSAGES / has.max(1),
                ),
            )?;
        }
    }
    Ok(())
}

const LARGEST: &str = "SELECT folder, COUNT(*) AS count FROM messages GROUP BY folder
    ORDER BY COUNT(*) DESC LIMIT 1";

/// The columns of a repeated message, and their values.
fn columns(number: &str, older: &str) -> (String, String) {
    let columns = [
        ("number", number.to_owned()),
        ("mailbox", "mailbox".into()),
        ("id", "id || '-' || k.k".into()),
        ("change_key", "change_key".into()),
        ("folder", "folder".into()),
        ("place", "place + k.k * 10000000".into()),
        ("leaving", "leaving".into()),
        ("seen", "seen".into()),
        ("received_at", format!("received_at - {older}")),
        ("received_order", format!("received_order - {older}")),
        ("sent_at", "sent_at".into()),
        ("subject", "subject".into()),
        ("from_name", "from_name".into()),
        ("from_address", "from_address".into()),
        ("is_read", "is_read".into()),
        ("is_draft", "is_draft".into()),
        ("has_attachments", "has_attachments".into()),
        ("attachments_known", "attachments_known".into()),
        ("body_type", "body_type".into()),
    ];
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<_> = columns.iter().map(|(_, value)| value.as_str()).collect();
    (names.join(", "), values.join(", "))
}
