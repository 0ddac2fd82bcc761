"""What a wholesale carrier reports, and what follows from it for an account's numbers.

A report is taken once: whoever has it already decides nothing.
"""

from typing import NamedTuple

from domain import numbers, resources
from domain.directory import Directory, body_of
from domain.errors import Conflict, Fault, Invalid, NotFound
from domain.resources import Author, ClaimOf, Name
from events.base import Fact
from events.carrier import (
    CarrierFact,
    MessageReported,
    MessageStatus,
    NumberAssigned,
    NumberPorted,
    Port,
)
from events.resources import Did

State = CarrierFact | None
"""The report as it was taken; None: it is new."""


class Report(NamedTuple):
    carrier: str
    event_id: str


# Decisions


def assign(
    state: State,
    directory: Directory,
    author: Author,
    report: Report,
    number: str,
    new_id: str,
    claim_of: ClaimOf,
) -> list[Fact]:
    """The account has the number: its row is made (as `new_id`) if there is none."""
    if state is not None:
        return []
    e164 = _e164(directory, author, number)
    did_id, made = _row(directory, author, e164, new_id, claim_of)
    fact = NumberAssigned(
        account_id=author.account_id, at=author.now, e164=e164, did_id=did_id, **report._asdict()
    )
    return [*made, fact]


def port(
    state: State,
    directory: Directory,
    author: Author,
    report: Report,
    number: str,
    way: Port,
    new_id: str,
    claim_of: ClaimOf,
) -> list[Fact]:
    """In: the number has an active row. Out: its row is disabled."""
    if state is not None:
        return []
    e164 = _e164(directory, author, number)
    did_id = directory.dids.get(e164)
    facts: list[Fact] = []
    if way is Port.IN:
        did_id, facts = _row(directory, author, e164, new_id, claim_of)
    if did_id in directory.rows:
        patch = {"status": "active" if way is Port.IN else "disabled"}
        facts += resources.change(directory, author, "did", did_id, patch, None, claim_of)
    fact = NumberPorted(
        account_id=author.account_id,
        at=author.now,
        e164=e164,
        port=way,
        did_id=did_id,
        **report._asdict(),
    )
    return [*facts, fact]


def report_message(
    state: State,
    author: Author,
    report: Report,
    message_id: str,
    status: MessageStatus,
    number: str | None,
    reason: str | None,
) -> list[Fact]:
    if state is not None:
        return []
    return [
        MessageReported(
            account_id=author.account_id,
            at=author.now,
            message_id=message_id,
            status=status,
            number=number,
            reason=reason,
            **report._asdict(),
        )
    ]


def _e164(directory: Directory, author: Author, number: str) -> str:
    if directory.account is None:
        raise NotFound(f"no account {author.account_id}")
    e164 = numbers.normalise(number, directory.account.country)
    if e164 is None:
        raise Invalid("the number is not valid", [Fault("/number", "not a telephone number")])
    return e164


def _row(
    directory: Directory, author: Author, e164: str, new_id: str, claim_of: ClaimOf
) -> tuple[str, list[Fact]]:
    """The number's row, and what makes it."""
    known = directory.dids.get(e164)
    if known is not None and body_of(directory, known, Did):
        return known, []
    if claim_of(Name("e164", e164)).owner_id is not None:
        raise Conflict(f"{e164} belongs to another account", [Fault("/number", "is taken")])
    return new_id, resources.create(directory, author, "did", new_id, {"e164": e164}, claim_of)


# Evolve


def evolve(state: State, fact: CarrierFact) -> State:
    return fact if state is None else state
