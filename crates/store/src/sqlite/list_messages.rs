//! Reading messages: one, or a list in order.

use super::contains::needle;
use super::errors::Answer;
use super::numbers;
use super::values::{count, hash, micros, named, time_of};
use crate::contract::messages::{MessageQuery, StoredMessage};
use postroom_model::resource::message::MessageRecord;
use postroom_model::{FolderId, MessageId};
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};
use std::fmt::Write as _;

macro_rules! select {
    ($body:literal, $end:literal) => {
        concat!(
            "SELECT m.id, m.change_key, f.folder, m.received_at, m.sent_at, m.subject,
                m.from_name, m.from_address, m.is_read, m.is_draft, m.has_attachments,
                m.conversation_id, m.internet_message_id, m.body_type, m.place, t.json, ",
            $body,
            " FROM messages m
                JOIN folder_numbers f ON f.number = m.folder
                JOIN message_texts t ON t.message = m.number
             WHERE ",
            $end
        )
    };
}

const ONE: &str = select!("t.body", "m.mailbox = $1 AND m.id_hash = $2 AND m.id = $3");

fn stored(row: &Row<'_>) -> Answer<StoredMessage> {
    Ok(StoredMessage {
        record: MessageRecord {
            id: MessageId::new(row.get::<_, String>(0)?),
            change_key: row.get(1)?,
            folder: FolderId::new(row.get::<_, String>(2)?),
            received_at: time_of(row.get(3)?)?,
            sent_at: time_of(row.get(4)?)?,
            subject: row.get(5)?,
            from_name: row.get(6)?,
            from_address: row.get(7)?,
            is_read: row.get(8)?,
            is_draft: row.get(9)?,
            has_attachments: row.get(10)?,
            conversation_id: row.get(11)?,
            internet_message_id: row.get(12)?,
            body_type: named(row.get(13)?)?,
            json: row.get(15)?,
            body: row.get(16)?,
            attachments: None,
        },
        number: count(row.get(14)?),
    })
}

/// One message with its body, in a mailbox by its number.
pub(super) fn one(
    connection: &Connection,
    mailbox: i64,
    id: &str,
) -> Answer<Option<StoredMessage>> {
    let mut statement = connection.prepare_cached(ONE)?;
    let mut rows = statement.query(params![mailbox, hash(id), id])?;
    rows.next()?.map(stored).transpose()
}

/// SQL that grows by conditions.
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a value and gives the name that it has in SQL.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn add(&mut self, condition: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = write!(self.sql, " AND {condition}");
    }

    fn equals(&mut self, column: &str, value: impl Into<Value>) {
        let value = self.value(value);
        self.add(format_args!("{column} = {value}"));
    }

    /// One of the columns has this part.
    fn has_part(&mut self, columns: &[&str], part: &str) {
        let part = self.value(needle(part));
        let any: Vec<_> = columns
            .iter()
            .map(|column| format!("postroom_contains({column}, {part})"))
            .collect();
        self.add(format_args!("({})", any.join(" OR ")));
    }
}

fn select(mailbox: i64, folder: Option<i64>, query: &MessageQuery) -> Conditions {
    let sql = match query.with_body {
        true => select!("t.body", "1 = 1"),
        false => select!("''", "1 = 1"),
    };
    let mut all = Conditions {
        sql: sql.to_owned(),
        values: Vec::new(),
    };
    // A plus keeps a column from being what the index is chosen by: a conversation is smaller than
    // a folder, a folder than a mailbox, and SQLite cannot know.
    let by_id = query.conversation_id.is_some() || query.internet_message_id.is_some();
    match (folder, by_id) {
        (Some(folder), false) => {
            all.equals("+m.mailbox", mailbox);
            all.equals("m.folder", folder);
        }
        (Some(folder), true) => {
            all.equals("m.mailbox", mailbox);
            all.equals("+m.folder", folder);
        }
        (None, _) => all.equals("m.mailbox", mailbox),
    }
    if let Some(id) = &query.conversation_id {
        all.equals("m.conversation_hash", hash(id));
        all.equals("m.conversation_id", id.clone());
    }
    if let Some(id) = &query.internet_message_id {
        all.equals("m.message_id_hash", hash(id));
        all.equals("m.internet_message_id", id.clone());
    }
    if let Some(is_read) = query.is_read {
        all.equals("m.is_read", i64::from(is_read));
    }
    if let Some(has) = query.has_attachments {
        all.equals("m.has_attachments", i64::from(has));
    }
    let order = if by_id {
        "+m.received_order"
    } else {
        "m.received_order"
    };
    // The order's column beside the time itself: it is the one that indexes have.
    if let Some(after) = query.received_after {
        let after = all.value(micros(after));
        all.add(format_args!(
            "m.received_at IS NOT NULL AND {order} >= {after}"
        ));
    }
    if let Some(before) = query.received_before {
        let before = all.value(micros(before));
        all.add(format_args!(
            "m.received_at IS NOT NULL AND {order} < {before}"
        ));
    }
    if let Some(after) = &query.after {
        let time = all.value(after.received_micros);
        let id = all.value(after.id.as_str().to_owned());
        all.add(format_args!("({order}, m.id) < ({time}, {id})"));
    }
    if let Some(from) = &query.from {
        all.has_part(&["m.from_address", "m.from_name"], from);
    }
    if let Some(subject) = &query.subject {
        all.has_part(&["m.subject"], subject);
    }
    for word in query
        .search
        .as_deref()
        .unwrap_or_default()
        .split_whitespace()
    {
        all.has_part(
            &["m.subject", "m.from_name", "m.from_address", "t.body"],
            word,
        );
    }
    let limit = all.value(i64::from(query.limit));
    let _ = write!(all.sql, " ORDER BY {order} DESC, m.id DESC LIMIT {limit}");
    all
}

/// A list in order.
pub(super) fn list(
    connection: &Connection,
    mailbox: &str,
    query: &MessageQuery,
) -> Answer<Vec<StoredMessage>> {
    let Some(mailbox) = numbers::mailbox(connection, mailbox)? else {
        return Ok(Vec::new());
    };
    let folder = match &query.folder {
        None => None,
        Some(folder) => match numbers::folder(connection, mailbox, folder.as_str())? {
            Some(folder) => Some(folder),
            None => return Ok(Vec::new()),
        },
    };
    let Conditions { sql, values } = select(mailbox, folder, query);
    let mut statement = connection.prepare_cached(&sql)?;
    statement
        .query_and_then(params_from_iter(values), stored)?
        .collect()
}

/// Whether a list has to look into texts, which takes its time.
pub(super) fn is_long(query: &MessageQuery) -> bool {
    query.from.is_some() || query.subject.is_some() || query.search.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{contains, migrations};

    /// What SQLite does for a query, in its words.
    fn plan(folder: Option<i64>, query: &MessageQuery) -> String {
        let mut database = Connection::open_in_memory().expect("opened");
        contains::register(&database).expect("registered");
        migrations::migrate(&mut database, "").expect("migrated");
        let Conditions { sql, values } = select(1, folder, query);
        let mut statement = database
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .expect("prepared");
        let steps = statement
            .query_map(params_from_iter(values), |row| row.get::<_, String>(3))
            .expect("asked");
        steps
            .collect::<rusqlite::Result<Vec<_>>>()
            .expect("told")
            .join("; ")
    }

    #[test]
    fn every_list_has_its_index() {
        let none = MessageQuery::default;
        let behind = MessageQuery {
            after: Some(crate::contract::messages::Position {
                received_micros: 1,
                id: "m".into(),
            }),
            received_after: postroom_model::Timestamp::from_second(1).ok(),
            search: Some("word".into()),
            is_read: Some(false),
            ..none()
        };
        let conversation = MessageQuery {
            conversation_id: Some("c".into()),
            ..behind.clone()
        };
        let message_id = MessageQuery {
            internet_message_id: Some("i".into()),
            ..behind.clone()
        };
        for (folder, query, index) in [
            (None, none(), "messages_by_time (mailbox=?)"),
            (Some(1), none(), "messages_in_folder (folder=?)"),
            (
                None,
                behind.clone(),
                "messages_by_time (mailbox=? AND received_order",
            ),
            (
                Some(1),
                behind,
                "messages_in_folder (folder=? AND received_order",
            ),
            (None, conversation.clone(), "messages_by_conversation"),
            (Some(1), conversation, "messages_by_conversation"),
            (None, message_id.clone(), "messages_by_message_id"),
            (Some(1), message_id, "messages_by_message_id"),
        ] {
            let plan = plan(folder, &query);
            assert!(
                plan.contains(&format!("SEARCH m USING INDEX {index}")),
                "{plan}"
            );
            // A whole mailbox is never sorted: only messages of one and the same time.
            if index.contains("mailbox=?") || index.contains("folder=?") {
                assert!(plan.contains("LAST TERM OF ORDER BY"), "{plan}");
            }
        }
    }
}
