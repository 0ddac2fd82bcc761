"""Publishes every stored fact on the bus, in the order of the store (JetStream stream EVENTS).

One relay at a time leads (an advisory lock). It resumes from the position in the header of the last
message of the stream, so the bus itself remembers how far it is. A page goes out as one atomic
batch; when the outcome of a batch is unknown, its facts go out one by one under their
`Nats-Msg-Id`, where what is there already is dropped by the server.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import nats.errors
import orjson
import psycopg
from eventsourcing.persistence import Notification
from nats.aio.client import Client
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError
from psycopg.rows import DictRow, dict_row

from gateways import metrics
from gateways.bus.connection import EVENTS
from gateways.store.recorder import AWAY, Datastore, EventRecorder

log = logging.getLogger("callplane.relay")

PAGE = 500
POLL = 1.0
"""Seconds after which the store is asked even if no notification came."""
POSITION = "Callplane-Position"
_LOCK = 7225
_ACK_TIMEOUT = 5.0


class Relay:
    def __init__(self, client: Client, url: str) -> None:
        self._client = client
        self._jetstream = client.jetstream(timeout=_ACK_TIMEOUT)
        self._url = url
        self._datastore = Datastore(url, pool_size=1)
        self._recorder = EventRecorder(self._datastore)
        self._position = 0
        self._certain = False
        """Whether the outcome of everything published so far is known."""

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, or wait to lead, until `stop`."""
        while not stop.is_set():
            try:
                await self._lead(stop)
            except (*AWAY, nats.errors.Error, JetStreamError, TimeoutError) as error:
                log.warning("relay: %s", str(error) or type(error).__name__)
                self._certain = False
                await asyncio.sleep(0.5)
        self._datastore.close()

    async def _lead(self, stop: asyncio.Event) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, row_factory=dict_row
        )
        async with connection:
            while not stop.is_set() and not await _locked(connection):
                await asyncio.sleep(POLL)
            await connection.execute("LISTEN stored_events")
            self._position = await self._last_published()
            while not stop.is_set():
                await self._catch_up(stop)
                async for _ in connection.notifies(timeout=POLL, stop_after=1):
                    pass

    async def _last_published(self) -> int:
        """How far the bus is. 0 when it has nothing (any more): then everything is published."""
        state = (await self._jetstream.stream_info(EVENTS)).state
        if state.messages == 0:
            return 0
        try:
            last = await self._jetstream.get_msg(EVENTS, seq=state.last_seq)
        except NotFoundError:
            return 0
        return int((last.headers or {})[POSITION])

    async def _catch_up(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            page = await asyncio.to_thread(
                self._recorder.select_notifications,
                self._position,
                PAGE,
                inclusive_of_start=False,
            )
            if not page:
                return
            if self._certain and len(page) > 1:
                await self._publish_batch(page)
            else:
                await self._publish_singly(page)
                self._certain = True
            self._position = page[-1].id
            metrics.FACTS_RELAYED.inc(len(page))
            metrics.RELAY_POSITION.set(self._position)
            if len(page) < PAGE:
                return

    async def _publish_batch(self, page: Sequence[Notification]) -> None:
        """All or nothing; the last message commits and is acknowledged."""
        batch = uuid4().hex
        self._certain = False
        for number, notification in enumerate(page[:-1], start=1):
            subject, headers = _addressed(notification)
            headers |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            await self._client.publish(subject, notification.state, headers=headers)
        subject, headers = _addressed(page[-1])
        headers |= {
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(len(page)),
            "Nats-Batch-Commit": "1",
        }
        await self._jetstream.publish(
            subject, page[-1].state, headers=headers, timeout=_ACK_TIMEOUT
        )
        self._certain = True

    async def _publish_singly(self, page: Sequence[Notification]) -> None:
        for notification in page:
            subject, headers = _addressed(notification)
            await self._jetstream.publish(
                subject, notification.state, headers=headers, timeout=_ACK_TIMEOUT
            )


def _addressed(notification: Notification) -> tuple[str, dict[str, str]]:
    """Subject `evt.<account>.<area>.<fact>` and headers: CloudEvents' and the position."""
    fact: dict[str, Any] = orjson.loads(notification.state)
    area, name, _ = notification.topic.split(".")
    position = str(notification.id)
    return (
        f"evt.{fact['account_id']}.{area}.{name}",
        {
            POSITION: position,
            "Nats-Msg-Id": position,
            "ce-specversion": "1.0",
            "ce-id": position,
            "ce-type": notification.topic,
            "ce-source": "callplane",
            "ce-time": _rfc3339(fact["at"]),
            "ce-subject": _header_safe(str(notification.originator_id)),
        },
    )


def _rfc3339(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds")


def _header_safe(text: str) -> str:
    return text if text.isascii() else text.encode().hex()


async def _locked(connection: "psycopg.AsyncConnection[DictRow]") -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
    row = await cursor.fetchone()
    return row is not None and bool(row["got"])
