"""A call that somebody gives to somebody else: the decisions behind POST /transfer (spec 05).

A transfer is a step of the call's flow that its engine has not asked for; the engine hears of it
with its next poll. Asked for what is so already, nothing happens and the answer is the same.
"""

from typing import NamedTuple

from domain.call import CallSession
from domain.directory import body_of, device_id
from domain.errors import Conflict, Fault, Invalid
from domain.flow import interpreter, recipients, run, session, transfers
from domain.flow.node import Answer, Context
from domain.flow.nodes.consult import BACK, CANCEL, COMPLETE, JOIN_ALL, Stage
from domain.flow.run import FlowRun
from domain.flow.session import MAX_COMMANDS, Told
from domain.flow.transfers import Transfer
from events.call import TransferRefused
from events.flow import Dial, Frame, JoinConference
from events.resources import SipDevice

BLIND, ATTENDED = "blind", "attended"
NOT_ALLOWED = "may not transfer blind to the public network (allow_pstn_blind_transfer)"
MAX_REFUSALS = 20
"""Refused transfers of a call that are recorded."""
_STATES = {
    transfers.TARGET: "dialling",
    transfers.HANDED: "dialling",
    transfers.RECALL: "recalling",
}


class Refused(NamedTuple):
    reason: str
    facts: list[TransferRefused]


def state_of(flow: FlowRun) -> str:
    """Where a transfer stands: ringing, consulting, three_way, completed; dialling, queued,
    recalling; cancelled, forwarded (the target has sent the caller elsewhere), over."""
    frame, last = flow.frames[-1] if flow.frames else None, flow.commands[flow.seq]
    under_way = transfers.of(frame)
    if frame is None:
        return "over"
    if isinstance(last, JoinConference) and last.flags == BACK:
        return "cancelled"
    if under_way is None:
        return "forwarded"
    if frame.node_id == transfers.CONSULT:
        return Stage(frame.stage).name.lower()
    is_queued = under_way.kind == "queue" and frame.node_id == transfers.TARGET
    return "queued" if is_queued else _STATES.get(frame.node_id, "over")


def state_after(call: CallSession, told: Told) -> str:
    """The same, as it is when this has happened."""
    after = call.flow
    for fact in told.facts:
        after = run.evolved(after, fact)
    return state_of(after) if after else "over"


# Decisions


def begin(
    call: CallSession, context: Context, user: str, kind: str, id: str, mode: str
) -> Told | Refused:
    """Give the call to another. `user`: the id or the username of a party who does so.

    Refuses a call that is unknown (NotFound), over (Gone) or in nobody's hands, whom the target
    does not exist for (Invalid), and whoever has no say or nobody to give the call to (Conflict).
    """
    flow = _commanded(call, context)
    user_id = recipients.user_of(context.directory, user, "/fromUserId")
    target = recipients.target_of(context.directory, kind, id)
    if mode == ATTENDED and target.kind == "queue":
        raise Invalid("there is nobody to talk with", [Fault("/mode", "a queue is taken blind")])
    transfer = Transfer(user_id, target.kind, target.id)
    if _is_so_already(flow, transfer, mode):
        return _again(flow)
    _must_be_free(flow)
    if user_id not in _parties(call, context, flow):
        raise Conflict(f"{user} has no part in call {call.call_id}")
    recipients.must_take(context, transfer)
    if mode == ATTENDED:
        return _consult(call, context, flow, transfer)
    return _hand_over(call, context, flow, transfer, "transfer", mode)


def complete(call: CallSession, context: Context) -> Told | Refused:
    """The caller gets the target, and the agent is free. Before the target has answered, the
    transfer is a blind one from then on."""
    flow = _commanded(call, context)
    frame = flow.frames[-1]
    transfer = transfers.of(frame)
    if transfer and (frame.node_id, frame.stage) == (transfers.CONSULT, Stage.RINGING):
        return _hand_over(call, context, flow, transfer, COMPLETE, "")
    is_handed = transfer is not None and frame.node_id == transfers.HANDED
    if (is_handed and state_of(flow) == "dialling") or _stage(flow) is Stage.COMPLETED:
        return _again(flow)
    return _ordered(call, context, flow, COMPLETE, {Stage.CONSULTING, Stage.THREE_WAY})


def cancel(call: CallSession, context: Context) -> Told:
    """The caller is back with the agent, the target is gone."""
    flow = _commanded(call, context)
    if state_of(flow) == "cancelled":
        return _again(flow)
    stages = {Stage.RINGING, Stage.CONSULTING, Stage.THREE_WAY}
    return _ordered(call, context, flow, CANCEL, stages)


def join_all(call: CallSession, context: Context) -> Told:
    """Caller, agent and target talk."""
    flow = _commanded(call, context)
    if _stage(flow) is Stage.THREE_WAY:
        return _again(flow)
    return _ordered(call, context, flow, JOIN_ALL, {Stage.CONSULTING})


def _consult(call: CallSession, context: Context, flow: FlowRun, transfer: Transfer) -> Told:
    frame = _frame(transfer, transfers.CONSULT).model_copy(update={"held": flow.frames})
    told = _sent(call, context, flow, frame, "transfer", ATTENDED)
    if not isinstance(told.command, Dial) or told.command.mode is None:
        why = told.facts[0].path[0].note
        raise Conflict(f"{transfer.kind} {transfer.id} cannot be talked with: {why}")
    return told


def _hand_over(
    call: CallSession, context: Context, flow: FlowRun, transfer: Transfer, order: str, mode: str
) -> Told | Refused:
    if not transfers.may_hand_over(context.directory, transfer):
        return _refused(call, context, transfer)
    node_id = transfers.HANDED if order == COMPLETE else transfers.TARGET
    return _sent(call, context, flow, _frame(transfer, node_id), order, mode)


def _refused(call: CallSession, context: Context, transfer: Transfer) -> Refused:
    fact = TransferRefused(
        account_id=context.office.account_id,
        at=context.now,
        call_id=call.call_id,
        from_user_id=transfer.user_id,
        target_kind=transfer.kind,
        target_id=transfer.id,
        reason=NOT_ALLOWED,
    )
    known = {(one.from_user_id, one.target_id) for one in call.refused}
    is_new = (fact.from_user_id, fact.target_id) not in known and len(known) < MAX_REFUSALS
    return Refused(f"{transfer.user_id} {NOT_ALLOWED}", [fact] if is_new else [])


def _sent(
    call: CallSession, context: Context, flow: FlowRun, frame: Frame, order: str, mode: str
) -> Told:
    """The call arrives in the flow of the transfer."""
    stepped = interpreter.advance(
        context, (frame,), flow.variables, None, flow.seq + 1, before=flow.frames
    )
    transfer = transfers.of(frame)
    said = transfer._asdict() if transfer else {}
    data = {**said, "mode": mode} if mode else said
    return session.told(call, context, flow.frames[0], flow.seq + 1, order, data, stepped)


def _ordered(
    call: CallSession, context: Context, flow: FlowRun, order: str, stages: set[Stage]
) -> Told:
    """What the agent wants of a consultation that is under way."""
    if _stage(flow) not in stages:
        raise Conflict(f"no such thing now: {_shown(flow)}")
    answer = Answer(order)
    stepped = interpreter.advance(context, flow.frames, flow.variables, answer, flow.seq + 1)
    return session.told(call, context, flow.frames[0], flow.seq + 1, order, {}, stepped)


def _frame(transfer: Transfer, node_id: str) -> Frame:
    return Frame(flow_id=transfer.name, flow_version=0, node_id=node_id)


def _again(flow: FlowRun) -> Told:
    return Told(flow.seq, flow.commands[flow.seq], [], [])


# What is so


def _commanded(call: CallSession, context: Context) -> FlowRun:
    """The flow that an engine carries out for the call."""
    session.must_be_owned(call, context)
    session.must_be_open(call)
    flow = call.flow
    if flow is None or not flow.frames or flow.hop != len(call.hops):
        raise Conflict(f"call {call.call_id} is in no flow: there is no engine to command")
    if flow.seq >= MAX_COMMANDS:
        raise Conflict(f"more than {MAX_COMMANDS} commands in one call")
    return flow


def _stage(flow: FlowRun) -> Stage | None:
    """How far a consultation is."""
    frame = flow.frames[-1]
    is_one = transfers.of(frame) is not None and frame.node_id == transfers.CONSULT
    return Stage(frame.stage) if is_one else None


def _shown(flow: FlowRun) -> str:
    return f"it is {state_of(flow)}" if transfers.of(flow.frames[-1]) else "nothing is transferred"


def _is_so_already(flow: FlowRun, transfer: Transfer, mode: str) -> bool:
    frame = flow.frames[-1]
    node_id = transfers.CONSULT if mode == ATTENDED else transfers.TARGET
    return (frame.flow_id, frame.node_id) == (transfer.name, node_id)


def _must_be_free(flow: FlowRun) -> None:
    if _stage(flow) not in (None, Stage.COMPLETED):
        raise Conflict(f"the call is being transferred: {_shown(flow)}")


def _parties(call: CallSession, context: Context, flow: FlowRun) -> set[str]:
    """Who has the caller: his agent, or the users whom the flow has dialled. Which of them has
    answered is known to the engine alone."""
    agent_id = context.office.presence.floor.talks.get(call.call_id)
    found = {*flow.frames[-1].users, *([agent_id] if agent_id else [])}
    last = flow.commands[flow.seq]
    for leg in last.legs if isinstance(last, Dial) else ():
        if leg.aor and leg.lease_id is None and (owner := _owner(context, leg.aor)):
            found.add(owner)
    return found


def _owner(context: Context, aor: str) -> str | None:
    """The user of a device."""
    name, _, realm = aor.removeprefix("sip:").partition("@")
    device = body_of(context.directory, device_id(context.directory, name, realm), SipDevice)
    return device.user_id if device else None
