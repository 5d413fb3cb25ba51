-- Sign-ins with a code on another device.
CREATE TABLE device_codes (
    login            TEXT    NOT NULL PRIMARY KEY REFERENCES logins (id) ON DELETE CASCADE,
    device_code      BLOB    NOT NULL,
    user_code        TEXT    NOT NULL,
    verification_uri TEXT    NOT NULL,
    message          TEXT,
    interval_seconds INTEGER NOT NULL
) STRICT;

-- What Microsoft asks for before an account can act again: the next sign-in carries it.
CREATE TABLE claims_challenges (
    account TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    claims  TEXT NOT NULL
) STRICT;
