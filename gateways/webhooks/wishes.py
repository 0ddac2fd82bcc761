"""What somebody wants to be delivered again: one delivery, those that have failed, a replay.

A wish lies in `delivery.again` until its delivery is settled; the sender looks there once a second.
What the outbox has and nobody has tried yet is left to it: it keeps its turn.
"""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection, Cursor
from psycopg.rows import DictRow

from projections.base import columns_of, unnest
from projections.outbox import DELIVERY

_COLUMNS = ", ".join(DELIVERY)
OWED = f"""(
    SELECT {_COLUMNS} FROM views.outbox WHERE webhook_id = %(webhook_id)s
     UNION ALL
    SELECT {_COLUMNS} FROM delivery.replayed AS r
     WHERE webhook_id = %(webhook_id)s
       AND NOT EXISTS (SELECT FROM views.outbox AS o WHERE o.delivery_id = r.delivery_id))"""
"""Everything that a subscription was ever owed and that is still kept."""
_ASK = """
    INSERT INTO delivery.again (delivery_id, webhook_id, asked_at, base)
    SELECT delivery_id, webhook_id, %(now)s, coalesce(attempts, 0) FROM wished ORDER BY place
    ON CONFLICT (delivery_id) DO UPDATE
       SET number = nextval('delivery.again_number_seq'), asked_at = EXCLUDED.asked_at,
           base = EXCLUDED.base
    RETURNING delivery_id, webhook_id"""
_BOOK = """
    INSERT INTO delivery.ledger (delivery_id, webhook_id, state, attempts, at)
    SELECT delivery_id, webhook_id, 'retrying', 0, %(now)s FROM again
    ON CONFLICT (delivery_id) DO UPDATE SET state = 'retrying', next_at = NULL"""
_OF_BOOK = f"""
    WITH wished AS (
        SELECT book.delivery_id, book.webhook_id, book.attempts, owed.place
          FROM delivery.ledger AS book JOIN {OWED} AS owed USING (delivery_id)
         WHERE book.webhook_id = %(webhook_id)s AND book.state = ANY(%(states)s)
           AND owed.at BETWEEN %(since)s AND %(until)s
           AND (%(delivery_id)s::text IS NULL OR book.delivery_id = %(delivery_id)s)
    ), again AS ({_ASK}) {_BOOK}"""
_KEEP = f"""
    INSERT INTO delivery.replayed ({_COLUMNS})
    SELECT {", ".join(f"new.{column}" for column in DELIVERY)} FROM {unnest(DELIVERY)}
     WHERE NOT EXISTS (SELECT FROM views.outbox AS o WHERE o.delivery_id = new.delivery_id)
    ON CONFLICT DO NOTHING"""
_OF_ROWS = f"""
    WITH wished AS (
        SELECT new.delivery_id, new.webhook_id, new.place, book.attempts
          FROM {unnest(DELIVERY)}
          LEFT JOIN views.outbox AS kept USING (delivery_id)
          LEFT JOIN delivery.ledger AS book USING (delivery_id)
          LEFT JOIN delivery.paid AS paid ON paid.webhook_id = new.webhook_id
         WHERE kept.delivery_id IS NULL OR book.delivery_id IS NOT NULL OR kept.place <= paid.place
    ), again AS ({_ASK}) {_BOOK}"""

ALWAYS = 2**62
"""A time after all others."""


def of_book(
    cursor: Cursor[DictRow],
    webhook_id: str,
    states: Sequence[str],
    now: int,
    since: int = 0,
    until: int = ALWAYS,
    delivery_id: str | None = None,
) -> int:
    """Have deliveries of these states made again, of events of that time (epoch ms), or one of
    them; returns how many."""
    values = {
        "webhook_id": webhook_id,
        "states": list(states),
        "since": since,
        "until": until,
        "now": now,
        "delivery_id": delivery_id,
    }
    return cursor.execute(_OF_BOOK, values).rowcount


def of_rows(connection: Connection[DictRow], rows: Sequence[dict[str, Any]], now: int) -> int:
    """Have these deliveries made (again), in their order; returns how many will be."""
    columns = columns_of(rows, list(DELIVERY))
    connection.execute(_KEEP, columns)
    return connection.execute(_OF_ROWS, {**columns, "now": now}).rowcount


def replay(
    cursor: Cursor[DictRow],
    account_id: str,
    webhook_id: str,
    since: int,
    until: int,
    events: Sequence[str],
    now: int,
    id: str,
) -> None:
    """Have a range of time announced again, once under each id."""
    cursor.execute(
        "INSERT INTO delivery.replay"
        " (replay_id, account_id, webhook_id, since, until, events, state, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, 'running', %s) ON CONFLICT DO NOTHING",
        (id, account_id, webhook_id, since, until, list(events), now),
    )


# Queries


def deliveries(
    cursor: Cursor[DictRow],
    webhook_id: str,
    before: int | None,
    limit: int,
    state: str | None = None,
    event: str | None = None,
) -> list[DictRow]:
    """The subscription's deliveries, newest first, with what became of them."""
    return cursor.execute(
        f"SELECT * FROM ({_LISTED}) AS listed"
        " WHERE (%(before)s::bigint IS NULL OR place < %(before)s)"
        "   AND (%(state)s::text IS NULL OR state = %(state)s)"
        "   AND (%(event)s::text IS NULL OR event = %(event)s)"
        " ORDER BY place DESC LIMIT %(limit)s",
        {
            "webhook_id": webhook_id,
            "before": before,
            "state": state,
            "event": event,
            "limit": limit,
        },
    ).fetchall()


def one(cursor: Cursor[DictRow], webhook_id: str, delivery_id: str) -> DictRow | None:
    return cursor.execute(
        f"SELECT * FROM ({_LISTED}) AS listed WHERE delivery_id = %(delivery_id)s",
        {"webhook_id": webhook_id, "delivery_id": delivery_id},
    ).fetchone()


_LISTED = f"""
    SELECT owed.delivery_id, owed.webhook_id, owed.event, owed.call_id, owed.sequence, owed.at,
           owed.place, coalesce(book.attempts, 0) AS attempts, book.next_at, book.last_status,
           book.last_error,
           CASE WHEN book.state IS NOT NULL THEN book.state
                WHEN owed.place <= paid.place THEN 'delivered' ELSE 'pending' END AS state
      FROM {OWED} AS owed
      LEFT JOIN delivery.ledger AS book USING (delivery_id)
      LEFT JOIN delivery.paid AS paid ON paid.webhook_id = owed.webhook_id"""


def attempts(cursor: Cursor[DictRow], delivery_id: str, limit: int) -> list[DictRow]:
    """What each attempt brought, the newest first."""
    return cursor.execute(
        "SELECT at, status, error, duration_ms, excerpt FROM delivery.attempt"
        " WHERE delivery_id = %s ORDER BY at DESC LIMIT %s",
        (delivery_id, limit),
    ).fetchall()


def replays(cursor: Cursor[DictRow], webhook_id: str, limit: int) -> list[DictRow]:
    """The newest first."""
    return cursor.execute(
        "SELECT replay_id AS id, since, until, events, state, deliveries, error, at"
        "  FROM delivery.replay WHERE webhook_id = %s ORDER BY at DESC LIMIT %s",
        (webhook_id, limit),
    ).fetchall()
