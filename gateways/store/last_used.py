"""When was a credential last used? No fact, but a row that is written at most once a minute.

What a gateway has noted it remembers, so that a request costs nothing more; the row itself refuses
a second writer within the minute. A request never fails because of it.
"""

import logging
from collections import OrderedDict
from collections.abc import Sequence

import psycopg
from psycopg import Cursor
from psycopg.rows import DictRow

from commands.store import StoreDown
from gateways.store.reader import Reader

log = logging.getLogger("callplane.access")

PERIOD = 60_000
"""Milliseconds between two notes of the same credential."""
REMEMBERED = 10_000

_NOTE = """
    WITH over AS (DELETE FROM access.last_used WHERE forget_at < %(now)s)
    INSERT INTO access.last_used AS old (id, at, forget_at)
    VALUES (%(id)s, %(now)s, %(forget_at)s)
    ON CONFLICT (id) DO UPDATE SET at = EXCLUDED.at WHERE old.at <= EXCLUDED.at - %(period)s"""


class LastUsed:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._noted: OrderedDict[str, int] = OrderedDict()

    async def note(self, id: str, now: int, forget_at: int | None = None) -> None:
        """`id` is used now; times in epoch milliseconds. `forget_at`: when nobody asks any more."""
        if now - self._noted.get(id, 0) < PERIOD:
            return
        self._noted[id] = now
        self._noted.move_to_end(id)
        if len(self._noted) > REMEMBERED:
            self._noted.popitem(last=False)
        values = {"id": id, "now": now, "forget_at": forget_at, "period": PERIOD}
        try:
            await self._reader.query(lambda cursor: cursor.execute(_NOTE, values))
        except (StoreDown, psycopg.Error) as error:
            log.warning("the use of %s is not noted: %s", id, error)

    async def of(self, ids: Sequence[str]) -> dict[str, int]:
        """Id → when it was last used, in epoch milliseconds."""
        return await self._reader.query(lambda cursor: _read(cursor, ids))


def _read(cursor: Cursor[DictRow], ids: Sequence[str]) -> dict[str, int]:
    rows = cursor.execute("SELECT id, at FROM access.last_used WHERE id = ANY(%s)", (list(ids),))
    return {row["id"]: row["at"] for row in rows}
