-- The mirrored directory: the people of each connection's tenant.
CREATE TABLE people (
    connection          TEXT    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    id                  TEXT    NOT NULL,
    user_principal_name TEXT,
    display_name        TEXT,
    given_name          TEXT,
    surname             TEXT,
    mail                TEXT,
    job_title           TEXT,
    department          TEXT,
    office_location     TEXT,
    company_name        TEXT,
    mobile_phone        TEXT,
    business_phones     TEXT,
    account_enabled     INTEGER,
    source              TEXT    NOT NULL,
    -- When the reading began that saw the person last, and the one that found something new.
    seen_at             INTEGER NOT NULL,
    updated_at          INTEGER NOT NULL,
    json                TEXT,
    PRIMARY KEY (connection, id)
) STRICT;
