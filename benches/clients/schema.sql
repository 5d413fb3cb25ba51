-- What both clients write: the rows of Postroom's mirror, without what only Postroom keeps
-- (numbers, changes, cursors).
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE folders (
  mailbox TEXT NOT NULL, id TEXT NOT NULL, parent TEXT, name TEXT NOT NULL,
  PRIMARY KEY (mailbox, id)
) STRICT;
CREATE TABLE messages (
  mailbox TEXT NOT NULL, id TEXT NOT NULL, folder TEXT NOT NULL,
  received_at TEXT, subject TEXT NOT NULL, from_address TEXT NOT NULL, from_name TEXT NOT NULL,
  is_read INTEGER NOT NULL, has_attachments INTEGER NOT NULL,
  conversation_id TEXT, internet_message_id TEXT,
  body_type TEXT NOT NULL, body TEXT NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (mailbox, id)
) STRICT;
CREATE INDEX messages_by_date ON messages (mailbox, folder, received_at);
CREATE TABLE attachments (
  mailbox TEXT NOT NULL, message TEXT NOT NULL, id TEXT NOT NULL,
  name TEXT NOT NULL, content_type TEXT, is_inline INTEGER NOT NULL, content_id TEXT,
  hash TEXT, size INTEGER NOT NULL, json TEXT NOT NULL,
  PRIMARY KEY (mailbox, message, id)
) STRICT;
CREATE TABLE contents (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
