"""What a carrier reports: taken once, and what it makes of an account's numbers."""

from collections.abc import Callable
from typing import Any

import pytest

from domain import carrier, resources
from domain.carrier import Report
from domain.errors import Conflict, Invalid, NotFound
from events.base import Fact
from events.carrier import CarrierFact, MessageStatus, NumberAssigned, NumberPorted, Port
from events.resources import Did
from tests.domain.rows import AUTHOR, account, changed, claimed, created
from tests.support.given import ACCOUNT, CONFIGURATION, NOW, Aggregate, Configuration, given

REPORT = Report("acme", "evt-1")
NUMBER = "+1 202 555 0123"
E164 = "12025550123"
ROW = (claimed("e164", E164, "did_1"), created("did", "did_1", e164=E164))
ABOUT: dict[str, Any] = {"account_id": ACCOUNT, "at": NOW, **REPORT._asdict(), "e164": E164}
ASSIGNED = NumberAssigned(**ABOUT, did_id="did_1")


class Known(Configuration):
    """An account's rows, and the report as it was taken."""

    report: CarrierFact | None = None


def _evolve(state: Known, fact: Fact) -> Known:
    if isinstance(fact, CarrierFact):
        state.report = carrier.evolve(state.report, fact)
    else:
        CONFIGURATION.evolve(state, fact)
    return state


KNOWN = Aggregate(Known, _evolve)
ACME = created("account", ACCOUNT, name="Acme")
Decision = Callable[[Known], list[Fact]]


def assign(number: str = NUMBER, new_id: str = "did_1") -> Decision:
    return lambda state: carrier.assign(
        state.report, state.directory, AUTHOR, REPORT, number, new_id, state.claim_of
    )


def port(way: Port, number: str = NUMBER) -> Decision:
    return lambda state: carrier.port(
        state.report, state.directory, AUTHOR, REPORT, number, way, "did_1", state.claim_of
    )


def ported(way: Port, did_id: str | None = "did_1") -> NumberPorted:
    return NumberPorted(**ABOUT, port=way, did_id=did_id)


def test_an_assigned_number_gets_its_row() -> None:
    given(KNOWN, ACME).when(assign()).then(*ROW, ASSIGNED)


def test_a_number_that_has_a_row_keeps_it() -> None:
    given(KNOWN, ACME, *ROW).when(assign(new_id="did_2")).then(ASSIGNED)


def test_the_same_report_again_is_no_news_whatever_it_says() -> None:
    taken = given(KNOWN, ACME, *ROW, ASSIGNED)
    taken.when(assign("+1 202 555 0199", "did_2")).then_nothing()
    taken.when(port(Port.OUT)).then_nothing()


@pytest.mark.parametrize("decision", [assign(), port(Port.IN)], ids=["assigned", "ported"])
def test_a_number_of_another_account_stays_there(decision: Decision) -> None:
    taken = given(KNOWN, ACME, claimed("e164", E164, "did_other"))
    taken.when(decision).then_refused(Conflict, "/number")


@pytest.mark.parametrize("decision", [assign("911"), port(Port.OUT, "soon")])
def test_what_is_no_number_is_refused(decision: Decision) -> None:
    given(KNOWN, ACME).when(decision).then_refused(Invalid, "/number")


def test_an_account_that_does_not_exist_gets_no_number() -> None:
    given(KNOWN).when(assign()).then_refused(NotFound)


def test_a_number_that_comes_has_an_active_row() -> None:
    given(KNOWN, ACME).when(port(Port.IN)).then(*ROW, ported(Port.IN))
    away = changed("did", "did_1", ("status",), Did(e164=E164, status="disabled"))
    back = changed("did", "did_1", ("status",), Did(e164=E164))
    given(KNOWN, ACME, *ROW, away).when(port(Port.IN)).then(back, ported(Port.IN))


def test_a_number_that_goes_is_disabled_and_not_forgotten() -> None:
    away = changed("did", "did_1", ("status",), Did(e164=E164, status="disabled"))
    given(KNOWN, ACME, *ROW).when(port(Port.OUT)).then(away, ported(Port.OUT))


def test_a_number_that_goes_and_was_never_here_is_only_written_down() -> None:
    given(KNOWN, ACME).when(port(Port.OUT)).then(ported(Port.OUT, None))


def test_what_became_of_a_message_is_written_down_once() -> None:
    def decision(state: Known) -> list[Fact]:
        return carrier.report_message(
            state.report, AUTHOR, REPORT, "msg-1", MessageStatus.SENT, None, None
        )

    (fact,) = given(KNOWN, ACME).when(decision).then_given().facts[1:]
    assert (fact.message_id, fact.status) == ("msg-1", "sent")  # type: ignore[attr-defined]


def test_the_rows_are_made_by_the_rules_of_all_rows() -> None:
    made = resources.create(
        account().state.directory, AUTHOR, "did", "did_1", {"e164": E164}, account().state.claim_of
    )
    assert tuple(made) == ROW
