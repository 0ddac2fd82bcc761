"""Commands about a contact center: agents, reservations, waiting callers (spec 05)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, field_validator
from pydantic_core import from_json

from commands.message import (
    CallIdField,
    Command,
    Line,
    Outcome,
    Printable,
    default_if_blank,
)
from commands.store import Deadline
from commands.world import World
from domain.acd import agents, deadlines, leases
from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd.agents import Membership
from domain.acd.desk import Desk
from domain.acd.floor import Caller, FloorFact, Lease
from domain.acd.leases import Verdict
from domain.directory import body_of
from domain.errors import NotFound
from domain.routing import Office
from events.acd import CallerQueued
from events.base import AccountId, CallId, Fact, Millis
from events.resources import SipUser

SILENCE = Millis(90_000)
"""Milliseconds without a poll after which the engine of a waiting caller counts as gone: nobody
is to ring for somebody who is not there. Engines poll every 25 seconds."""


def floor_deadlines(account_id: AccountId, facts: Iterable[Fact]) -> list[Deadline]:
    """When to look at the floor again because of these facts."""
    facts = list(facts)
    dues = list(deadlines.dues_of(facts))
    dues += [
        (Millis(fact.at + SILENCE), f"caller:{fact.call_id}")
        for fact in facts
        if isinstance(fact, CallerQueued) and fact.callback is None
    ]
    return [Deadline(due, account_id, None, item) for due, item in dues]


def _outcome(command: Command, facts: Sequence[FloorFact], reply: dict[str, Any]) -> Outcome:
    return Outcome(facts, reply, floor_deadlines(command.account_id, facts))


def _office(command: Command, world: World) -> Office:
    office = world.office(command.account_id)
    if office.directory.account is None:
        raise NotFound(f"no account {command.account_id}")
    return office


# Agents


class AgentEvent(StrEnum):
    LOGIN = "login"
    LOGOUT = "logout"
    AVAILABLE = "available"
    PAUSE = "pause"
    UNPAUSE = "unpause"
    JOIN = "join"
    LEAVE = "leave"
    WRAPUP_DONE = "wrapup_done"


def _text(value: Any) -> Any:
    """A username may come as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _wishes(value: Any) -> Any:
    """A form has one text: JSON, or ids with commas. A list may hold bare ids."""
    if isinstance(value, str):
        text = value.strip()
        value = from_json(text) if text.startswith("[") else [id for id in text.split(",") if id]
    if not isinstance(value, list):
        return value
    return [{"queueId": one} if isinstance(one, str) else one for one in value]


UserField = Annotated[Printable, BeforeValidator(_text), Field(min_length=1)]
"""A user's id or username."""


class QueueWish(BaseModel):
    model_config = Command.model_config

    queue_id: Printable = Field(min_length=1)
    level: int | None = Field(default=None, ge=0, le=1_000_000)


class ControlAgent(Command):
    """An agent does something (spec 03, POST /agent)."""

    user_id: UserField
    event: AgentEvent
    queues: Annotated[list[QueueWish], BeforeValidator(_wishes)] = Field(default=[], max_length=500)
    reason: Line | None = Field(default=None, max_length=200)

    _blank = field_validator("reason", mode="before")(default_if_blank)


def control_agent(command: ControlAgent, world: World) -> Outcome:
    office = _office(command, world)
    agent_id = agents.agent_id_of(office, command.user_id)
    facts = _decide(command, office, agent_id, world)
    desk = desks.at_desk(office, world.now, facts)
    return _outcome(command, facts, {"ok": 1, **_agent(desk, agent_id)})


def _decide(command: ControlAgent, office: Office, agent_id: str, world: World) -> list[FloorFact]:
    queues = [Membership(wish.queue_id, wish.level) for wish in command.queues]
    now = world.now
    match command.event:
        case AgentEvent.LOGIN:
            return agents.log_in(office, agent_id, queues, now)
        case AgentEvent.AVAILABLE:
            return agents.make_available(office, agent_id, queues, now)
        case AgentEvent.UNPAUSE:
            return agents.unpause(office, agent_id, queues, now)
        case AgentEvent.PAUSE:
            return agents.pause(office, agent_id, command.reason, now)
        case AgentEvent.LOGOUT:
            return agents.log_out(office, agent_id, now)
        case AgentEvent.JOIN:
            return agents.join(office, agent_id, queues, now)
        case AgentEvent.LEAVE:
            return agents.leave(office, agent_id, queues, now)
        case AgentEvent.WRAPUP_DONE:
            return agents.finish_wrap_up(office, agent_id, now)


class ShowAgent(Command):
    """How is this agent? (spec 03, GET /agent)"""

    user_id: UserField


def show_agent(command: ShowAgent, world: World) -> Outcome:
    office = _office(command, world)
    agent_id = agents.agent_id_of(office, command.user_id)
    return Outcome([], {"ok": 1, **_agent(desks.at_desk(office, world.now), agent_id)})


def _agent(desk: Desk, agent_id: str) -> dict[str, Any]:
    agent, user = floors.agent_of(desk.floor, agent_id), body_of(desk.directory, agent_id, SipUser)
    reachable = floors.is_reachable(desk.floor, agent_id)
    places = {id: desks.place_in(desk, agent_id, agent, id) for id in agent.queues}
    lease = agent.talk or agent.offer
    shown: dict[str, Any] = {
        "accountId": desk.account_id,
        "userId": agent_id,
        "username": user.username if user else None,
        "displayName": user.display_name if user else None,
        "status": agent.status.value,
        "state": agent.state.value,
        "reachable": reachable,
        "bucket": floors.bucket(agent.status, agent.state, reachable, bool(agent.external)).value,
        "queues": [{"queueId": id, "level": p[0]} for id, p in places.items() if p],
        "since": agent.since or None,
        "reason": agent.reason,
        "pending": agent.deferred.event.value if agent.deferred else None,
        "wrapUpUntil": agent.wrap_up_until,
    }
    if lease:
        return shown | {"callId": lease.call_id, "queueId": lease.queue_id, **_leased(lease)}
    return shown


def _leased(lease: Lease) -> dict[str, Any]:
    return {"leaseId": lease.lease_id, "epoch": lease.epoch}


# Leases


class ConfirmLease(Command):
    """The agent has answered (spec 03, GET /agent/confirm)."""

    lease_id: Printable = Field(min_length=1)
    epoch: int = Field(ge=0, le=2**62)


def confirm_lease(command: ConfirmLease, world: World) -> Outcome:
    office = world.office(command.account_id)
    return _judged(command, leases.confirm(office, command.lease_id, command.epoch, world.now))


class ClaimCall(Command):
    """The agent wants to have answered first (spec 03, GET /agent/claim)."""

    agent_id: UserField
    call_id: CallIdField


def claim_call(command: ClaimCall, world: World) -> Outcome:
    office = world.office(command.account_id)
    agent_id = office.directory.users.get(command.agent_id, command.agent_id)
    return _judged(command, leases.claim(office, agent_id, command.call_id, world.now))


def _judged(command: Command, verdict: Verdict) -> Outcome:
    if verdict.call_id is not None:
        return _outcome(command, verdict.facts, {"ok": 1, "bridge": verdict.call_id})
    return _outcome(command, verdict.facts, {"ok": 0, "reason": verdict.reason})


# Deadlines


class MeetDeadlines(Command):
    """A deadline: a reservation, a wait or a wrap-up whose time is up."""

    item: str = ""
    """Whose (`floors.dues`); empty: look at everybody, after a take-over."""


def meet_deadlines(command: MeetDeadlines, world: World) -> Outcome:
    office, now = world.office(command.account_id), world.now
    if not command.item:
        return _look_at_all(command, office, world)
    kind, _, id = command.item.partition(":")
    caller = office.presence.floor.callers.get(CallId(id)) if kind == "caller" else None
    if caller is None or caller.callback is not None:
        return _outcome(command, deadlines.meet_one(office, now, command.item), {})
    heard = _heard(command, caller, world)
    if heard > now - SILENCE:
        facts = deadlines.meet_one(office, now, command.item)
        again = Deadline(Millis(heard + SILENCE), command.account_id, None, command.item)
        outcome = _outcome(command, facts, {})
        return outcome._replace(wake=[*outcome.wake, again])
    return _outcome(command, deadlines.meet_one(office, now, command.item, {caller.call_id}), {})


def _look_at_all(command: Command, office: Office, world: World) -> Outcome:
    """Everything that is due, and a deadline for everything that will be."""
    facts = deadlines.meet(office, world.now)
    floor = desks.at_desk(office, world.now, facts).floor
    dues = [(due, item) for due, item in floors.dues(floor) if due > world.now]
    for caller in floor.callers.values():
        if caller.callback is None:
            due = Millis(_heard(command, caller, world) + SILENCE)
            dues.append((due, f"caller:{caller.call_id}"))
    return Outcome(facts, {}, [Deadline(due, command.account_id, None, item) for due, item in dues])


def _heard(command: Command, caller: Caller, world: World) -> Millis:
    """When an engine has spoken of the caller last."""
    return max(caller.queued_at, world.heard_of(command.account_id, caller.call_id))
