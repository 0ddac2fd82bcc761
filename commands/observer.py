"""What the loop tells about its work, for who counts it and who traces it.

Moments are those of `time.perf_counter`, in seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from commands.message import Command
from events.base import Fact


@dataclass(slots=True)
class Course:
    """How a command fared."""

    command: Command
    arrived_at: float
    origin: object = None
    """What its sender is known by to who traces; the loop only carries it."""
    began_at: float = 0.0
    decided_at: float = 0.0
    outcome: str = "ok"
    """ok, refused (it may not be), unavailable (not now), failed (a fault of ours)"""
    facts: int = 0
    was_held: bool = False
    """Whether its answer waited on purpose."""


class Batch(NamedTuple):
    """What was decided and appended together."""

    commands: int
    seconds: float
    position: int
    """Of the last fact that this worker has appended."""


class Observer:
    """Listens to nothing."""

    def batch(self, batch: Batch) -> None:
        """A batch is done; its replies are given."""

    def appended(self, facts: Mapping[type[Fact], int]) -> None:
        """So many facts of each kind are durable now."""

    def answered(self, course: Course, append_began_at: float, answered_at: float) -> None:
        """A reply was given; `append_began_at` is 0 if nothing was appended for it."""
