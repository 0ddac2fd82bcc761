"""What people will do follows from the seed, and from nothing else."""

from hashlib import sha256
from itertools import islice, pairwise, takewhile

import pytest

from deploy.simulator.plan import INTERNAL, Habits, Intent, Plan

PLAN = Plan(seed=1, agents=5, lines=(0.25, 0.75))


def _digest(plan: Plan) -> str:
    """Of an hour of the plan, and of what agents make of its first callers."""
    offers = [plan.offer(agent, caller, 0) for agent in range(5) for caller in range(100)]
    return sha256(repr((plan.timeline(3_600), offers)).encode()).hexdigest()[:16]


def test_the_same_seed_is_the_same_plan_for_ever() -> None:
    assert _digest(PLAN) == "a0e1bcea48b35168"
    assert _digest(Plan(seed=1, agents=5, lines=(0.25, 0.75))) == _digest(PLAN)


def test_another_seed_is_another_plan() -> None:
    assert _digest(Plan(seed=2, agents=5, lines=(0.25, 0.75))) != _digest(PLAN)


def test_the_order_of_questions_does_not_matter() -> None:
    there = [PLAN.offer(agent, 7, 0) for agent in range(5)]
    back = [PLAN.offer(agent, 7, 0) for agent in reversed(range(5))]
    assert there == back[::-1]
    assert PLAN.offer(0, 7, 0) != PLAN.offer(0, 7, 1), "who has missed a caller may take him then"


def test_a_longer_look_sees_the_same_beginning() -> None:
    hour = PLAN.timeline(3_600)
    assert hour[: len(PLAN.timeline(600))] == PLAN.timeline(600)
    assert [scene.at for scene in hour] == sorted(scene.at for scene in hour)


@pytest.mark.parametrize("burst", [1.0, 2.0, 3.0])
def test_over_calm_and_busy_times_there_are_as_many_calls_as_wanted(burst: float) -> None:
    habits = Habits(rate=2.0, burst=burst, calm_sec=40, burst_sec=10)
    moments = takewhile(lambda at: at < 50_000, Plan(3, 1, habits=habits).arrivals())
    assert 0.95 < len(list(moments)) / 100_000 < 1.05


def test_bursts_are_bursts() -> None:
    habits = Habits(rate=1.0, burst=4.0, calm_sec=100, burst_sec=25)
    counts = [0] * 800
    for at in takewhile(lambda at: at < 8_000, Plan(1, 1, habits=habits).arrivals()):
        counts[int(at / 10)] += 1
    mean = sum(counts) / 800
    variance = sum((one - mean) ** 2 for one in counts) / 800
    assert variance > 2 * mean, "as even as without bursts"


def test_a_day_is_work_breaks_and_home() -> None:
    known = {"login": {"available"}, "available": {"pause", "logout"}, "pause": {"unpause"}}
    known |= {"unpause": {"pause", "logout"}, "logout": {"login"}}
    day: list[Intent] = list(islice(PLAN.day(2), 200))
    assert {one.what for one in day} == set(known)
    for before, after in pairwise(day):
        assert after.what in known[before.what]
        assert after.at >= before.at
        assert (after.reason is not None) is (after.what == "pause")


def test_nobody_calls_himself() -> None:
    calls = [one for one in islice(PLAN.callers(), 2_000) if one.kind == INTERNAL]
    assert calls
    assert all(int(one.who) != one.line for one in calls)
