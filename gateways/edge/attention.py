"""Who waits for an answer to a poll, and wakes when there is something new for his call.

Workers say for which calls something has changed (`live.<account>.calls`: a JSON list of call ids).
Such a message may be lost, so whoever waits looks again from time to time all the same.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from commands.acd import Moved
from events.base import CallId

SUBJECT = "live.*.calls"


async def tell_moved(client: Client, moved: Moved) -> None:
    """Say for which calls something has changed."""
    with suppress(nats.errors.Error):  # who waits looks again
        for account_id, call_ids in moved.items():
            await client.publish(f"live.{account_id}.calls", orjson.dumps(list(call_ids)))


class Attention:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._waiting: dict[CallId, set[asyncio.Event]] = {}
        self.is_closing = False

    async def start(self) -> None:
        await self._client.subscribe(SUBJECT, cb=self._on_moved)

    async def close_at(self, stop: asyncio.Event) -> None:
        """Let everybody go when the service is about to stop."""
        await stop.wait()
        self.is_closing = True
        self._wake(self._waiting)

    @contextmanager
    def to(self, call_id: CallId) -> Iterator[asyncio.Event]:
        """An event that is set when something changes for the call."""
        event = asyncio.Event()
        self._waiting.setdefault(call_id, set()).add(event)
        try:
            yield event
        finally:
            events = self._waiting[call_id]
            events.discard(event)
            if not events:
                del self._waiting[call_id]

    async def _on_moved(self, message: Msg) -> None:
        moved = orjson.loads(message.data)
        self._wake({id: self._waiting[id] for id in moved if id in self._waiting})

    def _wake(self, waiting: Mapping[CallId, set[asyncio.Event]]) -> None:
        for events in waiting.values():
            for event in events:
                event.set()
