"""One subscription's deliveries in memory: what may be sent now, what waits, what is paid.

Guarantees: the events of one call go out in their order, the next only after the one before is
delivered or dead; calls do not wait for each other; never more than `CONCURRENCY` requests at a
time; never more than `BUFFER` deliveries in memory, however many are owed.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateways.webhooks.ledger import Owed, Subscription

CONCURRENCY = 16
BUFFER = 1_000


@dataclass(slots=True)
class Lane:
    """The deliveries of one call, in order."""

    waiting: deque[Owed] = field(default_factory=deque)
    busy: bool = False
    not_before: int = 0
    """Epoch ms before which the first must not be tried (again)."""


@dataclass(slots=True)
class Endpoint:
    subscription: Subscription
    position: int
    """Of the last delivery taken into memory."""
    lanes: OrderedDict[str, Lane] = field(default_factory=OrderedDict)
    open: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Delivery in memory → its position, in order."""
    in_flight: int = 0
    exhausted: bool = False
    """Whether the last look found nothing more in the outbox."""
    failures: int = 0
    """Failed attempts since the last success."""

    def room(self) -> int:
        return BUFFER - len(self.open)

    def wants_more(self) -> bool:
        """Whether it is worth a look into the outbox: looks are few and large."""
        return not self.exhausted and len(self.open) <= BUFFER // 2

    def add(self, owed: Owed) -> None:
        lane = self.lanes.setdefault(owed.call_id or owed.delivery_id, Lane())
        if not lane.waiting:
            lane.not_before = owed.next_at or 0
        lane.waiting.append(owed)
        self.open[owed.delivery_id] = owed.position
        self.position = max(self.position, owed.position)

    def sendable(self, now: int) -> Iterator[Owed]:
        """Take what may be sent now; each must come back through `settled` or `failed`."""
        for lane in self.lanes.values():
            if self.in_flight >= CONCURRENCY:
                return
            if lane.busy or not lane.waiting or lane.not_before > now:
                continue
            lane.busy = True
            self.in_flight += 1
            yield lane.waiting[0]

    def settled(self, owed: Owed) -> None:
        """The delivery is paid or dead; the next of its call may go."""
        self.in_flight -= 1
        key = owed.call_id or owed.delivery_id
        lane = self.lanes[key]
        lane.waiting.popleft()
        lane.busy = False
        lane.not_before = 0
        del self.open[owed.delivery_id]
        if not lane.waiting:
            del self.lanes[key]

    def failed(self, owed: Owed, next_at: int) -> None:
        """The delivery is to be tried again; its call waits for it."""
        self.in_flight -= 1
        lane = self.lanes[owed.call_id or owed.delivery_id]
        lane.busy = False
        lane.not_before = next_at
        lane.waiting[0] = owed._replace(attempts=owed.attempts + 1, next_at=next_at)

    def paid_up_to(self) -> int:
        """The position up to which everything is settled."""
        oldest = min(self.open.values(), default=None)
        return self.position if oldest is None else oldest - 1

    def next_due(self, now: int) -> int | None:
        """When the next waiting delivery may be sent, if nothing else happens."""
        due = [
            lane.not_before
            for lane in self.lanes.values()
            if lane.waiting and not lane.busy and lane.not_before > now
        ]
        return min(due, default=None)
