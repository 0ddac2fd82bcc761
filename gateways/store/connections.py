"""Connections to PostgreSQL for short use by threads: made when needed, kept, thrown away when
dead.

A pool of a library reconnects in the background, in ever longer pauses, and checks its dead
connections one after the other; after a restart of the server that cost three to five seconds.
Here whoever needs a connection makes it, and learns at once if that cannot be done.
"""

import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

CONNECT_TIMEOUT = 5
WAIT = 5.0
"""Seconds to wait for a connection while all are in use."""


def _nothing(_: Connection[Any]) -> None:
    return


class Connections:
    """At most `limit` connections in autocommit mode; `configure` is called with each new one."""

    def __init__(
        self, url: str, limit: int, configure: Callable[[Connection[Any]], None] = _nothing
    ) -> None:
        self._url = url
        self._configure = configure
        self._free: list[Connection[DictRow]] = []
        self._slots = threading.BoundedSemaphore(limit)
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def connection(self) -> Iterator[Connection[DictRow]]:
        """A connection for the block. Raises psycopg.OperationalError when the server is away."""
        if not self._slots.acquire(timeout=WAIT):
            raise psycopg.OperationalError("all connections are in use")
        try:
            connection = self._take() or self._made()
            try:
                yield connection
            finally:
                self._give(connection)
        finally:
            self._slots.release()

    def open(self, wait: bool = False, timeout: float = 0.0) -> None:
        """Part of what the eventsourcing library expects of a pool: there is nothing to do."""

    def close(self) -> None:
        self._closed = True
        self._drop_free()

    def _take(self) -> Connection[DictRow] | None:
        while True:
            with self._lock:
                if not self._free:
                    return None
                connection = self._free.pop()
            if not connection.closed and not _has_news(connection):
                return connection
            connection.close()

    def _made(self) -> Connection[DictRow]:
        connection = psycopg.connect(
            self._url, autocommit=True, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT
        )
        self._configure(connection)
        return connection

    def _give(self, connection: Connection[DictRow]) -> None:
        if connection.closed:  # the others are most likely dead, too
            self._drop_free()
        elif self._closed or connection.info.transaction_status != _IDLE:
            connection.close()
        else:
            with self._lock:
                self._free.append(connection)

    def _drop_free(self) -> None:
        with self._lock:
            dropped, self._free = self._free, []
        for connection in dropped:
            connection.close()


_IDLE = psycopg.pq.TransactionStatus.IDLE


def _has_news(connection: Connection[DictRow]) -> bool:
    """An idle connection on which something can be read was closed by the server."""
    readable, _, _ = select.select([connection.fileno()], [], [], 0)
    return bool(readable)
