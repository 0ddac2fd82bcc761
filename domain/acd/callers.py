"""What callers do: come into a queue, ask for their place, leave.

The gates are asked in order: open, room, agents, expected wait. A caller keeps his place for as
long as he waits, whoever misses him.
"""

from collections.abc import Iterator
from typing import NamedTuple

from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd.agents import end_calls
from domain.acd.desk import Desk, at_desk, dispatch
from domain.acd.floor import Caller, FloorFact, Lease, Status
from domain.acd.leases import end_conversation
from domain.directory import body_of
from domain.routing import Office
from events.acd import CallerQueued, Departure
from events.base import CallId, Millis
from events.resources import Queue

EXITS = {
    "closed": "closed_dest",
    "full": "queue_full_dest",
    "no_agents": "no_agents_dest",
    "deflected": "ewt_dest",
    "timeout": "timeout_dest",
    "abandoned": "abandon_dest",
}
"""How a caller did not get an agent → the member of the queue that says where he goes then."""


class Waiting(NamedTuple):
    position: int
    """1: next."""
    ewt_sec: int


class Ringing(NamedTuple):
    """Agents are reserved for the caller: dial them."""

    leases: tuple[Lease, ...]


class Connected(NamedTuple):
    agent_id: str
    lease_id: str


class TurnedAway(NamedTuple):
    """closed, full, no_agents or deflected: the caller did not come in. Or how he has left;
    `answered`: the agent has left him."""

    outcome: str


class Unknown(NamedTuple):
    """No queue knows the caller."""


Place = Waiting | Ringing | Connected | TurnedAway | Unknown


def exit_of(queue: Queue, outcome: str) -> tuple[str, str | None] | None:
    """Kind and id of the route target for a caller who did not get an agent."""
    member = EXITS[outcome]
    kind = getattr(queue, f"{member}_kind")
    return (kind, getattr(queue, f"{member}_id")) if kind else None


def place_of(desk: Desk, call_id: CallId) -> Place:
    floor = desk.floor
    if agent_id := floor.talks.get(call_id):
        talk = floors.agent_of(floor, agent_id).talk
        return Connected(agent_id, talk.lease_id if talk else "")
    if caller := floor.callers.get(call_id):
        if caller.leases:
            return Ringing(tuple(floor.leases[id] for id in caller.leases.values()))
        ahead = sum(_rank(other) < _rank(caller) for other in _in_queue(desk, caller.queue_id))
        return Waiting(ahead + 1, ewt_sec(desk, caller.queue_id, ahead))
    if departed := floor.departed.get(call_id):
        return TurnedAway(departed.departure.value if departed.departure else "answered")
    return Unknown()


def served_by(office: Office, call_id: CallId) -> tuple[str | None, str | None]:
    """The last queue and agent of the call, as long as they are remembered."""
    floor = office.presence.floor
    if (agent_id := floor.talks.get(call_id)) and (talk := floors.agent_of(floor, agent_id).talk):
        return talk.queue_id, agent_id
    if caller := floor.callers.get(call_id):
        return caller.queue_id, None
    departed = floor.departed.get(call_id)
    return (departed.queue_id, departed.agent_id) if departed else (None, None)


def ewt_sec(desk: Desk, queue_id: str, ahead: int) -> int:
    """Expected wait: callers ahead × handle time ÷ agents who are logged in and not paused."""
    handled = desk.floor.handled.get(queue_id, ())
    configured = desks.queue_of(desk, queue_id).ewt_aht_sec * 1000
    aht_ms = sum(handled) // len(handled) if handled else configured
    agents = sum(status is Status.AVAILABLE for status in _statuses(desk, queue_id))
    return ahead * aht_ms // max(1, agents) // 1000


def ewt_of_next(desk: Desk, queue_id: str) -> int:
    """Expected wait of somebody who came now, with the priority of the queue."""
    own = desks.queue_of(desk, queue_id).priority
    ahead = sum(caller.priority >= own for caller in _in_queue(desk, queue_id))
    return ewt_sec(desk, queue_id, ahead)


# Decisions


def join(
    office: Office,
    call_id: CallId,
    queue_id: str,
    now: Millis,
    *,
    is_open: bool = True,
    priority: int | None = None,
) -> tuple[Place, list[FloorFact]]:
    """Into the queue, if its gates let the caller in. A caller of this queue keeps his place; one
    who waits in another queue leaves that one."""
    desk = at_desk(office, now)
    known = desk.floor.callers.get(call_id)
    if call_id in desk.floor.talks or (known and known.queue_id == queue_id):
        return place_of(desk, call_id), []
    queue = body_of(office.directory, queue_id, Queue)
    refused = "no_agents" if queue is None else _refused(desk, queue_id, queue, priority, is_open)
    if queue is None or refused is not None:
        return TurnedAway(refused or "no_agents"), []
    if known:
        desks.depart(desk, known, Departure.ROUTED)
    limit = Millis(now + queue.max_wait_sec * 1000) if queue.max_wait_sec else None
    desk.add(
        CallerQueued(
            **desk.about,
            call_id=call_id,
            queue_id=queue_id,
            priority=queue.priority if priority is None else priority,
            give_up_at=limit,
        )
    )
    dispatch(desk)
    return place_of(desk, call_id), desk.facts


def poll(office: Office, call_id: CallId, now: Millis) -> tuple[Place, list[FloorFact]]:
    """Where the caller stands. Gives him an agent whom a change of the configuration has freed."""
    desk = at_desk(office, now)
    dispatch(desk)
    return place_of(desk, call_id), desk.facts


def leave(office: Office, call_id: CallId, departure: Departure, now: Millis) -> list[FloorFact]:
    """Out of the queue without an agent; nothing for who does not wait."""
    desk = at_desk(office, now)
    if caller := desk.floor.callers.get(call_id):
        desks.depart(desk, caller, departure)
        dispatch(desk)
    return desk.facts


def end_call(office: Office, call_id: CallId, now: Millis) -> list[FloorFact]:
    """The call is over: who waited is gone, who talked is free."""
    floor = office.presence.floor
    if not (
        call_id in floor.callers
        or call_id in floor.talks
        or any(call_id in agent.external for agent in floor.agents.values())
    ):
        return []
    desk = at_desk(office, now)
    if caller := desk.floor.callers.get(call_id):
        desks.depart(desk, caller, Departure.ABANDONED)
    end_conversation(desk, call_id)
    end_calls(desk, call_id)
    dispatch(desk)
    return desk.facts


def _refused(
    desk: Desk, queue_id: str, queue: Queue, priority: int | None, is_open: bool
) -> str | None:
    if not is_open:
        return "closed"
    waiting = list(_in_queue(desk, queue_id))
    if queue.max_queued is not None and len(waiting) >= queue.max_queued:
        return "full"
    if all(status is Status.OFFLINE for status in _statuses(desk, queue_id)):
        return "no_agents"
    own = queue.priority if priority is None else priority
    ahead = sum(caller.priority >= own for caller in waiting)
    if queue.ewt_threshold_sec is not None and (
        ewt_sec(desk, queue_id, ahead) > queue.ewt_threshold_sec
    ):
        return "deflected"
    return None


def _rank(caller: Caller) -> tuple[int, int, str]:
    return (-caller.priority, caller.queued_at, caller.call_id)


def _in_queue(desk: Desk, queue_id: str) -> Iterator[Caller]:
    return (c for c in desk.floor.callers.values() if c.queue_id == queue_id)


def _statuses(desk: Desk, queue_id: str) -> Iterator[Status]:
    """Of the queue's agents."""
    for id, agent in desk.floor.agents.items():
        if desks.place_in(desk, id, agent, queue_id) and desks.is_agent(desk.directory, id):
            yield agent.status
