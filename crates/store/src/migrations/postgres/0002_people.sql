-- The mirrored directory: the people of each connection's tenant.
CREATE TABLE people (
    connection          text    COLLATE "C" NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    id                  text    COLLATE "C" NOT NULL,
    user_principal_name text,
    display_name        text,
    given_name          text,
    surname             text,
    mail                text,
    job_title           text,
    department          text,
    office_location     text,
    company_name        text,
    mobile_phone        text,
    business_phones     text,
    account_enabled     boolean,
    source              text    COLLATE "C" NOT NULL,
    -- When the reading began that saw the person last, and the one that found something new.
    seen_at             timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    json                json,
    PRIMARY KEY (connection, id)
);
