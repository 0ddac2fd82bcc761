"""One call: routed, reported on, over."""

import pytest

from domain import call
from domain.call import CallSession, Report
from events.base import Millis
from events.call import (
    CallAnswered,
    CallDialogStarted,
    CallEnded,
    CallFact,
    CallObserved,
    CallRevised,
    CallRinging,
    DialogEvent,
    Disposition,
    Outcome,
)
from tests.domain.calls import outcome, rejected, report, routed
from tests.support.given import ACCOUNT, CALL, CALL_ID, NOW, Given, When, given

START, EARLY, ANSWERED, END = DialogEvent
"""In this order they happen."""
LATER = Millis(NOW + 100)


def _when(before: Given[CallSession], heard: Report) -> When[CallSession]:
    return before.when(lambda state: call.report_dialog(state, ACCOUNT, heard, LATER))


def _ended(made: Outcome, at: Millis = LATER) -> CallEnded:
    return CallEnded(account_id=ACCOUNT, at=at, call_id=CALL_ID, outcome=made)


def _revised(late: Report, made: Outcome) -> CallRevised:
    return CallRevised(
        account_id=ACCOUNT, at=LATER, call_id=CALL_ID, late=late.event, ts=late.ts, outcome=made
    )


# The way of a call


def test_a_route_decision_is_recorded_once() -> None:
    given(CALL).when(lambda state: call.route(state, routed())).then(routed())


def test_the_same_question_has_its_answer_and_another_one_has_none() -> None:
    state = given(CALL, routed(), routed(hop=2, request="second")).state
    assert call.answer_to(state, "first") == routed()
    assert call.answer_to(state, "second") == routed(hop=2, request="second")
    assert call.answer_to(state, "third") is None


def test_a_second_question_is_a_second_hop_of_the_call() -> None:
    second = routed(hop=2, request="second")
    given(CALL, routed()).when(lambda state: call.route(state, second)).then(second)


def test_a_rejected_hop_of_a_running_call_does_not_end_it() -> None:
    second = rejected(486, hop=2, request="second")
    given(CALL, routed()).when(lambda state: call.route(state, second)).then(second)


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (START, CallDialogStarted(account_id=ACCOUNT, at=LATER, call_id=CALL_ID, ts=NOW)),
        (EARLY, CallRinging(account_id=ACCOUNT, at=LATER, call_id=CALL_ID, ts=NOW, sip_code=180)),
        (ANSWERED, CallAnswered(account_id=ACCOUNT, at=LATER, call_id=CALL_ID, ts=NOW)),
    ],
)
def test_a_report_is_a_fact_the_first_time(event: DialogEvent, fact: CallFact) -> None:
    code = 180 if event is EARLY else None
    _when(given(CALL, routed()), Report(event, NOW, code)).then(fact)


def test_a_second_ringing_is_no_news() -> None:
    ringing = _when(given(CALL, routed()), report(EARLY, 1_000)).then_given()
    _when(ringing, report(EARLY, 1_500)).then_nothing()


def test_a_180_after_the_200_moves_nothing_back() -> None:
    """It was sent before, and says when the ringing began."""
    answered = _when(given(CALL, routed()), report(ANSWERED, 2_000)).then_given()
    late = _when(answered, report(EARLY, 500, code=180)).then_given()
    assert (late.state.ring_ts, late.state.answer_ts) == (NOW + 500, NOW + 2_000)
    ended = _when(late, report(END, 9_000)).then_given().state.outcome
    assert ended is not None
    assert (ended.disposition, ended.billsec) == (Disposition.ANSWERED, 7)
    over = _when(late, report(END, 9_000)).then_given()
    _when(over, report(EARLY, 9_500, code=180)).then_nothing()


@pytest.mark.parametrize("code", [180, 183])
@pytest.mark.parametrize("end", [487, None])
def test_a_hangup_while_it_rings_or_during_early_media_is_an_abandoned_call(
    code: int, end: int | None
) -> None:
    ringing = _when(given(CALL, routed()), report(EARLY, 1_000, code=code)).then_given()
    made = _when(ringing, report(END, 4_000, code=end)).then_given().state.outcome
    assert made is not None
    assert (made.disposition, made.ring_ts) == (Disposition.ABANDONED, NOW + 1_000)
    assert (made.answer_ts, made.billsec, made.duration_sec) == (None, 0, 4)


def test_reports_that_a_consumer_takes_thirty_seconds_late_tell_the_true_times() -> None:
    """It was away; the bus kept them. The facts are of now, the times in them are those of then."""
    back = Millis(NOW + 39_500)
    late = given(CALL, routed())
    for one in (report(EARLY, 1_000), report(ANSWERED, 2_500), report(END, 9_500)):
        late = late.when(
            lambda state, one=one: call.report_dialog(state, ACCOUNT, one, back)  # type: ignore[misc]
        ).then_given()
    made, (*_, end) = late.state.outcome, late.facts
    assert end.at == back
    assert made is not None
    assert (made.ring_ts, made.answer_ts) == (NOW + 1_000, NOW + 2_500)
    assert (made.billsec, made.duration_sec) == (7, 9)


def test_an_answered_call_is_billed_from_answer_to_end() -> None:
    ringing = _when(given(CALL, routed()), report(EARLY, 1_000)).then_given()
    answered = _when(ringing, report(ANSWERED, 2_500)).then_given()
    _when(answered, report(END, 9_999, hangup_by="caller")).then(
        _ended(
            outcome(
                ring_ts=Millis(NOW + 1_000),
                answer_ts=Millis(NOW + 2_500),
                end_ts=Millis(NOW + 9_999),
                duration_sec=9,
                billsec=7,
                disposition=Disposition.ANSWERED,
                hangup_cause="normal_clearing",
                hangup_by="caller",
            )
        )
    )


@pytest.mark.parametrize(
    ("code", "disposition"),
    [
        (486, Disposition.BUSY),
        (600, Disposition.BUSY),
        (480, Disposition.NO_ANSWER),
        (408, Disposition.NO_ANSWER),
        (487, Disposition.ABANDONED),
        (None, Disposition.ABANDONED),
        (403, Disposition.REJECTED),
        (603, Disposition.REJECTED),
        (607, Disposition.REJECTED),
        (404, Disposition.FAILED),
        (503, Disposition.FAILED),
    ],
)
def test_the_status_of_an_unanswered_call_says_how_it_ended(
    code: int | None, disposition: Disposition
) -> None:
    after = _when(given(CALL, routed()), report(END, 3_000, code=code)).then_given()
    assert after.state.outcome == outcome(
        end_ts=Millis(NOW + 3_000),
        duration_sec=3,
        disposition=disposition,
        hangup_cause=disposition.value,
        sip_code=code,
    )


def test_the_cause_that_an_edge_gives_is_kept() -> None:
    after = _when(given(CALL, routed()), report(END, 1, cause="recovery_on_timer")).then_given()
    assert after.state.outcome is not None
    assert after.state.outcome.hangup_cause == "recovery_on_timer"


@pytest.mark.parametrize("event", DialogEvent)
def test_both_ends_may_say_goodbye_at_once(event: DialogEvent) -> None:
    """The first goodbye counts; nothing that the other end reports moves the call again."""
    running = _when(given(CALL, routed()), report(EARLY, 1)).then_given()
    running = _when(running, report(ANSWERED, 2)).then_given()
    over = _when(running, report(END, 5_000, hangup_by="caller")).then_given()
    _when(over, report(event, 5_001, hangup_by="callee")).then_nothing()


def test_a_clock_that_runs_behind_makes_no_negative_time() -> None:
    answered = _when(given(CALL, routed()), report(ANSWERED, 2_000)).then_given()
    made = _when(answered, report(END, -60_000)).then_given().state.outcome
    assert made is not None
    assert (made.end_ts, made.duration_sec, made.billsec) == (NOW + 2_000, 2, 0)


# Rejected


@pytest.mark.parametrize("code", [403, 404, 480, 482, 486, 503, 603])
def test_a_rejected_call_is_over_at_once(code: int) -> None:
    decision = rejected(code)
    end = outcome(
        end_ts=NOW,
        duration_sec=0,
        disposition=Disposition.REJECTED,
        hangup_cause="rejected",
        sip_code=code,
    )
    facts = [decision, _ended(end, at=NOW)]
    given(CALL).when(lambda state: call.route(state, decision)).then(*facts)
    assert call.ends(facts)


def test_the_end_that_the_edge_reports_of_a_rejected_call_is_no_news() -> None:
    over = given(CALL).when(lambda state: call.route(state, rejected(486))).then_given()
    _when(over, report(END, 20, code=486)).then_nothing()


# Before the route


def test_a_report_on_an_unknown_call_is_kept() -> None:
    observed = CallObserved(
        account_id=ACCOUNT,
        at=LATER,
        call_id=CALL_ID,
        event=END,
        ts=NOW,
        sip_code=487,
        cause="cancelled",
        hangup_by="caller",
    )
    heard = Report(END, NOW, 487, "cancelled", "caller")
    after = _when(given(CALL), heard).then(observed)
    assert after.state.early_reports == [heard]
    assert not call.ends([observed])


def test_a_call_that_was_over_before_it_was_routed_ends_with_its_route() -> None:
    early = _when(given(CALL), report(END, 5_000)).then_given()
    early = _when(early, report(ANSWERED, 2_000)).then_given()
    after = early.when(lambda state: call.route(state, routed())).then_given()
    assert [type(fact).__name__ for fact in after.facts[2:]] == [
        "CallRouted",
        "CallAnswered",
        "CallEnded",
    ]


# Given up


def test_a_call_of_which_nothing_is_heard_ends_at_its_last_sign_of_life() -> None:
    ringing = _when(given(CALL, routed()), report(EARLY, 50)).then_given()
    now = Millis(NOW + 60_100)
    end = outcome(
        ring_ts=Millis(NOW + 50),
        end_ts=LATER,
        duration_sec=0,
        disposition=Disposition.FAILED,
        hangup_cause="lost",
    )
    ringing.when(lambda state: call.give_up(state, ACCOUNT, now)).then(_ended(end, at=now))


def test_the_true_end_replaces_that_of_a_call_given_up_once() -> None:
    answered = _when(given(CALL, routed()), report(ANSWERED, 50)).then_given()
    given_up = answered.when(lambda state: call.give_up(state, ACCOUNT, LATER)).then_given()
    truth = report(END, 3_600_050, hangup_by="callee")
    after = _when(given_up, truth).then(
        _revised(
            truth,
            outcome(
                answer_ts=Millis(NOW + 50),
                end_ts=Millis(NOW + 3_600_050),
                duration_sec=3_600,
                billsec=3_600,
                disposition=Disposition.ANSWERED,
                hangup_cause="normal_clearing",
                hangup_by="callee",
            ),
        )
    )
    _when(after, report(END, 3_700_000, hangup_by="caller")).then_nothing()


def test_an_answer_after_a_call_was_given_up_counts() -> None:
    """A phone that rings longer than a call may be silent."""
    ringing = _when(given(CALL, routed()), report(EARLY, 50)).then_given()
    given_up = ringing.when(lambda state: call.give_up(state, ACCOUNT, LATER)).then_given()
    answered = _when(given_up, report(ANSWERED, 70_000)).then_given()
    after = _when(answered, report(END, 130_000)).then_given().state
    assert after.outcome == outcome(
        ring_ts=Millis(NOW + 50),
        answer_ts=Millis(NOW + 70_000),
        end_ts=Millis(NOW + 130_000),
        duration_sec=130,
        billsec=60,
        disposition=Disposition.ANSWERED,
        hangup_cause="normal_clearing",
    )


def test_a_call_that_is_over_is_not_given_up() -> None:
    over = _when(given(CALL, routed()), report(END, 1)).then_given()
    over.when(lambda state: call.give_up(state, ACCOUNT, LATER)).then_nothing()


def test_a_call_is_idle_a_minute_after_its_last_sign_and_an_answered_one_much_later() -> None:
    four_hours = 4 * 3_600_000
    ringing = _when(given(CALL, routed()), report(EARLY, 0)).then_given()
    assert call.idle_deadline(ringing.state, four_hours) == LATER + 60_000
    answered = _when(ringing, report(ANSWERED, 0)).then_given()
    assert call.idle_deadline(answered.state, four_hours) == LATER + four_hours


def test_a_late_fact_never_moves_the_last_sign_of_life_back() -> None:
    early = CallAnswered(account_id=ACCOUNT, at=Millis(NOW - 5), call_id=CALL_ID, ts=NOW)
    assert given(CALL, routed(), early).state.last_seen == NOW
