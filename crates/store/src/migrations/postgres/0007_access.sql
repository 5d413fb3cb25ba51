-- From where a key opens anything, as JSON; NULL: from anywhere.
ALTER TABLE keys ADD COLUMN networks text;

-- People who open the console. Not the tenants' people, who are in their directories.
CREATE TABLE persons (
    id           text    COLLATE "C" NOT NULL PRIMARY KEY,
    name         text    NOT NULL,
    address      text    COLLATE "C" UNIQUE,
    role         text    NOT NULL,
    -- Who it is at Microsoft: tid and oid, never a name.
    tenant_id    text    COLLATE "C",
    object_id    text    COLLATE "C",
    created_at   timestamptz NOT NULL,
    signed_in_at timestamptz,
    UNIQUE (tenant_id, object_id)
);

-- Addresses that sign somebody in once: at most one for each person, and one (without a person)
-- for the first person there ever is.
CREATE TABLE sign_in_tokens (
    hash       bytea   NOT NULL PRIMARY KEY,
    person     text    COLLATE "C" UNIQUE REFERENCES persons (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE TABLE sessions (
    id         text    COLLATE "C" NOT NULL PRIMARY KEY,
    hash       bytea   NOT NULL UNIQUE,
    person     text    COLLATE "C" NOT NULL REFERENCES persons (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person);

-- What was changed, by whom. Names are those of that time: nothing here refers to a row elsewhere.
CREATE TABLE audit (
    id           text    COLLATE "C" NOT NULL PRIMARY KEY,
    at           timestamptz NOT NULL,
    actor_kind   text    NOT NULL,
    actor_id     text    COLLATE "C",
    actor_name   text    NOT NULL,
    address      text    COLLATE "C",
    action       text    NOT NULL,
    subject_kind text,
    subject_id   text    COLLATE "C",
    subject_name text,
    outcome      text    NOT NULL,
    details      text    NOT NULL,
    request_id   text
);
CREATE INDEX audit_by_time ON audit (at, id);
