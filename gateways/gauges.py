"""Figures that are asked for when somebody looks at /metrics: how far behind things are.

They come from the store and the bus, not from the processes they are about: a projection or a
relay that is dead does not say so. However often somebody looks, a process asks once in `KEEP`
seconds; what cannot be asked leaves its figures as they were, and `callplane_store_up` or
`callplane_bus_up` says so.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.js.errors import NotFoundError
from prometheus_client import Gauge
from psycopg import Cursor
from psycopg.errors import QueryCanceled
from psycopg.rows import DictRow

from commands.store import StoreDown
from domain.acd.floor import Bucket
from gateways.bus.connection import DEAD_LETTERS, EDGE, EVENTS
from gateways.bus.edge import DURABLE
from gateways.bus.relay import POSITION
from gateways.store.reader import Reader

KEEP = 10.0
"""Seconds for which what was found counts."""
MOST = 10_000
"""Deliveries that are counted at most."""
PATIENCE = 3.0
"""Seconds for a look."""


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(name, text, labels, multiprocess_mode="livemostrecent")


STORE_UP = _gauge("callplane_store_up", "Whether the store has answered")
BUS_UP = _gauge("callplane_bus_up", "Whether the bus has answered")
LAG = _gauge(
    "callplane_projection_lag_facts", "Facts that a read model does not show yet", "projection"
)
LAG_SECONDS = _gauge(
    "callplane_projection_lag_seconds",
    "Age of the oldest fact that a read model does not show yet",
    "projection",
)
STOPPED = _gauge(
    "callplane_projection_stopped", "1: a fold has failed, and the model stands", "projection"
)
RELAY_LAG = _gauge("callplane_relay_lag_facts", "Facts that are not on the bus yet")
RELAY_LAG_SECONDS = _gauge(
    "callplane_relay_lag_seconds", "Age of the oldest fact that is not on the bus yet"
)
OUTBOX = _gauge(
    "callplane_outbox_deliveries",
    f"Deliveries that active webhooks are owed (counted up to {MOST})",
)
OUTBOX_AGE = _gauge(
    "callplane_outbox_oldest_seconds", "Age of the oldest delivery that is owed, retries included"
)
CALLS = _gauge("callplane_open_calls", "Calls that hold channels")
CALLERS = _gauge("callplane_queue_callers", "Callers who wait in queues")
CALLER_WAIT = _gauge("callplane_queue_longest_wait_seconds", "How long the first of them waits")
AGENTS = _gauge("callplane_agents", "Agents who are logged in, by what they do", "bucket")
PARTITIONS_SERVED = _gauge("callplane_partitions_served", "Partitions whose worker answers, of 64")
EDGE_PENDING = _gauge(
    "callplane_edge_events_pending", "Events of edge nodes that nobody has taken up yet"
)
EDGE_UNDER_WAY = _gauge(
    "callplane_edge_events_under_way", "Events of edge nodes taken up and not acknowledged"
)
EDGE_DEAD = _gauge("callplane_edge_dead_letters", "Events of edge nodes that could not be taken")

_LAG = """
    SELECT p.name, p.error IS NOT NULL AS stopped, greatest(0, head.position - p.position) AS facts,
           coalesce(next.at, 0) AS at
      FROM (SELECT name, position, error FROM views.position
             UNION ALL SELECT NULL, %s::bigint, NULL) AS p
     CROSS JOIN (SELECT coalesce(max(notification_id), 0) AS position
                   FROM events.stored_events) AS head
      LEFT JOIN LATERAL (
           SELECT (convert_from(state, 'UTF8')::json->>'at')::bigint AS at
             FROM events.stored_events WHERE notification_id > p.position
            ORDER BY notification_id LIMIT 1
           ) AS next ON p.position < head.position"""
_OUTBOX = f"""
    SELECT count(*) AS owed, min(at) AS oldest FROM (
           SELECT o.at
             FROM views.subscription AS s
             LEFT JOIN delivery.paid AS p USING (webhook_id)
            CROSS JOIN LATERAL (
                  SELECT delivery_id, at FROM views.outbox
                   WHERE webhook_id = s.webhook_id AND place > coalesce(p.place, 0)
                   ORDER BY place LIMIT {MOST}
                  ) AS o
             LEFT JOIN delivery.ledger AS l USING (delivery_id)
            WHERE s.status = 'active' AND (l.state IS NULL OR l.state = 'retrying')
            LIMIT {MOST}
           ) AS owed"""
_CALLS = "SELECT count(*) AS calls FROM views.channel"
_CALLERS = (
    "SELECT count(*) AS callers, min(enqueued_at) AS since"
    " FROM views.queue_cdr WHERE disposition = 'offered'"
)
_AGENTS = "SELECT bucket, count(*) AS agents FROM views.agent WHERE is_logged_in GROUP BY bucket"


class Gauges:
    """`served` counts the partitions whose worker answers."""

    def __init__(
        self, client: Client, reader: Reader, served: Callable[[], Awaitable[int]]
    ) -> None:
        self._client = client
        self._jetstream = client.jetstream(timeout=PATIENCE)
        self._reader = reader
        self._served = served
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")

    async def refresh(self) -> None:
        """Look, unless somebody has looked a moment ago."""
        async with self._looking:
            if time.monotonic() - self._looked_at >= KEEP:
                self._looked_at = time.monotonic()
                await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                relayed = await self._look_at_bus()
            BUS_UP.set(1)
        except (nats.errors.Error, TimeoutError, OSError, KeyError):
            BUS_UP.set(0)
            relayed = None
        try:
            await self._reader.query(lambda cursor: self._look_at_store(cursor, relayed))
            STORE_UP.set(1)
        except StoreDown:
            STORE_UP.set(0)

    async def _look_at_bus(self) -> int:
        """Also returns the position of the last fact on the bus."""
        if not self._client.is_connected:
            raise TimeoutError("the bus is away")
        PARTITIONS_SERVED.set(await self._served())
        try:
            consumer = await self._jetstream.consumer_info(EDGE, DURABLE)
            EDGE_PENDING.set(consumer.num_pending or 0)
            EDGE_UNDER_WAY.set(consumer.num_ack_pending or 0)
        except NotFoundError:  # no gateway has been here yet
            EDGE_PENDING.set(0)
            EDGE_UNDER_WAY.set(0)
        EDGE_DEAD.set((await self._jetstream.stream_info(DEAD_LETTERS)).state.messages)
        state = (await self._jetstream.stream_info(EVENTS)).state
        if state.messages == 0:
            return 0
        last = await self._jetstream.get_msg(EVENTS, seq=state.last_seq)
        return int((last.headers or {})[POSITION])

    def _look_at_store(self, cursor: Cursor[DictRow], relayed: int | None) -> None:
        with suppress(QueryCanceled), cursor.connection.transaction():  # slow is not away
            cursor.execute(f"SET LOCAL statement_timeout = {int(PATIENCE * 1000)}")
            now = time.time()
            self._tell_lag(cursor.execute(_LAG, [relayed or 0]).fetchall(), relayed, now)
            outbox = _one(cursor, _OUTBOX)
            OUTBOX.set(outbox["owed"])
            OUTBOX_AGE.set(_age(outbox["oldest"], now))
            CALLS.set(_one(cursor, _CALLS)["calls"])
            callers = _one(cursor, _CALLERS)
            CALLERS.set(callers["callers"])
            CALLER_WAIT.set(_age(callers["since"], now))
            self._tell_agents(cursor.execute(_AGENTS).fetchall())

    def _tell_lag(self, rows: Iterable[DictRow], relayed: int | None, now: float) -> None:
        for row in rows:
            if row["name"] is not None:
                LAG.labels(row["name"]).set(row["facts"])
                LAG_SECONDS.labels(row["name"]).set(_age(row["at"], now))
                STOPPED.labels(row["name"]).set(int(row["stopped"]))
            elif relayed is not None:
                RELAY_LAG.set(row["facts"])
                RELAY_LAG_SECONDS.set(_age(row["at"], now))

    def _tell_agents(self, rows: Iterable[DictRow]) -> None:
        found = {str(row["bucket"]): row["agents"] for row in rows}
        for bucket in Bucket:
            AGENTS.labels(bucket.value).set(found.get(bucket.value, 0))


def _one(cursor: Cursor[DictRow], statement: str) -> dict[str, Any]:
    row = cursor.execute(statement.encode()).fetchone()
    assert row is not None, "an aggregate has one row"
    return row


def _age(at: int | None, now: float) -> float:
    """Seconds since `at` (epoch ms); 0 without it."""
    return max(0.0, now - at / 1000) if at else 0.0
