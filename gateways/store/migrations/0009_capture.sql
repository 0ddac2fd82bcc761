-- SIP messages that capture agents have sent (HEP v3). Not a read model: no fact makes them.
CREATE SCHEMA capture;

CREATE TABLE capture.message (
    number      bigserial PRIMARY KEY,  -- the order of arrival
    call_id     text     NOT NULL,      -- the SIP Call-ID
    position    bigint   NOT NULL,      -- the last fact in the store when it arrived
    ts          bigint   NOT NULL,      -- epoch microseconds, by the agent's clock
    at          bigint   NOT NULL,      -- epoch milliseconds, by ours
    agent_id    bigint   NOT NULL,
    transport   smallint NOT NULL,
    source      text     NOT NULL,
    destination text     NOT NULL,
    digest      bytea    NOT NULL,
    is_cut      boolean  NOT NULL,
    text        text     NOT NULL
);
CREATE INDEX message_call_idx ON capture.message (call_id, number);

-- Legs with a Call-ID of their own, and the call that each belongs to.
CREATE TABLE capture.leg (
    leg     text   PRIMARY KEY,
    call_id text   NOT NULL,
    at      bigint NOT NULL
);
CREATE INDEX leg_call_idx ON capture.leg (call_id);
CREATE INDEX leg_at_idx ON capture.leg (at);
