-- Times are microseconds since 1970, UTC. Lists of ids and scopes are JSON.

-- One row: what the store is. The id ties cursors to it.
CREATE TABLE store (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    id          TEXT    NOT NULL,
    checks      INTEGER NOT NULL,
    -- The highest position of a forgotten change: an older cursor has missed something.
    forgotten   INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    name        TEXT    NOT NULL PRIMARY KEY,
    value       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- The data key, encrypted with the master key.
CREATE TABLE vault_keys (
    number      INTEGER PRIMARY KEY,
    wrapped     BLOB    NOT NULL
) STRICT;

-- `made` counts up: the order in which rows were made.
CREATE TABLE connections (
    made          INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    name_folded   TEXT    NOT NULL UNIQUE,
    tenant_id     TEXT    NOT NULL,
    client_id     TEXT    NOT NULL,
    cloud         TEXT    NOT NULL,
    authority_url TEXT    NOT NULL,
    graph_url     TEXT    NOT NULL,
    endpoints     TEXT    NOT NULL,
    redirect_uri  TEXT,
    scopes        TEXT    NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE credentials (
    connection  TEXT    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    expires_at  INTEGER,
    created_at  INTEGER NOT NULL,
    secret      BLOB    NOT NULL,
    PRIMARY KEY (connection, id)
) STRICT;

CREATE TABLE accounts (
    made                INTEGER PRIMARY KEY,
    id                  TEXT    NOT NULL UNIQUE,
    connection          TEXT    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    kind                TEXT    NOT NULL,
    user_id             TEXT,
    user_principal_name TEXT,
    display_name        TEXT,
    state               TEXT    NOT NULL,
    reason              TEXT,
    since               INTEGER NOT NULL,
    expires_at          INTEGER
) STRICT;
-- One account for a user of a connection, one for the application.
CREATE UNIQUE INDEX accounts_by_user ON accounts (connection, COALESCE(user_id, ''));

CREATE TABLE grants (
    account       TEXT    NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    refresh_token BLOB    NOT NULL,
    scopes        TEXT    NOT NULL,
    received_at   INTEGER NOT NULL
) STRICT;

-- The authorize URL has state and nonce in it and is encrypted like them.
CREATE TABLE logins (
    id            TEXT    NOT NULL PRIMARY KEY,
    connection    TEXT    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    key           TEXT,
    status        TEXT    NOT NULL,
    authorize_url BLOB    NOT NULL,
    redirect_uri  TEXT    NOT NULL,
    state_hash    BLOB    NOT NULL UNIQUE,
    state         BLOB    NOT NULL,
    nonce         BLOB    NOT NULL,
    verifier      BLOB    NOT NULL,
    account       TEXT,
    error         TEXT,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX logins_by_connection ON logins (connection);

CREATE TABLE keys (
    made         INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    hash         BLOB    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    mailboxes    TEXT,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

-- Microsoft's ids are long: within the store mailboxes, folders and messages have numbers. A
-- mailbox's and a folder's number, and how far they counted, outlive the mailbox, so that neither a
-- change's number nor a message's number in its folder is ever given twice.
CREATE TABLE mailbox_numbers (
    number      INTEGER PRIMARY KEY,
    mailbox     TEXT    NOT NULL UNIQUE,
    last_change INTEGER NOT NULL
) STRICT;

CREATE TABLE folder_numbers (
    number       INTEGER PRIMARY KEY,
    mailbox      INTEGER NOT NULL REFERENCES mailbox_numbers (number),
    folder       TEXT    NOT NULL,
    last_message INTEGER NOT NULL,
    UNIQUE (mailbox, folder)
) STRICT;

CREATE TABLE mailboxes (
    number         INTEGER PRIMARY KEY REFERENCES mailbox_numbers (number),
    id             TEXT    NOT NULL UNIQUE,
    connection     TEXT    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    account        TEXT    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    address        TEXT    NOT NULL,
    address_folded TEXT    NOT NULL,
    display_name   TEXT,
    phase          TEXT    NOT NULL,
    messages_done  INTEGER NOT NULL,
    messages_total INTEGER,
    last_synced_at INTEGER,
    last_proven_at INTEGER,
    error          TEXT,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX mailboxes_by_address ON mailboxes (address_folded);
CREATE INDEX mailboxes_by_account ON mailboxes (account);
CREATE INDEX mailboxes_by_connection ON mailboxes (connection);

CREATE TABLE cursors (
    owner       TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    link        TEXT    NOT NULL,
    complete    INTEGER NOT NULL,
    comparison  INTEGER,
    PRIMARY KEY (owner, kind, scope)
) STRICT;

CREATE TABLE folders (
    mailbox            INTEGER NOT NULL REFERENCES mailboxes (number) ON DELETE CASCADE,
    id                 TEXT    NOT NULL,
    parent_folder_id   TEXT,
    display_name       TEXT    NOT NULL,
    well_known_name    TEXT,
    child_folder_count INTEGER NOT NULL,
    total_item_count   INTEGER NOT NULL,
    unread_item_count  INTEGER NOT NULL,
    is_hidden          INTEGER NOT NULL,
    PRIMARY KEY (mailbox, id)
) STRICT;

-- A message and its place: it lies in one folder, under a number of that folder. What marks it
-- (leaving, seen) is written often, so its long texts are kept apart.
CREATE TABLE messages (
    number              INTEGER PRIMARY KEY,
    mailbox             INTEGER NOT NULL REFERENCES mailboxes (number) ON DELETE CASCADE,
    id                  TEXT    NOT NULL,
    id_hash             INTEGER NOT NULL,
    change_key          TEXT,
    folder              INTEGER NOT NULL,
    place               INTEGER NOT NULL,
    leaving             INTEGER NOT NULL,
    -- The latest time, in microseconds, at which it was known to lie there.
    seen                INTEGER NOT NULL,
    received_at         INTEGER,
    -- received_at, or 0: what lists are ordered by.
    received_order      INTEGER NOT NULL,
    sent_at             INTEGER,
    subject             TEXT    NOT NULL,
    from_name           TEXT    NOT NULL,
    from_address        TEXT    NOT NULL,
    is_read             INTEGER NOT NULL,
    is_draft            INTEGER NOT NULL,
    has_attachments     INTEGER NOT NULL,
    attachments_known   INTEGER NOT NULL,
    conversation_id     TEXT,
    conversation_hash   INTEGER,
    internet_message_id TEXT,
    message_id_hash     INTEGER,
    body_type           TEXT    NOT NULL,
    mime_hash           TEXT,
    mime_size           INTEGER
) STRICT;
-- The id that ends the order is left out of these two: it is long, and times are seldom equal.
CREATE INDEX messages_in_folder ON messages (folder, received_order);
CREATE INDEX messages_by_time ON messages (mailbox, received_order);
CREATE UNIQUE INDEX messages_by_place ON messages (folder, place);
-- Ids are about 150 characters and come in no order: an index of them made taking in several times
-- slower (a page of every index is written for nearly every message). Their hashes are small; every
-- search compares the id as well. The one writer keeps ids unique within a mailbox.
CREATE INDEX messages_by_id ON messages (mailbox, id_hash);
CREATE INDEX messages_by_conversation ON messages (mailbox, conversation_hash)
    WHERE conversation_hash IS NOT NULL;
CREATE INDEX messages_by_message_id ON messages (mailbox, message_id_hash)
    WHERE message_id_hash IS NOT NULL;
CREATE INDEX messages_leaving ON messages (mailbox, id) WHERE leaving = 1;
CREATE INDEX messages_by_mime ON messages (mime_hash) WHERE mime_hash IS NOT NULL;
-- With the row's number, which every index ends with: a mailbox's messages in the order of numbers,
-- for copying a store. Every number is above 0; only who says so gets this index, so that no list of
-- messages takes it for its own.
CREATE INDEX messages_by_number ON messages (mailbox) WHERE number > 0;

CREATE TABLE message_texts (
    message     INTEGER PRIMARY KEY REFERENCES messages (number) ON DELETE CASCADE,
    json        TEXT    NOT NULL,
    body        TEXT    NOT NULL
) STRICT;

CREATE TABLE attachments (
    message      INTEGER NOT NULL REFERENCES messages (number) ON DELETE CASCADE,
    ordinal      INTEGER NOT NULL,
    mailbox      INTEGER NOT NULL,
    id           TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    content_type TEXT,
    size         INTEGER NOT NULL,
    is_inline    INTEGER NOT NULL,
    content_id   TEXT,
    blob_hash    TEXT,
    blob_size    INTEGER,
    json         TEXT    NOT NULL,
    PRIMARY KEY (message, ordinal)
) STRICT;
CREATE INDEX attachments_by_blob ON attachments (blob_hash) WHERE blob_hash IS NOT NULL;
CREATE INDEX attachments_wanted ON attachments (mailbox, message, ordinal)
    WHERE blob_hash IS NULL AND kind <> 'reference';

-- Contents by their BLAKE3. Large ones have no `content` here: they are files.
CREATE TABLE blobs (
    hash        TEXT    NOT NULL PRIMARY KEY,
    size        INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    content     BLOB
) STRICT;
CREATE INDEX blobs_by_time ON blobs (created_at);

-- AUTOINCREMENT: a position is never given twice, even after the newest rows were removed.
CREATE TABLE changes (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,
    mailbox     INTEGER NOT NULL REFERENCES mailbox_numbers (number),
    number      INTEGER NOT NULL,
    resource    TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_by_mailbox ON changes (mailbox, position);

CREATE TABLE outbox (
    id                  TEXT    NOT NULL PRIMARY KEY,
    mailbox             TEXT    NOT NULL,
    key                 TEXT,
    kind                TEXT    NOT NULL,
    original            TEXT,
    status              TEXT    NOT NULL,
    step                TEXT    NOT NULL,
    message_id          TEXT,
    internet_message_id TEXT,
    conversation_id     TEXT,
    reason              TEXT,
    attempts            INTEGER NOT NULL,
    created_at          INTEGER NOT NULL,
    due_at              INTEGER NOT NULL,
    sent_at             INTEGER,
    doubtful_since      INTEGER,
    message             TEXT    NOT NULL
) STRICT;
CREATE INDEX outbox_by_time ON outbox (created_at, id);
CREATE INDEX outbox_due ON outbox (due_at) WHERE status IN ('queued', 'sending');

CREATE TABLE outbox_blobs (
    outbox      TEXT    NOT NULL REFERENCES outbox (id) ON DELETE CASCADE,
    hash        TEXT    NOT NULL,
    PRIMARY KEY (outbox, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_blobs_by_hash ON outbox_blobs (hash);

CREATE TABLE idempotency (
    key             TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    request_hash    TEXT    NOT NULL,
    claimed_at      INTEGER NOT NULL,
    status          INTEGER,
    body            TEXT,
    PRIMARY KEY (key, idempotency_key)
) STRICT;
CREATE INDEX idempotency_by_time ON idempotency (claimed_at);

CREATE TABLE calls (
    number            INTEGER PRIMARY KEY,
    id                TEXT    NOT NULL UNIQUE,
    at                INTEGER NOT NULL,
    connection        TEXT    NOT NULL,
    account           TEXT,
    mailbox           TEXT,
    caller            TEXT    NOT NULL,
    method            TEXT    NOT NULL,
    path              TEXT    NOT NULL,
    status            INTEGER,
    duration_ms       INTEGER NOT NULL,
    request_bytes     INTEGER NOT NULL,
    response_bytes    INTEGER NOT NULL,
    attempt           INTEGER NOT NULL,
    request_id        TEXT,
    client_request_id TEXT    NOT NULL,
    error             TEXT
) STRICT;
CREATE INDEX calls_by_time ON calls (at, id);

CREATE TABLE call_details (
    call        INTEGER PRIMARY KEY REFERENCES calls (number) ON DELETE CASCADE,
    at          INTEGER NOT NULL,
    detail      TEXT    NOT NULL
) STRICT;
CREATE INDEX call_details_by_time ON call_details (at);
