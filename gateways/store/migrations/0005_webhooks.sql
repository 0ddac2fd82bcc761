-- The sender's book, continued: every attempt, what was asked for again, replays under way.
-- A place is the position of a fact times four, plus the event's number in that fact.
ALTER TABLE delivery.paid RENAME COLUMN position TO place;
UPDATE delivery.paid SET place = place * 4 + 3;
-- Since when nothing but failures came back (epoch ms); null after a success.
ALTER TABLE delivery.paid ADD COLUMN failing_since bigint;

CREATE INDEX ledger_state_idx ON delivery.ledger (webhook_id, state) WHERE state <> 'delivered';
CREATE INDEX ledger_delivered_idx ON delivery.ledger (at) WHERE state = 'delivered';

CREATE TABLE delivery.attempt (
    delivery_id text   NOT NULL,
    at          bigint NOT NULL,
    status      int,
    error       text,
    duration_ms int    NOT NULL,
    excerpt     text
);
CREATE INDEX attempt_delivery_idx ON delivery.attempt (delivery_id, at);
CREATE INDEX attempt_at_idx ON delivery.attempt (at);

-- Deliveries that a replay owes and the outbox does not have (any more), in its shape.
CREATE TABLE delivery.replayed (
    delivery_id text   PRIMARY KEY,
    webhook_id  text   NOT NULL,
    account_id  text   NOT NULL,
    place       bigint NOT NULL,
    event       text   NOT NULL,
    call_id     text,
    sequence    bigint,
    body        text   NOT NULL,
    at          bigint NOT NULL
);
CREATE INDEX replayed_webhook_idx ON delivery.replayed (webhook_id, place);

-- Deliveries that somebody wants (to be tried) again, by hand or by a replay; a row goes when its
-- delivery is settled. `base`: attempts that were made before, which count for no pause.
CREATE TABLE delivery.again (
    delivery_id text   PRIMARY KEY,
    webhook_id  text   NOT NULL,
    number      bigserial,
    asked_at    bigint NOT NULL,
    base        int    NOT NULL
);
CREATE INDEX again_number_idx ON delivery.again (webhook_id, number);

-- Replays from the event store, and up to which place each has come.
CREATE TABLE delivery.replay (
    replay_id   text   PRIMARY KEY,
    account_id  text   NOT NULL,
    webhook_id  text   NOT NULL,
    since       bigint NOT NULL,
    until       bigint NOT NULL,
    events      text[] NOT NULL,
    state       text   NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    place       bigint NOT NULL DEFAULT 0,
    deliveries  bigint NOT NULL DEFAULT 0,
    error       text,
    at          bigint NOT NULL
);
CREATE INDEX replay_webhook_idx ON delivery.replay (webhook_id, at);
