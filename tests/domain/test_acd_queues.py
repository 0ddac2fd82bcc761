"""Callers: the gates of a queue, the line, and which agent is rung."""

from typing import Any

import pytest

from domain.acd.callers import Connected, Ringing, TurnedAway, Unknown, Waiting, exit_of
from events.acd import Departure
from events.resources import Queue
from tests.domain.center import Center, names


def staffed(*agents: str, **queue: Any) -> Center:
    """One queue, with these agents ready one second after the other."""
    center = Center()
    center.queue("q_1", **queue)
    for name in agents:
        center.wait(1)
        center.ready(name, "q_1")
    return center


def busy(center: Center, agent: str, seconds: int = 10) -> None:
    """The agent talks for so long and finishes his notes."""
    call_id = f"busy-{agent}-{len(center.facts)}"
    center.call(call_id)
    while center.rung() != [agent]:
        center.miss(center.rung()[0])
    center.answer(agent)
    center.wait(seconds)
    center.end(call_id)
    center.finish_wrap_up(agent)


# Gates


def test_a_closed_queue_takes_nobody() -> None:
    center = staffed("a")
    assert center.call("c1", is_open=False) == TurnedAway("closed")
    assert center.floor.callers == {}


def test_a_full_queue_takes_nobody_more() -> None:
    center = staffed("a", max_queued=1)
    center.pause("us_a")
    assert isinstance(center.call("c1"), Waiting)
    assert center.call("c2") == TurnedAway("full")
    assert center.call("c1") == Waiting(1, 0), "who is in stays in"
    center.end("c1")
    assert isinstance(center.call("c2"), Waiting)


def test_a_queue_where_nobody_is_logged_in_takes_nobody() -> None:
    center = Center()
    center.queue("q_1")
    center.agent("a", "q_1")
    assert center.call("c1") == TurnedAway("no_agents")
    assert center.call("c1", "q_9") == TurnedAway("no_agents")
    center.make_available("us_a")
    assert center.call("c1") == TurnedAway("no_agents"), "he is not in this queue"
    center.make_available("us_a", "q_1")
    center.pause("us_a")
    assert isinstance(center.call("c1"), Waiting), "a break is no logout"


def test_the_gates_are_asked_in_order() -> None:
    center = staffed(max_queued=0)
    assert center.call("c1", is_open=False) == TurnedAway("closed")
    assert center.call("c1") == TurnedAway("full")


def test_the_expected_wait_is_callers_ahead_times_handle_time_by_agents() -> None:
    center = staffed("a", "b", "c", ewt_aht_sec=100)
    center.pause("us_c")
    places = [center.call(f"c{number}") for number in range(6)]
    assert [type(place) for place in places[:2]] == [Ringing, Ringing]
    assert places[2:] == [Waiting(3, 100), Waiting(4, 150), Waiting(5, 200), Waiting(6, 250)]


def test_the_handle_time_is_measured_once_there_are_calls() -> None:
    center = staffed("a", wrap_up_sec=10, ewt_aht_sec=500)
    busy(center, "us_a", seconds=20)
    center.call("c1")
    assert center.call("c2") == Waiting(2, 30)


def test_who_would_wait_too_long_is_deflected() -> None:
    center = staffed("a", ewt_threshold_sec=60, ewt_aht_sec=50)
    center.pause("us_a")
    assert center.call("c1") == Waiting(1, 0)
    assert center.call("c2") == Waiting(2, 50)
    assert center.call("c3") == TurnedAway("deflected")
    assert center.call("vip", priority=9) == Waiting(1, 0), "nobody is ahead of him"


def test_a_queue_says_where_its_callers_go_instead() -> None:
    queue = Queue(name="q", ewt_dest_kind="voicemail", ewt_dest_id="vm_1")
    assert exit_of(queue, "deflected") == ("voicemail", "vm_1")
    for outcome in ("closed", "full", "no_agents", "timeout", "abandoned"):
        assert exit_of(queue, outcome) is None


# The line


def test_a_free_agent_connects_at_once() -> None:
    center = staffed("a")
    place = center.call("c1")
    assert isinstance(place, Ringing)
    assert [lease.agent_id for lease in place.leases] == ["us_a"]
    center.answer("us_a")
    assert center.poll("c1") == Connected("us_a", "lease_1")
    assert center.poll("c9") == Unknown()


def test_equal_priority_is_first_in_first_out_and_higher_goes_before() -> None:
    center = staffed("a", wrap_up_sec=0)
    center.call("first")
    for number, (caller, priority) in enumerate([("b", 0), ("c", 0), ("vip", 5), ("d", 0)]):
        center.now += number  # type: ignore[assignment]
        center.call(caller, priority=priority)
    served = []
    while center.floor.callers:
        served.append(center.answer("us_a").call_id)
        center.end(served[-1])
    assert served == ["first", "vip", "b", "c", "d"]


def test_a_queue_has_a_priority_of_its_own_across_the_queues_of_an_agent() -> None:
    center = Center()
    center.queue("q_1", wrap_up_sec=0)
    center.queue("q_2", priority=7)
    center.ready("a", "q_1", "q_2")
    center.call("now", "q_1")
    center.answer("us_a")
    center.call("early", "q_1")
    center.wait(1)
    center.call("late", "q_2")
    center.end("now")
    assert center.offer("us_a").call_id == "late"


def test_a_freed_agent_serves_the_queue_of_his_lower_tier_first() -> None:
    center = Center()
    center.queue("q_1", wrap_up_sec=0)
    center.queue("q_2", priority=9)
    center.ready("a", "q_1", tier_level=1)
    center.rows.add("agent_queue_assignment", "aqa_2", queue_id="q_2", user_id="us_a", tier_level=2)
    center.make_available("us_a", "q_2")
    center.call("now", "q_1")
    center.answer("us_a")
    center.call("second tier", "q_2")
    center.call("first tier", "q_1")
    center.end("now")
    assert center.offer("us_a").call_id == "first tier"


def test_a_wait_ends_with_a_timeout_and_says_so() -> None:
    center = staffed("a", max_wait_sec=30)
    center.pause("us_a")
    center.call("c1")
    center.wait(29)
    assert center.poll("c1") == Waiting(1, 0)
    center.wait(1)
    assert center.poll("c1") == TurnedAway("timeout")


def test_a_wait_that_ends_while_it_rings_is_no_miss_of_the_agent() -> None:
    center = staffed("a", max_wait_sec=30)
    center.pause("us_a")
    center.call("c1")
    center.wait(25)
    center.make_available("us_a")
    center.wait(5)
    assert names(center.facts[-2:]) == ["LeaseReleased", "CallerLeft"]
    assert center.of("us_a").misses == 0


def test_without_a_limit_a_caller_waits_for_ever() -> None:
    center = staffed("a", max_wait_sec=0)
    center.pause("us_a")
    center.call("c1")
    center.wait(86_400)
    assert center.poll("c1") == Waiting(1, 0)


@pytest.mark.parametrize("departure", [Departure.ROUTED, Departure.CALLBACK])
def test_a_caller_may_leave_for_somewhere_else(departure: Departure) -> None:
    center = staffed("a")
    center.pause("us_a")
    center.call("c1")
    assert names(center.leave("c1", departure)) == ["CallerLeft"]
    assert center.leave("c1", departure) == []
    assert center.poll("c1") == TurnedAway(departure.value)


def test_one_call_passes_through_two_queues() -> None:
    center = staffed("a")
    center.queue("q_2")
    center.ready("b", "q_2")
    center.pause("us_a")
    center.pause("us_b")
    center.call("c1", "q_1")
    center.wait(5)
    center.call("c1", "q_2")
    left, queued = center.facts[-2:]
    assert names([left, queued]) == ["CallerLeft", "CallerQueued"]
    assert center.floor.callers[queued.call_id].queue_id == "q_2"  # type: ignore[attr-defined]
    assert center.poll("c1") == Waiting(1, 0)


# Which agent


def test_longest_idle_rings_who_has_waited_longest() -> None:
    center = staffed("a", "b", "c", strategy="longest_idle")
    busy(center, "us_a")
    center.call("c1")
    assert center.rung() == ["us_b"]


def test_round_robin_goes_round() -> None:
    center = staffed("b", "a", "c", strategy="round_robin", wrap_up_sec=0)
    rung = []
    for number in range(5):
        center.call(f"c{number}")
        rung += center.rung()
        center.answer(rung[-1])
        center.end(f"c{number}")
    assert rung == ["us_a", "us_b", "us_c", "us_a", "us_b"]


def test_top_down_begins_at_the_top() -> None:
    center = Center()
    center.queue("q_1", strategy="top_down", wrap_up_sec=0)
    for name, position in (("a", 2), ("b", 1), ("c", 3)):
        center.ready(name, "q_1", position=position)
    for number in range(3):
        center.call(f"c{number}")
        assert center.rung() == ["us_b"]
        center.answer("us_b")
        center.end(f"c{number}")


def test_fewest_calls_and_least_talk_time_even_out() -> None:
    for strategy, expected in (("fewest_calls", "us_b"), ("least_talk_time", "us_a")):
        center = staffed("a", "b", strategy=strategy, max_no_answer=0)
        busy(center, "us_a", seconds=10)
        busy(center, "us_b", seconds=60)
        busy(center, "us_a", seconds=10)
        center.call("c1")
        assert center.rung() == [expected], strategy


def test_random_is_fair_and_the_same_in_every_replay() -> None:
    rung = [_rung_at_random() for _ in range(2)]
    assert rung[0] == rung[1]
    assert all(rung[0].count(agent) > 15 for agent in ("us_a", "us_b", "us_c"))


def _rung_at_random() -> list[str]:
    center = staffed("a", "b", "c", strategy="random", wrap_up_sec=0)
    rung = []
    for number in range(90):
        center.call(f"c{number}")
        rung += center.rung()
        center.answer(rung[-1])
        center.end(f"c{number}")
    return rung


def test_a_later_tier_is_rung_when_the_earlier_has_nobody() -> None:
    center = Center()
    center.queue("q_1", strategy="longest_idle")
    center.ready("late", "q_1", tier_level=2)
    center.wait(100)
    center.ready("early", "q_1", tier_level=1)
    center.call("c1")
    assert center.rung() == ["us_early"]
    center.call("c2")
    assert center.rung() == ["us_early", "us_late"]


def test_position_goes_before_the_strategy() -> None:
    center = Center()
    center.queue("q_1", strategy="longest_idle")
    center.ready("idle", "q_1", position=2)
    center.wait(100)
    center.ready("first", "q_1", position=1)
    center.call("c1")
    assert center.rung() == ["us_first"]


def test_who_has_missed_the_caller_is_rung_after_the_others() -> None:
    center = staffed("a", "b", "c", strategy="top_down", max_no_answer=0)
    center.call("c1")
    rung = []
    for _ in range(6):
        rung += center.rung()
        center.miss(rung[-1])
    assert rung == ["us_a", "us_b", "us_c", "us_a", "us_b", "us_c"]


def test_ring_all_rings_a_tier_and_who_joins_it() -> None:
    center = Center()
    center.queue("q_1", strategy="ring_all")
    for name, tier in (("a", 1), ("b", 1), ("c", 2)):
        center.ready(name, "q_1", tier_level=tier)
    center.call("c1")
    assert center.rung() == ["us_a", "us_b"]
    center.ready("d", "q_1", tier_level=1)
    assert center.rung() == ["us_a", "us_b", "us_d"]
    center.call("c2")
    assert center.offer("us_c").call_id == "c2", "nobody idles beside a caller"


def test_ring_progressively_rings_one_more_after_each_step() -> None:
    center = staffed("a", "b", "c", strategy="ring_progressively", agent_ring_timeout_sec=20)
    center.call("c1")
    assert center.rung() == ["us_a"]
    center.wait(5)
    assert center.rung() == ["us_a", "us_b"]
    center.wait(5)
    assert center.rung() == ["us_a", "us_b", "us_c"]
    center.claim("us_b", "c1")
    assert center.rung() == []
    assert center.poll("c1") == Connected("us_b", "lease_2")


def test_ring_progressively_goes_on_as_soon_as_there_is_somebody() -> None:
    center = staffed("a", strategy="ring_progressively")
    center.call("c1")
    center.wait(7)
    center.ready("b", "q_1")
    assert center.rung() == ["us_a", "us_b"]
