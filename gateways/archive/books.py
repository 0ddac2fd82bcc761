"""What the archive has: a row per account and month, and where a call is to be looked for."""

from collections.abc import Sequence
from typing import NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId
from events.call import CallRouted
from events.catalogue import NAMES
from gateways.store.codec import decode
from projections.months import Month


class File(NamedTuple):
    """One account's calls of one month."""

    account_id: AccountId
    month: Month
    key: str
    rows: int
    bytes: int
    sha256: str
    first_ts: int
    last_ts: int
    """Inclusive."""


class Place(NamedTuple):
    """Of a call in the log."""

    account_id: AccountId
    start_ts: int


BOOK = """
    INSERT INTO archive.file
        (account_id, begins, ends, key, rows, bytes, sha256, first_ts, last_ts)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (account_id, begins) DO UPDATE SET key = excluded.key, rows = excluded.rows,
        bytes = excluded.bytes, sha256 = excluded.sha256, first_ts = excluded.first_ts,
        last_ts = excluded.last_ts, at = now()"""


def booking(file: File) -> tuple[object, ...]:
    """The values of `BOOK`."""
    account_id, month, *others = file
    return (account_id, month.begins, month.ends, *others)


def file_of(row: DictRow) -> File:
    month = Month.of(row["begins"])
    return File(month=month, **{name: row[name] for name in File._fields if name != "month"})


def files(cursor: Cursor[DictRow], account_id: str) -> list[File]:
    """The oldest first."""
    rows = cursor.execute(
        "SELECT * FROM archive.file WHERE account_id = %s ORDER BY begins", (account_id,)
    ).fetchall()
    return [file_of(row) for row in rows]


def late(cursor: Cursor[DictRow], account_id: str) -> dict[str, DictRow]:
    """What was learnt of archived calls and is in no file yet."""
    rows = cursor.execute(
        "SELECT * FROM views.call_cdr_late WHERE account_id = %s", (account_id,)
    ).fetchall()
    return {row["call_id"]: row for row in rows}


def place(cursor: Cursor[DictRow], call_id: str) -> Place | None:
    """Where the log has a call, asked of the call's own facts."""
    return places(cursor, [call_id]).get(call_id)


def places(cursor: Cursor[DictRow], call_ids: Sequence[str]) -> dict[str, Place]:
    rows = cursor.execute(FACTS, asked(call_ids)).fetchall()
    return placed(rows)


FACTS = """
    SELECT topic, state FROM events.stored_events
     WHERE topic = %s AND originator_id = ANY(%s) ORDER BY notification_id"""


def asked(call_ids: Sequence[str]) -> tuple[str, list[str]]:
    """The values of `FACTS`."""
    return NAMES[CallRouted], [f"call-{id}" for id in call_ids]


def placed(rows: Sequence[DictRow]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for row in rows:
        fact = decode(row["topic"], bytes(row["state"]))
        if isinstance(fact, CallRouted) and fact.hop == 1:
            found[fact.call_id] = Place(fact.account_id, fact.at)
    return found
