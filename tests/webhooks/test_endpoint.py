"""An endpoint's lanes: whatever is answered and whatever is asked for, order and bounds hold."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateways.webhooks.endpoint import BUFFER, CONCURRENCY, PATIENCE, Endpoint
from gateways.webhooks.ledger import Owed, Subscription
from tests.support.given import property_of

SUBSCRIPTION = Subscription(
    "wh_1", "acc_1", "https://hooks.example/", "sec_1", None, None, "active", 0
)
FIRST_PAUSE = 1.0


def owed(place: int, call_id: str | None) -> Owed:
    return Owed(f"whd_{place}", "wh_1", place, "call.ended", call_id, "{}", 0, 0, None)


class Run:
    """An endpoint that is driven at random; it remembers what was sent and settled."""

    def __init__(self, calls: list[str | None]) -> None:
        self.endpoint = Endpoint(SUBSCRIPTION)
        self.deliveries = [owed(place, call) for place, call in enumerate(calls, start=1)]
        self.now = 0
        self.taken = 0
        self.flying: list[Owed] = []
        self.settled: list[str] = []
        self.wishes = 0

    def take(self, count: int) -> None:
        for one in self.deliveries[self.taken : self.taken + count]:
            self.endpoint.add(one)
        self.taken = min(len(self.deliveries), self.taken + count)

    def send(self) -> None:
        before = Counter(one.lane for one in self.flying)
        for one in self.endpoint.sendable(self.now):
            assert not before[one.lane], "two deliveries of one call at a time"
            before[one.lane] += 1
            self.flying.append(one)
        assert len(self.flying) == self.endpoint.in_flight <= CONCURRENCY

    def conclude(self, which: int, good: bool) -> None:
        if not self.flying:
            return
        one = self.flying.pop(which % len(self.flying))
        if good:
            self.endpoint.succeeded()
            self.endpoint.settled(one)
            self.settled.append(one.delivery_id)
            if (number := self.endpoint.asked.get(one.delivery_id)) is not None:
                self.endpoint.booked(one.delivery_id, number)
        else:
            self.endpoint.stumbled(self.now, FIRST_PAUSE)
            self.endpoint.failed(one, self.now + 1_000)
        paid = self.endpoint.paid().place
        unsettled = {o.place for o in self.deliveries[: self.taken]} - {
            int(id.removeprefix("whd_")) for id in self.settled
        }
        assert all(place > paid for place in unsettled), "it would be forgotten at a restart"

    def ask(self, which: int) -> None:
        if not self.taken:
            return
        self.wishes += 1
        one = self.deliveries[which % self.taken]
        self.endpoint.ask(one._replace(asked=self.wishes))
        held = [o.delivery_id for lane in self.endpoint.lanes.values() for o in lane.waiting]
        assert len(held) == len(set(held)), "it waits twice"

    def finish(self) -> None:
        """Everything is taken, and the other side is well from now on."""
        self.take(len(self.deliveries))
        for _ in range(10 * len(self.deliveries) + 10 * self.wishes + 100):
            self.now += 20_000
            self.send()
            while self.flying:
                self.conclude(0, good=True)


_STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(1, 8)),
    st.tuples(st.just("send"), st.just(0)),
    st.tuples(st.just("good"), st.integers(0, 50)),
    st.tuples(st.just("bad"), st.integers(0, 50)),
    st.tuples(st.just("wait"), st.integers(0, 3_000)),
    st.tuples(st.just("ask"), st.integers(0, 50)),
)
_CALLS = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=30)


def _drive(run: Run, steps: list[tuple[str, int]]) -> None:
    for step, number in steps:
        match step:
            case "take":
                run.take(number)
            case "send":
                run.send()
            case "good" | "bad":
                run.conclude(number, step == "good")
            case "wait":
                run.now += number
            case "ask":
                run.ask(number)


@property_of(300)
@given(_CALLS, st.lists(_STEPS.filter(lambda step: step[0] != "ask"), max_size=80))
def test_each_call_is_delivered_in_order_and_once(
    calls: list[str | None], steps: list[tuple[str, int]]
) -> None:
    run = Run(calls)
    _drive(run, steps)
    run.finish()
    assert sorted(run.settled) == sorted(one.delivery_id for one in run.deliveries)
    for call in {"a", "b", "c"}:
        in_order = [one.delivery_id for one in run.deliveries if one.call_id == call]
        assert [id for id in run.settled if id in in_order] == in_order
    assert run.endpoint.paid().place == len(run.deliveries)
    assert not run.endpoint.lanes
    assert run.endpoint.tried == 0


@property_of(300)
@given(_CALLS, st.lists(_STEPS, max_size=80))
def test_whatever_is_asked_for_again_nothing_is_lost_and_all_is_forgotten_in_the_end(
    calls: list[str | None], steps: list[tuple[str, int]]
) -> None:
    run = Run(calls)
    _drive(run, steps)
    run.finish()
    assert set(run.settled) == {one.delivery_id for one in run.deliveries}
    assert not run.endpoint.lanes
    assert not run.endpoint.open
    assert not run.endpoint.asked
    assert run.endpoint.tried == 0


def test_calls_do_not_wait_for_each_other() -> None:
    run = Run(["a", "b", "a", "b"])
    run.take(4)
    run.send()
    run.conclude(0, good=False)
    run.send()
    run.conclude(0, good=True)
    run.send()
    assert run.settled == ["whd_2"]
    assert [one.delivery_id for one in run.flying] == ["whd_4"]


def test_what_waits_for_its_next_try_is_hurried_when_somebody_asks() -> None:
    run = Run(["a"])
    run.take(1)
    run.send()
    run.conclude(0, good=False)
    run.send()
    assert run.flying == []
    run.ask(0)
    run.send()
    assert [one.delivery_id for one in run.flying] == ["whd_1"]


def test_what_is_asked_for_twice_before_it_is_sent_is_sent_once() -> None:
    run = Run(["a"])
    run.take(1)
    run.send()
    run.conclude(0, good=True)
    run.ask(0)
    run.ask(0)
    run.finish()
    assert run.settled == ["whd_1", "whd_1"]


def test_no_more_is_taken_up_than_there_is_room_for() -> None:
    run = Run([f"call-{number}" for number in range(BUFFER)])
    assert run.endpoint.room() == BUFFER
    run.take(BUFFER // 2)
    assert run.endpoint.room() == BUFFER // 2
    run.take(1)
    assert run.endpoint.room() == 0, "looks are few and large"


def test_what_is_tried_again_later_keeps_no_other_out() -> None:
    """Else a few hundred deliveries that an endpoint does not like would stop all the others."""
    run = Run([f"call-{number}" for number in range(BUFFER)])
    run.take(BUFFER)
    while run.endpoint.tried < BUFFER:
        run.send()
        while run.flying:
            run.conclude(0, good=False)
            run.endpoint.succeeded()
    assert run.endpoint.room() == BUFFER


def test_an_endpoint_that_only_fails_gets_one_request_at_a_time_and_rests_in_between() -> None:
    run = Run([f"call-{number}" for number in range(BUFFER)])
    run.take(BUFFER)
    while run.endpoint.failures <= PATIENCE:
        run.send()
        run.conclude(0, good=False)
    while run.flying:
        run.conclude(0, good=False)
    run.now = run.endpoint.not_before - 1
    run.send()
    assert run.flying == []
    run.now += 1
    run.send()
    assert len(run.flying) == 1
    assert run.endpoint.room() == 0
    run.conclude(0, good=True)
    run.send()
    assert len(run.flying) == CONCURRENCY
