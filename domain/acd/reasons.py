"""Why does nobody ring for a caller? One answer per agent of his queue, from the floor as it is.

Says what `dispatch` would find, in the order in which it would find it; decides nothing.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd import line
from domain.acd.desk import Desk
from domain.acd.floor import Agent, Caller, Status
from domain.acd.strategies import RING_ALL, RING_PROGRESSIVELY
from domain.directory import assignment_of, rows_of
from events.base import CallId, Millis
from events.resources import AgentQueueAssignment


class Reason(StrEnum):
    """The first that holds."""

    RINGS = "rings"
    """For this caller."""
    NOT_AN_AGENT = "not_an_agent"
    """No longer, or not active."""
    OFFLINE = "offline"
    NOT_JOINED = "not_joined"
    """Logged in, but not into this queue."""
    ON_BREAK = "on_break"
    IN_CALL = "in_call"
    RINGS_FOR_ANOTHER = "rings_for_another"
    WRAP_UP = "wrap_up"
    EXTERNAL_CALL = "external_call"
    UNREACHABLE = "unreachable"
    LEAVING = "leaving"
    """Has asked for a break or to go home."""
    LATER_TIER = "later_tier"
    """An earlier tier rings."""
    ANOTHER_RINGS = "another_rings"
    """One at a time, and it is somebody else's turn."""
    FREE = "free"
    """Is rung with the next thing that happens."""


class Finding(NamedTuple):
    agent_id: str
    reason: Reason
    level: int | None = None
    """The tier; None: he is not in the queue."""
    until: Millis | None = None
    """When this ends by itself."""
    detail: str | None = None
    """Why he is on break, or with whom he is busy."""


def why_not(desk: Desk, call_id: CallId) -> list[Finding]:
    """By tier, then by id; nothing for who does not wait."""
    caller = desk.floor.callers.get(call_id)
    if caller is None:
        return []
    found = [_finding(desk, caller, id) for id in _concerned(desk, caller.queue_id)]
    return sorted(found, key=lambda one: (one.level is None, one.level or 0, one.agent_id))


def _concerned(desk: Desk, queue_id: str) -> set[str]:
    """Who is assigned to the queue, and who has joined it."""
    assigned = {
        body.user_id
        for _, body in rows_of(desk.directory, AgentQueueAssignment)
        if body.queue_id == queue_id
    }
    return assigned | set(line.values(desk.floor.index.staff.get(queue_id, ())))


def _finding(desk: Desk, caller: Caller, agent_id: str) -> Finding:
    agent = floors.agent_of(desk.floor, agent_id)
    place = desks.place_in(desk, agent_id, agent, caller.queue_id)
    assigned = assignment_of(desk.directory, caller.queue_id, agent_id)
    level = place[0] if place else assigned.tier_level if assigned else None
    reason, until, detail = next(_hindrances(desk, caller, agent_id, agent, level, bool(place)))
    return Finding(agent_id, reason, level, until, detail)


def _hindrances(
    desk: Desk, caller: Caller, id: str, agent: Agent, level: int | None, is_in: bool
) -> Iterator[tuple[Reason, Millis | None, str | None]]:
    if id in caller.leases:
        yield Reason.RINGS, desk.floor.leases[caller.leases[id]].until, None
    if not desks.is_agent(desk.directory, id):
        yield Reason.NOT_AN_AGENT, None, None
    if agent.status is Status.OFFLINE:
        yield Reason.OFFLINE, None, None
    if not is_in:
        yield Reason.NOT_JOINED, None, None
    if agent.status is Status.ON_BREAK:
        yield Reason.ON_BREAK, None, agent.reason
    if agent.talk is not None:
        yield Reason.IN_CALL, None, agent.talk.call_id
    if agent.offer is not None:
        yield Reason.RINGS_FOR_ANOTHER, agent.offer.until, agent.offer.call_id
    if agent.wrap_up_until is not None:
        yield Reason.WRAP_UP, agent.wrap_up_until, None
    if agent.external:
        yield Reason.EXTERNAL_CALL, None, min(agent.external)
    if not floors.is_reachable(desk.floor, id):
        yield Reason.UNREACHABLE, None, None
    if agent.deferred is not None:
        yield Reason.LEAVING, None, agent.deferred.event.value
    if caller.leases:
        yield _while_others_ring(desk, caller, level or 0)
    yield Reason.FREE, None, None


def _while_others_ring(
    desk: Desk, caller: Caller, level: int
) -> tuple[Reason, Millis | None, str | None]:
    strategy = desks.queue_of(desk, caller.queue_id).strategy
    if strategy == RING_ALL:
        return Reason.LATER_TIER, None, None
    due = caller.next_ring_at if strategy == RING_PROGRESSIVELY else None
    return Reason.ANOTHER_RINGS, due, None
