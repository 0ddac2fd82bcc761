"""Removes from outbox and books what was settled long ago, in small steps.

What was delivered, with its attempts, goes after a while; a dead letter stays as long as its
subscription does. What a deleted subscription leaves behind goes after the same while.
"""

import asyncio
import logging
import time

from psycopg import Cursor
from psycopg.rows import DictRow

from commands.store import StoreDown
from gateways.store.reader import Reader

log = logging.getLogger("callplane.sender")

EVERY = 3_600.0
"""Seconds."""
STEP = 5_000
"""Rows of one transaction."""
DAY = 86_400_000

_GONE = "NOT EXISTS (SELECT FROM views.subscription AS s WHERE s.webhook_id = {row}.webhook_id)"
_STEPS = (
    # before the ledger, which says what was delivered
    f"""DELETE FROM views.outbox WHERE delivery_id IN (
        SELECT o.delivery_id FROM views.outbox AS o
          LEFT JOIN delivery.ledger AS l USING (delivery_id)
          LEFT JOIN delivery.paid AS p ON p.webhook_id = o.webhook_id
         WHERE o.at < %(before)s AND ({_GONE.format(row="o")}
               OR (l.state = 'delivered' AND l.at < %(before)s)
               OR (l.state IS NULL AND o.place <= p.place))
         LIMIT %(step)s)""",
    f"""DELETE FROM delivery.replayed WHERE delivery_id IN (
        SELECT r.delivery_id FROM delivery.replayed AS r
          LEFT JOIN delivery.ledger AS l USING (delivery_id)
         WHERE r.at < %(before)s AND ({_GONE.format(row="r")}
               OR (l.state = 'delivered' AND l.at < %(before)s))
         LIMIT %(step)s)""",
    f"""DELETE FROM delivery.ledger WHERE delivery_id IN (
        SELECT l.delivery_id FROM delivery.ledger AS l
         WHERE l.at < %(before)s AND (l.state = 'delivered' OR {_GONE.format(row="l")})
         LIMIT %(step)s)""",
    """DELETE FROM delivery.attempt WHERE ctid IN (
        SELECT a.ctid FROM delivery.attempt AS a
         WHERE a.at < %(before)s
           AND NOT EXISTS (SELECT FROM delivery.ledger AS l WHERE l.delivery_id = a.delivery_id)
         LIMIT %(step)s)""",
    f"""DELETE FROM delivery.again WHERE delivery_id IN (
        SELECT a.delivery_id FROM delivery.again AS a
         WHERE a.asked_at < %(before)s AND {_GONE.format(row="a")}
         LIMIT %(step)s)""",
    """DELETE FROM delivery.replay WHERE replay_id IN (
        SELECT replay_id FROM delivery.replay
         WHERE at < %(before)s AND state <> 'running' LIMIT %(step)s)""",
)


async def prune_for_ever(reader: Reader, keep_days: float) -> None:
    while True:
        try:
            await prune(reader, int(time.time() * 1000 - keep_days * DAY))
        except StoreDown as error:
            log.warning("nothing is pruned: %s", error)
        await asyncio.sleep(EVERY)


async def prune(reader: Reader, before: int) -> int:
    """Remove what was settled before that moment (epoch ms); returns how many rows that were."""
    removed = 0
    for statement in _STEPS:
        while count := await reader.query(lambda sql, s=statement: _step(sql, s, before)):  # type: ignore[misc]
            removed += count
            if count < STEP:
                break
    return removed


def _step(cursor: Cursor[DictRow], statement: str, before: int) -> int:
    values = {"before": before, "step": STEP}
    return cursor.execute(statement.encode(), values).rowcount
