"""Publishes every stored fact on the bus, in the order of the store (JetStream stream EVENTS).

One relay at a time leads (an advisory lock). It resumes from the position in the header of the last
message of the stream, so the bus itself remembers how far it is.

Every message says after which one it has to be stored (`Nats-Expected-Last-Sequence`), so the
server refuses whatever would leave a gap, come twice or come from a relay that leads no more.
Only the last message of a page asks for an answer: if that is good, the whole page is there. If
it is not, or does not come, the relay looks how far the stream is and goes on from there. (The
server's atomic batches promise the same and cost it five to ten times as much.)
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

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
REST = 0.03
"""Seconds from the begin of one look to the next at least, so that facts that come in a stream go
out in larger batches."""
POSITION = "Callplane-Position"
TRACEPARENT = "traceparent"
_MARK = b',"traceparent":"'
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
        """Of the last fact that is on the bus, and the sequence number of its message."""
        self._sequence = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Lead, or wait to lead, until `stop`."""
        while not stop.is_set():
            try:
                await self._lead(stop)
            except (*AWAY, nats.errors.Error, JetStreamError, TimeoutError) as error:
                log.warning("relay: %s", str(error) or type(error).__name__)
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
            self._position, self._sequence = await self._last_published()
            loop = asyncio.get_running_loop()
            while not stop.is_set():
                rested_at = loop.time() + REST
                await self._catch_up(stop)
                async for _ in connection.notifies(timeout=POLL, stop_after=1):
                    pass
                await asyncio.sleep(max(0.0, rested_at - loop.time()))

    async def _last_published(self) -> tuple[int, int]:
        """How far the bus is: position and sequence number of its last message. Position 0 when it
        has nothing (any more): then everything is published."""
        state = (await self._jetstream.stream_info(EVENTS)).state
        if state.messages == 0:
            return 0, state.last_seq
        try:
            last = await self._jetstream.get_msg(EVENTS, seq=state.last_seq)
        except NotFoundError:
            return 0, state.last_seq
        return int((last.headers or {})[POSITION]), state.last_seq

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
            await self._publish(page)
            self._position = page[-1].id
            metrics.FACTS_RELAYED.inc(len(page))
            metrics.RELAY_POSITION.set(self._position)
            if len(page) < PAGE:
                return

    async def _publish(self, page: Sequence[Notification]) -> None:
        """All or nothing that is after a gap. Raises when the end of the page is not
        acknowledged."""
        for sequence, notification in enumerate(page[:-1], start=self._sequence):
            subject, headers, body = _addressed(notification, sequence)
            await self._client.publish(subject, body, headers=headers)
        subject, headers, body = _addressed(page[-1], self._sequence + len(page) - 1)
        acknowledged = await self._jetstream.publish(
            subject, body, headers=headers, timeout=_ACK_TIMEOUT
        )
        self._sequence = acknowledged.seq


def _addressed(notification: Notification, after: int) -> tuple[str, dict[str, str], bytes]:
    """Subject `evt.<account>.<area>.<fact>`, headers and body. The headers: CloudEvents', the
    position, the sequence number that the message has to come after, and the trace that the fact
    is of, if it was sampled."""
    fact: dict[str, Any] = orjson.loads(notification.state)
    area, name, _ = notification.topic.split(".")
    position = str(notification.id)
    body, trace = notification.state, {}
    if TRACEPARENT in fact:
        trace = {TRACEPARENT: str(fact[TRACEPARENT])}
        body = body[: body.rindex(_MARK)] + b"}"
    return (
        f"evt.{fact['account_id']}.{area}.{name}",
        {
            **trace,
            POSITION: position,
            "Nats-Msg-Id": position,
            "Nats-Expected-Last-Sequence": str(after),
            "ce-specversion": "1.0",
            "ce-id": position,
            "ce-type": notification.topic,
            "ce-source": "callplane",
            "ce-time": _rfc3339(fact["at"]),
            "ce-subject": _header_safe(str(notification.originator_id)),
        },
        body,
    )


def _rfc3339(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat(timespec="milliseconds")


def _header_safe(text: str) -> str:
    return text if text.isascii() else text.encode().hex()


async def _locked(connection: "psycopg.AsyncConnection[DictRow]") -> bool:
    cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
    row = await cursor.fetchone()
    return row is not None and bool(row["got"])
