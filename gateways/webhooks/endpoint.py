"""One subscription's deliveries in memory: what may be sent now, what waits, what is paid.

Guarantees: the events of one call go out in their order, the next only after the one before is
delivered or dead; calls do not wait for each other; never more than `CONCURRENCY` requests at a
time; never more than `BUFFER` deliveries in memory that were not tried yet, nor more than `LARGEST`
at all, however many are owed.

An endpoint that gives nothing but failures is left alone for a while, so that a dead one costs a
request now and then and the healthy ones keep their pace.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count

from gateways.webhooks.ledger import Owed, Paid, Subscription

CONCURRENCY = 16
BUFFER = 1_000
LARGEST = 10_000
PATIENCE = 10
"""Failures in a row after which an endpoint rests between two attempts."""
LONGEST_REST = 10.0
"""Seconds."""


@dataclass(slots=True)
class Lane:
    """The deliveries of one call, in order."""

    waiting: deque[Owed] = field(default_factory=deque)
    busy: bool = False
    turn: int = 0
    """Its place in the queue of lanes; an older one there is void."""


@dataclass(slots=True)
class Endpoint:
    subscription: Subscription
    place: int = 0
    """Of the last delivery that was taken from the outbox into memory."""
    failing_since: int | None = None
    """Epoch ms."""
    lanes: dict[str, Lane] = field(default_factory=dict)
    open: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Delivery of the outbox in memory → its place."""
    asked: dict[str, int] = field(default_factory=dict)
    """Delivery that somebody wants again → the number of that wish, until it is booked."""
    in_flight: int = 0
    tried: int = 0
    """Deliveries in memory that have failed at least once since they were taken up."""
    exhausted: bool = False
    """Whether the last look found nothing more in the outbox."""
    failures: int = 0
    """Failed attempts since the last success."""
    not_before: int = 0
    """Epoch ms before which nothing is sent at all."""
    given_up: str | None = None
    """Why the subscription is to be disabled."""
    _held: set[str] = field(default_factory=set)
    """Deliveries in a lane."""
    _queue: list[tuple[int, int, str]] = field(default_factory=list)
    """When a lane may go on, its turn, its name."""
    _turns: "count[int]" = field(default_factory=lambda: count(1))

    @classmethod
    def resumed(cls, subscription: Subscription, paid: Paid) -> "Endpoint":
        return cls(subscription, paid.place, paid.failing_since)

    def now_is(self, subscription: Subscription) -> None:
        """It was changed, perhaps; one that is active again begins anew."""
        if subscription.active_since != self.subscription.active_since:
            self.succeeded()
            self.given_up = None
        self.subscription = subscription

    # What comes in

    def room(self) -> int:
        """Looks into the outbox are few and large: none for less than half a buffer."""
        if self.exhausted:
            return 0
        most = BUFFER if self.failures > PATIENCE else LARGEST
        waiting = len(self.open) - (0 if self.failures > PATIENCE else self.tried)
        room = min(BUFFER - waiting, most - len(self.open))
        return room if room >= BUFFER // 2 else 0

    def add(self, owed: Owed) -> None:
        """Take a delivery of the outbox into memory."""
        self.place = max(self.place, owed.place)
        if owed.delivery_id in self.open:
            return
        self.open[owed.delivery_id] = owed.place
        if owed.delivery_id not in self._held:
            self._queue_up(owed)

    def ask(self, owed: Owed) -> None:
        """Somebody wants this (again): it goes at the end of its call, or at once when it waits for
        its next try."""
        assert owed.asked is not None
        if self.asked.get(owed.delivery_id) == owed.asked:
            return
        self.asked[owed.delivery_id] = owed.asked
        if owed.delivery_id not in self._held:
            self._queue_up(owed)
            return
        lane = self.lanes[owed.lane]
        if not lane.busy and lane.waiting[0].delivery_id == owed.delivery_id:
            self.not_before = 0
            self._turn(owed.lane, lane, 0)

    def _queue_up(self, owed: Owed) -> None:
        self._held.add(owed.delivery_id)
        self.tried += _was_tried(owed)
        lane = self.lanes.setdefault(owed.lane, Lane())
        lane.waiting.append(owed)
        if len(lane.waiting) == 1:
            self._turn(owed.lane, lane, owed.next_at or 0)

    def _turn(self, name: str, lane: Lane, not_before: int) -> None:
        lane.turn = next(self._turns)
        heappush(self._queue, (not_before, lane.turn, name))

    # What goes out

    def sendable(self, now: int) -> Iterator[Owed]:
        """Take what may be sent now; each must come back through `settled` or `failed`."""
        most = 1 if self.failures > PATIENCE else CONCURRENCY
        while self.in_flight < most and self.not_before <= now and self._next_at() <= now:
            lane = self.lanes[heappop(self._queue)[2]]
            lane.busy = True
            self.in_flight += 1
            yield lane.waiting[0]

    def next_due(self) -> float:
        """When something may be sent, if nothing else happens (epoch ms); infinite: never."""
        if self.in_flight >= (1 if self.failures > PATIENCE else CONCURRENCY):
            return float("inf")
        return max(self.not_before, self._next_at())

    def _next_at(self) -> float:
        while self._queue:
            at, turn, name = self._queue[0]
            lane = self.lanes.get(name)
            if lane is not None and lane.turn == turn:
                return at
            heappop(self._queue)
        return float("inf")

    # What became of it

    def succeeded(self) -> None:
        self.failures, self.not_before, self.failing_since = 0, 0, None

    def stumbled(self, now: int, first_pause: float) -> None:
        """An attempt has failed; after many in a row the endpoint rests, ever longer."""
        self.failures += 1
        self.failing_since = self.failing_since or now
        if self.failures > PATIENCE:
            pause = min(LONGEST_REST, first_pause * 2 ** min(20, self.failures - PATIENCE))
            self.not_before = max(self.not_before, now + int(1000 * pause))

    def settled(self, owed: Owed) -> None:
        """The delivery is paid or dead; the next of its call may go."""
        self._back(owed)
        self.tried -= _was_tried(owed)
        lane = self.lanes[owed.lane]
        lane.waiting.popleft()
        self._held.discard(owed.delivery_id)
        self.open.pop(owed.delivery_id, None)
        if lane.waiting:
            self._turn(owed.lane, lane, lane.waiting[0].next_at or 0)
        else:
            del self.lanes[owed.lane]

    def failed(self, owed: Owed, next_at: int) -> None:
        """The delivery is to be tried again; its call waits for it."""
        self._back(owed)
        self.tried += not _was_tried(owed)
        lane = self.lanes[owed.lane]
        lane.waiting[0] = owed._replace(attempts=owed.attempts + 1, next_at=next_at)
        self._turn(owed.lane, lane, next_at)

    def booked(self, delivery_id: str, asked: int) -> None:
        """That wish is fulfilled, and the book says so."""
        if self.asked.get(delivery_id) == asked:
            del self.asked[delivery_id]

    def _back(self, owed: Owed) -> None:
        self.in_flight -= 1
        self.lanes[owed.lane].busy = False

    def paid(self) -> Paid:
        """The place up to which everything is settled."""
        oldest = min(self.open.values(), default=None)
        return Paid(self.place if oldest is None else oldest - 1, self.failing_since)


def _was_tried(owed: Owed) -> int:
    return int(owed.next_at is not None)
