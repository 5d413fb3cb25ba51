-- What SQL users are promised: docs/sql.md. The tables behind change with Postroom's versions, these
-- views do not: columns are added at the end, and none is renamed or goes.
--
-- They are read by other programs than Postroom, so they use nothing but SQLite's own functions.
-- Times are texts in UTC that SQLite's date functions take, to the microsecond.

-- For ranges and orders of time. The expression is the view's, word by word: else SQLite would not
-- use it. Mail comes in the order of time, so that each mailbox's part grows at its end.
CREATE INDEX messages_by_received_at ON messages (mailbox, (
    strftime('%Y-%m-%d %H:%M:%S', (received_at - ((received_at % 1000000 + 1000000) % 1000000)) / 1000000, 'unixepoch')
    || printf('.%06d', ((received_at % 1000000 + 1000000) % 1000000))
));
CREATE INDEX folder_numbers_by_folder ON folder_numbers (folder);

-- What SQLite is to expect, for it takes an index's part for ten rows where nobody told it more: a
-- mailbox has thousands, so that a join of two views by message_id is done with an index of its own,
-- and not by comparing every message of a mailbox with every other one.
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('connections', 'sqlite_autoindex_connections_1', '5 1'),
    ('accounts', 'sqlite_autoindex_accounts_1', '20 1'),
    ('mailboxes', 'sqlite_autoindex_mailboxes_1', '20 1'),
    ('mailbox_numbers', 'sqlite_autoindex_mailbox_numbers_1', '20 1'),
    ('folders', 'sqlite_autoindex_folders_1', '800 40 1'),
    ('folder_numbers', 'sqlite_autoindex_folder_numbers_1', '800 40 1'),
    ('folder_numbers', 'folder_numbers_by_folder', '800 1'),
    ('messages', 'messages_in_folder', '400000 500 1'),
    ('messages', 'messages_by_time', '400000 20000 1'),
    ('messages', 'messages_by_place', '400000 500 1'),
    ('messages', 'messages_by_id', '400000 20000 1'),
    ('messages', 'messages_by_conversation', '400000 20000 4'),
    ('messages', 'messages_by_message_id', '400000 20000 1'),
    ('messages', 'messages_by_received_at', '400000 20000 1'),
    ('message_texts', NULL, '400000'),
    ('attachments', 'sqlite_autoindex_attachments_1', '400000 2 1'),
    ('blobs', 'sqlite_autoindex_blobs_1', '200000 1');
ANALYZE sqlite_schema;

CREATE VIEW postroom_mailboxes AS
SELECT b.id AS mailbox_id,
    b.address,
    b.display_name,
    b.connection AS connection_id,
    c.name AS connection_name,
    b.account AS account_id,
    a.kind AS account_kind,
    a.user_principal_name AS account_name,
    b.phase AS sync_state,
    b.messages_done,
    b.messages_total,
    strftime('%Y-%m-%d %H:%M:%S', b.last_synced_at / 1000000, 'unixepoch')
            || printf('.%06d', b.last_synced_at % 1000000) AS last_synced_at,
    strftime('%Y-%m-%d %H:%M:%S', b.last_proven_at / 1000000, 'unixepoch')
            || printf('.%06d', b.last_proven_at % 1000000) AS last_proven_at,
    b.error,
    strftime('%Y-%m-%d %H:%M:%S', b.created_at / 1000000, 'unixepoch')
            || printf('.%06d', b.created_at % 1000000) AS created_at
FROM mailboxes b
    LEFT JOIN connections c ON c.id = b.connection
    LEFT JOIN accounts a ON a.id = b.account;

CREATE VIEW postroom_folders AS
SELECT b.id AS mailbox_id,
    b.address AS mailbox_address,
    f.id AS folder_id,
    f.parent_folder_id,
    f.display_name,
    (WITH RECURSIVE above (parent, path, depth) AS (
            SELECT f.parent_folder_id, f.display_name, 1
            UNION ALL
            SELECT p.parent_folder_id, p.display_name || '/' || above.path, above.depth + 1
            FROM above JOIN folders p ON p.mailbox = f.mailbox AND p.id = above.parent
            WHERE above.depth < 300)
         SELECT path FROM above ORDER BY depth DESC LIMIT 1) AS path,
    f.well_known_name,
    f.child_folder_count,
    f.total_item_count,
    f.unread_item_count,
    f.is_hidden
FROM folders f
    JOIN mailboxes b ON b.number = f.mailbox;

-- The join with `x` and `f` costs nothing where their columns are not asked for.
CREATE VIEW postroom_messages AS
SELECT b.id AS mailbox_id,
    b.address AS mailbox_address,
    m.id AS message_id,
    n.folder AS folder_id,
    f.display_name AS folder_name,
    f.well_known_name AS folder_well_known_name,
    (WITH RECURSIVE above (parent, path, depth) AS (
            SELECT f.parent_folder_id, f.display_name, 1
            UNION ALL
            SELECT p.parent_folder_id, p.display_name || '/' || above.path, above.depth + 1
            FROM above JOIN folders p ON p.mailbox = f.mailbox AND p.id = above.parent
            WHERE above.depth < 300)
         SELECT path FROM above ORDER BY depth DESC LIMIT 1) AS folder_path,
    m.place AS number,
    strftime('%Y-%m-%d %H:%M:%S', (m.received_at - ((m.received_at % 1000000 + 1000000) % 1000000)) / 1000000, 'unixepoch')
            || printf('.%06d', ((m.received_at % 1000000 + 1000000) % 1000000)) AS received_at,
    strftime('%Y-%m-%d %H:%M:%S', (m.sent_at - ((m.sent_at % 1000000 + 1000000) % 1000000)) / 1000000, 'unixepoch')
            || printf('.%06d', ((m.sent_at % 1000000 + 1000000) % 1000000)) AS sent_at,
    m.subject,
    m.from_name,
    m.from_address,
    CASE WHEN m.from_address LIKE '%@%' THEN lower(substr(m.from_address, instr(m.from_address, '@') + 1)) END AS from_domain,
    m.is_read,
    m.is_draft,
    m.has_attachments,
    m.conversation_id,
    m.internet_message_id,
    m.change_key,
    CAST(json_extract(CASE WHEN json_valid(x.json) THEN x.json ELSE '{}' END,
        '$.importance') AS TEXT) AS importance,
    (SELECT group_concat(c.value, ', ')
         FROM json_each(CASE WHEN json_valid(x.json) THEN x.json ELSE '{}' END, '$.categories') c
         WHERE c.type = 'text' AND typeof(c.key) = 'integer') AS categories,
    CAST(json_extract(CASE WHEN json_valid(x.json) THEN x.json ELSE '{}' END,
        '$.flag.flagStatus') AS TEXT) AS flag_status,
    CAST(json_extract(CASE WHEN json_valid(x.json) THEN x.json ELSE '{}' END,
        '$.webLink') AS TEXT) AS web_link,
    CAST(json_extract(CASE WHEN json_valid(x.json) THEN x.json ELSE '{}' END,
        '$.bodyPreview') AS TEXT) AS body_preview,
    m.body_type,
    x.body
FROM messages m
    JOIN mailboxes b ON b.number = m.mailbox
    JOIN folder_numbers n ON n.number = m.folder
    LEFT JOIN folders f ON f.mailbox = m.mailbox AND f.id = n.folder
    LEFT JOIN message_texts x ON x.message = m.number;

-- JSON is looked at with care at every step: an odd message has no recipients, and hides nobody
-- else's.
CREATE VIEW postroom_recipients AS
SELECT b.id AS mailbox_id,
    b.address AS mailbox_address,
    m.id AS message_id,
    CASE p.key WHEN 'toRecipients' THEN 'to' WHEN 'ccRecipients' THEN 'cc'
        WHEN 'bccRecipients' THEN 'bcc' WHEN 'replyTo' THEN 'reply_to' ELSE p.key END AS kind,
    r.key + 1 AS ordinal,
    CAST(json_extract(r.value, '$.emailAddress.name') AS TEXT) AS name,
    CAST(json_extract(r.value, '$.emailAddress.address') AS TEXT) AS address,
    CASE WHEN instr(json_extract(r.value, '$.emailAddress.address'), '@') > 0
        THEN lower(substr(json_extract(r.value, '$.emailAddress.address'),
            instr(json_extract(r.value, '$.emailAddress.address'), '@') + 1)) END AS domain
FROM messages m
    JOIN mailboxes b ON b.number = m.mailbox
    JOIN message_texts x ON x.message = m.number
    JOIN json_each(CASE WHEN json_valid(x.json) THEN x.json ELSE '{}' END) p
    JOIN json_each(CASE p.type WHEN 'array' THEN p.value
        WHEN 'object' THEN json_array(json(p.value)) ELSE '[]' END) r
WHERE p.key IN ('toRecipients', 'ccRecipients', 'bccRecipients', 'replyTo', 'from', 'sender')
    AND p.type = CASE WHEN p.key IN ('from', 'sender') THEN 'object' ELSE 'array' END
    AND CASE r.type WHEN 'object' THEN json_type(r.value, '$.emailAddress') END = 'object';

-- A content that is not in the database is a file below the folder `blobs`.
CREATE VIEW postroom_attachments AS
SELECT b.id AS mailbox_id,
    b.address AS mailbox_address,
    m.id AS message_id,
    a.id AS attachment_id,
    a.ordinal + 1 AS ordinal,
    a.kind,
    a.name,
    a.content_type,
    a.size,
    a.is_inline,
    a.content_id,
    a.blob_hash AS content_hash,
    a.blob_size AS content_size,
    c.content,
    CASE WHEN c.hash IS NOT NULL AND c.content IS NULL
        THEN substr(c.hash, 1, 2) || '/' || substr(c.hash, 3) END AS content_file
FROM attachments a
    JOIN messages m ON m.number = a.message
    JOIN mailboxes b ON b.number = m.mailbox
    LEFT JOIN blobs c ON c.hash = a.blob_hash;

CREATE VIEW postroom_people AS
SELECT p.connection AS connection_id,
    c.name AS connection_name,
    p.id AS person_id,
    p.user_principal_name,
    p.display_name,
    p.given_name,
    p.surname,
    p.mail,
    p.job_title,
    p.department,
    p.office_location,
    p.company_name,
    p.mobile_phone,
    p.business_phones,
    p.account_enabled,
    p.source,
    strftime('%Y-%m-%d %H:%M:%S', p.seen_at / 1000000, 'unixepoch')
            || printf('.%06d', p.seen_at % 1000000) AS seen_at,
    strftime('%Y-%m-%d %H:%M:%S', p.updated_at / 1000000, 'unixepoch')
            || printf('.%06d', p.updated_at % 1000000) AS updated_at
FROM people p
    JOIN connections c ON c.id = p.connection;

CREATE VIEW postroom_changes AS
SELECT h.position,
    n.mailbox AS mailbox_id,
    b.address AS mailbox_address,
    h.number,
    h.resource,
    h.id AS resource_id,
    h.kind AS change,
    strftime('%Y-%m-%d %H:%M:%S', h.at / 1000000, 'unixepoch')
            || printf('.%06d', h.at % 1000000) AS at
FROM changes h
    JOIN mailbox_numbers n ON n.number = h.mailbox
    LEFT JOIN mailboxes b ON b.number = h.mailbox;

CREATE VIEW postroom_outbox AS
SELECT o.id AS outbox_id,
    o.mailbox AS mailbox_id,
    b.address AS mailbox_address,
    k.name AS key_name,
    o.kind,
    o.original AS original_message_id,
    o.status,
    o.reason,
    json_extract(o.message, '$.subject') AS subject,
    (SELECT group_concat(json_extract(r.value, '$.emailAddress.address'), ', ')
         FROM json_each(o.message, '$.toRecipients') r) AS to_recipients,
    (SELECT group_concat(json_extract(r.value, '$.emailAddress.address'), ', ')
         FROM json_each(o.message, '$.ccRecipients') r) AS cc_recipients,
    (SELECT group_concat(json_extract(r.value, '$.emailAddress.address'), ', ')
         FROM json_each(o.message, '$.bccRecipients') r) AS bcc_recipients,
    json_array_length(o.message, '$.attachments') AS attachment_count,
    o.message_id,
    o.internet_message_id,
    o.conversation_id,
    o.attempts,
    strftime('%Y-%m-%d %H:%M:%S', o.created_at / 1000000, 'unixepoch')
            || printf('.%06d', o.created_at % 1000000) AS created_at,
    strftime('%Y-%m-%d %H:%M:%S', o.due_at / 1000000, 'unixepoch')
            || printf('.%06d', o.due_at % 1000000) AS due_at,
    strftime('%Y-%m-%d %H:%M:%S', o.sent_at / 1000000, 'unixepoch')
            || printf('.%06d', o.sent_at % 1000000) AS sent_at,
    strftime('%Y-%m-%d %H:%M:%S', o.doubtful_since / 1000000, 'unixepoch')
            || printf('.%06d', o.doubtful_since % 1000000) AS doubtful_since
FROM outbox o
    LEFT JOIN mailboxes b ON b.id = o.mailbox
    LEFT JOIN keys k ON k.id = o.key;

-- Without the query of an address, which can hold what somebody looked for, or a delta token.
CREATE VIEW postroom_calls AS
SELECT l.id AS call_id,
    strftime('%Y-%m-%d %H:%M:%S', l.at / 1000000, 'unixepoch')
            || printf('.%06d', l.at % 1000000) AS at,
    l.connection AS connection_id,
    c.name AS connection_name,
    l.account AS account_id,
    l.mailbox AS mailbox_id,
    b.address AS mailbox_address,
    l.caller,
    l.method,
    CASE instr(l.path, '?') WHEN 0 THEN l.path
        ELSE substr(l.path, 1, instr(l.path, '?') - 1) END AS path,
    l.status,
    l.status IS NULL OR l.status >= 400 AS failed,
    l.error,
    l.duration_ms,
    l.request_bytes,
    l.response_bytes,
    l.attempt,
    l.request_id,
    l.client_request_id
FROM calls l
    LEFT JOIN connections c ON c.id = l.connection
    LEFT JOIN mailboxes b ON b.id = l.mailbox;
