"""Which parts of a call are paid for, and for how long."""

from typing import Any

import pytest

from domain import call, costs
from domain.call import CallSession, Report
from events.base import CallId, Millis
from events.call import CallEnded, CallRevised, Charge, DialogEvent, Outcome
from tests.domain.acme import CALLER, DID_NUMBER, Acme
from tests.domain.flows import FLOW, InFlow, node, through
from tests.domain.transferring import Talk
from tests.support.given import ACCOUNT, NOW

LONDON, OUTSIDE = "442079460000", "12025550188"
SECOND = {"first_sec": 1, "next_sec": 1}
RATES = [
    {"prefix": "44", "micros_per_min": 60_000, **SECOND},
    {"prefix": "1", "micros_per_min": 6_000, **SECOND},
]
TOLL_FREE = {"prefix": "1202", "direction": "in", "micros_per_min": 600, **SECOND}
SAY = node("bye", "say", text="Bye")
Cost = tuple[int | None, str | None, str | None]
NOTHING: Cost = (None, None, None)


def _rated(acme: Acme, *rates: dict[str, Any]) -> Acme:
    """With a rate plan, a way out and two users."""
    plan = acme.add("rate_plan", "rate_1", name="Retail", currency="EUR", rates=[*RATES, *rates])
    acme.change("account", ACCOUNT, rate_plan_id=plan)
    if "tr_1" not in acme.rows.directory.trunks:
        acme.add_trunk("tr_1")
    return acme


@pytest.fixture
def acme() -> Acme:
    acme = _rated(Acme())
    acme.add_user("1001")
    acme.add_user("1002")
    return acme


def _hear(acme: Acme, event: DialogEvent, after: float, call_id: str = "call-1") -> Outcome | None:
    """What the edge reports, `after` seconds from the beginning of the tests; the outcome."""
    session = acme.sessions[CallId(call_id)]
    at = Millis(NOW + int(after * 1000))
    facts = call.report_dialog(session, ACCOUNT, Report(event, at), Millis(at + 5))
    acme.apply([*costs.priced(session, facts, acme.rows.directory)])
    return session.outcome


def _end(acme: Acme, answered: float | None, ended: float, call_id: str = "call-1") -> Outcome:
    if answered is not None:
        _hear(acme, DialogEvent.ANSWERED, answered, call_id)
    outcome = _hear(acme, DialogEvent.END, ended, call_id)
    assert outcome is not None
    return outcome


def _cost(outcome: Outcome) -> Cost:
    return outcome.cost_micros, outcome.currency, outcome.rate_id


# The call itself


def test_a_call_to_the_outside_is_paid_for_by_its_number_from_its_answer_on(acme: Acme) -> None:
    acme.dial("+" + LONDON)
    outcome = _end(acme, 5, 15.9)
    assert _cost(outcome) == (10_000, "EUR", "rate_1:out:44")
    assert outcome.charges == (
        Charge(rate_id="rate_1:out:44", number=LONDON, billed_sec=10, cost_micros=10_000),
    )


def test_what_the_carrier_is_given_to_dial_does_not_matter(acme: Acme) -> None:
    route = {"match_prefix": "44", "strip_digits": 2, "prepend": "1", "trunk_ids": ["tr_1"]}
    acme.add("outbound_route", "route_1", **route)
    acme.dial("+" + LONDON)
    assert _cost(_end(acme, 0, 60)) == (60_000, "EUR", "rate_1:out:44")


def test_what_nobody_answers_costs_nothing(acme: Acme) -> None:
    acme.dial("+" + LONDON)
    outcome = _end(acme, None, 15)
    assert _cost(outcome) == (0, "EUR", "rate_1:out:44")
    assert outcome.charges[0].billed_sec == 0


@pytest.mark.parametrize("number", ["1002", "911", "+33140000000"])
def test_calls_at_home_for_help_and_without_a_rate_have_no_cost(acme: Acme, number: str) -> None:
    acme.change("rate_plan", "rate_1", rates=[*RATES, {"prefix": "9", "micros_per_min": 1}])
    acme.dial(number)
    assert _cost(_end(acme, 0, 60)) == NOTHING


@pytest.mark.parametrize("plan", [None, "rate_1"])
def test_without_a_plan_there_is_no_cost(acme: Acme, plan: str | None) -> None:
    acme.change("account", ACCOUNT, rate_plan_id=None)
    if plan:
        acme.change("account", ACCOUNT, rate_plan_id=plan)
        acme.lose("rate_plan", plan)
    acme.dial("+" + LONDON)
    assert _cost(_end(acme, 0, 60)) == NOTHING


def test_a_refused_call_has_no_cost(acme: Acme) -> None:
    acme.change("account", ACCOUNT, max_out=0)
    acme.dial("+" + LONDON)
    outcome = acme.sessions[CallId("call-1")].outcome
    assert outcome is not None
    assert _cost(outcome) == NOTHING


def test_a_call_from_outside_is_paid_for_where_the_plan_says_so(acme: Acme) -> None:
    acme.add_did("user", "us_1001")
    acme.ring_in()
    assert _cost(_end(acme, 0, 60)) == NOTHING
    acme.change("rate_plan", "rate_1", rates=[*RATES, TOLL_FREE])
    acme.ring_in(call_id="call-2")
    outcome = _end(acme, 0, 60, "call-2")
    assert _cost(outcome) == (600, "EUR", "rate_1:in:1202")
    assert outcome.charges[0].number == DID_NUMBER


def test_the_plan_of_the_end_is_the_one_that_counts(acme: Acme) -> None:
    acme.dial("+" + LONDON)
    acme.change("rate_plan", "rate_1", rates=[{"prefix": "442", "micros_per_min": 7}])
    assert _cost(_end(acme, 0, 60)) == (7, "EUR", "rate_1:out:442")


def test_the_number_that_was_answered_is_the_one_that_counts(acme: Acme) -> None:
    """The first number could not be reached; the edge has asked for another one."""
    acme.dial("+" + LONDON)
    acme.dial("+" + OUTSIDE)
    _hear(acme, DialogEvent.ANSWERED, 1)
    acme.dial("1002")
    assert _cost(_end(acme, None, 61)) == (6_000, "EUR", "rate_1:out:1")


def test_an_answer_that_is_heard_of_late_is_paid_for_all_the_same(acme: Acme) -> None:
    acme.dial("+" + LONDON)
    assert _end(acme, None, 60).cost_micros == 0
    revised = _hear(acme, DialogEvent.ANSWERED, 30)
    assert revised is not None
    assert _cost(revised) == (30_000, "EUR", "rate_1:out:44")


def test_reports_that_came_before_the_route_are_paid_for(acme: Acme) -> None:
    acme.sessions[CallId("call-1")] = CallSession(CallId("call-1"))
    for event, after in ((DialogEvent.END, 70), (DialogEvent.ANSWERED, 10)):
        _hear(acme, event, after)
    acme.dial("+" + LONDON)
    outcome = acme.sessions[CallId("call-1")].outcome
    assert outcome is not None
    assert outcome.cost_micros == 60_000


# What a flow dials


def _out(id: str, number: str) -> dict[str, Any]:
    return node(id, "dial", target="number", id="+" + number)


def _call(*parts: dict[str, Any] | str, acme: Acme | None = None) -> InFlow:
    flow = through(*parts, acme=_rated(acme or Acme()))
    _hear(flow.acme, DialogEvent.ANSWERED, 1, flow.call_id)
    return flow


def _at(flow: InFlow, after: float) -> InFlow:
    """The same call, so many seconds after the beginning of the tests."""
    flow.acme.now = Millis(NOW + int(after * 1000))
    return flow


def _ended(flow: InFlow, after: float) -> Outcome:
    return _end(flow.acme, None, after, flow.call_id)


@pytest.mark.parametrize(
    ("outcome", "data", "seconds"),
    [
        ("answered", {"duration": "12345"}, 12),
        ("done", {"duration": "999"}, 0),
        ("hangup", {"duration": "12000"}, 12),
        ("answered", {"duration": "9000000"}, 40),
        ("answered", {}, 40),
        ("answered", {"duration": "long"}, 40),
        ("answered", {"duration": "9" * 5000}, 40),
        ("hangup", {}, None),
        ("no_answer", {"duration": "12000"}, None),
        ("busy", {}, None),
    ],
)
def test_a_leg_is_paid_for_as_long_as_the_engine_says_or_since_it_was_dialled(
    outcome: str, data: dict[str, str], seconds: int | None
) -> None:
    flow = _call(_out("d", LONDON), SAY, "d -answered> bye", "d -no_answer> bye", "d -busy> bye")
    _at(flow, 10).start()
    _at(flow, 50).step(outcome, None, **data)
    ended = _ended(flow, 60)
    if seconds is None and outcome != "hangup":
        assert _cost(ended) == NOTHING
    else:
        cost = 0 if seconds is None else max(1, seconds) * 1_000
        assert _cost(ended) == (cost, "EUR", "rate_1:out:44")


def test_legs_and_the_call_itself_are_one_sum() -> None:
    parts = (_out("a", LONDON), _out("b", OUTSIDE), SAY, "a -answered> b", "b -answered> bye")
    flow = _call(*parts)
    flow.acme.change("rate_plan", "rate_1", rates=[*RATES, TOLL_FREE])
    _at(flow, 10).start()
    _at(flow, 40).step("answered", duration="20000")
    _at(flow, 80).step("answered", duration="30000")
    ended = _ended(flow, 91)
    assert [(one.number, one.cost_micros) for one in ended.charges] == [
        (DID_NUMBER, 900),
        (LONDON, 20_000),
        (OUTSIDE, 3_000),
    ]
    assert _cost(ended) == (23_900, "EUR", "rate_1:out:44")


def test_the_same_number_twice_is_two_legs() -> None:
    flow = _call(_out("a", LONDON), _out("b", LONDON), "a -no_answer> b")
    _at(flow, 10).start()
    _at(flow, 35).step("no_answer")
    _at(flow, 55).step("answered")
    assert [one.billed_sec for one in _ended(flow, 56).charges] == [20]


def test_a_call_that_is_answered_by_the_leg_is_paid_for_from_there_on() -> None:
    flow = through(_out("d", LONDON), acme=_rated(Acme()))
    _at(flow, 2).start()
    outcome = _end(flow.acme, 10, 30, flow.call_id)
    assert _cost(outcome) == (20_000, "EUR", "rate_1:out:44")


def test_what_the_engine_says_after_the_end_is_still_counted_and_once() -> None:
    flow = _call(_out("d", LONDON))
    _at(flow, 10).start()
    assert _ended(flow, 60).cost_micros == 0
    _at(flow, 61).step("hangup", duration="45000")
    before = flow.acme.sessions.pop(flow.call_id)
    steps, directory = flow.facts[-1:], flow.acme.rows.directory
    session = CallSession(before.call_id, before.account_id, before.hops, outcome=before.outcome)
    session.legs = tuple(leg._replace(ended_at=None, talked_ms=None) for leg in before.legs)
    (revised,) = costs.revised(session, steps, ACCOUNT, directory, flow.acme.now)
    assert isinstance(revised, CallRevised)
    assert _cost(revised.outcome) == (45_000, "EUR", "rate_1:out:44")
    call.evolve(session, steps[0])
    call.evolve(session, revised)
    assert costs.revised(session, steps, ACCOUNT, directory, flow.acme.now) == []
    assert costs.revised(session, [], ACCOUNT, directory, flow.acme.now) == []


@pytest.mark.parametrize("number", ["911", CALLER])
def test_only_what_has_a_rate_and_is_no_call_for_help_is_a_leg(number: str) -> None:
    dialled = node("d", "dial", target="number", id=number)
    flow = _call(dialled)
    everywhere = {"prefix": "9", "micros_per_min": 1}
    flow.acme.change("rate_plan", "rate_1", rates=[*RATES, everywhere])
    _at(flow, 10).start()
    _at(flow, 70).step("answered", duration="60000")
    assert _ended(flow, 71).cost_micros == (None if number == "911" else 6_000)


def test_a_forward_to_a_number_is_a_leg() -> None:
    acme = Acme()
    acme.add("forward", "fwd_1", name="Mobile", to="+" + LONDON)
    flow = _call(node("f", "forward", dest_kind="forward", dest_id="fwd_1"), acme=acme)
    _at(flow, 10).start(FLOW)
    _at(flow, 70).step("answered", duration="60000")
    assert _ended(flow, 71).cost_micros == 60_000


# Transfers


def _talk() -> Talk:
    talk = Talk()
    _rated(talk.rows)
    talk.rows.change("sip_user", talk.dana, allow_pstn_blind_transfer=1)
    return talk


def _later(talk: Talk, after: float) -> Talk:
    talk.rows.now = Millis(NOW + int(after * 1000))
    return talk


def test_a_blind_transfer_to_a_number_is_paid_for() -> None:
    talk = _talk()
    _later(talk, 10).blind("number", "+" + LONDON)
    _later(talk, 70).flow.step("answered", duration="50000")
    assert _end(talk.rows, 0, 71, "c1").cost_micros == 50_000


def test_nobody_pays_for_a_transfer_that_is_recalled() -> None:
    talk = _talk()
    _later(talk, 10).blind("number", "+" + LONDON)
    _later(talk, 35).flow.step("no_answer")
    assert _cost(_end(talk.rows, 0, 71, "c1")) == NOTHING


def test_a_consultation_is_paid_for_from_the_answer_until_it_is_called_off() -> None:
    talk = _talk()
    _later(talk, 10).consult("number", "+" + LONDON)
    _later(talk, 20).flow.step("answered")
    _later(talk, 50).cancel()
    assert _end(talk.rows, 0, 99, "c1").cost_micros == 30_000


def test_who_is_given_the_caller_is_paid_for_until_the_end_of_the_call() -> None:
    talk = _talk()
    _later(talk, 10).consult("number", "+" + LONDON)
    _later(talk, 20).flow.step("answered")
    _later(talk, 30).join_all()
    _later(talk, 40).complete()
    assert _end(talk.rows, 0, 80, "c1").cost_micros == 60_000


def test_a_consultation_that_is_handed_over_while_it_rings_is_one_leg() -> None:
    talk = _talk()
    _later(talk, 10).consult("number", "+" + LONDON)
    _later(talk, 15).complete()
    _later(talk, 75).flow.step("answered", duration="55000")
    outcome = _end(talk.rows, 0, 80, "c1")
    assert [one.billed_sec for one in outcome.charges] == [55]


def test_an_agent_who_hangs_up_while_it_rings_leaves_one_leg() -> None:
    talk = _talk()
    _later(talk, 10).consult("number", "+" + LONDON)
    _later(talk, 15).flow.step("done", party="agent")
    _later(talk, 75).flow.step("answered", duration="55000")
    assert [one.billed_sec for one in _end(talk.rows, 0, 80, "c1").charges] == [55]


def test_the_end_is_the_same_fact_but_for_its_cost(acme: Acme) -> None:
    acme.dial("+" + LONDON)
    session = acme.sessions[CallId("call-1")]
    facts = call.report_dialog(session, ACCOUNT, Report(DialogEvent.END, NOW), NOW)
    (priced,) = costs.priced(session, facts, acme.rows.directory)
    assert isinstance(priced, CallEnded)
    plain = Outcome.model_validate(
        priced.outcome.model_dump(exclude={"cost_micros", "currency", "rate_id", "charges"})
    )
    assert [priced.model_copy(update={"outcome": plain})] == facts
