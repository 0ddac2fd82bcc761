"""Why nobody rings: for every agent of the queue the first thing that keeps him from it."""

import pytest

from domain.acd.desk import at_desk
from domain.acd.reasons import Finding, Reason, why_not
from domain.acd.strategies import STRATEGIES
from events.base import CallId
from tests.domain.center import SECOND, Center


@pytest.fixture
def center() -> Center:
    made = Center()
    made.queue("q_1", wrap_up_sec=10)
    return made


def found(center: Center, call_id: str = "c1") -> dict[str, Finding]:
    findings = why_not(at_desk(center.office, center.now), CallId(call_id))
    return {one.agent_id[3:]: one for one in findings}


def reasons(center: Center, call_id: str = "c1") -> dict[str, str]:
    return {name: one.reason.value for name, one in found(center, call_id).items()}


def test_each_hindrance_has_its_name(center: Center) -> None:
    for name in ("paused", "talks", "notes", "outside", "gone", "leaves", "elsewhere", "former"):
        center.ready(name, "q_1")
    center.agent("offline", "q_1")
    center.pause("us_paused", "lunch")
    for agent in ("us_outside", "us_gone", "us_leaves", "us_elsewhere", "us_former"):
        center.pause(agent)
    center.pause("us_notes")
    center.call("with talks")
    center.answer("us_talks")
    center.make_available("us_notes", "q_1")
    center.call("with notes")
    center.answer("us_notes")
    center.end("with notes")
    center.begin_call("other", "us_outside")
    center.make_available("us_outside")
    center.qualify("us_gone", False)
    center.make_available("us_gone")
    center.leave_queues("us_elsewhere", "q_1")
    center.make_available("us_elsewhere")
    center.rows.change("sip_user", "us_former", status="disabled")
    center.make_available("us_former")
    center.make_available("us_leaves")
    center.call("rings")
    center.pause("us_leaves")
    center.call("c1")
    assert reasons(center) == {
        "paused": "on_break",
        "talks": "in_call",
        "notes": "wrap_up",
        "outside": "external_call",
        "gone": "unreachable",
        "leaves": "rings_for_another",
        "elsewhere": "not_joined",
        "former": "not_an_agent",
        "offline": "offline",
    }
    about = found(center)
    assert about["paused"].detail == "lunch"
    assert about["talks"].detail == "with talks"
    assert about["notes"].until == center.now + 10 * SECOND
    assert reasons(center, "rings")["leaves"] == "rings"


def test_while_a_tier_rings_together_the_next_one_waits(center: Center) -> None:
    center.queue("q_2", strategy="ring_all")
    for name, tier in (("first", 1), ("second", 1), ("third", 2)):
        center.ready(name, "q_2", tier_level=tier)
    center.call("c1", "q_2")
    assert reasons(center) == {"first": "rings", "second": "rings", "third": "later_tier"}
    assert [one.level for one in found(center).values()] == [1, 1, 2]


def test_one_at_a_time_is_rung(center: Center) -> None:
    center.ready("a", "q_1")
    center.ready("b", "q_1")
    center.call("c1")
    assert sorted(reasons(center).values()) == ["another_rings", "rings"]


def test_progressively_it_is_said_when_the_next_one_is_rung(center: Center) -> None:
    center.queue("q_2", strategy="ring_progressively", agent_ring_timeout_sec=20)
    center.ready("a", "q_2")
    center.ready("b", "q_2")
    center.call("c1", "q_2")
    assert found(center)["b"].reason is Reason.ANOTHER_RINGS
    assert found(center)["b"].until == center.now + 5 * SECOND


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_nobody_is_free_beside_a_caller_for_whom_nobody_rings(strategy: str) -> None:
    center = Center()
    center.queue("q_1", strategy=strategy)
    center.ready("a", "q_1")
    center.ready("b", "q_1", tier_level=2)
    for number in range(4):
        center.call(f"c{number}")
        center.wait(3)
        for call_id in center.floor.callers:
            assert "free" not in reasons(center, call_id).values()


def test_who_does_not_wait_has_no_reasons(center: Center) -> None:
    center.ready("a", "q_1")
    assert found(center, "nobody") == {}
