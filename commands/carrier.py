"""Commands that a wholesale carrier's report becomes (spec 03, POST /hooks/carrier)."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from commands.message import Command, Line, Outcome, Printable
from commands.world import World
from domain import carrier
from domain.carrier import Report, State
from domain.directory import Directory
from domain.errors import NotFound
from domain.resources import Author
from events.base import Fact
from events.carrier import CarrierFact, MessageStatus, Port

RowId = Annotated[str, Field(pattern=r"^[a-z]+_[0-9a-z]{26}$")]


class _Reported(Command):
    carrier: str = Field(pattern=r"^[a-z0-9_-]{1,32}$")
    event_id: Printable = Field(min_length=1, max_length=128)
    """The carrier's name of the report; the same again is no news."""

    @property
    def report(self) -> Report:
        return Report(self.carrier, self.event_id)


class AssignNumber(_Reported):
    """The account has a number now."""

    number: Line = Field(min_length=1, max_length=64)
    did_id: RowId
    """What its row will be called if there is none."""


def assign_number(command: AssignNumber, world: World) -> Outcome:
    known, directory, author = _at_hand(command, world)
    facts = carrier.assign(
        known, directory, author, command.report, command.number, command.did_id, world.claim
    )
    return _outcome(known, facts)


class PortNumber(_Reported):
    """A number has come, or has gone."""

    number: Line = Field(min_length=1, max_length=64)
    direction: Port = Port.IN
    did_id: RowId


def port_number(command: PortNumber, world: World) -> Outcome:
    known, directory, author = _at_hand(command, world)
    facts = carrier.port(
        known,
        directory,
        author,
        command.report,
        command.number,
        command.direction,
        command.did_id,
        world.claim,
    )
    return _outcome(known, facts)


class ReportMessage(_Reported):
    """What became of a message."""

    message_id: Printable = Field(min_length=1, max_length=255)
    status: MessageStatus
    number: Line | None = Field(default=None, max_length=64)
    reason: Line | None = Field(default=None, max_length=200)


def report_message(command: ReportMessage, world: World) -> Outcome:
    known, _, author = _at_hand(command, world)
    facts = carrier.report_message(
        known,
        author,
        command.report,
        command.message_id,
        command.status,
        command.number,
        command.reason,
    )
    return _outcome(known, facts)


def _at_hand(command: _Reported, world: World) -> tuple[State, Directory, Author]:
    directory = world.office(command.account_id).directory
    if directory.account is None:
        raise NotFound(f"no account {command.account_id}")
    author = Author(command.account_id, f"carrier {command.carrier}", world.now)
    return world.report(command.carrier, command.event_id), directory, author


def _outcome(known: State, facts: Sequence[Fact]) -> Outcome:
    """The reply is made of the report alone: the second time it is the same."""
    taken = known if known is not None else facts[-1]
    assert isinstance(taken, CarrierFact)
    did_id = getattr(taken, "did_id", None)
    return Outcome(facts, {"ok": 1, **({"didId": did_id} if did_id else {})})
