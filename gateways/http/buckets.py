"""Token buckets by name. Bounded: of more than `most` names the longest unused are forgotten, and
begin with a full bucket when they come again."""

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple


class Level(NamedTuple):
    """What is in a bucket after somebody asked for a token."""

    is_taken: bool
    left: int
    full_in: int
    """Seconds."""
    next_in: int
    """Seconds until there is a token; 0 when there is one."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    """`rate` tokens a second flow into each bucket, which holds `burst`. A rate of 0: every wish is
    granted. Times are seconds of a clock that never goes back."""

    def __init__(self, rate: float, burst: int, most: int = 10_000) -> None:
        self.rate = rate
        self.burst = burst
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str, now: float) -> Level:
        bucket = self._filled(name, now)
        is_taken = bucket.tokens >= 1 or not self.rate
        if is_taken:
            bucket.tokens = max(0.0, bucket.tokens - 1)
        return self._level(bucket, is_taken)

    def give_back(self, name: str) -> None:
        """What was taken was not used after all."""
        if (bucket := self._buckets.get(name)) is not None:
            bucket.tokens += 1  # what is too much runs over before the next is taken

    def _filled(self, name: str, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(name, _Bucket(float(self.burst), now))
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        since = max(0.0, now - bucket.at)
        bucket.tokens = min(float(self.burst), bucket.tokens + since * self.rate)
        bucket.at = now
        return bucket

    def _level(self, bucket: _Bucket, is_taken: bool) -> Level:
        if not self.rate:
            return Level(True, self.burst, 0, 0)
        full_in = ceil((self.burst - bucket.tokens) / self.rate)
        next_in = ceil(max(0.0, 1 - bucket.tokens) / self.rate)
        return Level(is_taken, int(bucket.tokens), full_in, next_in)
