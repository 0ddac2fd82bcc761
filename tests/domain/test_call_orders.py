"""Reports in every order, twice, and before the route: one end, one true outcome (spec 05, 7, 8).

This holds for reports that agree with each other: one time per event, and times that rise with the
events. Where two reports contradict each other the first that arrives counts.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from domain import call
from domain.call import CallSession, Report
from events.base import Millis
from events.call import CallEnded, CallRevised, DialogEvent, Disposition, Outcome
from tests.domain.calls import outcome, report, routed
from tests.support.given import ACCOUNT, CALL_ID, NOW

ANSWERED_CALL = [
    report(DialogEvent.START, 10),
    report(DialogEvent.EARLY, 1_000, 180),
    report(DialogEvent.ANSWERED, 2_500),
    report(DialogEvent.END, 9_999, cause="normal_clearing", hangup_by="callee"),
]
CANCELLED_CALL = [
    report(DialogEvent.START, 10),
    report(DialogEvent.EARLY, 1_000, 180),
    report(DialogEvent.END, 4_000, 487, hangup_by="caller"),
]
BUSY_CALL = [report(DialogEvent.START, 10), report(DialogEvent.END, 400, 486)]
TRUTH = {
    "answered": outcome(
        ring_ts=Millis(NOW + 1_000),
        answer_ts=Millis(NOW + 2_500),
        end_ts=Millis(NOW + 9_999),
        duration_sec=9,
        billsec=7,
        disposition=Disposition.ANSWERED,
        hangup_cause="normal_clearing",
        hangup_by="callee",
    ),
    "cancelled": outcome(
        ring_ts=Millis(NOW + 1_000),
        end_ts=Millis(NOW + 4_000),
        duration_sec=4,
        disposition=Disposition.ABANDONED,
        hangup_cause="abandoned",
        sip_code=487,
        hangup_by="caller",
    ),
    "busy": outcome(
        end_ts=Millis(NOW + 400),
        duration_sec=0,
        disposition=Disposition.BUSY,
        hangup_cause="busy",
        sip_code=486,
    ),
}
CASES = [
    ("answered", ANSWERED_CALL, 5),
    ("cancelled", CANCELLED_CALL, 5),
    ("busy", BUSY_CALL, 4),
]


def _orders(reports: Sequence[Report], length: int) -> Iterator[tuple[Report, ...]]:
    """Every sequence of that length in which each report comes at least once."""
    for order in product(reports, repeat=length):
        if set(order) == set(reports):
            yield order


def _rank(state: CallSession) -> int:
    """routed < early < answered < ended"""
    if state.outcome is not None:
        return 3
    return 2 if state.answer_ts is not None else int(state.ring_ts is not None)


def _history(order: Sequence[Report], route_at: int) -> list[call.CallFact]:
    """All facts of the call when the route request comes before report number `route_at`."""
    state, facts = CallSession(CALL_ID), list[call.CallFact]()
    for number in range(len(order) + 1):
        rank = _rank(state)
        if number == route_at:
            decided = call.route(state, routed())
            for fact in decided:
                call.evolve(state, fact)
            facts += decided
        if number < len(order):
            now = Millis(NOW + 20_000 + number)
            decided = call.report_dialog(state, ACCOUNT, order[number], now)
            for fact in decided:
                call.evolve(state, fact)
            facts += decided
        assert _rank(state) >= rank, "the rank of a dialog never falls"
    return facts


def _outcomes(facts: Sequence[call.CallFact]) -> list[Outcome]:
    return [fact.outcome for fact in facts if isinstance(fact, CallEnded | CallRevised)]


@pytest.mark.parametrize(("name", "reports", "length"), CASES, ids=[case[0] for case in CASES])
def test_every_order_makes_one_end_and_the_true_outcome(
    name: str, reports: list[Report], length: int
) -> None:
    for order in _orders(reports, length):
        for route_at in range(length + 1):
            facts = _history(order, route_at)
            assert sum(isinstance(fact, CallEnded) for fact in facts) == 1
            assert _outcomes(facts)[-1] == TRUTH[name]
            assert call.fold(CALL_ID, facts).outcome == TRUTH[name]


@pytest.mark.parametrize(("name", "reports", "length"), CASES, ids=[case[0] for case in CASES])
def test_after_the_end_there_are_only_corrections(
    name: str, reports: list[Report], length: int
) -> None:
    for order in _orders(reports, length):
        for route_at in range(length + 1):
            facts = _history(order, route_at)
            end = next(place for place, fact in enumerate(facts) if isinstance(fact, CallEnded))
            assert all(isinstance(fact, CallRevised) for fact in facts[end + 1 :])


def test_reports_in_order_need_no_correction() -> None:
    facts = _history(ANSWERED_CALL, 0)
    assert [type(fact).__name__ for fact in facts] == [
        "CallRouted",
        "CallDialogStarted",
        "CallRinging",
        "CallAnswered",
        "CallEnded",
    ]


def test_a_late_report_is_marked_as_late() -> None:
    start, early, answered, end = ANSWERED_CALL
    facts = _history([start, end, answered, early], 0)
    late = [fact.late for fact in facts if isinstance(fact, CallRevised)]
    assert late == [DialogEvent.ANSWERED, DialogEvent.EARLY]
