"""Who serves which partition: leases in a NATS key-value bucket, by compare-and-set.

A worker renews one key of its own (`w.<worker>`); each partition's key (`p.<n>`) names the worker
that has it. A partition is free when nobody has it or when its worker's key has not moved for
`TTL` seconds of the observer's own monotonic clock, so clocks need not agree. All this is
routing: a lease that two workers believe in does no harm, because the store fences the older one.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import APIError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from commands.partitions import PARTITIONS
from gateways.bus.connection import PARTITIONS as BUCKET

log = logging.getLogger("callplane.leases")

TTL = 3.0
"""Seconds without a renewal after which a worker counts as dead."""
INTERVAL = 0.75
"""Seconds between two renewals."""
READ_TIMEOUT = 2.0
_PREFIX = f"$KV.{BUCKET}."
_COMPLETE = ("204", "404")
"""Statuses that end an answer: that was all, there is nothing."""


@dataclass(slots=True)
class _Seen:
    """A key as it was last read, and when its revision last moved (monotonic seconds)."""

    revision: int
    worker: str
    moved_at: float


@dataclass(slots=True)
class Leases:
    client: Client
    bucket: KeyValue
    worker: str
    _seen: dict[str, _Seen] = field(default_factory=dict)

    async def renew(self) -> set[int]:
        """Say that this worker lives, and read who has what; returns the partitions that it has."""
        await self.bucket.put(f"w.{self.worker}", b"{}")
        await self._read()
        return self.held_by(self.worker)

    def held_by(self, worker: str) -> set[int]:
        return {
            partition
            for partition in range(PARTITIONS)
            if (seen := self._seen.get(f"p.{partition}")) and seen.worker == worker
        }

    def living(self) -> set[str]:
        """The workers whose keys move."""
        now = time.monotonic()
        return {self.worker} | {
            key.removeprefix("w.")
            for key, seen in self._seen.items()
            if key.startswith("w.") and now - seen.moved_at < TTL
        }

    def share(self) -> int:
        """How many partitions are this worker's, if all living ones take their part."""
        living = sorted(self.living())
        least, more = divmod(PARTITIONS, len(living))
        return least + (1 if living.index(self.worker) < more else 0)

    def free(self) -> list[int]:
        """The partitions that nobody serves."""
        living = self.living()
        return [
            partition
            for partition in range(PARTITIONS)
            if (seen := self._seen.get(f"p.{partition}")) is None or seen.worker not in living
        ]

    async def take(self, partition: int) -> bool:
        """Take a free partition; False when another worker was faster."""
        return await self._write(partition, self.worker)

    async def give(self, partition: int) -> None:
        """Give a partition back, so that the next worker need not wait for the lease to end."""
        await self._write(partition, "")

    async def resign(self) -> None:
        """Say that this worker is gone."""
        await self.bucket.delete(f"w.{self.worker}")

    async def _write(self, partition: int, worker: str) -> bool:
        key = f"p.{partition}"
        seen = self._seen.get(key)
        try:
            revision = await self.bucket.update(
                key, orjson.dumps({"worker": worker}), last=seen.revision if seen else 0
            )
        except (KeyWrongLastSequenceError, APIError) as error:
            log.info("partition %d: %s", partition, error)
            return False
        self._seen[key] = _Seen(revision, worker, time.monotonic())
        return True

    async def _read(self) -> None:
        """Read the whole bucket at once. Raises TimeoutError when not all of it has come: a worker
        that took half a bucket for the whole would give up what it has."""
        now = time.monotonic()
        found: dict[str, _Seen] = {}
        for message in await self._entries():
            headers = message.headers or {}
            key, revision = (
                headers["Nats-Subject"].removeprefix(_PREFIX),
                int(headers["Nats-Sequence"]),
            )
            if key.startswith("w.") and "KV-Operation" in headers:
                continue
            worker = orjson.loads(message.data).get("worker", "") if message.data else ""
            old = self._seen.get(key)
            moved_at = old.moved_at if old and old.revision == revision else now
            found[key] = _Seen(revision, worker, moved_at)
        self._seen = found

    async def _entries(self) -> list[Msg]:
        """The last message of every key: one question, many answers, the last of which has a
        status (ADR-31 of the NATS architecture, batched direct get)."""
        inbox = self.client.new_inbox()
        answers = await self.client.subscribe(inbox)
        question = orjson.dumps({"multi_last": [_PREFIX + ">"]})
        entries: list[Msg] = []
        try:
            await self.client.publish(f"$JS.API.DIRECT.GET.KV_{BUCKET}", question, reply=inbox)
            async with asyncio.timeout(READ_TIMEOUT):
                while (status := _status(message := await answers.next_msg(None))) is None:
                    entries.append(message)
        finally:
            await answers.unsubscribe()
        if status not in _COMPLETE:
            raise TimeoutError(f"the bucket cannot be read: {status}")
        return entries


def _status(message: Msg) -> str | None:
    return (message.headers or {}).get("Status")
