"""What a call costs its account: which parts of it are paid for, and what its end says of that.

Paid for are: a call from here to a number outside, by that number; a call from outside, by the
number of ours that was called (where the plan has rates of the direction ``in``: toll-free); and
each leg that a flow or a transfer has dialled to a number outside. Calls from desk to desk, what is
handed to a trunk or a SIP address as it is, and calls for help cost nothing.

The rate plan is the account's own at the moment when the end is decided: a call is rated once, by
one plan. If it turns out later how it went, it is rated again, by the plan of that moment.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain import numbers, rating
from domain.call import CallFact, CallSession
from domain.directory import Directory
from domain.flow import outside
from events.base import AccountId, Fact, Millis
from events.call import (
    CallEnded,
    CallRevised,
    CallRouted,
    DialogEvent,
    Direction,
    FlowStepped,
    Outcome,
    SendOut,
)


class Part(NamedTuple):
    """A part of a call that is paid for."""

    direction: str
    number: str
    seconds: int | None
    """None: it was not answered."""


def priced(session: CallSession, facts: Sequence[CallFact], directory: Directory) -> list[CallFact]:
    """The same facts; an end says what the call has cost. `session`: as it is before them."""
    return [
        fact.model_copy(update={"outcome": _rated(session, facts, fact.outcome, directory)})
        if isinstance(fact, CallEnded | CallRevised)
        else fact
        for fact in facts
    ]


def of_costly_numbers(facts: Sequence[Fact], country: str) -> int:
    """What a call that ends has paid for numbers abroad and premium numbers, in millionths."""
    ended = [fact.outcome for fact in facts if isinstance(fact, CallEnded)]
    charges = [charge for outcome in ended for charge in outcome.charges]
    costly = [one.cost_micros for one in charges if numbers.is_costly(one.number, country)]
    return min(rating.MAX_MICROS, sum(costly))


def revised(
    session: CallSession,
    steps: Sequence[FlowStepped],
    account_id: AccountId,
    directory: Directory,
    now: Millis,
) -> list[CallRevised]:
    """The engine has said after the end of the call how long a leg of it was."""
    known = session.outcome
    if known is None or not steps:
        return []
    outcome = _rated(session, steps, known, directory)
    if outcome.cost_micros == known.cost_micros:
        return []
    return [
        CallRevised(
            account_id=account_id,
            at=now,
            call_id=session.call_id,
            late=DialogEvent.END,
            ts=now,
            outcome=outcome,
        )
    ]


def _rated(
    session: CallSession, facts: Sequence[Fact], outcome: Outcome, directory: Directory
) -> Outcome:
    account = directory.account
    tariff = directory.tariffs.get(account.rate_plan_id or "") if account else None
    if account is None or tariff is None:
        return outcome
    parts = _parts(session, facts, outcome, account.country)
    charged = [rating.charge(tariff, *part) for part in parts]
    charges = tuple(one for one in charged if one is not None)
    if not charges:
        return outcome
    said = {"currency": tariff.currency, "charges": charges, **rating.total(charges)._asdict()}
    return outcome.model_copy(update=said)


def _parts(
    session: CallSession, facts: Sequence[Fact], outcome: Outcome, country: str
) -> Iterator[Part]:
    hops = [*session.hops, *(fact for fact in facts if isinstance(fact, CallRouted))]
    hop = session.answered_hop or hops[-1]
    seconds = outcome.billsec if outcome.answered else None
    is_help = numbers.is_emergency(hop.to_number, country)
    if outcome.direction is Direction.INBOUND:
        yield Part(rating.IN, outcome.to_number, seconds)
    elif hop.direction is Direction.OUTBOUND and isinstance(hop.directive, SendOut) and not is_help:
        yield Part(rating.OUT, hop.to_number, seconds)
    legs = session.legs
    for fact in facts:
        if isinstance(fact, FlowStepped):
            legs = outside.evolved(legs, fact)
    for leg in legs:
        yield Part(rating.OUT, leg.number, outside.talked_sec(leg, outcome))
