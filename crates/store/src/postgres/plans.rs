//! The statements whose plans are tested, with arguments for one mailbox, as SQL.

use super::list_messages::select;
use super::{calls, changes, messages, outbox};
use crate::contract::calls::CallQuery;
use crate::contract::messages::MessageQuery;

/// A statement that must never read a whole table.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What it is for.
    pub name: &'static str,
    /// The statement as the store prepares it.
    pub sql: String,
    /// Its arguments, as SQL.
    pub arguments: &'static str,
}

/// Those that are called often.
pub fn planned() -> Vec<Planned> {
    let query = || MessageQuery {
        limit: 50,
        ..MessageQuery::default()
    };
    let conversation = MessageQuery {
        conversation_id: Some(String::new()),
        ..query()
    };
    let message_id = MessageQuery {
        internet_message_id: Some(String::new()),
        ..query()
    };
    let list = |folder, query: &MessageQuery| select(1, folder, query).sql;
    [
        ("a folder's newest", list(Some(1), &query()), "1, 1, 50"),
        ("a mailbox's newest", list(None, &query()), "1, 50"),
        ("a conversation", list(None, &conversation), "1, 'c77', 50"),
        ("by Message-ID", list(None, &message_id), "1, '<77@x>', 50"),
        (
            "changes of all",
            changes::page_of(None).to_owned(),
            "150000, 100, NULL, '{}'",
        ),
        (
            "changes of one mailbox",
            changes::page_of(Some(1)).to_owned(),
            "150000, 100, '{one}', '{}'",
        ),
        ("leaving", messages::LEAVING.to_owned(), "1, '', 100"),
        (
            "attachments that want their content",
            messages::WITHOUT_CONTENT.to_owned(),
            "1, 100",
        ),
        ("due in the outbox", outbox::DUE.to_owned(), "now(), 100"),
        (
            "calls by time",
            calls::list(&CallQuery {
                limit: 50,
                ..CallQuery::default()
            })
            .sql,
            "50",
        ),
    ]
    .into_iter()
    .map(|(name, sql, arguments)| Planned {
        name,
        sql,
        arguments,
    })
    .collect()
}
