"""Who serves which partition: leases in a NATS key-value bucket, by compare-and-set.

A worker renews one key of its own (`w.<worker>`); each partition's key (`p.<n>`) names the worker
that has it. A partition is free when nobody has it or when its worker's key has not moved for
`TTL` seconds of the observer's own monotonic clock, so clocks need not agree. All this is
routing: a lease that two workers believe in does no harm, because the store fences the older one.
"""

import logging
import time
from dataclasses import dataclass, field

import orjson
from nats.js.errors import APIError, BucketNotFoundError, KeyWrongLastSequenceError, NoKeysError
from nats.js.kv import KeyValue

from commands.partitions import PARTITIONS

log = logging.getLogger("callplane.leases")

TTL = 3.0
"""Seconds without a renewal after which a worker counts as dead."""
INTERVAL = 0.75
"""Seconds between two renewals."""


@dataclass(slots=True)
class _Seen:
    """A key as it was last read, and when its revision last moved (monotonic seconds)."""

    revision: int
    worker: str
    moved_at: float


@dataclass(slots=True)
class Leases:
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
        """Read the whole bucket; a watch that ends after what is there now."""
        now = time.monotonic()
        found: dict[str, _Seen] = {}
        watcher = await self.bucket.watchall()
        try:
            async for entry in watcher:
                if entry is None:
                    break
                if entry.operation is not None and entry.key.startswith("w."):
                    continue
                worker = orjson.loads(entry.value).get("worker", "") if entry.value else ""
                old = self._seen.get(entry.key)
                moved_at = old.moved_at if old and old.revision == entry.revision else now
                found[entry.key] = _Seen(entry.revision or 0, worker, moved_at)
        except (NoKeysError, BucketNotFoundError):
            pass
        finally:
            await watcher.stop()  # type: ignore[no-untyped-call]
        self._seen = found
