"""What must not matter: the moment, the names, and one agent more."""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from events.acd import LeaseConfirmed
from events.base import Fact, Millis
from tests.domain.center import Center, a_shift
from tests.support.given import NOW, property_of

TIMES = {
    *("at", "ts", "expires_at", "give_up_at", "next_ring_at", "queued_at", "since"),
    "wrap_up_until",
}
ARRIVALS = st.lists(
    st.tuples(st.integers(0, 60_000), st.integers(1_000, 90_000)), min_size=2, max_size=25
)
"""Milliseconds after the call before, milliseconds of talk."""


def _written(fact: Fact) -> dict[str, Any]:
    return {"fact": type(fact).__name__, **fact.model_dump(mode="json")}


@property_of(examples=15)
@given(seed=st.integers(0, 10**6), shift=st.integers(-(10**12), 10**12))
def test_a_day_later_everything_is_a_day_later(seed: int, shift: int) -> None:
    moved = [
        {name: v + shift if name in TIMES and v is not None else v for name, v in row.items()}
        for row in map(_written, a_shift(Random(seed)))
    ]
    shifted = a_shift(Random(seed), now=Millis(NOW + shift))
    assert [_written(fact) for fact in shifted] == moved


@property_of(examples=15)
@given(seed=st.integers(0, 10**6))
def test_other_names_change_nothing_but_names(seed: int) -> None:
    facts = [str(_written(fact)) for fact in a_shift(Random(seed))]
    renamed = [str(_written(fact)) for fact in a_shift(Random(seed), prefix="x")]
    assert [text.replace("_x", "_") for text in renamed] == facts


@property_of(examples=40)
@given(arrivals=ARRIVALS, agents=st.integers(1, 4))
def test_one_agent_more_makes_nobody_wait_longer(
    arrivals: list[tuple[int, int]], agents: int
) -> None:
    fewer, more = _waits(arrivals, agents), _waits(arrivals, agents + 1)
    assert fewer.keys() == more.keys()
    assert all(more[call_id] <= wait for call_id, wait in fewer.items())


def _waits(arrivals: list[tuple[int, int]], agents: int) -> dict[str, int]:
    """Caller → milliseconds in the queue; agents answer at once."""
    center = Center()
    center.queue("q_1", wrap_up_sec=0, max_wait_sec=0)
    names = [center.ready(f"a{number}", "q_1") for number in range(agents)]
    ends: list[tuple[int, str]] = []
    talk: dict[str, int] = {}
    at = int(center.now)

    def answer() -> None:
        for name in names:
            if center.of(name).offer is not None:
                lease = center.answer(name)
                ends.append((center.now + talk[lease.call_id], lease.call_id))

    def work_until(until: float) -> None:
        while ends and min(ends)[0] <= until:
            due, call_id = min(ends)
            ends.remove((due, call_id))
            center.now = Millis(due)
            center.end(call_id)
            answer()

    for number, (after, length) in enumerate(arrivals):
        at += after
        work_until(at)
        center.now = Millis(at)
        talk[f"c{number}"] = length
        center.call(f"c{number}")
        answer()
    work_until(float("inf"))
    confirmed = [fact for fact in center.facts if isinstance(fact, LeaseConfirmed)]
    return {fact.call_id: fact.at - fact.queued_at for fact in confirmed}
