-- The webhook sender's own book: what became of each delivery that the outbox owes.
CREATE SCHEMA delivery;

CREATE TABLE delivery.ledger (
    delivery_id text PRIMARY KEY,
    webhook_id  text   NOT NULL,
    state       text   NOT NULL CHECK (state IN ('retrying', 'delivered', 'dead')),
    attempts    int    NOT NULL,
    next_at     bigint,
    last_status int,
    last_error  text,
    at          bigint NOT NULL
);
CREATE INDEX ledger_open_idx ON delivery.ledger (webhook_id) WHERE state = 'retrying';

-- Up to which position of the outbox a subscription owes nothing any more: where its sender starts.
CREATE TABLE delivery.paid (
    webhook_id text PRIMARY KEY,
    position   bigint NOT NULL
);
