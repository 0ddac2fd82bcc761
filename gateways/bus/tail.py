"""Follows facts on the stream EVENTS: in order, each once, none left out.

An ephemeral consumer numbers what it sends; a gap in the numbers, or silence instead of heartbeats,
makes a new consumer, which goes on after the last message that was taken. What cannot be closed
that way, because the stream lacks messages or was made anew, is a `Gap`: the follower has to begin
again.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError

from gateways.bus.connection import EVENTS
from gateways.bus.relay import POSITION

log = logging.getLogger("callplane.tail")

HEARTBEAT = 0.5
"""Seconds of silence after which the server says that it is there."""
PATIENCE = 2.0
"""Seconds without a word after which the consumer counts as lost."""
KEPT = 30.0
"""Seconds for which the server keeps a consumer whose reader has gone."""
AWAY = (nats.errors.Error, JetStreamError, TimeoutError)
_CONTROL = "100"


class Published(NamedTuple):
    """A fact as it came over the bus."""

    position: int
    name: str
    state: bytes


class Gap(Exception):
    """Facts are missing that will not come any more."""


class _Lost(Exception):
    """The consumer has sent what did not arrive."""


class Tail:
    """`take` is called with each fact, in order; `told` when the bus is lost (False) or back."""

    def __init__(
        self,
        client: Client,
        subjects: Sequence[str],
        take: Callable[[Published], None],
        told: Callable[[bool], None] = lambda is_live: None,
    ) -> None:
        self._client = client
        self._jetstream = client.jetstream(timeout=PATIENCE)
        self._subjects = list(subjects)
        self._take = take
        self._told = told
        self._sequence = 0
        """In the stream, of the last message that need not come any more."""
        self._expected = 1
        """The consumer's own number of its next message."""

    async def begin(self) -> None:
        """From now on: `run` will take every fact that is published after this."""
        self._sequence = (await self._jetstream.stream_info(EVENTS)).state.last_seq

    async def run(self) -> None:
        """Take facts until cancelled. Raises Gap."""
        while True:
            try:
                await self._follow()
            except (*AWAY, _Lost) as error:
                log.warning("facts: %s", str(error) or type(error).__name__)
                self._told(False)
                await asyncio.sleep(0.25)

    async def _follow(self) -> None:
        state = (await self._jetstream.stream_info(EVENTS)).state
        if not state.first_seq - 1 <= self._sequence <= state.last_seq:
            raise Gap(f"the stream has {state.first_seq} to {state.last_seq}")
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        subscription = await self._client.subscribe(
            self._client.new_inbox(), cb=arrived.put, pending_bytes_limit=0
        )
        try:
            await self._consume(subscription)
            self._told(True)
            while True:
                await self._look_at(await asyncio.wait_for(arrived.get(), PATIENCE))
                while not arrived.empty():
                    await self._look_at(arrived.get_nowait())
        finally:
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _consume(self, subscription: Subscription) -> None:
        self._expected = 1
        await self._jetstream.add_consumer(
            EVENTS,
            ConsumerConfig(
                deliver_subject=subscription.subject,
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=self._sequence + 1,
                filter_subjects=self._subjects,
                ack_policy=AckPolicy.NONE,
                idle_heartbeat=HEARTBEAT,
                flow_control=True,
                inactive_threshold=KEPT,
                mem_storage=True,
                num_replicas=1,
            ),
        )

    async def _look_at(self, message: Msg) -> None:
        headers = message.headers or {}
        if headers.get("Status") == _CONTROL:
            await self._answer(message, headers)
            return
        sequence = message.metadata.sequence
        if sequence.consumer != self._expected:
            raise _Lost("a gap in what the consumer has sent")
        self._expected += 1
        self._sequence = sequence.stream
        self._take(Published(int(headers[POSITION]), headers["ce-type"], message.data))

    async def _answer(self, message: Msg, headers: dict[str, str]) -> None:
        """A heartbeat tells how far the consumer is; flow control wants an empty answer."""
        if reply := message.reply or headers.get("Nats-Consumer-Stalled"):
            await self._client.publish(reply)
        elif int(headers.get("Nats-Last-Consumer", 0)) >= self._expected:
            raise _Lost("the consumer is further than what has arrived")
