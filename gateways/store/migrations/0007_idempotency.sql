-- Requests with an Idempotency-Key and what they were answered, for a day. The seed, of which keys
-- and secrets are drawn, and the answer, which may show one, are sealed. A request is under way while
-- `held_until` is to come; without that and without an answer its key is free.
CREATE SCHEMA idempotency;

CREATE TABLE idempotency.request (
    account_id   text  NOT NULL,
    principal_id text  NOT NULL,
    key          text  NOT NULL,
    fingerprint  bytea NOT NULL,
    seed         bytea NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    held_until   timestamptz,
    answer       bytea,
    PRIMARY KEY (account_id, principal_id, key)
);
CREATE INDEX request_at_idx ON idempotency.request (at);
