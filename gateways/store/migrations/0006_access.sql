-- What gateways remember of credentials and no fact says: when one was last used, who guesses.
CREATE SCHEMA access;

CREATE TABLE access.last_used (
    id        text PRIMARY KEY,
    at        bigint NOT NULL,
    forget_at bigint
);
CREATE INDEX last_used_forget_idx ON access.last_used (forget_at);

CREATE TABLE access.guess (
    key   text PRIMARY KEY,
    since bigint NOT NULL,
    count int    NOT NULL
);
CREATE INDEX guess_since_idx ON access.guess (since);

-- The latest time step whose code a console user has shown: a code counts once.
CREATE TABLE access.code (
    user_id text PRIMARY KEY,
    step    bigint NOT NULL
);
