-- What is about to end, and what ended.
CREATE TABLE alerts (
    id              TEXT    PRIMARY KEY,
    type            TEXT    NOT NULL,
    severity        TEXT    NOT NULL,
    level           INTEGER NOT NULL,
    subject_kind    TEXT    NOT NULL,
    subject_id      TEXT    NOT NULL,
    subject_name    TEXT    NOT NULL,
    connection      TEXT,
    title           TEXT    NOT NULL,
    detail          TEXT    NOT NULL,
    hint            TEXT    NOT NULL,
    expires_at      INTEGER,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    resolved_at     INTEGER,
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    -- The item of the outbox that told of it last, and of which level.
    mail            TEXT,
    mailed_level    INTEGER
) STRICT;
-- One is open for a subject: so that nothing is said twice.
CREATE UNIQUE INDEX alerts_open ON alerts (subject_kind, subject_id) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_time ON alerts (created_at, id);

-- One row, from the first event on: the highest position that was given, and the highest that is
-- forgotten.
CREATE TABLE alert_feed (
    one           INTEGER PRIMARY KEY,
    last_position INTEGER NOT NULL,
    forgotten     INTEGER NOT NULL
) STRICT;
-- What happened to alerts, as the JSON that callers get.
CREATE TABLE alert_events (
    position INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    event    TEXT    NOT NULL
) STRICT;

-- What Microsoft's application object says of a connection's credentials.
CREATE TABLE application_readings (
    connection  TEXT    PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    read_at     INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    credentials TEXT    NOT NULL
) STRICT;
