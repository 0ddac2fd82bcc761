"""What a worker's command loop does, as figures and spans."""

from collections.abc import Mapping
from functools import lru_cache

from prometheus_client import Counter, Histogram

from commands.catalogue import NAMES as COMMANDS
from commands.message import Command
from commands.observer import Batch, Course, Observer
from events.base import Fact
from events.catalogue import NAMES as FACTS
from gateways import metrics, tracing


class Observed(Observer):
    def __init__(self) -> None:
        self._spans = tracing.spans()

    def batch(self, batch: Batch) -> None:
        metrics.STORE_POSITION.set(batch.position)
        metrics.BATCH_SIZE.observe(batch.commands)
        metrics.BATCH_SECONDS.observe(batch.seconds)

    def appended(self, facts: Mapping[type[Fact], int]) -> None:
        for kind, count in facts.items():
            _appended(kind).inc(count)

    def answered(self, course: Course, append_began_at: float, answered_at: float) -> None:
        if not course.was_held:
            took = answered_at - course.arrived_at
            _seconds(type(course.command), course.outcome).observe(took)
        if self._spans is not None:
            self._spans.answered(course, append_began_at, answered_at)


@lru_cache(1_000)
def _appended(kind: type[Fact]) -> Counter:
    return metrics.FACTS_APPENDED.labels(FACTS[kind])


@lru_cache(1_000)
def _seconds(kind: type[Command], outcome: str) -> Histogram:
    return metrics.WORKER_COMMAND_SECONDS.labels(COMMANDS.get(kind, kind.__name__), outcome)
