"""A decision under way, and what every one of them ends with: callers are given to agents."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from domain.acd import floor as floors
from domain.acd import line, strategies
from domain.acd.evolution import evolve
from domain.acd.floor import Agent, Caller, Floor, FloorFact, Lease, Status
from domain.acd.index import Turn
from domain.acd.strategies import RING_ALL, RING_PROGRESSIVELY, Candidate, Pick
from domain.directory import Directory, assignment_of, body_of
from domain.routing import Office
from events.acd import (
    AgentLoggedOut,
    AgentPaused,
    AgentReserved,
    CallerLeft,
    DeferredEvent,
    Departure,
    LeaseEnd,
    LeaseReleased,
)
from events.base import AccountId, Millis
from events.presence import PresenceFact
from events.resources import Queue, SipUser

MAX_NO_ANSWER = "max_no_answer"
"""Why an agent who has missed too many calls is on break."""
STEPS = 4
"""ring_progressively: agents that are rung, one after the other, within the ring time of the
first."""


@dataclass(slots=True)
class Desk:
    account_id: AccountId
    directory: Directory
    floor: Floor
    """A copy: what the facts of this decision make of it."""
    now: Millis
    facts: list[FloorFact] = field(default_factory=list)

    def add(self, fact: FloorFact) -> None:
        evolve(self.floor, fact)
        self.facts.append(fact)

    def aside(self) -> "Desk":
        """The same, to play on with and forget."""
        return Desk(self.account_id, self.directory, floors.copy_of(self.floor), self.now)

    @property
    def about(self) -> dict[str, Any]:
        """The members of every fact."""
        return {"account_id": self.account_id, "at": self.now}


def at_desk(office: Office, now: Millis, decided: Iterable[FloorFact | PresenceFact] = ()) -> Desk:
    """`decided`: facts that are decided and not applied yet."""
    floor = floors.copy_of(office.presence.floor)
    for fact in decided:
        evolve(floor, fact)
    return Desk(office.account_id, office.directory, floor, now)


def queue_of(desk: Desk, queue_id: str) -> Queue:
    """The queue; one that was deleted meanwhile is as a queue that never was configured."""
    return body_of(desk.directory, queue_id, Queue) or Queue(name="")


def is_agent(directory: Directory, agent_id: str) -> bool:
    user = body_of(directory, agent_id, SipUser)
    return user is not None and bool(user.is_agent) and user.status == "active"


def place_in(desk: Desk, agent_id: str, agent: Agent, queue_id: str) -> tuple[int, int] | None:
    """Tier and position of an agent in a queue; None when he is not in it (any more)."""
    if queue_id not in agent.queues:
        return None
    level, assigned = agent.queues[queue_id], assignment_of(desk.directory, queue_id, agent_id)
    if assigned is None:
        return None if level is None else (level, 0)
    return assigned.tier_level if level is None else level, assigned.position


# Decisions


class Match(NamedTuple):
    rank: tuple[int, Turn]
    caller: Caller
    chosen: list[Candidate]


def dispatch(desk: Desk) -> None:
    """Reserve agents for callers until there is no pair left.

    A caller has precedence by the best tier that is free for him, then by priority, then by age;
    the agent is picked by the strategy of the caller's queue.
    """
    while match := _next_match(desk):
        _reserve(desk, match.caller, match.chosen)


def _next_match(desk: Desk) -> Match | None:
    """The best of the queues in which somebody waits and somebody is free."""
    index = desk.floor.index
    found = (_match_in(desk, queue_id) for queue_id in list(index.free) if queue_id in index.line)
    return min((match for match in found if match), key=lambda match: match.rank, default=None)


def _match_in(desk: Desk, queue_id: str) -> Match | None:
    free = list(_candidates(desk, queue_id))
    if not free:
        return None
    best: Match | None = None
    for turn in _hungry(desk, queue_id):
        caller = desk.floor.callers[turn[-1]]
        if chosen := _wanted(desk, caller, free):
            match = Match((min(c.level for c in chosen), turn), caller, chosen)
            if best is None or match.rank < best.rank:
                best = match
    return best


def _hungry(desk: Desk, queue_id: str) -> Iterator[Turn]:
    """Of all for whom nobody rings the first; and whoever wants more agents to ring for him."""
    index = desk.floor.index
    yield from islice(line.values(index.hungry.get(queue_id, ())), 1)
    strategy = queue_of(desk, queue_id).strategy
    if strategy not in (RING_ALL, RING_PROGRESSIVELY):
        return
    for turn in line.values(index.line[queue_id]):
        caller = desk.floor.callers[turn[-1]]
        if caller.leases and (strategy == RING_ALL or _is_due(desk, caller)):
            yield turn


def _is_due(desk: Desk, caller: Caller) -> bool:
    return caller.next_ring_at is not None and caller.next_ring_at <= desk.now


def _candidates(desk: Desk, queue_id: str) -> Iterator[Candidate]:
    for id in line.values(desk.floor.index.free.get(queue_id, ())):
        agent = floors.agent_of(desk.floor, id)
        if (place := place_in(desk, id, agent, queue_id)) and is_agent(desk.directory, id):
            yield Candidate(id, agent, *place, 0)


def _wanted(desk: Desk, caller: Caller, free: list[Candidate]) -> list[Candidate]:
    """With how often each has missed this caller. While a tier rings all together, later tiers
    have to wait."""
    found = free
    if caller.missed:
        found = [c._replace(missed=caller.missed.get(c.agent_id, 0)) for c in free]
    if not caller.leases or queue_of(desk, caller.queue_id).strategy != RING_ALL:
        return found
    places = (
        place_in(desk, id, floors.agent_of(desk.floor, id), caller.queue_id) for id in caller.leases
    )
    highest = max((place[0] for place in places if place), default=0)
    return [candidate for candidate in found if candidate.level <= highest]


def _reserve(desk: Desk, caller: Caller, found: list[Candidate]) -> None:
    queue, floor = queue_of(desk, caller.queue_id), desk.floor
    pick = Pick(queue.strategy, _last_picked(desk, caller.queue_id), floor.epoch + 1)
    chosen = min(found, key=lambda candidate: strategies.key(candidate, pick))
    ring_ms = queue.agent_ring_timeout_sec * 1000
    step = desk.now + max(1_000, ring_ms // STEPS)
    desk.add(
        AgentReserved(
            **desk.about,
            agent_id=chosen.agent_id,
            lease_id=f"lease_{pick.epoch}",
            epoch=pick.epoch,
            call_id=caller.call_id,
            queue_id=caller.queue_id,
            expires_at=Millis(desk.now + ring_ms),
            next_ring_at=Millis(step) if queue.strategy == RING_PROGRESSIVELY else None,
            callback=caller.callback,
        )
    )


def _last_picked(desk: Desk, queue_id: str) -> tuple[int, str] | None:
    id = desk.floor.last_picked.get(queue_id)
    if id is None:
        return None
    assigned = assignment_of(desk.directory, queue_id, id)
    return (assigned.position if assigned else 0, id)


def let_go(desk: Desk, lease: Lease, reason: LeaseEnd) -> None:
    """End a reservation that was not confirmed, with what it means for the agent."""
    desk.add(LeaseReleased(**about_lease(desk, lease), reason=reason))
    catch_up(desk, lease.agent_id)
    agent = floors.agent_of(desk.floor, lease.agent_id)
    maximum = queue_of(desk, lease.queue_id).max_no_answer
    if agent.status is Status.AVAILABLE and 0 < maximum <= agent.misses:
        desk.add(AgentPaused(**desk.about, agent_id=lease.agent_id, reason=MAX_NO_ANSWER))


def catch_up(desk: Desk, agent_id: str) -> None:
    """Do what the agent has asked for while something had to be finished first."""
    agent = floors.agent_of(desk.floor, agent_id)
    if agent.deferred is None or agent.offer is not None:
        return
    if agent.deferred.event is DeferredEvent.PAUSE:
        desk.add(AgentPaused(**desk.about, agent_id=agent_id, reason=agent.deferred.reason))
    elif agent.talk is None:
        desk.add(AgentLoggedOut(**desk.about, agent_id=agent_id))


def depart(desk: Desk, caller: Caller, departure: Departure) -> None:
    """The caller waits no longer; who rings for him is let go."""
    for lease_id in caller.leases.values():
        let_go(desk, desk.floor.leases[lease_id], LeaseEnd.CALLER_GONE)
    desk.add(
        CallerLeft(
            **desk.about,
            call_id=caller.call_id,
            queue_id=caller.queue_id,
            queued_at=caller.queued_at,
            departure=departure,
        )
    )


def about_lease(desk: Desk, lease: Lease) -> dict[str, Any]:
    """The members of every fact about a lease."""
    return {
        **desk.about,
        "agent_id": lease.agent_id,
        "lease_id": lease.lease_id,
        "epoch": lease.epoch,
        "call_id": lease.call_id,
        "queue_id": lease.queue_id,
    }
