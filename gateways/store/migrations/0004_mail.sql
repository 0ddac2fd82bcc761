-- The mail sender's own book: what became of each mail that is owed.
CREATE TABLE delivery.mail (
    message_id text PRIMARY KEY,
    state      text   NOT NULL CHECK (state IN ('retrying', 'sent', 'dead')),
    attempts   int    NOT NULL,
    next_at    bigint,
    last_error text,
    at         bigint NOT NULL
);
