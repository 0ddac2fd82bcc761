"""Queries on the read models, and waiting until they show a write (read-your-writes).

Queries are the blocking functions of `projections/`; they run in threads. The positions of the
models come by notification; a poll is the net for a lost one.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context
from typing import Any, TypeVar

import psycopg
from psycopg import Cursor
from psycopg.rows import DictRow

from commands.store import StoreDown
from domain.errors import Unavailable
from gateways.store.connections import Connections
from gateways.store.recorder import AWAY

T = TypeVar("T")
log = logging.getLogger("callplane.reader")

POLL = 0.25
"""Seconds between two looks at the positions while somebody waits."""
PATIENCE = 5.0
"""Seconds for which a write waits until it is shown."""


class Reader:
    def __init__(self, url: str, pool_size: int = 4) -> None:
        self._url = url
        self.pool = Connections(url, pool_size)
        self._positions: dict[str, int] = {}
        self._moved = asyncio.Event()
        self._changed: dict[str, asyncio.Event] = {}
        self._listener: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
        await asyncio.to_thread(self.pool.close)

    async def query(self, ask: Callable[[Cursor[DictRow]], T]) -> T:
        """Run a query of `projections/`. Raises StoreDown."""
        return await asyncio.to_thread(self._query, ask)

    def _query(self, ask: Callable[[Cursor[DictRow]], T]) -> T:
        try:
            with self.pool.connection() as connection, connection.cursor() as cursor:
                return ask(cursor)
        except AWAY as error:
            raise StoreDown(str(error)) from error

    async def head(self) -> int:
        """The position of the last fact in the store."""
        return await self.query(head)

    async def positions(self) -> dict[str, Any]:
        """Projection → its row of `views.position`."""
        return {row["name"]: row for row in await self.query(_positions)}

    async def caught_up(self, name: str, position: int | None = None, timeout: float = 2.0) -> bool:
        """Wait until the model `name` shows `position` (by default: all that is stored now).

        False when it did not within `timeout` seconds; the caller answers with what there is.
        """
        self._begin_to_listen()
        wanted = await self.head() if position is None else position
        deadline = asyncio.get_running_loop().time() + timeout
        if name not in self._positions:
            await self._look()
        while self._positions.get(name, 0) < wanted:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self._moved.wait(), min(POLL, left))
            except TimeoutError:
                await self._look()
        return True

    async def until_shown(self, name: str, position: int) -> None:
        """Wait until the model `name` shows a write. Raises Unavailable when it does not for long:
        the write is stored, but nobody could read it yet."""
        if not await self.caught_up(name, position, PATIENCE):
            raise Unavailable("it is stored, but the read models are behind")

    async def _look(self) -> None:
        for row in await self.query(_positions):
            self._learn(row["name"], row["position"])

    async def change(self, name: str, timeout: float) -> None:
        """Return when rows of the model `name` have changed, or after `timeout` seconds."""
        self._begin_to_listen()
        changed = self._changed.setdefault(name, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), timeout)
        changed.clear()

    async def moves(self, timeout: float) -> None:
        """Return when any model has moved, or after `timeout` seconds."""
        self._begin_to_listen()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._moved.wait(), timeout)

    def _begin_to_listen(self) -> None:
        """Every listener costs the store a little with every commit: only who waits is one."""
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), context=Context())

    async def _listen(self) -> None:
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
                async with connection:
                    await connection.execute("LISTEN views")
                    async for notification in connection.notifies():
                        self._heard(notification.payload)
            except psycopg.Error as error:
                log.warning("no notifications: %s", error)
                await asyncio.sleep(0.5)

    def _heard(self, payload: str) -> None:
        for part in payload.split(","):
            name, _, position = part.partition("=")
            if position.endswith("*") and name in self._changed:
                self._changed[name].set()
            self._learn(name, int(position.rstrip("*")))

    def _learn(self, name: str, position: int) -> None:
        if position > self._positions.get(name, -1):
            self._positions[name] = position
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()


def head(cursor: Cursor[DictRow]) -> int:
    """The position of the last fact in the store."""
    row = cursor.execute(
        "SELECT coalesce(max(notification_id), 0) AS head FROM events.stored_events"
    ).fetchone()
    assert row is not None
    return int(row["head"])


def _positions(cursor: Cursor[DictRow]) -> list[DictRow]:
    return cursor.execute("SELECT * FROM views.position ORDER BY name").fetchall()
