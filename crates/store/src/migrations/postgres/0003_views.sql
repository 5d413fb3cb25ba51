-- What SQL users are promised: docs/sql.md. The tables behind change with Postroom's versions, these
-- views do not: columns are added at the end, and none is renamed or goes.
--
-- Views read with their owner's rights, so that a reader needs rights on nothing else. The function
-- that they call runs with the reader's: it only rewrites JSON.

CREATE SCHEMA postroom;
COMMENT ON SCHEMA postroom IS 'Mail for those who read by SQL: views that stay as they are.';

-- SQL users ask for ids without the mailbox, too. The same two columns, the other way round: nothing
-- is written twice.
ALTER TABLE messages DROP CONSTRAINT messages_mailbox_id_key;
ALTER TABLE messages ADD CONSTRAINT messages_by_id UNIQUE (id, mailbox);
DROP INDEX messages_by_conversation;
CREATE INDEX messages_by_conversation ON messages (conversation_id, mailbox)
    WHERE conversation_id IS NOT NULL;
CREATE INDEX folder_numbers_by_folder ON folder_numbers (folder);

-- Microsoft's JSON so that PostgreSQL's functions take it: it may hold escapes that no text here
-- does (U+0000, and halves of surrogate pairs), at which they fail. They become U+FFFD. Whole pairs
-- are hidden meanwhile behind U+0001, which JSON never holds bare.
CREATE FUNCTION readable_json(message json) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN message::text !~ '\\u(0000|[dD][89a-fA-F])' THEN message ELSE
    regexp_replace(
        regexp_replace(
            regexp_replace(message::text,
                '(?<!\\)((?:\\\\)*)\\u([dD][89aAbB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})',
                '\1' || chr(1) || '\2\3', 'g'),
            '(?<!\\)((?:\\\\)*)\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\1\\ufffd', 'g'),
        chr(1) || '(.{4})(.{4})', '\\u\1\\u\2', 'g')::json END;

CREATE VIEW postroom.mailboxes AS
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
    b.last_synced_at,
    b.last_proven_at,
    b.error,
    b.created_at
FROM mailboxes b
    LEFT JOIN connections c ON c.id = b.connection
    LEFT JOIN accounts a ON a.id = b.account;

CREATE VIEW postroom.folders AS
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
CREATE VIEW postroom.messages AS
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
    m.received_at,
    m.sent_at,
    m.subject,
    m.from_name,
    m.from_address,
    CASE WHEN position('@' IN m.from_address) > 0
        THEN lower(substr(m.from_address, position('@' IN m.from_address) + 1)) END AS from_domain,
    m.is_read,
    m.is_draft,
    m.has_attachments,
    m.conversation_id,
    m.internet_message_id,
    m.change_key,
    readable_json(x.json) ->> 'importance' AS importance,
    (SELECT string_agg(c.value #>> '{}', ', ' ORDER BY c.ordinality)
         FROM (SELECT readable_json(x.json) -> 'categories' AS list OFFSET 0) l
            CROSS JOIN LATERAL json_array_elements(CASE json_typeof(l.list)
                WHEN 'array' THEN l.list ELSE '[]' END) WITH ORDINALITY c (value, ordinality)
         WHERE json_typeof(c.value) = 'string') AS categories,
    readable_json(x.json) -> 'flag' ->> 'flagStatus' AS flag_status,
    readable_json(x.json) ->> 'webLink' AS web_link,
    readable_json(x.json) ->> 'bodyPreview' AS body_preview,
    m.body_type,
    x.body
FROM messages m
    JOIN mailboxes b ON b.number = m.mailbox
    JOIN folder_numbers n ON n.mailbox = m.mailbox AND n.number = m.folder
    LEFT JOIN folders f ON f.mailbox = m.mailbox AND f.id = n.folder
    LEFT JOIN message_texts x ON x.mailbox = m.mailbox AND x.message = m.number;

-- JSON is looked at with care at every step: an odd message has no recipients, and hides nobody
-- else's.
CREATE VIEW postroom.recipients AS
SELECT b.id AS mailbox_id,
    b.address AS mailbox_address,
    m.id AS message_id,
    CASE p.key WHEN 'toRecipients' THEN 'to' WHEN 'ccRecipients' THEN 'cc'
        WHEN 'bccRecipients' THEN 'bcc' WHEN 'replyTo' THEN 'reply_to' ELSE p.key END AS kind,
    r.ordinality AS ordinal,
    r.value -> 'emailAddress' ->> 'name' AS name,
    r.value -> 'emailAddress' ->> 'address' AS address,
    CASE WHEN position('@' IN (r.value -> 'emailAddress' ->> 'address')) > 0
        THEN lower(substr(r.value -> 'emailAddress' ->> 'address',
            position('@' IN (r.value -> 'emailAddress' ->> 'address')) + 1)) END AS domain
FROM messages m
    JOIN mailboxes b ON b.number = m.mailbox
    JOIN message_texts x ON x.mailbox = m.mailbox AND x.message = m.number
    CROSS JOIN LATERAL (SELECT readable_json(x.json) AS json OFFSET 0) j
    CROSS JOIN LATERAL json_each(CASE json_typeof(j.json)
        WHEN 'object' THEN j.json ELSE '{}' END) p
    CROSS JOIN LATERAL json_array_elements(CASE json_typeof(p.value) WHEN 'array' THEN p.value
        WHEN 'object' THEN json_build_array(p.value) ELSE '[]' END)
        WITH ORDINALITY r (value, ordinality)
WHERE p.key IN ('toRecipients', 'ccRecipients', 'bccRecipients', 'replyTo', 'from', 'sender')
    AND json_typeof(p.value) = CASE WHEN p.key IN ('from', 'sender') THEN 'object' ELSE 'array' END
    AND json_typeof(r.value -> 'emailAddress') = 'object';

-- A content that is in pieces is put together, up to 256 MiB: a query's answer has its limits. One
-- that is not in the database is a file of the folder of contents.
CREATE VIEW postroom.attachments AS
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
    CASE WHEN c.upload IS NULL THEN c.content WHEN c.size <= 268435456 THEN
        (SELECT string_agg(p.piece, ''::bytea ORDER BY p.ordinal)
         FROM blob_pieces p WHERE p.upload = c.upload) END AS content,
    CASE WHEN c.hash IS NOT NULL AND c.content IS NULL AND c.upload IS NULL
        THEN substr(c.hash, 1, 2) || '/' || substr(c.hash, 3) END AS content_file
FROM attachments a
    JOIN messages m ON m.mailbox = a.mailbox AND m.number = a.message
    JOIN mailboxes b ON b.number = a.mailbox
    LEFT JOIN blobs c ON c.hash = a.blob_hash;

CREATE VIEW postroom.people AS
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
    p.seen_at,
    p.updated_at
FROM people p
    JOIN connections c ON c.id = p.connection;

CREATE VIEW postroom.changes AS
SELECT h.position,
    n.mailbox AS mailbox_id,
    b.address AS mailbox_address,
    h.number,
    h.resource,
    h.id AS resource_id,
    h.kind AS change,
    h.at
FROM changes h
    JOIN mailbox_numbers n ON n.number = h.mailbox
    LEFT JOIN mailboxes b ON b.number = h.mailbox;

CREATE VIEW postroom.outbox AS
SELECT o.id AS outbox_id,
    o.mailbox AS mailbox_id,
    b.address AS mailbox_address,
    k.name AS key_name,
    o.kind,
    o.original AS original_message_id,
    o.status,
    o.reason,
    readable_json(o.message::json) ->> 'subject' AS subject,
    (SELECT string_agg(r.value -> 'emailAddress' ->> 'address', ', ' ORDER BY r.ordinality)
         FROM (SELECT readable_json(o.message::json) -> 'toRecipients' AS list OFFSET 0) l
            CROSS JOIN LATERAL json_array_elements(CASE json_typeof(l.list)
                WHEN 'array' THEN l.list ELSE '[]' END) WITH ORDINALITY r (value, ordinality)) AS to_recipients,
    (SELECT string_agg(r.value -> 'emailAddress' ->> 'address', ', ' ORDER BY r.ordinality)
         FROM (SELECT readable_json(o.message::json) -> 'ccRecipients' AS list OFFSET 0) l
            CROSS JOIN LATERAL json_array_elements(CASE json_typeof(l.list)
                WHEN 'array' THEN l.list ELSE '[]' END) WITH ORDINALITY r (value, ordinality)) AS cc_recipients,
    (SELECT string_agg(r.value -> 'emailAddress' ->> 'address', ', ' ORDER BY r.ordinality)
         FROM (SELECT readable_json(o.message::json) -> 'bccRecipients' AS list OFFSET 0) l
            CROSS JOIN LATERAL json_array_elements(CASE json_typeof(l.list)
                WHEN 'array' THEN l.list ELSE '[]' END) WITH ORDINALITY r (value, ordinality)) AS bcc_recipients,
    (SELECT CASE json_typeof(l.list) WHEN 'array' THEN json_array_length(l.list)::bigint END
         FROM (SELECT readable_json(o.message::json) -> 'attachments' AS list OFFSET 0) l)
        AS attachment_count,
    o.message_id,
    o.internet_message_id,
    o.conversation_id,
    o.attempts,
    o.created_at,
    o.due_at,
    o.sent_at,
    o.doubtful_since
FROM outbox o
    LEFT JOIN mailboxes b ON b.id = o.mailbox
    LEFT JOIN keys k ON k.id = o.key;

-- Without the query of an address, which can hold what somebody looked for, or a delta token.
CREATE VIEW postroom.calls AS
SELECT l.id AS call_id,
    l.at,
    l.connection AS connection_id,
    c.name AS connection_name,
    l.account AS account_id,
    l.mailbox AS mailbox_id,
    b.address AS mailbox_address,
    l.caller,
    l.method,
    split_part(l.path, '?', 1) AS path,
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
