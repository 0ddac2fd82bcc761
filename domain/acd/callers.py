"""What callers do: come into a queue, ask for their place, leave.

The gates are asked in order: open, room, agents, expected wait. A caller keeps his place for as
long as he waits, whoever misses him.
"""

from hashlib import sha256
from typing import NamedTuple

from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd import line
from domain.acd.agents import end_calls
from domain.acd.desk import Desk, at_desk, dispatch
from domain.acd.floor import Caller, FloorFact, Lease
from domain.acd.leases import end_conversation
from domain.directory import body_of
from domain.routing import Office
from events.acd import Callback, CallerQueued, CallerTold, Departure
from events.base import CallId, Millis
from events.resources import Queue

CALLBACK_PATIENCE = 24 * 3_600_000
"""Milliseconds for which somebody waits to be called back."""
MAX_NAMED = 200
"""Letters of a call's id that the id of its callback repeats."""
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
        ahead = line.rank(floor.index.line[caller.queue_id], caller.turn)
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
    agents = line.size(desk.floor.index.able.get(queue_id, ()))
    return ahead * aht_ms // max(1, agents) // 1000


def ewt_of_next(desk: Desk, queue_id: str) -> int:
    """Expected wait of somebody who came now, with the priority of the queue."""
    own = desks.queue_of(desk, queue_id).priority
    waiting = desk.floor.index.line.get(queue_id, ())
    return ewt_sec(desk, queue_id, line.rank(waiting, (1 - own,)))


# Decisions


def enter(
    desk: Desk,
    call_id: CallId,
    queue_id: str,
    *,
    is_open: bool = True,
    priority: int | None = None,
) -> Place:
    """Into the queue, if its gates let the caller in. A caller of this queue keeps his place; one
    who waits in another queue leaves that one."""
    known = desk.floor.callers.get(call_id)
    if call_id in desk.floor.talks or (known and known.queue_id == queue_id):
        return place_of(desk, call_id)
    queue = body_of(desk.directory, queue_id, Queue)
    refused = "no_agents" if queue is None else _refused(desk, queue_id, queue, priority, is_open)
    if queue is None or refused is not None:
        return TurnedAway(refused or "no_agents")
    if known:
        desks.depart(desk, known, Departure.ROUTED)
    limit = Millis(desk.now + queue.max_wait_sec * 1000) if queue.max_wait_sec else None
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
    return place_of(desk, call_id)


def look(desk: Desk, call_id: CallId) -> Place:
    """Where the caller stands. Gives him an agent whom a change of the configuration has freed."""
    dispatch(desk)
    return place_of(desk, call_id)


def step_out(desk: Desk, call_id: CallId, departure: Departure) -> None:
    """Out of the queue without an agent; nothing for who does not wait."""
    if caller := desk.floor.callers.get(call_id):
        desks.depart(desk, caller, departure)
        dispatch(desk)


def request_callback(
    desk: Desk, call_id: CallId, queue_id: str, number: str, node_id: str | None
) -> CallId:
    """Be called when an agent is free; who waits in this queue keeps his place. The id of the call
    that will be made; asked once more in the same call, it is the same one."""
    new_id, known = callback_id(call_id), desk.floor.callers.get(call_id)
    if new_id in desk.floor.callers or new_id in desk.floor.talks:
        return new_id
    queue, since = desks.queue_of(desk, queue_id), None
    priority = queue.priority
    if known and known.queue_id == queue_id:
        since, priority = known.queued_at, known.priority
    if known:
        desks.depart(desk, known, Departure.CALLBACK)
    desk.add(
        CallerQueued(
            **desk.about,
            call_id=new_id,
            queue_id=queue_id,
            priority=priority,
            give_up_at=Millis(desk.now + CALLBACK_PATIENCE),
            since=since,
            callback=Callback(number=number, node_id=node_id, asked_in=call_id),
        )
    )
    dispatch(desk)
    return new_id


def callback_id(call_id: CallId) -> CallId:
    """Of the call that is made because of this one."""
    short = call_id if len(call_id) <= MAX_NAMED else sha256(call_id.encode()).hexdigest()
    return CallId(f"cb-{short}")


def go_away(desk: Desk, call_id: CallId) -> None:
    """On to something else: out of the queue, and away from the agent."""
    step_away(desk, call_id)
    dispatch(desk)


def step_away(desk: Desk, call_id: CallId) -> None:
    """The same, before it is looked who is free now."""
    if caller := desk.floor.callers.get(call_id):
        desks.depart(desk, caller, Departure.ROUTED)
    end_conversation(desk, call_id)


def tell_position(desk: Desk, call_id: CallId, position: int) -> bool:
    """Whether the caller is to be told his position now: for the first time after
    `announce_first_sec`, then at every `announce_interval_sec`, if it has changed (spec 05)."""
    caller = desk.floor.callers[call_id]
    due = next_telling(desk, caller, None if caller.told is None else caller.told[1])
    if due is None or due > desk.now or (caller.told and caller.told[0] == position):
        return False
    desk.add(CallerTold(**desk.about, call_id=call_id, queue_id=caller.queue_id, position=position))
    return True


def next_telling(desk: Desk, caller: Caller, after: Millis | None) -> Millis | None:
    """The first moment after `after` (None: from the beginning) at which the caller may be told
    his position; None: never."""
    queue = desks.queue_of(desk, caller.queue_id)
    if not queue.announce_position:
        return None
    first = Millis(caller.queued_at + queue.announce_first_sec * 1000)
    if after is None or after < first:
        return first
    every = queue.announce_interval_sec * 1000
    return Millis(first + ((after - first) // every + 1) * every) if every else None


def end_call(office: Office, call_id: CallId, now: Millis) -> list[FloorFact]:
    """The call is over: who waited is gone, who talked is free."""
    floor = office.presence.floor
    if not (call_id in floor.callers or call_id in floor.talks or call_id in floor.index.outside):
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
    waiting = desk.floor.index.line.get(queue_id, ())
    if queue.max_queued is not None and line.size(waiting) >= queue.max_queued:
        return "full"
    staff = line.values(desk.floor.index.staff.get(queue_id, ()))
    if not any(_is_there(desk, id, queue_id) for id in staff):
        return "no_agents"
    own = queue.priority if priority is None else priority
    ahead = line.rank(waiting, (1 - own,))
    if queue.ewt_threshold_sec is not None and (
        ewt_sec(desk, queue_id, ahead) > queue.ewt_threshold_sec
    ):
        return "deflected"
    return None


def _is_there(desk: Desk, agent_id: str, queue_id: str) -> bool:
    """Whether somebody who is logged in (still) belongs to the queue."""
    agent = floors.agent_of(desk.floor, agent_id)
    in_queue = desks.place_in(desk, agent_id, agent, queue_id) is not None
    return in_queue and desks.is_agent(desk.directory, agent_id)
