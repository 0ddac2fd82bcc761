"""Announces a range of time again to one subscription, from the event store.

What a replay owes is what the subscription, as it is now, would have been owed if it had been there
all the time: the same ids as then, and for what still lies in the outbox the same bytes. What the
outbox has not paid yet is left to it.

The facts are read in windows of positions; only those of the account that can be announced leave
the store. Reading begins with the first call that was open at the begin of the range, so that the
events of a call have the numbers that they would have had. A replay that is interrupted goes on
where it was.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from eventsourcing.persistence import Notification
from psycopg import Cursor
from psycopg.rows import DictRow

from commands.store import StoreDown
from events.base import AccountId
from events.catalogue import NAMES
from events.resources import Webhook
from gateways.store.codec import positioned
from gateways.store.reader import Reader
from gateways.store.recorder import AWAY
from gateways.webhooks import wishes
from projections.announcements import ANNOUNCED, Owing, delivery, owing
from projections.base import Positioned
from projections.outbox import Numbers

log = logging.getLogger("callplane.sender")

POLL = 1.0
"""Seconds between two looks whether somebody wants a replay."""
WINDOW = 20_000
"""Positions that are read at a time."""
SLACK = 600_000
"""Milliseconds by which the clocks of two workers may differ."""
LONGEST_CALL = 86_400_000
"""Milliseconds before the range in which a call is looked for that was open at its begin."""
_TOPICS = sorted(NAMES[fact] for fact in ANNOUNCED)


class Replay(NamedTuple):
    """A wish. Times in epoch milliseconds."""

    replay_id: str
    account_id: AccountId
    webhook_id: str
    since: int
    until: int
    events: tuple[str, ...]
    """Names of public events, or a star."""
    place: int
    """Up to where its deliveries are owed already."""


async def replay_for_ever(reader: Reader) -> None:
    while True:
        try:
            for wish in await reader.query(_running):
                await _carry_out(reader, wish)
        except StoreDown as error:
            log.warning("no replay: %s", error)
        await asyncio.sleep(POLL)


async def _carry_out(reader: Reader, wish: Replay) -> None:
    try:
        webhook = await reader.query(lambda sql: _webhook(sql, wish.webhook_id))
        if webhook is None:
            raise LookupError("the webhook is deleted")
        begin = await reader.query(lambda sql: _begin(sql, wish))
        position, head = await reader.query(lambda sql: _positions(sql, begin - SLACK))
        numbers, is_over = Numbers(), False
        while position < head and not is_over:
            window = min(position + WINDOW, head)
            facts = await reader.query(lambda sql: _facts(sql, wish.account_id, position, window))  # noqa: B023
            is_over = any(item.fact.at > wish.until + SLACK for item in facts)
            rows = list(_rows(wish, webhook, facts, begin, numbers))
            await asyncio.to_thread(_owe, reader, wish, rows)
            position = window
        await reader.query(lambda sql: _end(sql, wish, "done", None))
    except StoreDown:
        raise
    except Exception as error:
        log.exception("%s has failed", wish.replay_id)
        said = repr(error)[:500]
        await reader.query(lambda sql: _end(sql, wish, "failed", said))


def _rows(
    wish: Replay, webhook: Webhook, facts: Sequence[Positioned], begin: int, numbers: Numbers
) -> Iterator[dict[str, Any]]:
    """The deliveries of the range; the calls are counted from `begin`."""
    for position, _, _, _, fact in facts:
        if fact.account_id != wish.account_id or fact.at < begin:
            continue
        for owed in owing(wish.webhook_id, webhook, position, fact):
            row = delivery(owed, numbers.next(owed))
            if _is_wanted(wish, owed):
                yield row


def _is_wanted(wish: Replay, owed: Owing) -> bool:
    event = owed.announcement.event
    return (
        owed.place > wish.place
        and wish.since <= owed.fact.at <= wish.until
        and ("*" in wish.events or event in wish.events)
    )


# What the store says


def _running(cursor: Cursor[DictRow]) -> list[Replay]:
    rows = cursor.execute(
        "SELECT * FROM delivery.replay WHERE state = 'running' ORDER BY at"
    ).fetchall()
    return [Replay(*(row[name] for name in Replay._fields)) for row in rows]


def _webhook(cursor: Cursor[DictRow], id: str) -> Webhook | None:
    row = cursor.execute("SELECT * FROM views.subscription WHERE webhook_id = %s", (id,)).fetchone()
    return Webhook.model_validate(row) if row else None


def _begin(cursor: Cursor[DictRow], wish: Replay) -> int:
    """When the first call began that was open at the begin of the range; where calls of that time
    lie in the archive, when it may have begun at the earliest."""
    archived = cursor.execute(
        "SELECT FROM archive.file WHERE account_id = %s AND last_ts >= %s AND first_ts <= %s",
        (wish.account_id, wish.since - LONGEST_CALL, wish.since),
    ).fetchone()
    if archived is not None:
        return wish.since - LONGEST_CALL
    row = cursor.execute(
        "SELECT min(start_ts) AS first FROM views.call_cdr"
        " WHERE account_id = %s AND start_ts BETWEEN %s AND %s"
        "   AND (end_ts IS NULL OR end_ts >= %s)",
        (wish.account_id, wish.since - LONGEST_CALL, wish.since, wish.since - SLACK),
    ).fetchone()
    first = row["first"] if row else None
    return min(wish.since, first - SLACK) if first is not None else wish.since


def _positions(cursor: Cursor[DictRow], since: int) -> tuple[int, int]:
    """A position before the first fact of that moment or later, and the last of all."""
    low, high = 0, _head(cursor)
    head = high
    while high - low > WINDOW:
        middle = (low + high) // 2
        if _at(cursor, middle) < since:
            low = middle
        else:
            high = middle
    return low, head


def _head(cursor: Cursor[DictRow]) -> int:
    row = cursor.execute(
        "SELECT coalesce(max(notification_id), 0) AS head FROM events.stored_events"
    ).fetchone()
    assert row is not None
    return int(row["head"])


def _at(cursor: Cursor[DictRow], position: int) -> int:
    """The time of the fact at that position, or of the next one."""
    row = cursor.execute(
        "SELECT (convert_from(state, 'UTF8')::json->>'at')::bigint AS at"
        "  FROM events.stored_events WHERE notification_id >= %s"
        " ORDER BY notification_id LIMIT 1",
        (position,),
    ).fetchone()
    assert row is not None, "the head is not passed"
    return int(row["at"])


def _facts(
    cursor: Cursor[DictRow], account_id: AccountId, after: int, last: int
) -> list[Positioned]:
    """What can be announced of the account's facts (and perhaps a few more), in order."""
    rows = cursor.execute(
        "SELECT * FROM events.stored_events"
        " WHERE notification_id > %s AND notification_id <= %s AND topic = ANY(%s)"
        "   AND position(%b::bytea IN state) > 0"
        " ORDER BY notification_id",
        (after, last, _TOPICS, f'"{account_id}"'.encode()),
    ).fetchall()
    return [
        positioned(
            Notification(
                id=row["notification_id"],
                originator_id=row["originator_id"],
                originator_version=row["originator_version"],
                topic=row["topic"],
                state=bytes(row["state"]),
            )
        )
        for row in rows
    ]


# What is owed


def _owe(reader: Reader, wish: Replay, rows: list[dict[str, Any]]) -> None:
    """The deliveries, and how far the replay has come, in one transaction."""
    if not rows:
        return
    try:
        with reader.pool.connection() as connection, connection.transaction():
            count = wishes.of_rows(connection, rows, int(time.time() * 1000))
            connection.execute(
                "UPDATE delivery.replay SET place = %s, deliveries = deliveries + %s"
                " WHERE replay_id = %s",
                (rows[-1]["place"], count, wish.replay_id),
            )
    except AWAY as error:
        raise StoreDown(str(error)) from error


def _end(cursor: Cursor[DictRow], wish: Replay, state: str, error: str | None) -> None:
    cursor.execute(
        "UPDATE delivery.replay SET state = %s, error = %s WHERE replay_id = %s",
        (state, error, wish.replay_id),
    )
