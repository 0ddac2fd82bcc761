-- Secrets at rest: AES-256-GCM, opened only with the key that the service holds.
CREATE SCHEMA secrets;

CREATE TABLE secrets.sealed (
    ref        text PRIMARY KEY,
    account_id text  NOT NULL,
    key_id     text  NOT NULL,
    nonce      bytea NOT NULL,
    ciphertext bytea NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);
