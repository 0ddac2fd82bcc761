"""Polls that found nothing new, and wait at the owner until there is something for their call.

A poll that is woken is decided in the batch of the facts that woke it, so its answer is durable
with them, and an agent rings one commit after he became free.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from events.acd import AgentReserved, CallerLeft, LeaseReleased
from events.base import AccountId, CallId, Fact, Millis
from events.call import ORDERS, FlowStepped

T = TypeVar("T")
Key = tuple[AccountId, CallId]


def moved_by(facts: Iterable[Fact]) -> set[Key]:
    """The calls for which something has changed that their engine should ask for."""
    found: set[Key] = set()
    for fact in facts:
        match fact:
            case AgentReserved() | LeaseReleased() | CallerLeft():
                found.add((fact.account_id, fact.call_id))
            case FlowStepped() if fact.reported in ORDERS:
                found.add((fact.account_id, fact.call_id))
    return found


@dataclass(slots=True)
class Poll(Generic[T]):
    key: Key
    until: Millis
    pending: T
    body: bytes
    """The answer if nothing comes."""
    is_over: bool = False


class Held(Generic[T]):
    def __init__(self) -> None:
        self._of_call: dict[Key, list[Poll[T]]] = {}
        self._heap: list[tuple[Millis, int, Poll[T]]] = []
        self._numbers = count()

    def put(self, poll: Poll[T]) -> None:
        self._of_call.setdefault(poll.key, []).append(poll)
        heappush(self._heap, (poll.until, next(self._numbers), poll))

    def woken_by(self, facts: Iterable[Fact]) -> list[Poll[T]]:
        """Take out those for whose calls something has changed."""
        if not self._of_call:
            return []
        found = [poll for key in moved_by(facts) for poll in self._of_call.pop(key, ())]
        for poll in found:
            poll.is_over = True
        return found

    def due(self, now: Millis) -> list[Poll[T]]:
        """Take out those that have waited long enough."""
        found = []
        while (until := self.next_due()) is not None and until <= now:
            poll = heappop(self._heap)[2]
            self.drop(poll)
            found.append(poll)
        return found

    def drop(self, poll: Poll[T]) -> None:
        """Take this one out."""
        poll.is_over = True
        others = [other for other in self._of_call.get(poll.key, ()) if other is not poll]
        if others:
            self._of_call[poll.key] = others
        else:
            self._of_call.pop(poll.key, None)

    def next_due(self) -> Millis | None:
        while self._heap and self._heap[0][2].is_over:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def clear(self) -> list[Poll[T]]:
        """Take out all."""
        found = [poll for polls in self._of_call.values() for poll in polls]
        self._of_call.clear()
        self._heap.clear()
        return found
