-- What is about to end, and what ended.
CREATE TABLE alerts (
    id              text    COLLATE "C" PRIMARY KEY,
    type            text    COLLATE "C" NOT NULL,
    severity        text    COLLATE "C" NOT NULL,
    level           bigint  NOT NULL,
    subject_kind    text    COLLATE "C" NOT NULL,
    subject_id      text    COLLATE "C" NOT NULL,
    subject_name    text    NOT NULL,
    connection      text    COLLATE "C",
    title           text    NOT NULL,
    detail          text    NOT NULL,
    hint            text    NOT NULL,
    expires_at      timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    resolved_at     timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    -- The item of the outbox that told of it last, and of which level.
    mail            text    COLLATE "C",
    mailed_level    bigint
);
-- One is open for a subject: so that nothing is said twice.
CREATE UNIQUE INDEX alerts_open ON alerts (subject_kind, subject_id) WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_time ON alerts (created_at, id);

-- One row, from the first event on: the highest position that was given, and the highest that is
-- forgotten. Whoever writes events locks it until the commit, so positions are in the order of
-- commits.
CREATE TABLE alert_feed (
    one           bigint PRIMARY KEY,
    last_position bigint NOT NULL,
    forgotten     bigint NOT NULL
);
-- What happened to alerts, as the JSON that callers get.
CREATE TABLE alert_events (
    position bigint PRIMARY KEY,
    at       timestamptz NOT NULL,
    event    text NOT NULL
);

-- What Microsoft's application object says of a connection's credentials.
CREATE TABLE application_readings (
    connection  text COLLATE "C" PRIMARY KEY REFERENCES connections (id) ON DELETE CASCADE,
    read_at     timestamptz NOT NULL,
    outcome     text COLLATE "C" NOT NULL,
    credentials text NOT NULL
);
