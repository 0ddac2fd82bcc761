"""Races that broke other systems (spec 05): each as what was, what happens, what comes of it."""

from itertools import permutations
from typing import Any

import pytest

from domain.acd.floor import Bucket, State, Status
from domain.acd.leases import Verdict
from events.acd import Departure, LeaseEnd, LeaseReleased
from tests.domain.center import Center, names


def ringing(*agents: str, **queue: Any) -> Center:
    """A caller for whom these agents are there."""
    center = Center()
    center.queue("q_1", **queue)
    for name in agents:
        center.ready(name, "q_1")
    center.call("c1")
    return center


def test_confirming_twice_is_good_twice_and_happens_once() -> None:
    center = ringing("a")
    lease = center.offer("us_a")
    assert names(center.confirm(lease.lease_id, lease.epoch).facts) == ["LeaseConfirmed"]
    assert center.confirm(lease.lease_id, lease.epoch) == Verdict(lease.call_id, "", [])


def test_an_older_epoch_changes_nothing() -> None:
    center = ringing("a", "b")
    old = center.offer("us_a")
    center.release(old)
    new = center.offer("us_b")
    assert new.epoch > old.epoch
    assert center.confirm(new.lease_id, old.epoch) == Verdict(None, "stale_epoch", [])
    assert center.release(old) == [], "a release is of one reservation, and that is over"
    assert center.confirm(old.lease_id, old.epoch) == Verdict(None, "released", [])


def test_epochs_go_on_rising_after_a_restart() -> None:
    center = ringing("a")
    epoch = center.offer("us_a").epoch
    again = Center()
    again.rows, again.now = center.rows, center.now
    again.apply(center.facts)
    again.miss("us_a")
    assert again.offer("us_a").epoch > epoch


def test_a_reservation_that_has_expired_confirms_nothing_even_if_the_timer_is_late() -> None:
    center = ringing("a", agent_ring_timeout_sec=5)
    lease = center.offer("us_a")
    center.now += 5_000  # type: ignore[assignment]
    verdict = center.confirm(lease.lease_id, lease.epoch)
    assert (verdict.call_id, verdict.reason) == (None, "expired")
    assert names(verdict.facts) == ["LeaseReleased", "AgentReserved"]
    assert center.confirm(lease.lease_id, lease.epoch) == Verdict(None, "expired", [])


def test_two_agents_answer_within_one_round_trip() -> None:
    center = ringing("a", "b", strategy="ring_all")
    late = center.offer("us_b")
    won = center.claim("us_a", "c1")
    assert names(won.facts) == ["LeaseConfirmed", "LeaseReleased"]
    assert center.claim("us_b", "c1") == Verdict(None, "released", [])
    assert center.confirm(late.lease_id, late.epoch) == Verdict(None, "released", [])
    assert center.bucket("us_b") is Bucket.READY
    assert center.of("us_b").misses == 0


def test_a_delayed_leg_rings_after_another_has_answered() -> None:
    """Its release, its failure and its answer come when there is nothing left to end."""
    center = ringing("a", "b", strategy="ring_all")
    late = center.offer("us_b")
    center.claim("us_a", "c1")
    for reason in LeaseEnd:
        assert center.release(late, reason) == []


def test_the_caller_hangs_up_between_reservation_and_ring() -> None:
    center = ringing("a")
    lease = center.offer("us_a")
    facts = center.end("c1")
    assert names(facts) == ["LeaseReleased", "CallerLeft"]
    assert facts[0].reason is LeaseEnd.CALLER_GONE  # type: ignore[attr-defined]
    assert center.confirm(lease.lease_id, lease.epoch) == Verdict(None, "caller_gone", [])
    assert center.bucket("us_a") is Bucket.READY


def test_the_caller_hangs_up_between_answer_and_confirmation() -> None:
    """As before: who confirms later is told that there is nobody."""
    center = ringing("a", "b", strategy="ring_all")
    center.end("c1")
    assert center.claim("us_a", "c1") == Verdict(None, "caller_gone", [])
    assert [center.state(agent) for agent in ("us_a", "us_b")] == [State.WAITING] * 2


def test_both_ends_say_goodbye_at_once() -> None:
    for first, second in permutations(("end", "hang_up")):
        center = ringing("a")
        center.answer("us_a")
        assert names(getattr(center, first)("c1")) == ["ConversationEnded"]
        assert getattr(center, second)("c1") == []


def test_a_confirmation_after_the_end_bridges_nobody() -> None:
    center = ringing("a")
    lease = center.answer("us_a")
    center.end("c1")
    assert center.confirm(lease.lease_id, lease.epoch) == Verdict(None, "caller_gone", [])
    assert center.claim("us_a", "c1") == Verdict(None, "caller_gone", [])


def test_an_agent_pauses_or_goes_while_it_rings() -> None:
    for leave, status in ((Center.pause, Status.ON_BREAK), (Center.log_out, Status.OFFLINE)):
        center = ringing("a")
        assert names(leave(center, "us_a")) == ["AgentDeferred"]
        assert center.of("us_a").status is Status.AVAILABLE
        center.end("c1")
        assert center.of("us_a").status is status


def test_the_last_candidate_is_unusable() -> None:
    """He is rung until he has missed enough; then the caller waits for the next one."""
    center = ringing("a", max_no_answer=3)
    for _ in range(2):
        assert names(center.miss("us_a", LeaseEnd.UNREACHABLE)) == [
            "LeaseReleased",
            "AgentReserved",
        ]
    assert names(center.miss("us_a", LeaseEnd.UNREACHABLE)) == ["LeaseReleased", "AgentPaused"]
    assert center.of("us_a").reason == "max_no_answer"
    assert center.rung() == []
    center.ready("b", "q_1")
    assert center.rung() == ["us_b"]


def test_an_answer_forgives_the_misses_before_it() -> None:
    center = ringing("a", max_no_answer=2)
    center.miss("us_a")
    center.answer("us_a")
    assert center.of("us_a").misses == 0


def test_without_a_limit_an_agent_may_miss_for_ever() -> None:
    center = ringing("a", max_no_answer=0)
    for _ in range(20):
        center.miss("us_a")
    assert center.of("us_a").status is Status.AVAILABLE


@pytest.mark.parametrize(
    "reason", [LeaseEnd.NO_ANSWER, LeaseEnd.BUSY, LeaseEnd.REJECTED, LeaseEnd.UNREACHABLE]
)
def test_the_caller_keeps_his_place_whoever_misses_him(reason: LeaseEnd) -> None:
    center = ringing("a", "b")
    queued_at = center.now
    center.wait(1)
    center.call("c2")
    center.wait(1)
    center.call("c3")
    center.miss("us_a", reason)
    center.miss("us_b", reason)
    assert center.floor.callers[center.offer("us_a").call_id].queued_at == queued_at
    assert {center.offer(agent).call_id for agent in ("us_a", "us_b")} == {"c1", "c2"}


def test_the_caller_keeps_place_and_priority_when_reservations_expire() -> None:
    center = ringing("a", "b", agent_ring_timeout_sec=5, max_no_answer=0)
    center.wait(1)
    center.call("c2")
    before = center.floor.callers["c1"]  # type: ignore[index]
    center.wait(1)
    center.call("c3", priority=0)
    center.wait(30)
    after = center.floor.callers["c1"]  # type: ignore[index]
    assert (after.queued_at, after.priority) == (before.queued_at, before.priority)
    assert "c3" not in {center.offer(agent).call_id for agent in ("us_a", "us_b")}


def test_the_caller_comes_into_the_same_queue_again_and_keeps_his_place() -> None:
    center = ringing("a")
    center.wait(1)
    center.call("c2")
    center.wait(1)
    written = len(center.facts)
    center.call("c2", priority=9)
    assert len(center.facts) == written
    assert center.floor.callers["c2"].priority == 0  # type: ignore[index]


def test_a_node_dies_with_all_its_callers_and_comes_back_with_none() -> None:
    """Waiting, rung for and talking: nobody is left, and every agent is free."""
    center = ringing("a", "b", wrap_up_sec=0)
    calls = ["c1", *(f"c{number}" for number in range(2, 8))]
    for call_id in calls[1:]:
        center.call(call_id)
    center.answer("us_a")
    for call_id in calls:
        center.end(call_id)
    floor = center.floor
    assert [len(left) for left in (floor.callers, floor.talks, floor.leases)] == [0, 0, 0]
    assert [center.bucket(agent) for agent in ("us_a", "us_b")] == [Bucket.READY] * 2
    assert [fact for call_id in calls for fact in center.end(call_id)] == []


def test_ten_agents_end_calls_within_one_second() -> None:
    agents = [f"us_{name}" for name in "abcdefghij"]
    center = ringing(*(agent[3:] for agent in agents), wrap_up_sec=0)
    for number in range(2, 21):
        center.call(f"c{number}")
    first = {center.answer(agent).call_id for agent in agents}
    for number, call_id in enumerate(sorted(first)):
        center.now += number  # type: ignore[assignment]
        assert names(center.end(call_id)) == ["ConversationEnded", "AgentReserved"]
    second = [center.offer(agent).call_id for agent in agents]
    assert len(set(second)) == 10
    assert not first & set(second)


def test_a_goodbye_that_is_lost_is_made_up_for_by_the_deadline_of_the_call() -> None:
    """Whatever ends the call at last, the end is the same."""
    center = ringing("a")
    center.answer("us_a")
    center.wait(4 * 3_600)
    assert center.bucket("us_a") is Bucket.INCALL
    assert names(center.end("c1")) == ["ConversationEnded"]


def test_the_owner_comes_back_after_thirty_seconds() -> None:
    """Everything that was due is met once, in one go."""
    center = ringing("a", "b", max_wait_sec=25, agent_ring_timeout_sec=10)
    assert names(center.oversleep(30)) == ["LeaseReleased", "CallerLeft"]
    released = center.facts[-2]
    assert isinstance(released, LeaseReleased)
    assert released.reason is LeaseEnd.EXPIRED, "he has missed it"
    assert center.oversleep(0) == []
    assert center.facts[-1].departure is Departure.TIMEOUT  # type: ignore[attr-defined]


def test_a_late_end_of_the_caller_finds_the_agent_with_the_next_one() -> None:
    center = ringing("a", wrap_up_sec=0)
    center.call("c2")
    center.answer("us_a")
    center.hang_up("c1")
    center.answer("us_a")
    assert center.end("c1") == []
    assert center.of("us_a").talk is not None
