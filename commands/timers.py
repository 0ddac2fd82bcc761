"""Deadlines of the partitions that this worker owns.

The heap is a memory of what may be due, not the truth: the command that a deadline becomes decides
on the states. So a deadline too many does no harm, and after a take-over the heap is rebuilt from
what is open (`Deadline`s of calls, contacts and contact centers).
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from commands.store import Deadline
from events.base import Millis

GRAIN = 1_000
"""Deadlines of an account's contacts within the same so many milliseconds are one."""


class Timers:
    def __init__(self) -> None:
        self._heap: list[tuple[Millis, int, Deadline]] = []
        """With a number: deadlines of one moment have no order of their own."""
        self._count = 0
        self._known: set[Deadline] = set()

    def add(self, deadlines: Iterable[Deadline]) -> None:
        for deadline in deadlines:
            if deadline.call_id is None and deadline.item is None:
                coarse = -(-deadline.due // GRAIN) * GRAIN
                deadline = deadline._replace(due=Millis(coarse))
            if deadline not in self._known:
                self._known.add(deadline)
                self._count += 1
                heappush(self._heap, (deadline.due, self._count, deadline))

    def due(self, now: Millis) -> Iterator[Deadline]:
        """Take out what is due at `now`."""
        while self._heap and self._heap[0][0] <= now:
            _, _, deadline = heappop(self._heap)
            self._known.discard(deadline)
            yield deadline

    def next_due(self) -> Millis | None:
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        self._heap.clear()
        self._known.clear()
