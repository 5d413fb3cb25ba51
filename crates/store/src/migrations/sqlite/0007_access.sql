-- From where a key opens anything, as JSON; NULL: from anywhere.
ALTER TABLE keys ADD COLUMN networks TEXT;

-- People who open the console. Not the tenants' people, who are in their directories.
CREATE TABLE persons (
    id           TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    address      TEXT    UNIQUE,
    role         TEXT    NOT NULL,
    -- Who it is at Microsoft: tid and oid, never a name.
    tenant_id    TEXT,
    object_id    TEXT,
    created_at   INTEGER NOT NULL,
    signed_in_at INTEGER,
    UNIQUE (tenant_id, object_id)
) STRICT;

-- Addresses that sign somebody in once: at most one for each person, and one (without a person)
-- for the first person there ever is.
CREATE TABLE sign_in_tokens (
    hash       BLOB    NOT NULL PRIMARY KEY,
    person     TEXT    UNIQUE REFERENCES persons (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    id         TEXT    NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE,
    person     TEXT    NOT NULL REFERENCES persons (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_person ON sessions (person);

-- What was changed, by whom. Names are those of that time: nothing here refers to a row elsewhere.
CREATE TABLE audit (
    id           TEXT    NOT NULL PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor_kind   TEXT    NOT NULL,
    actor_id     TEXT,
    actor_name   TEXT    NOT NULL,
    address      TEXT,
    action       TEXT    NOT NULL,
    subject_kind TEXT,
    subject_id   TEXT,
    subject_name TEXT,
    outcome      TEXT    NOT NULL,
    details      TEXT    NOT NULL,
    request_id   TEXT
) STRICT;
CREATE INDEX audit_by_time ON audit (at, id);
