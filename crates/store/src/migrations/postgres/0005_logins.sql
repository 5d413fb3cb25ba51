-- Sign-ins with a code on another device.
CREATE TABLE device_codes (
    login            text   COLLATE "C" NOT NULL PRIMARY KEY REFERENCES logins (id) ON DELETE CASCADE,
    device_code      bytea  NOT NULL,
    user_code        text   NOT NULL,
    verification_uri text   NOT NULL,
    message          text,
    interval_seconds bigint NOT NULL
);

-- What Microsoft asks for before an account can act again: the next sign-in carries it.
CREATE TABLE claims_challenges (
    account text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    claims  text NOT NULL
);
