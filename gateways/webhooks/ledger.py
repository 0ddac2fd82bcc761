"""The sender's book: which deliveries of the outbox are paid, dead, or to be tried again."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg import Connection, Cursor
from psycopg.rows import DictRow

from projections.base import columns_of, unnest

_ENTRY = {
    "delivery_id": "text",
    "webhook_id": "text",
    "state": "text",
    "attempts": "int",
    "next_at": "bigint",
    "last_status": "int",
    "last_error": "text",
    "at": "bigint",
}
_WRITE = f"""
    INSERT INTO delivery.ledger ({", ".join(_ENTRY)}) SELECT * FROM {unnest(_ENTRY)}
    ON CONFLICT (delivery_id) DO UPDATE
       SET {", ".join(f"{c} = EXCLUDED.{c}" for c in _ENTRY if c != "delivery_id")}"""


class Entry(NamedTuple):
    """What became of a delivery. Times in epoch milliseconds."""

    delivery_id: str
    webhook_id: str
    state: str
    """retrying, delivered or dead"""
    attempts: int
    next_at: int | None
    last_status: int | None
    last_error: str | None
    at: int


class Owed(NamedTuple):
    """A delivery as the outbox has it, with the attempts made so far."""

    delivery_id: str
    webhook_id: str
    position: int
    event: str
    call_id: str | None
    body: str
    at: int
    attempts: int
    next_at: int | None


class Subscription(NamedTuple):
    webhook_id: str
    account_id: str
    url: str
    secret_ref: str
    status: str


def subscriptions(cursor: Cursor[DictRow]) -> list[Subscription]:
    rows = cursor.execute("SELECT * FROM views.subscription").fetchall()
    return [
        Subscription(
            row["webhook_id"], row["account_id"], row["url"], row["secret_ref"], row["status"]
        )
        for row in rows
    ]


def owed_after(cursor: Cursor[DictRow], webhook_id: str, position: int, limit: int) -> list[Owed]:
    """The subscription's unpaid deliveries after `position`, in order."""
    rows = cursor.execute(
        "SELECT o.*, coalesce(l.attempts, 0) AS attempts, l.next_at"
        "  FROM views.outbox AS o LEFT JOIN delivery.ledger AS l USING (delivery_id)"
        " WHERE o.webhook_id = %s AND o.position > %s"
        "   AND (l.state IS NULL OR l.state = 'retrying')"
        " ORDER BY o.position LIMIT %s",
        (webhook_id, position, limit),
    ).fetchall()
    return [
        Owed(
            row["delivery_id"],
            row["webhook_id"],
            row["position"],
            row["event"],
            row["call_id"],
            row["body"],
            row["at"],
            row["attempts"],
            row["next_at"],
        )
        for row in rows
    ]


def paid_up_to(cursor: Cursor[DictRow]) -> dict[str, int]:
    """Subscription → position up to which nothing is owed any more."""
    rows = cursor.execute("SELECT webhook_id, position FROM delivery.paid").fetchall()
    return {row["webhook_id"]: row["position"] for row in rows}


def write(connection: Connection[DictRow], entries: Sequence[Entry], paid: dict[str, int]) -> None:
    """Book attempts, and how far each subscription is paid, in one transaction."""
    with connection.transaction():
        if entries:
            rows = [entry._asdict() for entry in entries]
            connection.execute(_WRITE, columns_of(rows, list(_ENTRY)))
        if paid:
            connection.execute(
                "INSERT INTO delivery.paid SELECT * FROM unnest(%b::text[], %b::bigint[])"
                " ON CONFLICT (webhook_id) DO UPDATE SET position = EXCLUDED.position",
                (list(paid.keys()), list(paid.values())),
            )


# Query


def deliveries(
    cursor: Cursor[DictRow],
    account_id: str,
    webhook_id: str,
    after: int | None,
    limit: int,
) -> list[DictRow]:
    """The subscription's deliveries, newest first, with what became of them."""
    return cursor.execute(
        "SELECT o.delivery_id, o.webhook_id, o.event, o.call_id, o.at, o.position, o.body,"
        "       coalesce(l.state, 'pending') AS state, coalesce(l.attempts, 0) AS attempts,"
        "       l.next_at, l.last_status, l.last_error"
        "  FROM views.outbox AS o LEFT JOIN delivery.ledger AS l USING (delivery_id)"
        " WHERE o.account_id = %s AND o.webhook_id = %s AND (%s::bigint IS NULL OR o.position < %s)"
        " ORDER BY o.position DESC LIMIT %s",
        (account_id, webhook_id, after, after, limit),
    ).fetchall()
