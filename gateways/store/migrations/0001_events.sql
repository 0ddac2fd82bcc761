-- Stored events, in the shape of the eventsourcing library's recorder: text stream names, our own
-- names as topics, and a notification id whose order is the order of commits.
CREATE SCHEMA events;

CREATE TABLE events.stored_events (
    originator_id      text   NOT NULL,
    originator_version bigint NOT NULL,
    topic              text   NOT NULL,
    state              bytea  NOT NULL,
    notification_id    bigserial,
    PRIMARY KEY (originator_id, originator_version)
) WITH (autovacuum_vacuum_threshold = 100000000, autovacuum_analyze_threshold = 1000);

CREATE UNIQUE INDEX stored_events_notification_id_idx ON events.stored_events (notification_id);

CREATE TABLE events.snapshots (
    originator_id      text   NOT NULL,
    originator_version bigint NOT NULL,
    topic              text   NOT NULL,
    state              bytea  NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);

-- Replies by the id of their command, so that a command sent twice is answered once. Kept for a day.
CREATE TABLE events.commands (
    command_id text PRIMARY KEY,
    reply      bytea NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX commands_at_idx ON events.commands (at);

-- Who may write for a partition: an append under an older epoch is refused.
CREATE TABLE events.partitions (
    partition int    PRIMARY KEY,
    epoch     bigint NOT NULL,
    owner     text   NOT NULL
);

-- One append: lock, fence, facts, command ids, notify; one round trip.
-- The lock makes the order of positions the order of commits, so that a reader that tails the
-- positions never passes over a gap that is filled later. It is taken before the fence is read, and
-- a claim takes it too, so no append can slip between a claim and its own commit.
CREATE FUNCTION events.append(
    p_partitions int[], p_epochs bigint[],
    p_streams text[], p_versions bigint[], p_topics text[], p_states bytea[],
    p_command_ids text[], p_replies bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    stale int[];
    last  bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(7221, 1);
    SELECT array_agg(claimed.partition) INTO stale
      FROM unnest(p_partitions, p_epochs) AS claimed (partition, epoch)
      LEFT JOIN events.partitions AS current USING (partition)
     WHERE current.epoch IS DISTINCT FROM claimed.epoch;
    IF stale IS NOT NULL THEN
        RAISE EXCEPTION 'fenced' USING ERRCODE = 'CP001', DETAIL = array_to_string(stale, ',');
    END IF;
    INSERT INTO events.commands (command_id, reply)
    SELECT * FROM unnest(p_command_ids, p_replies);
    WITH appended AS (
        INSERT INTO events.stored_events (originator_id, originator_version, topic, state)
        SELECT f.stream, f.version, f.topic, f.state
          FROM unnest(p_streams, p_versions, p_topics, p_states)
               WITH ORDINALITY AS f (stream, version, topic, state, place)
         ORDER BY f.place
        RETURNING notification_id
    )
    SELECT max(notification_id) INTO last FROM appended;
    PERFORM pg_notify('stored_events', last::text);
    RETURN last;
END $$;

-- Take partitions over: a session lock on the caller's connection, and a new epoch.
-- A session that still holds one of the locks is ended: its owner has lost the lease.
CREATE FUNCTION events.claim(p_partitions int[], p_owner text)
RETURNS TABLE (partition int, epoch bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    wanted int;
BEGIN
    FOREACH wanted IN ARRAY p_partitions LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_locks AS mine
             WHERE mine.locktype = 'advisory' AND mine.classid = 7222 AND mine.objid = wanted
               AND mine.objsubid = 2 AND mine.granted AND mine.pid = pg_backend_pid());
        IF NOT pg_try_advisory_lock(7222, wanted) THEN
            PERFORM pg_terminate_backend(locks.pid, 2000)
               FROM pg_locks AS locks
              WHERE locks.locktype = 'advisory' AND locks.classid = 7222 AND locks.objid = wanted
                AND locks.objsubid = 2 AND locks.granted AND locks.pid <> pg_backend_pid()
                AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database());
            PERFORM pg_advisory_lock(7222, wanted);
        END IF;
    END LOOP;
    PERFORM pg_advisory_xact_lock(7221, 1);
    RETURN QUERY
        INSERT INTO events.partitions AS p (partition, epoch, owner)
        SELECT unnest(p_partitions), 1, p_owner
        ON CONFLICT (partition) DO UPDATE SET epoch = p.epoch + 1, owner = EXCLUDED.owner
        RETURNING p.partition, p.epoch;
END $$;
