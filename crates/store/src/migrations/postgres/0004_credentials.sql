-- What may be told of a certificate or of a federated credential, as JSON; NULL for a client secret.
ALTER TABLE credentials ADD COLUMN detail text;
