//! Reading messages: one, several, or a list in order.

use super::conditions::Conditions;
use super::errors::Answer;
use super::numbers;
use super::server::Session;
use super::values::{Time, at, count, has_nul, named, time_of};
use crate::contract::messages::{MessageQuery, StoredMessage};
use crate::text::folded;
use postroom_model::resource::message::MessageRecord;
use postroom_model::{FolderId, MessageId};
use tokio_postgres::Row;

macro_rules! select {
    ($body:literal, $from:literal) => {
        concat!(
            "SELECT m.id, m.change_key, f.folder, m.received_at, m.sent_at, m.subject,
                m.from_name, m.from_address, m.is_read, m.is_draft, m.has_attachments,
                m.conversation_id, m.internet_message_id, m.body_type, m.place, t.json::text, ",
            $body,
            " FROM ",
            $from,
            " JOIN folder_numbers f ON f.mailbox = m.mailbox AND f.number = m.folder
              JOIN message_texts t ON t.mailbox = m.mailbox AND t.message = m.number "
        )
    };
}

const ONE: &str = concat!(
    select!("t.body", "messages m"),
    "WHERE m.mailbox = $1 AND m.id = $2"
);
const SOME: &str = concat!(
    select!("t.body", "messages m"),
    "WHERE m.mailbox = $1 AND m.id = ANY ($2)"
);

fn stored(row: &Row) -> Answer<StoredMessage> {
    Ok(StoredMessage {
        record: MessageRecord {
            id: MessageId::new(row.try_get::<_, String>(0)?),
            change_key: row.try_get(1)?,
            folder: FolderId::new(row.try_get::<_, String>(2)?),
            received_at: time_of(row.try_get(3)?)?,
            sent_at: time_of(row.try_get(4)?)?,
            subject: row.try_get(5)?,
            from_name: row.try_get(6)?,
            from_address: row.try_get(7)?,
            is_read: row.try_get(8)?,
            is_draft: row.try_get(9)?,
            has_attachments: row.try_get(10)?,
            conversation_id: row.try_get(11)?,
            internet_message_id: row.try_get(12)?,
            body_type: named(row.try_get(13)?)?,
            json: row.try_get(15)?,
            body: row.try_get(16)?,
            attachments: None,
        },
        number: count(row.try_get(14)?),
    })
}

/// One message with its body, in a mailbox by its number.
pub(super) async fn one(
    session: &Session<'_>,
    mailbox: i64,
    id: &str,
) -> Answer<Option<StoredMessage>> {
    let row = session.row_opt(ONE, &[&mailbox, &id]).await?;
    row.as_ref().map(stored).transpose()
}

/// Several messages with their bodies, in any order.
pub(super) async fn some(
    session: &Session<'_>,
    mailbox: i64,
    ids: &[&str],
) -> Answer<Vec<StoredMessage>> {
    let rows = session.rows(SOME, &[&mailbox, &ids]).await?;
    rows.iter().map(stored).collect()
}

impl Conditions {
    /// A text, made of columns, has every one of these parts.
    fn has_parts(&mut self, text: &str, parts: Vec<String>) {
        let parts = self.value(parts, "text[]");
        // OFFSET 0: the text is made small once, not once for every part.
        self.add(format_args!(
            "(SELECT bool_and(strpos(h.text, part) > 0)
                FROM (SELECT translate(lower({text} COLLATE \"und-x-icu\"), 'ς', 'σ') AS text
                    OFFSET 0) h,
                unnest({parts}) AS part)"
        ));
    }
}

/// All that a word is searched in.
const ANYWHERE: &str =
    "(m.subject || E'\\n' || m.from_name || E'\\n' || m.from_address || E'\\n' || t.body)";

/// The statement for a list, with its values.
pub(super) fn select(mailbox: i64, folder: Option<i64>, query: &MessageQuery) -> Conditions {
    let mut all = Conditions::default();
    all.equals("m.mailbox", mailbox, "bigint");
    if let Some(folder) = folder {
        all.equals("m.folder", folder, "bigint");
    }
    if let Some(id) = &query.conversation_id {
        all.equals("m.conversation_id", id.clone(), "text");
    }
    if let Some(id) = &query.internet_message_id {
        all.equals("m.internet_message_id", id.clone(), "text");
    }
    if let Some(is_read) = query.is_read {
        all.equals("m.is_read", is_read, "boolean");
    }
    if let Some(has) = query.has_attachments {
        all.equals("m.has_attachments", has, "boolean");
    }
    // A conversation is smaller than a folder, a folder than a mailbox, and the server cannot
    // always know: an order that no index has keeps it from walking through the mailbox in hope.
    let by_id = query.conversation_id.is_some() || query.internet_message_id.is_some();
    let order = if by_id {
        "(m.received_order + interval '0')"
    } else {
        "m.received_order"
    };
    // The order's column beside the time itself: it is the one that indexes have.
    if let Some(after) = query.received_after {
        let after = all.value(at(after), "timestamptz");
        all.add(format_args!(
            "m.received_at IS NOT NULL AND {order} >= {after}"
        ));
    }
    if let Some(before) = query.received_before {
        let before = all.value(at(before), "timestamptz");
        all.add(format_args!(
            "m.received_at IS NOT NULL AND {order} < {before}"
        ));
    }
    if let Some(after) = &query.after {
        let time = all.value(Time(after.received_micros), "timestamptz");
        let id = all.value(after.id.as_str().to_owned(), "text");
        all.add(format_args!("({order}, m.id) < ({time}, {id})"));
    }
    if let Some(from) = &query.from {
        // Either of the two has it whole: a part with a line feed could lie across them.
        let from = all.value(folded(from), "text");
        all.add(format_args!(
            "(strpos(translate(lower(m.from_address COLLATE \"und-x-icu\"), 'ς', 'σ'), {from}) > 0
              OR strpos(translate(lower(m.from_name COLLATE \"und-x-icu\"), 'ς', 'σ'), {from}) > 0)"
        ));
    }
    if let Some(subject) = &query.subject {
        all.has_parts("m.subject", vec![folded(subject)]);
    }
    let search = query.search.as_deref().unwrap_or_default();
    let words: Vec<String> = search.split_whitespace().map(folded).collect();
    let in_bodies = !words.is_empty();
    if in_bodies {
        // No word has white space in it, so none lies across two columns.
        all.has_parts(ANYWHERE, words);
    }
    let limit = all.value(i64::from(query.limit), "bigint");
    let with_texts = "JOIN message_texts t ON t.mailbox = m.mailbox AND t.message = m.number";
    let texts = if in_bodies { with_texts } else { "" };
    let selection = match query.with_body {
        true => select!("t.body", "page m"),
        false => select!("''", "page m"),
    };
    // Which messages is decided first, so that only their texts are fetched.
    let conditions = std::mem::take(&mut all.sql);
    all.sql = format!(
        "WITH page AS MATERIALIZED (
            SELECT m.* FROM messages m {texts} WHERE true{conditions}
            ORDER BY {order} DESC, m.id DESC LIMIT {limit}
        ) {selection} ORDER BY m.received_order DESC, m.id DESC"
    );
    all
}

/// A list in order.
pub(super) async fn list(
    session: &Session<'_>,
    mailbox: &str,
    query: &MessageQuery,
) -> Answer<Vec<StoredMessage>> {
    let Some(mailbox) = numbers::mailbox(session, mailbox).await? else {
        return Ok(Vec::new());
    };
    let folder = match &query.folder {
        None => None,
        Some(folder) => match numbers::folder(session, mailbox, folder.as_str()).await? {
            Some(folder) => Some(folder),
            None => return Ok(Vec::new()),
        },
    };
    if query
        .after
        .as_ref()
        .is_some_and(|after| has_nul(after.id.as_str()))
    {
        return Ok(Vec::new());
    }
    let all = select(mailbox, folder, query);
    let rows = session.rows(&all.sql, &all.values()).await?;
    rows.iter().map(stored).collect()
}
