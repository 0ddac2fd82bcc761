"""Who may be given a call, and can he take it now?"""

from typing import NamedTuple

from domain import numbers
from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd.floor import Agent, State, Status
from domain.directory import Directory, body_of
from domain.errors import Conflict, Fault, Invalid
from domain.flow import legs
from domain.flow.node import Context
from domain.flow.transfers import Transfer
from events.resources import Queue, SipUser

_STATES = {
    State.OFFERING: "rings for another caller",
    State.IN_CALL: "is in a call",
    State.WRAP_UP: "writes his notes",
}


class Target(NamedTuple):
    kind: str
    """user, agent, extension, number or queue (`Transfer.kind`)."""
    id: str


def user_of(directory: Directory, user: str, pointer: str) -> str:
    """The id of the user with this id or username."""
    id = user if body_of(directory, user, SipUser) else directory.users.get(user)
    if id is None:
        raise Invalid("there is no such user", [Fault(pointer, f"no user {user}")])
    return id


def target_of(directory: Directory, kind: str, id: str) -> Target:
    """Whom a transfer asks for: a number as a device of the account would dial it."""
    match kind:
        case "user":
            return Target("user", user_of(directory, id, "/target/id"))
        case "agent":
            user_id = user_of(directory, id, "/target/id")
            if not desks.is_agent(directory, user_id):
                raise _invalid(f"{id} is not an agent (is_agent)")
            return Target("agent", user_id)
        case "queue":
            if body_of(directory, id, Queue) is None:
                raise _invalid(f"no queue {id}")
            return Target("queue", id)
    return _dialled(directory, id, is_outside=kind == "pstn")


def _dialled(directory: Directory, dialled: str, is_outside: bool) -> Target:
    country = directory.account.country if directory.account else "US"
    if numbers.is_emergency(dialled, country):
        return Target("number", dialled)
    if not is_outside and (extension := directory.extensions.get(dialled)):
        return Target("extension", extension)
    if not is_outside and (user := directory.users.get(dialled)):
        return Target("user", user)
    number = numbers.normalise(dialled, country)
    if number is None:
        raise _invalid(f"{dialled} is no number")
    return Target("number", number)


def must_take(context: Context, transfer: Transfer) -> None:
    """Refuses who is asked for himself, and an agent who is not free."""
    if transfer.id == transfer.user_id:
        raise _invalid("is the one who transfers")
    if transfer.kind == "agent" and (why := _why_not(context, transfer.id)):
        raise Conflict(f"{transfer.id} {why}")


def _why_not(context: Context, agent_id: str) -> str | None:
    """Why an agent is not free for a call."""
    floor = context.office.presence.floor
    agent = floors.agent_of(floor, agent_id)
    if agent.status is Status.OFFLINE:
        return "is not logged in"
    if agent.status is Status.ON_BREAK:
        return "is on a break"
    if busy := _busy(agent):
        return busy
    user = body_of(context.directory, agent_id, SipUser)
    _, why = legs.of_user(context, agent_id, user, 1) if user else ((), "unknown")
    return f"is {why}" if why else None


def _busy(agent: Agent) -> str | None:
    if agent.external:
        return "is in a call"
    if agent.deferred is not None:
        return f"wants to {agent.deferred.event.value}"
    return _STATES.get(agent.state)


def _invalid(detail: str) -> Invalid:
    return Invalid("there is no such target", [Fault("/target/id", detail)])
