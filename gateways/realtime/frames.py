"""What viewers get: one snapshot, then changes with numbers.

    {"type": "snapshot",      "epoch", "seq", "at", "position", "live", "keys": {key: value}}
    {"type": "delta", "from", "epoch", "seq", "at", "position", "live", "keys": {key: value}}

A delta takes a screen that is at `from` to `seq`; null in the place of a value means that the key
is gone. `at` is when the newest fact in it was decided, `position` its place among all facts;
`live` is false while the bus is away and the values may be old. Between changes a delta without
keys says every few seconds that the service is there.
"""

from typing import Any, NamedTuple

import orjson


class Stamp(NamedTuple):
    """What a frame tells beside its values."""

    epoch: str
    sequence: int
    at: int
    position: int
    is_live: bool

    def members(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "seq": self.sequence,
            "at": self.at,
            "position": self.position,
            "live": self.is_live,
        }


class Place(NamedTuple):
    """Where a viewer is: `<epoch>:<sequence>`."""

    epoch: str
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.sequence}"


def place_from(text: str | None) -> Place | None:
    """None of what is no such place."""
    epoch, colon, number = (text or "").partition(":")
    is_number = number.isascii() and number.isdigit() and len(number) < 20
    return Place(epoch, int(number)) if colon and is_number else None


def snapshot(stamp: Stamp, values: Any) -> bytes:
    return orjson.dumps({"type": "snapshot", **stamp.members(), "keys": values})


def delta(stamp: Stamp, since: int, values: Any) -> bytes:
    return orjson.dumps({"type": "delta", "from": since, **stamp.members(), "keys": values})
