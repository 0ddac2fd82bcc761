-- Which months of the call log lie in the object store as Parquet, a file per account and month.
-- A row comes in the transaction in which the calls leave the table: a call is always in one of them.
CREATE SCHEMA archive;

CREATE TABLE archive.file (
    account_id text   NOT NULL,
    begins     bigint NOT NULL,
    ends       bigint NOT NULL,
    key        text   NOT NULL,
    rows       bigint NOT NULL,
    bytes      bigint NOT NULL,
    sha256     text   NOT NULL,
    first_ts   bigint NOT NULL,
    last_ts    bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, begins)
);
