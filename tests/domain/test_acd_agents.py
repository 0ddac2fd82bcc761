"""Agents: three independent facts, nine buckets, what they ask for and when it takes effect."""

import pytest

from domain.acd.agents import Membership, agent_id_of
from domain.acd.callers import TurnedAway, served_by
from domain.acd.floor import Bucket, State, Status, bucket
from domain.errors import Conflict, Forbidden, Invalid, NotFound
from events.base import CallId
from tests.domain.center import Center, names


@pytest.fixture
def center() -> Center:
    made = Center()
    made.queue("q_1")
    made.queue("q_2")
    return made


def test_login_alone_is_not_ready(center: Center) -> None:
    alice = center.agent("alice", "q_1")
    assert names(center.log_in(alice)) == ["AgentLoggedIn"]
    assert (center.of(alice).status, center.bucket(alice)) == (Status.ON_BREAK, Bucket.PAUSED)
    assert center.of(alice).queues == {}


def test_a_login_may_be_ready_and_join_by_rule(center: Center) -> None:
    ruled = {"auto_ready_on_login": 1, "auto_queue_login": 1}
    alice = center.agent("alice", "q_1", mode="static", **ruled)
    bob = center.agent("bob", "q_1", mode="mandatory", **ruled)
    carol = center.agent("carol", "q_1", mode="self", **ruled)
    for agent in (alice, bob, carol):
        center.log_in(agent)
        assert center.bucket(agent) is Bucket.READY
    assert center.of(alice).queues == center.of(bob).queues == {"q_1": None}
    assert center.of(carol).queues == {}


def test_who_becomes_available_is_logged_in(center: Center) -> None:
    alice = center.agent("alice")
    facts = center.make_available(alice, "q_1")
    assert names(facts) == ["AgentLoggedIn", "AgentJoinedQueue"]
    assert center.bucket(alice) is Bucket.READY


def test_a_login_with_calls_waiting_takes_one_at_once(center: Center) -> None:
    center.ready("bob", "q_1")
    center.pause("us_bob")
    center.call("c1")
    alice = center.agent("alice")
    facts = center.make_available(alice, "q_1")
    assert names(facts) == ["AgentLoggedIn", "AgentJoinedQueue", "AgentReserved"]


def test_a_pause_says_why_and_counts_once(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    assert names(center.pause(alice, "lunch")) == ["AgentPaused"]
    assert center.of(alice).reason == "lunch"
    assert center.pause(alice, "lunch") == []
    assert names(center.pause(alice, "training")) == ["AgentPaused"]
    assert names(center.make_available(alice)) == ["AgentMadeAvailable"]
    assert center.of(alice).reason is None


def test_who_is_not_there_can_neither_pause_nor_join(center: Center) -> None:
    alice = center.agent("alice", "q_1")
    with pytest.raises(Conflict):
        center.pause(alice)
    with pytest.raises(Conflict):
        center.join_queues(alice, Membership("q_1"))
    assert center.log_out(alice) == []


def test_a_logout_in_a_call_takes_effect_at_its_end(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    center.call("c1")
    center.answer(alice)
    assert names(center.log_out(alice)) == ["AgentDeferred"]
    assert center.bucket(alice) is Bucket.INCALL
    assert names(center.end("c1")) == ["ConversationEnded", "AgentLoggedOut"]
    assert (center.of(alice).status, center.state(alice)) == (Status.OFFLINE, State.WAITING)


def test_a_deferred_logout_is_called_off_by_a_login(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    center.call("c1")
    center.answer(alice)
    center.log_out(alice)
    assert names(center.log_in(alice)) == ["AgentMadeAvailable"]
    assert names(center.end("c1")) == ["ConversationEnded"]
    assert center.bucket(alice) is Bucket.WRAPUP


def test_a_pause_while_it_rings_waits_for_the_reservation_to_end(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    center.call("c1")
    assert names(center.pause(alice, "lunch")) == ["AgentDeferred"]
    assert (center.of(alice).status, center.bucket(alice)) == (Status.AVAILABLE, Bucket.RING)
    assert names(center.miss(alice)) == ["LeaseReleased", "AgentPaused"]
    assert center.of(alice).reason == "lunch"


def test_a_pause_while_it_rings_and_is_answered_holds_after_the_call(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    center.call("c1")
    center.pause(alice, "lunch")
    center.answer(alice)
    assert (center.of(alice).status, center.bucket(alice)) == (Status.ON_BREAK, Bucket.INCALL)
    center.end("c1")
    center.wait(11)
    assert center.bucket(alice) is Bucket.PAUSED


def test_the_first_bucket_that_holds_is_shown() -> None:
    on_break, available = Status.ON_BREAK, Status.AVAILABLE
    assert bucket(available, State.IN_CALL, True, True) is Bucket.EXTCALL
    assert bucket(on_break, State.IN_CALL, False, False) is Bucket.INCALL
    assert bucket(Status.OFFLINE, State.WAITING, False, False) is Bucket.OFFLINE
    assert bucket(available, State.OFFERING, False, False) is Bucket.UNREACHABLE
    assert bucket(on_break, State.OFFERING, True, False) is Bucket.RING
    assert bucket(on_break, State.WRAP_UP, True, False) is Bucket.PAUSED
    assert bucket(available, State.WRAP_UP, True, False) is Bucket.WRAPUP
    assert bucket(available, State.WAITING, True, False) is Bucket.READY
    assert bucket(Status.OFFLINE, State.WAITING, True, False, is_agent=False) is Bucket.IDLE
    assert bucket(Status.OFFLINE, State.WAITING, False, False, is_agent=False) is Bucket.OFFLINE


def test_queues_are_joined_in_a_tier_and_left(center: Center) -> None:
    alice = center.ready("alice")
    center.join_queues(alice, Membership("q_1", 3), Membership("q_2"))
    assert center.of(alice).queues == {"q_1": 3, "q_2": 1}
    assert names(center.leave_queues(alice, "q_1")) == ["AgentLeftQueue"]
    assert center.leave_queues(alice, "q_1") == []
    with pytest.raises(Invalid) as refused:
        center.join_queues(alice, Membership("q_2"), Membership("q_9"))
    assert [fault.pointer for fault in refused.value.faults] == ["/queues/1/queueId"]


def test_a_mandatory_queue_is_not_left(center: Center) -> None:
    alice = center.ready("alice", "q_1", mode="mandatory")
    center.join_queues(alice, Membership("q_2"))
    with pytest.raises(Forbidden):
        center.leave_queues(alice, "q_1")
    center.leave_queues(alice)
    assert set(center.of(alice).queues) == {"q_1"}


def test_joining_without_names_joins_what_one_is_assigned_to(center: Center) -> None:
    alice = center.agent("alice", "q_1", "q_2")
    center.log_in(alice)
    center.join_queues(alice)
    assert set(center.of(alice).queues) == {"q_1", "q_2"}


def test_a_lost_assignment_takes_the_agent_out_of_the_queue(center: Center) -> None:
    center.ready("alice", "q_1")
    center.rows.lose("agent_queue_assignment", "aqa_alice_q_1")
    center.call("c1")
    assert center.rung() == []


def test_only_agents_have_a_desk(center: Center) -> None:
    center.agent("alice")
    center.rows.add("sip_user", "us_clerk", username="2000")
    assert agent_id_of(center.office, "alice") == agent_id_of(center.office, "us_alice")
    with pytest.raises(NotFound):
        agent_id_of(center.office, "nobody")
    with pytest.raises(Invalid):
        agent_id_of(center.office, "2000")


def test_who_cannot_be_reached_or_is_disabled_is_not_rung(center: Center) -> None:
    alice, bob = center.ready("alice", "q_1"), center.ready("bob", "q_1")
    center.qualify(alice, False)
    center.rows.change("sip_user", bob, status="disabled")
    center.call("c1")
    assert center.rung() == []
    assert center.bucket(alice) is Bucket.UNREACHABLE
    assert names(center.qualify(alice, True)) == ["ContactQualified", "AgentReserved"]


def test_a_call_of_ones_own_keeps_the_queue_away_until_it_ends(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    assert names(center.begin_call("own", alice)) == ["AgentCallBegan"]
    assert center.bucket(alice) is Bucket.EXTCALL
    center.call("c1")
    assert center.rung() == []
    assert names(center.end("own")) == ["AgentCallOver", "AgentReserved"]


def test_a_call_of_ones_own_while_it_rings_gives_the_caller_to_another(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    center.call("c1")
    bob = center.ready("bob", "q_1")
    facts = center.begin_call("own", alice)
    assert names(facts) == ["AgentCallBegan", "LeaseReleased", "AgentReserved"]
    assert center.rung() == [bob]


def test_the_wrap_up_ends_when_the_agent_says_so_or_by_itself(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    for finish in (lambda: center.finish_wrap_up(alice), lambda: center.wait(10)):
        center.call("c1")
        center.answer(alice)
        center.end("c1")
        assert center.bucket(alice) is Bucket.WRAPUP
        finish()
        assert center.bucket(alice) is Bucket.READY
    assert center.finish_wrap_up(alice) == []


def test_without_wrap_up_time_the_next_caller_comes_at_once() -> None:
    center = Center()
    center.queue("q_1", wrap_up_sec=0)
    alice = center.ready("alice", "q_1")
    center.call("c1")
    center.call("c2")
    center.answer(alice)
    assert names(center.end("c1")) == ["ConversationEnded", "AgentReserved"]


def test_an_agent_may_leave_the_caller_who_goes_on(center: Center) -> None:
    alice = center.ready("alice", "q_1")
    center.call("c1")
    center.answer(alice)
    center.wait(30)
    facts = center.hang_up("c1")
    assert names(facts) == ["ConversationEnded"]
    assert center.of(alice).talk_ms == 30_000
    assert center.poll("c1") == TurnedAway("answered")
    assert served_by(center.office, CallId("c1")) == ("q_1", alice)
    assert center.end("c1") == []
