"""No moment is special: everything a day earlier or later comes out a day earlier or later."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain import call, capacity, presence
from domain.call import CallSession, Report
from domain.presence import ContactKey, Presence
from domain.routing import RouteRequest
from events.base import CallId, Fact, Millis
from events.call import DialogEvent
from events.capacity import ReleaseReason
from events.presence import RemovalReason
from tests.domain.acme import DID_NUMBER, Acme
from tests.domain.calls import routed
from tests.support.given import ACCOUNT, CALL_ID, NOW, property_of

TIMES = {"at", "ts", "expires_at", "start_ts", "ring_ts", "answer_ts", "end_ts"}
SHIFTS = st.integers(-(10**12), 10**12)
AFTER = st.integers(0, 7_200_000)


def _moved(value: Any, shift: int, name: str = "") -> Any:
    """The value with every time in it moved."""
    if isinstance(value, dict):
        return {member: _moved(inner, shift, member) for member, inner in value.items()}
    if isinstance(value, list):
        return [_moved(inner, shift) for inner in value]
    return value + shift if name in TIMES and value is not None else value


def _written(facts: Sequence[Fact]) -> list[Any]:
    return [fact.model_dump(mode="json") for fact in facts]


def _call(steps: Sequence[tuple[str, int]], start: int) -> list[Fact]:
    state, facts = CallSession(CALL_ID), list[Fact]()
    for kind, after in steps:
        now = Millis(start + after)
        if kind == "route":
            decided = call.route(state, routed().model_copy(update={"at": now}))
        elif kind == "lost":
            decided = call.give_up(state, ACCOUNT, now) if state.hops else []
        else:
            decided = call.report_dialog(state, ACCOUNT, Report(DialogEvent(kind), now), now)
        for fact in decided:
            call.evolve(state, fact)
        facts += decided
    return facts


def _contact(events: Sequence[tuple[str, int]], start: int) -> list[Fact]:
    state, key, facts = Presence(), ContactKey("dev_1", "sip:1@192.0.2.1"), list[Fact]()
    for kind, after in events:
        ts = Millis(start + after)
        match kind:
            case "register":
                until = Millis(ts + 600_000)
                decided = presence.register(state, ACCOUNT, "us_1", key, until, ts, ts)
            case "remove":
                why = RemovalReason.UNREGISTERED
                decided = presence.remove(state, ACCOUNT, key, why, ts, ts)
            case "silent":
                decided = presence.qualify(state, ACCOUNT, key, False, ts, ts)
            case _:
                decided = presence.expire(state, ACCOUNT, ts)
        for fact in decided:
            presence.evolve(state, fact)
        facts += decided
    return facts


def _channels(calls: Sequence[tuple[str, int]], start: int) -> list[Fact]:
    """Calls to a number that has two channels, decided with everything around them."""
    acme, facts = Acme(now=Millis(start)), list[Fact]()
    acme.add_did("user", acme.add_user("1001"), max_channels=2)
    limit = {"scope_kind": "did", "period_sec": 1_800}
    acme.add("call_limit", "lim_1", **limit, max_count=3)
    acme.add("call_limit", "lim_2", **limit, max_count=1, hard=0)
    for number, (kind, after) in enumerate(calls):
        acme.now = Millis(start + after)
        made: list[Fact] = []
        if kind == "route":
            ask = RouteRequest(CallId(str(number)), from_="+14155551234", to="+" + DID_NUMBER)
            made = acme.decide(ask)[1]
        elif acme.capacity.open:
            oldest, why = next(iter(acme.capacity.open)), ReleaseReason.ENDED
            made = [*capacity.release(acme.capacity, ACCOUNT, oldest, why, acme.now)]
        acme.apply(made)
        facts += made
    return facts


_STEPS = st.sampled_from(["route", "route", "start", "early", "answered", "end", "lost"])
_EVENTS = st.sampled_from(["register", "register", "remove", "silent", "expire"])
_CALLS = st.sampled_from(["route", "end"])


@property_of(examples=40)
@given(st.lists(st.tuples(_STEPS, AFTER), max_size=10), SHIFTS)
def test_a_call_is_the_same_at_any_time(steps: list[tuple[str, int]], by: int) -> None:
    today = _written(_call(steps, NOW))
    assert _written(_call(steps, NOW + by)) == _moved(today, by)


@property_of(examples=40)
@given(st.lists(st.tuples(_EVENTS, AFTER), max_size=12), SHIFTS)
def test_a_registration_is_the_same_at_any_time(events: list[tuple[str, int]], by: int) -> None:
    today = _written(_contact(events, NOW))
    assert _written(_contact(events, NOW + by)) == _moved(today, by)


@property_of(examples=20)
@given(st.lists(st.tuples(_CALLS, AFTER), max_size=8), SHIFTS)
def test_admission_is_the_same_at_any_time(calls: list[tuple[str, int]], by: int) -> None:
    today = _written(_channels(calls, NOW))
    assert _written(_channels(calls, NOW + by)) == _moved(today, by)


def test_the_histories_that_are_compared_are_not_empty() -> None:
    steps = ["early", "route", "answered", "lost", "end"]
    assert len(_call([(kind, 1_000) for kind in steps], NOW)) == 6
    events = [("register", 0), ("silent", 1), ("remove", 2), ("register", 3), ("expire", 10**6)]
    assert len(_contact(events, NOW)) == 5
    assert len(_channels([("route", 0), ("route", 1), ("route", 2), ("end", 3)], NOW)) == 8
