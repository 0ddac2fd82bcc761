"""A worker on the bus: serves the partitions whose leases it holds with one command loop.

Order of a take-over: lease (routing), claim in the store (fence), subscription. Order of giving
up: the other way round, so that a command is never taken in that could not be appended.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.errors import Error as JetStreamError

from commands.loop import Loop
from commands.partitions import partition_of
from commands.store import Deadline, StoreDown
from gateways import metrics, tracing
from gateways.bus.leases import INTERVAL, Leases
from gateways.store.events import PgStore

log = logging.getLogger("callplane.worker")

PING = "worker.Ping"
"""Answered with 1 for a partition that is served."""
HOUSEKEEPING = 600.0
"""Seconds between two removals of command ids that are too old."""


class Worker:
    def __init__(self, client: Client, leases: Leases, store: PgStore, loop: Loop) -> None:
        self._client = client
        self._leases = leases
        self._store = store
        self._loop = loop
        self._subscriptions: dict[int, Subscription] = {}
        self._hurry = asyncio.Event()
        self._housekept_at = 0.0
        self._owned = metrics.PARTITIONS_OWNED.labels(leases.worker)

    def lost(self, partitions: Iterable[int]) -> None:
        """The store says that others own these now: look at the leases at once."""
        fenced = list(partitions)
        metrics.PARTITION_CHANGES.labels("fenced").inc(len(fenced))
        log.warning("fenced off from partitions %s", fenced)
        self._hurry.set()

    def store_down(self) -> None:
        """The session that held the partitions is gone; they have to be claimed again."""
        log.warning("the store is away")
        self._loop.disown(self._loop.owned)
        self._hurry.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then finish what was taken in and give everything back."""
        deciding = asyncio.create_task(self._loop.run())
        try:
            while not stop.is_set() and not deciding.done():
                try:
                    await self._tend()
                except (StoreDown, nats.errors.Error, JetStreamError, TimeoutError) as error:
                    log.warning(
                        "cannot tend the partitions: %s", str(error) or type(error).__name__
                    )
                self._owned.set(len(self._subscriptions))
                await self._pause(stop)
            if deciding.done():
                deciding.result()
            await self._give_back(list(self._subscriptions))
            await self._leases.resign()
        finally:
            deciding.cancel()

    async def _pause(self, stop: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._hurry)]
        await asyncio.wait(waits, timeout=INTERVAL, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._hurry.clear()

    async def _tend(self) -> None:
        """Make the partitions that are served those that this worker should serve."""
        held = await self._leases.renew()
        await self._drop(set(self._subscriptions) - held)
        surplus = len(held) - self._leases.share()
        if surplus > 0:
            leaving = sorted(held)[-surplus:]
            await self._give_back(leaving)
            held -= set(leaving)
        elif surplus < 0:
            for partition in self._leases.free()[:-surplus]:
                if await self._leases.take(partition):
                    held.add(partition)
        unclaimed = sorted(held - set(self._loop.owned))
        if unclaimed:
            await self._claim(unclaimed)
        now = asyncio.get_running_loop().time()
        if 0 in held and now - self._housekept_at > HOUSEKEEPING:
            self._housekept_at = now
            await asyncio.to_thread(self._store.forget_old_commands)

    async def _claim(self, partitions: list[int]) -> None:
        epochs = await asyncio.to_thread(self._store.claim, partitions, self._leases.worker)
        self._loop.position = await asyncio.to_thread(self._store.last_position)
        deadlines: dict[int, list[Deadline]] = {}
        for deadline in await asyncio.to_thread(self._store.deadlines):
            deadlines.setdefault(partition_of(deadline.account_id), []).append(deadline)
        for partition, epoch in epochs.items():
            self._loop.own(partition, epoch, deadlines.get(partition, ()))
            if partition not in self._subscriptions:
                self._subscriptions[partition] = await self._client.subscribe(
                    f"cmd.{partition}.>", cb=self._on_message, pending_msgs_limit=20_000
                )
                metrics.PARTITION_CHANGES.labels("taken").inc()
        await self._client.flush()
        log.info("serving %d partitions", len(self._subscriptions))

    async def _drop(self, partitions: Iterable[int]) -> None:
        """Others have these now."""
        gone = list(partitions)
        for partition in gone:
            await self._subscriptions.pop(partition).unsubscribe()
        if gone:
            metrics.PARTITION_CHANGES.labels("lost").inc(len(gone))
            self._loop.disown(gone)
            with suppress(StoreDown):
                await asyncio.to_thread(self._store.release, gone)
            log.warning("lost the leases of %d partitions", len(gone))

    async def _give_back(self, partitions: list[int]) -> None:
        for partition in partitions:
            if subscription := self._subscriptions.pop(partition, None):
                await subscription.unsubscribe()
                metrics.PARTITION_CHANGES.labels("given").inc()
        await self._client.flush()  # what was sent before has arrived
        await self._loop.drained()
        self._loop.disown(partitions)
        if partitions:
            with suppress(StoreDown):  # then the session is gone, and its locks with it
                await asyncio.to_thread(self._store.release, partitions)
            await asyncio.gather(*(self._leases.give(partition) for partition in partitions))

    async def _on_message(self, message: Msg) -> None:
        _, partition, name = message.subject.split(".", 2)
        if name == PING:
            await message.respond(b"1" if int(partition) in self._loop.owned else b"0")
            return

        async def reply(body: bytes) -> None:
            if message.reply:
                try:
                    await self._client.publish(message.reply, body)
                except nats.errors.Error as error:
                    log.warning("a reply was lost: %s", error)

        spans = tracing.spans()
        origin = None if spans is None else spans.arrived(name, message.headers)
        await self._loop.submit(name, message.data, reply, origin)
