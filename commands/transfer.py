"""Commands about a call that somebody gives to somebody else (spec 05, Transfer)."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import from_json

from commands.acd import UserField, floor_deadlines
from commands.flow import context_of
from commands.message import CallIdField, Command, Outcome, Printable
from commands.world import World
from domain.call import CallSession
from domain.flow import transfer
from domain.flow.node import Context
from domain.flow.session import Told
from domain.flow.transfer import Refused


def _object(value: Any) -> Any:
    """A form has one text: JSON, or ``kind:id``."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        try:
            return from_json(value)
        except ValueError:
            return value
    kind, _, id = value.partition(":")
    return {"kind": kind, "id": id}


def _text(value: Any) -> Any:
    """A number may come as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Target(BaseModel):
    model_config = Command.model_config

    kind: Literal["user", "agent", "queue", "number", "pstn"]
    id: Annotated[Printable, BeforeValidator(_text), Field(min_length=1, max_length=64)]


class TransferCall(Command):
    """Give the call to another (POST /transfer)."""

    call_id: CallIdField
    from_user_id: UserField
    target: Annotated[Target, BeforeValidator(_object)]
    mode: Literal["blind", "attended"]


def transfer_call(command: TransferCall, world: World) -> Outcome:
    call, context = _call(command, world)
    wanted = command.target
    decided = transfer.begin(
        call, context, command.from_user_id, wanted.kind, wanted.id, command.mode
    )
    return _outcome(command, call, decided)


class CompleteTransfer(Command):
    """The caller to the target, without the agent (POST /transfer/complete)."""

    call_id: CallIdField


def complete_transfer(command: CompleteTransfer, world: World) -> Outcome:
    call, context = _call(command, world)
    return _outcome(command, call, transfer.complete(call, context))


class CancelTransfer(Command):
    """The caller back to the agent (POST /transfer/cancel)."""

    call_id: CallIdField


def cancel_transfer(command: CancelTransfer, world: World) -> Outcome:
    call, context = _call(command, world)
    return _outcome(command, call, transfer.cancel(call, context))


class JoinAll(Command):
    """Caller, agent and target together (POST /transfer/3way)."""

    call_id: CallIdField


def join_all(command: JoinAll, world: World) -> Outcome:
    call, context = _call(command, world)
    return _outcome(command, call, transfer.join_all(call, context))


Transferring = TransferCall | CompleteTransfer | CancelTransfer | JoinAll


def _call(command: Transferring, world: World) -> tuple[CallSession, Context]:
    (call,) = world.calls([command.call_id])
    return call, context_of(command, call, world)


def _outcome(command: Transferring, call: CallSession, decided: Told | Refused) -> Outcome:
    if isinstance(decided, Refused):
        return Outcome(decided.facts, {"refused": decided.reason})
    reply = {
        "ok": 1,
        "callId": command.call_id,
        "seq": decided.seq,
        "state": transfer.state_after(call, decided),
    }
    wake = floor_deadlines(command.account_id, decided.floor)
    return Outcome(decided.all_facts, reply, wake)
