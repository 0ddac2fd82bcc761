"""The floor of a contact center: who is there, who waits, who is reserved for whom.

Every value is immutable and is replaced as a whole, so that a decision may play on with layers over
the mappings (`copy_of`). Agents and callers are put in and taken out in `domain/acd/placing.py`,
which keeps the index: no decision has to look at everybody.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple

from domain.acd.index import Index, Turn
from domain.acd.layer import Layer
from events.acd import (
    AgentCallBegan,
    AgentCallOver,
    AgentDeferred,
    AgentJoinedQueue,
    AgentLeftQueue,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentMadeAvailable,
    AgentPaused,
    AgentReserved,
    AgentWrappedUp,
    Callback,
    CallerLeft,
    CallerQueued,
    CallerTold,
    ConversationEnded,
    DeferredEvent,
    Departure,
    LeaseConfirmed,
    LeaseEnd,
    LeaseReleased,
)
from events.base import CallId, Millis

FloorFact = (
    AgentLoggedIn
    | AgentLoggedOut
    | AgentMadeAvailable
    | AgentPaused
    | AgentDeferred
    | AgentJoinedQueue
    | AgentLeftQueue
    | AgentCallBegan
    | AgentCallOver
    | AgentWrappedUp
    | CallerQueued
    | CallerTold
    | CallerLeft
    | AgentReserved
    | LeaseConfirmed
    | LeaseReleased
    | ConversationEnded
)

MISSES = frozenset(
    {
        LeaseEnd.NO_ANSWER,
        LeaseEnd.BUSY,
        LeaseEnd.REJECTED,
        LeaseEnd.UNREACHABLE,
        LeaseEnd.EXPIRED,
    }
)
"""Ends of a reservation that are the agent's."""


class Status(StrEnum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    ON_BREAK = "on_break"


class State(StrEnum):
    WAITING = "waiting"
    OFFERING = "offering"
    IN_CALL = "in_call"
    WRAP_UP = "wrap_up"


class Bucket(StrEnum):
    """What a dashboard shows of a user; the first that holds."""

    EXTCALL = "extcall"
    INCALL = "incall"
    OFFLINE = "offline"
    UNREACHABLE = "unreachable"
    RING = "ring"
    PAUSED = "paused"
    WRAPUP = "wrapup"
    READY = "ready"
    IDLE = "idle"


class Lease(NamedTuple):
    lease_id: str
    epoch: int
    agent_id: str
    call_id: CallId
    queue_id: str
    since: Millis
    """When the agent was reserved; of a confirmed one, when he answered."""
    until: Millis
    """When the reservation expires; of a confirmed one, when its caller had come."""


class Deferred(NamedTuple):
    event: DeferredEvent
    reason: str | None


class Agent(NamedTuple):
    status: Status = Status.OFFLINE
    reason: str | None = None
    """Why he is on break."""
    since: Millis = Millis(0)
    """When status or state changed last."""
    deferred: Deferred | None = None
    queues: Mapping[str, int | None] = {}
    """Queue → tier; None: as the assignment says."""
    offer: Lease | None = None
    talk: Lease | None = None
    wrap_up_until: Millis | None = None
    external: frozenset[CallId] = frozenset()
    """Open calls that no queue has given to him."""
    idle_since: Millis = Millis(0)
    misses: int = 0
    """In a row."""
    answered: int = 0
    """Since the login, as is `talk_ms`."""
    talk_ms: int = 0

    @property
    def state(self) -> State:
        if self.talk is not None:
            return State.IN_CALL
        if self.offer is not None:
            return State.OFFERING
        return State.WAITING if self.wrap_up_until is None else State.WRAP_UP


class Caller(NamedTuple):
    """Somebody who waits."""

    call_id: CallId
    queue_id: str
    priority: int
    queued_at: Millis
    give_up_at: Millis | None
    leases: Mapping[str, str] = {}
    """Agent who rings for him → lease."""
    missed: Mapping[str, int] = {}
    """Agent → how often he has missed this caller."""
    next_ring_at: Millis | None = None
    told: tuple[int, Millis] | None = None
    """The position that he was told last, and when."""
    callback: Callback | None = None
    order: int = 0
    """Which caller of the account he is: decides between two of the same millisecond."""

    @property
    def turn(self) -> Turn:
        return (-self.priority, self.queued_at, self.order, self.call_id)


class Past(NamedTuple):
    """A lease that is over. `reason` None: it was confirmed, and the conversation is over."""

    lease: Lease
    reason: LeaseEnd | None
    at: Millis


class Departed(NamedTuple):
    """Who waits no longer. `departure` None: an agent had him, and has left him."""

    queue_id: str
    departure: Departure | None
    at: Millis
    agent_id: str | None = None


@dataclass(slots=True)
class Floor:
    agents: MutableMapping[str, Agent] = field(default_factory=dict)
    callers: MutableMapping[CallId, Caller] = field(default_factory=dict)
    """Who waits, in the order of coming."""
    leases: MutableMapping[str, Lease] = field(default_factory=dict)
    """Reservations that are neither confirmed nor released."""
    talks: MutableMapping[CallId, str] = field(default_factory=dict)
    """Caller → the agent who has him."""
    past: MutableMapping[str, Past] = field(default_factory=dict)
    departed: MutableMapping[CallId, Departed] = field(default_factory=dict)
    contacts: MutableMapping[str, frozenset[tuple[str, str]]] = field(default_factory=dict)
    """User → (device, contact) where he can be reached."""
    last_picked: MutableMapping[str, str] = field(default_factory=dict)
    """Queue → the agent who was reserved last."""
    handled: MutableMapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Queue → milliseconds of its last conversations with their wrap-up."""
    epoch: int = 0
    arrivals: int = 0
    index: Index = field(default_factory=Index)


def copy_of(state: Floor) -> Floor:
    """A floor to play on with."""
    layers: dict[str, Any] = {
        one.name: Layer(getattr(state, one.name)) for one in fields(Floor) if one.name not in _PLAIN
    }
    index = {one.name: Layer(getattr(state.index, one.name)) for one in fields(Index)}
    return Floor(**layers, epoch=state.epoch, arrivals=state.arrivals, index=Index(**index))


_PLAIN = ("epoch", "arrivals", "index")


def agent_of(state: Floor, agent_id: str) -> Agent:
    return state.agents.get(agent_id, _NOBODY)


def is_reachable(state: Floor, user_id: str) -> bool:
    return bool(state.contacts.get(user_id))


def bucket(
    status: Status, state: State, reachable: bool, external: bool, is_agent: bool = True
) -> Bucket:
    """Where a dashboard shows a user. Who is no agent has no status: he is there or he is not."""
    if external:
        return Bucket.EXTCALL
    if not is_agent:
        return Bucket.IDLE if reachable else Bucket.OFFLINE
    if state is State.IN_CALL:
        return Bucket.INCALL
    if status is Status.OFFLINE:
        return Bucket.OFFLINE
    if not reachable:
        return Bucket.UNREACHABLE
    if state is State.OFFERING:
        return Bucket.RING
    if status is Status.ON_BREAK:
        return Bucket.PAUSED
    return Bucket.WRAPUP if state is State.WRAP_UP else Bucket.READY


def next_due(state: Floor, now: Millis) -> Millis | None:
    """When something ends by itself. What was due before `now` waits for something else."""
    return min((due for due, _ in dues(state) if due > now), default=None)


def dues(state: Floor) -> Iterator[tuple[Millis, str]]:
    """When what ends by itself: a reservation, a wait, a wrap-up, a pause between rings; and whose
    it is (`lease:…`, `caller:…`, `agent:…`)."""
    for lease in state.leases.values():
        yield lease.until, f"lease:{lease.lease_id}"
    for caller in state.callers.values():
        for due in (caller.give_up_at, caller.next_ring_at):
            if due is not None:
                yield due, f"caller:{caller.call_id}"
    for id, agent in state.agents.items():
        if agent.wrap_up_until is not None:
            yield agent.wrap_up_until, f"agent:{id}"


_NOBODY = Agent()
