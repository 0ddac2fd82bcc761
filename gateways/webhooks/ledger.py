"""The sender's book: which deliveries of the outbox are paid, dead, or to be tried again; what each
attempt brought; what somebody has asked for again.

What an attempt brought and what follows from it are written in one transaction.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from psycopg import Connection, Cursor
from psycopg.rows import DictRow

from projections.announcements import EVENTS_OF_A_FACT
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
_ATTEMPT = {
    "delivery_id": "text",
    "at": "bigint",
    "status": "int",
    "error": "text",
    "duration_ms": "int",
    "excerpt": "text",
}
_LOG = f"INSERT INTO delivery.attempt ({', '.join(_ATTEMPT)}) SELECT * FROM {unnest(_ATTEMPT)}"
_PAY = """
    INSERT INTO delivery.paid (webhook_id, place, failing_since)
    SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bigint[])
    ON CONFLICT (webhook_id) DO UPDATE
       SET place = EXCLUDED.place, failing_since = EXCLUDED.failing_since"""


class Attempt(NamedTuple):
    """A try to deliver. `at` in epoch milliseconds."""

    at: int
    status: int | None
    """Of HTTP; None when there was no answer."""
    error: str | None
    duration_ms: int
    excerpt: str | None
    """The begin of what was answered."""


class Entry(NamedTuple):
    """What became of a delivery. Times in epoch milliseconds."""

    delivery_id: str
    webhook_id: str
    state: str
    """retrying, delivered or dead"""
    attempts: int
    next_at: int | None
    attempt: Attempt
    asked: int | None
    """The number under which it was asked for again; None: never."""


class Paid(NamedTuple):
    """How far a subscription is paid, and since when (epoch ms) all it gives is failures."""

    place: int
    failing_since: int | None


class Owed(NamedTuple):
    """A delivery as the outbox has it, with the attempts made so far."""

    delivery_id: str
    webhook_id: str
    place: int
    event: str
    call_id: str | None
    body: str
    at: int
    """When it happened, or was asked for again."""
    attempts: int
    next_at: int | None
    base: int = 0
    """Attempts that were made before it was asked for again."""
    asked: int | None = None

    @property
    def lane(self) -> str:
        """What it keeps its order with: the call, or nothing else."""
        return self.call_id or self.delivery_id


class Subscription(NamedTuple):
    webhook_id: str
    account_id: str
    url: str
    secret_ref: str
    previous_secret_ref: str | None
    previous_secret_until: int | None
    """Epoch seconds."""
    status: str
    active_since: int


def subscriptions(cursor: Cursor[DictRow]) -> list[Subscription]:
    rows = cursor.execute("SELECT * FROM views.subscription").fetchall()
    return [Subscription(*(row[name] for name in Subscription._fields)) for row in rows]


_OWED = (*Owed._fields[:9],)


class Want(NamedTuple):
    """What a subscription has room for: so many deliveries after a place."""

    webhook_id: str
    place: int
    limit: int


_NEXT = """
    SELECT o.*
      FROM unnest(%s::text[], %s::bigint[], %s::int[]) AS want (webhook_id, place, most)
     CROSS JOIN LATERAL (
           SELECT o.*, coalesce(l.attempts, 0) AS attempts, l.next_at
             FROM views.outbox AS o LEFT JOIN delivery.ledger AS l USING (delivery_id)
            WHERE o.webhook_id = want.webhook_id AND o.place > want.place
              AND (l.state IS NULL OR l.state = 'retrying')
            ORDER BY o.place LIMIT want.most
           ) AS o
     ORDER BY o.place"""


def owed(cursor: Cursor[DictRow], wants: Sequence[Want]) -> dict[str, list[Owed]]:
    """The next unpaid deliveries of each of these subscriptions, in order."""
    columns = [list(column) for column in zip(*wants, strict=True)]
    found: dict[str, list[Owed]] = {}
    for row in cursor.execute(_NEXT, columns).fetchall():
        found.setdefault(row["webhook_id"], []).append(Owed(*(row[name] for name in _OWED)))
    return found


def asked_again(cursor: Cursor[DictRow], webhook_id: str, limit: int) -> list[Owed]:
    """What somebody wants again and is not settled, in the order in which it was asked for."""
    rows = cursor.execute(
        "SELECT a.delivery_id, a.webhook_id, coalesce(o.place, r.place) AS place,"
        "       coalesce(o.event, r.event) AS event, coalesce(o.call_id, r.call_id) AS call_id,"
        "       coalesce(o.body, r.body) AS body, a.asked_at AS at,"
        "       coalesce(l.attempts, 0) AS attempts, l.next_at, a.base, a.number AS asked"
        "  FROM delivery.again AS a"
        "  LEFT JOIN views.outbox AS o USING (delivery_id)"
        "  LEFT JOIN delivery.replayed AS r USING (delivery_id)"
        "  LEFT JOIN delivery.ledger AS l USING (delivery_id)"
        " WHERE a.webhook_id = %s AND coalesce(o.body, r.body) IS NOT NULL"
        " ORDER BY a.number LIMIT %s",
        (webhook_id, limit),
    ).fetchall()
    return [Owed(*(row[name] for name in Owed._fields)) for row in rows]


class Look(NamedTuple):
    """What is new: where the outbox ends, who is owed something and up to which place, of whom
    something is wanted again; and how the subscriptions are."""

    head: int
    owed: dict[str, int]
    wishes: set[str]
    subscriptions: dict[str, Subscription] | None


def look(cursor: Cursor[DictRow], seen: int | None, whole: bool) -> Look:
    """What is new after the place `seen` (None: nothing is known yet); with the subscriptions when
    it is `whole`."""
    last = cursor.execute("SELECT coalesce(max(place), 0) AS head FROM views.outbox").fetchone()
    assert last is not None
    rows = cursor.execute(
        "SELECT webhook_id, max(place) AS last FROM views.outbox"
        " WHERE place > %s AND place <= %s GROUP BY 1",
        (last["head"] if seen is None else seen, last["head"]),
    ).fetchall()
    wishes = cursor.execute("SELECT DISTINCT webhook_id FROM delivery.again").fetchall()
    return Look(
        last["head"],
        {row["webhook_id"]: row["last"] for row in rows},
        {row["webhook_id"] for row in wishes},
        {one.webhook_id: one for one in subscriptions(cursor)} if whole else None,
    )


def traceparent(cursor: Cursor[DictRow], place: int) -> str | None:
    """The trace of the fact that a delivery tells of, if it is known."""
    row = cursor.execute(
        "SELECT convert_from(state, 'UTF8')::json->>'traceparent' AS trace"
        "  FROM events.stored_events WHERE notification_id = %s",
        [place // EVENTS_OF_A_FACT],
    ).fetchone()
    return row["trace"] if row else None


def paid(cursor: Cursor[DictRow]) -> dict[str, Paid]:
    """Subscription → up to where nothing is owed any more."""
    rows = cursor.execute("SELECT * FROM delivery.paid").fetchall()
    return {row["webhook_id"]: Paid(row["place"], row["failing_since"]) for row in rows}


def write(
    connection: Connection[DictRow], entries: Sequence[Entry], paid: Mapping[str, Paid]
) -> None:
    """Book attempts and what follows from them, and how far each subscription is paid."""
    newest = {entry.delivery_id: entry for entry in entries}
    rows = [_row(entry) for entry in newest.values()]
    attempts = [{"delivery_id": e.delivery_id, **e.attempt._asdict()} for e in entries]
    settled = [e for e in newest.values() if e.asked is not None and e.state != "retrying"]
    with connection.pipeline(), connection.transaction():
        connection.execute(_WRITE, columns_of(rows, list(_ENTRY)))
        connection.execute(_LOG, columns_of(attempts, list(_ATTEMPT)))
        if settled:
            connection.execute(
                "DELETE FROM delivery.again AS a USING unnest(%b::text[], %b::bigint[])"
                " AS gone (delivery_id, number)"
                " WHERE a.delivery_id = gone.delivery_id AND a.number = gone.number",
                ([e.delivery_id for e in settled], [e.asked for e in settled]),
            )
        if paid:
            places, failing = zip(*paid.values(), strict=True)
            connection.execute(_PAY, (list(paid.keys()), list(places), list(failing)))


def _row(entry: Entry) -> dict[str, object]:
    attempt = entry.attempt
    return {
        **{name: value for name, value in entry._asdict().items() if name in _ENTRY},
        "last_status": attempt.status,
        "last_error": attempt.error,
        "at": attempt.at + attempt.duration_ms,
    }
