//! What can be wrong with rows, as queries in words that both kinds of store take. Each gives a
//! line of text for every fault that it finds, twenty at most; in an order, so that both kinds give
//! the same twenty.

/// The queries.
pub(crate) const QUERIES: &[&str] = &[
    "SELECT 'the message ' || m.id || ' has no text' FROM messages m
        WHERE NOT EXISTS (SELECT 1 FROM message_texts t WHERE t.message = m.number)
        ORDER BY m.mailbox, m.number LIMIT 20",
    "SELECT 'a text belongs to no message' FROM message_texts t
        WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.number = t.message)
        ORDER BY t.message LIMIT 20",
    "SELECT 'the attachment ' || a.id || ' belongs to no message' FROM attachments a
        WHERE NOT EXISTS (SELECT 1 FROM messages m
            WHERE m.mailbox = a.mailbox AND m.number = a.message)
        ORDER BY a.message, a.ordinal LIMIT 20",
    "SELECT 'the message ' || m.id || ' lies in a folder that its mailbox does not have'
        FROM messages m
        WHERE NOT EXISTS (SELECT 1 FROM folder_numbers f
            WHERE f.mailbox = m.mailbox AND f.number = m.folder)
        ORDER BY m.mailbox, m.number LIMIT 20",
    "SELECT 'the message ' || m.id || ' is there ' || COUNT(*) || ' times' FROM messages m
        GROUP BY m.mailbox, m.id HAVING COUNT(*) > 1
        ORDER BY m.mailbox, m.id LIMIT 20",
    "SELECT 'the content of the attachment ' || a.id || ' is missing' FROM attachments a
        WHERE a.blob_hash IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.hash = a.blob_hash)
        ORDER BY a.message, a.ordinal LIMIT 20",
    "SELECT 'the MIME form of the message ' || m.id || ' is missing' FROM messages m
        WHERE m.mime_hash IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.hash = m.mime_hash)
        ORDER BY m.mailbox, m.number LIMIT 20",
    "SELECT 'a content of the outbox item ' || o.outbox || ' is missing' FROM outbox_blobs o
        WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.hash = o.hash)
        ORDER BY o.outbox, o.hash LIMIT 20",
    "SELECT 'the mailbox ' || x.address || ' has ' || (SELECT COUNT(*) FROM messages m
            WHERE m.mailbox = x.number) || ' messages and says ' || x.messages_done
        FROM mailboxes x
        WHERE x.messages_done <> (SELECT COUNT(*) FROM messages m WHERE m.mailbox = x.number)
        ORDER BY x.number LIMIT 20",
    "SELECT 'the folder ' || f.folder || ' has given the number ' || f.last_message
            || ' last and holds a higher one'
        FROM folder_numbers f
        WHERE EXISTS (SELECT 1 FROM messages m WHERE m.mailbox = f.mailbox
            AND m.folder = f.number AND m.place > f.last_message)
        ORDER BY f.mailbox, f.number LIMIT 20",
    "SELECT 'the changes of the mailbox ' || n.mailbox || ' have gaps, or reach beyond '
            || n.last_change
        FROM mailbox_numbers n
        JOIN (SELECT mailbox, COUNT(*) AS there, MIN(number) AS low, MAX(number) AS high
            FROM changes GROUP BY mailbox) c ON c.mailbox = n.number
        WHERE c.there <> c.high - c.low + 1 OR c.high <> n.last_change
        ORDER BY n.number LIMIT 20",
    "SELECT 'a cursor (' || c.kind || ') belongs to no mailbox' FROM cursors c
        WHERE NOT EXISTS (SELECT 1 FROM mailboxes x WHERE x.id = c.owner)
        ORDER BY c.owner, c.kind, c.scope LIMIT 20",
    "SELECT 'a cursor belongs to a folder that is not there: ' || c.scope FROM cursors c
        WHERE c.kind = 'messages' AND NOT EXISTS (SELECT 1 FROM folder_numbers f
            JOIN mailbox_numbers n ON n.number = f.mailbox
            WHERE n.mailbox = c.owner AND f.folder = c.scope)
        ORDER BY c.owner, c.kind, c.scope LIMIT 20",
    "SELECT 'the mailbox ' || x.address || ' is reached by no account' FROM mailboxes x
        WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = x.account)
        ORDER BY x.number LIMIT 20",
];

/// What to say of a change whose position was not given out.
pub(crate) fn beyond(last: i64) -> String {
    format!("the change feed reaches beyond its last position {last}")
}
