"""Commands about a call in its flow: begin, what comes next, and what would come (spec 04)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from commands.acd import floor_deadlines
from commands.message import CallIdField, Command, Hold, Line, Outcome, Printable
from commands.world import World
from domain import costs, voicemail
from domain.call import CallSession
from domain.flow import session, simulation, waiting
from domain.flow.node import Answer, Context
from domain.flow.session import Told
from domain.routing import Office
from events.base import Millis
from events.call import CallRevised
from events.flow import FlowCommand, Noop, Originate


def _text(value: Any) -> Any:
    """A number or a flag as text: variables are texts."""
    if isinstance(value, bool):
        return str(int(value))
    return str(value) if isinstance(value, int | float) else "" if value is None else value


Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Value = Annotated[str, Field(max_length=16_384), BeforeValidator(_text)]
Texts = Annotated[dict[Key, Value], Field(max_length=100)]
FlowId = Annotated[Printable, Field(min_length=1)]
Reported = Annotated[Printable, Field(min_length=1, max_length=64)]


class StartFlow(Command):
    """Run this flow for the call (POST /flow with `flowId`)."""

    call_id: CallIdField
    flow_id: FlowId
    vars: Texts = Field(default={})


class StepFlow(Command):
    """What became of the last command; what is next? (POST /flow with `outcome`)"""

    call_id: CallIdField
    outcome: Reported
    data: Texts = Field(default={})
    seq: int | None = Field(default=None, ge=0, le=1_000_000)
    """Number of the command that the outcome is of."""
    hold_ms: int = Field(default=0, ge=0, le=10_000)
    """How long the answer to a poll may wait for something new."""


def start_flow(command: StartFlow, world: World) -> Outcome:
    (call,) = world.calls([command.call_id])
    told = session.start(call, context_of(command, call, world), command.flow_id, command.vars)
    world.hear_of(command.account_id, command.call_id)
    return _outcome(command, told)


def step_flow(command: StepFlow, world: World) -> Outcome:
    (call,) = world.calls([command.call_id])
    answer = Answer(command.outcome, command.data)
    told = session.step(call, context_of(command, call, world), answer, command.seq)
    world.hear_of(command.account_id, command.call_id)
    directory = world.office(command.account_id).directory
    late = costs.revised(call, told.facts, command.account_id, directory, world.now)
    outcome = _outcome(command, told, late)
    if outcome.facts or not command.hold_ms or not isinstance(told.command, Noop):
        return outcome
    until = min(world.now + command.hold_ms, told.look_at or 2**62)
    return outcome._replace(hold=Hold(command.call_id, Millis(until)))


def context_of(command: Command, call: CallSession, world: World) -> Context:
    first = call.hops[0] if call.hops else None
    return Context(
        office=_office(command, world),
        platform=world.options.platform,
        now=world.now,
        call_id=call.call_id,
        from_number=first.from_number if first else "",
        to_number=first.to_number if first else "",
        node_id=call.hops[-1].node_id if call.hops else None,
        user_id=first.caller_user_id if first else None,
        turns=world.turns(command.account_id),
        recorded=call.recorded,
        is_full=_full_mailboxes(world),
    )


def _full_mailboxes(world: World) -> Callable[[str, int], bool]:
    return lambda mailbox_id, quota: voicemail.is_full(world.mailbox(mailbox_id), quota)


def _office(command: Command, world: World) -> Office:
    """The account, with the numbers that must not be called where it asks for that."""
    office = world.office(command.account_id)
    account = office.directory.account
    if account and account.dnc_outbound:
        return office._replace(dnc=world.dnc(command.account_id))
    return office


def _outcome(
    command: StartFlow | StepFlow, told: Told, late: Sequence[CallRevised] = ()
) -> Outcome:
    reply = {"callId": command.call_id, "seq": told.seq, **wired(told.command)}
    wake = floor_deadlines(command.account_id, told.floor)
    return Outcome([*told.all_facts, *late], reply, wake)


def wired(command: FlowCommand | Originate) -> dict[str, Any]:
    """A command as engines read it."""
    return command.model_dump(mode="json", by_alias=True, exclude_none=True)


class ShowCallback(Command):
    """What has an edge node to do for this reservation? Nothing (`{}`) when it is over."""

    lease_id: Printable = Field(min_length=1)
    epoch: int = Field(ge=0, le=2**62)


def show_callback(command: ShowCallback, world: World) -> Outcome:
    office = world.office(command.account_id)
    lease = office.presence.floor.leases.get(command.lease_id)
    caller = office.presence.floor.callers.get(lease.call_id) if lease else None
    if lease is None or lease.epoch != command.epoch or not caller or not caller.callback:
        return Outcome([], {})
    context = Context(
        office=office,
        platform=world.options.platform,
        now=world.now,
        call_id=lease.call_id,
        from_number="",
        to_number=caller.callback.number,
    )
    told = waiting.originate(context, lease, caller.callback.number)
    return Outcome([], wired(told) if told else {})


class SimulateFlow(Command):
    """What would a call hear? Nothing is recorded (POST /v1/flows/{id}/simulate)."""

    flow_id: FlowId
    version: int | None = Field(default=None, ge=0)
    """None: what is worked on, published or not."""
    outcomes: list["Scripted"] = Field(default=[], max_length=200)
    vars: Texts = Field(default={})
    at: Annotated[int, Field(ge=0, le=4_102_444_800_000)] | None = None
    """Epoch milliseconds; None: now."""
    from_number: Line = Field(default="", max_length=64)
    to_number: Line = Field(default="", max_length=64)


class Scripted(Command):
    """An outcome that the engine will report."""

    outcome: Reported
    data: Texts = Field(default={})


def simulate_flow(command: SimulateFlow, world: World) -> Outcome:
    context = Context(
        office=_office(command, world),
        platform=world.options.platform,
        now=Millis(command.at) if command.at is not None else world.now,
        call_id=simulation.CALL_ID,
        from_number=command.from_number,
        to_number=command.to_number,
        is_what_if=True,
        is_full=_full_mailboxes(world),
    )
    found = simulation.run(
        context,
        command.flow_id,
        command.version,
        [Answer(one.outcome, one.data) for one in command.outcomes],
        command.vars,
    )
    return Outcome([], simulation.shown(found, wired))
