"""How a fact changes the floor. Refuses nothing, decides nothing."""

from collections.abc import MutableMapping
from itertools import takewhile
from typing import TypeVar, assert_never

from domain.acd.floor import (
    MISSES,
    Agent,
    Caller,
    Deferred,
    Departed,
    Floor,
    FloorFact,
    Lease,
    Past,
    Status,
    agent_of,
)
from domain.acd.placing import drop_caller, put_agent, put_caller, put_contacts
from events.acd import (
    AgentCallBegan,
    AgentCallOver,
    AgentDeferred,
    AgentFact,
    AgentJoinedQueue,
    AgentLeftQueue,
    AgentLoggedIn,
    AgentLoggedOut,
    AgentMadeAvailable,
    AgentPaused,
    AgentReserved,
    AgentWrappedUp,
    CallerLeft,
    CallerQueued,
    CallerTold,
    ConversationEnded,
    LeaseConfirmed,
    LeaseFact,
    LeaseReleased,
)
from events.base import Millis
from events.presence import (
    ContactQualified,
    ContactRefreshed,
    ContactRegistered,
    ContactRemoved,
    PresenceFact,
)

REMEMBERED = 60_000
"""Milliseconds for which ended leases and departed callers are remembered, for late questions.
Engines ask every 25 seconds; every decision copies what is remembered."""
HANDLED = 20
"""Conversations of a queue over which its handle time is averaged."""

K = TypeVar("K", bound=str)

# Evolve


def evolve(state: Floor, fact: FloorFact | PresenceFact) -> Floor:
    match fact:
        case PresenceFact():
            _evolve_contacts(state, fact)
        case LeaseFact():
            _evolve_lease(state, fact)
        case AgentFact():
            put_agent(state, fact.agent_id, _evolved(agent_of(state, fact.agent_id), fact))
        case CallerQueued():
            state.departed.pop(fact.call_id, None)
            state.arrivals += 1
            caller = Caller(
                fact.call_id,
                fact.queue_id,
                fact.priority,
                fact.at if fact.since is None else fact.since,
                fact.give_up_at,
                callback=fact.callback,
                order=state.arrivals,
            )
            put_caller(state, caller)
        case CallerTold():
            if waiting := state.callers.get(fact.call_id):
                put_caller(state, waiting._replace(told=(fact.position, fact.at)))
        case CallerLeft():
            drop_caller(state, fact.call_id)
            _forget_old(state.departed, fact.at)
            state.departed.pop(fact.call_id, None)
            state.departed[fact.call_id] = Departed(fact.queue_id, fact.departure, fact.at)
        case _:
            assert_never(fact)
    return state


def _evolved(
    agent: Agent,
    fact: AgentLoggedIn
    | AgentLoggedOut
    | AgentMadeAvailable
    | AgentPaused
    | AgentDeferred
    | AgentJoinedQueue
    | AgentLeftQueue
    | AgentCallBegan
    | AgentCallOver
    | AgentWrappedUp,
) -> Agent:
    at = fact.at
    match fact:
        case AgentLoggedIn():
            status = Status.AVAILABLE if fact.ready else Status.ON_BREAK
            return Agent(status, since=at, idle_since=at, external=agent.external)
        case AgentLoggedOut():
            return Agent(since=at, external=agent.external)
        case AgentMadeAvailable():
            if agent.status is Status.AVAILABLE:
                return agent._replace(deferred=None)
            return agent._replace(
                status=Status.AVAILABLE,
                reason=None,
                since=at,
                deferred=None,
                idle_since=at,
                misses=0,
            )
        case AgentPaused():
            return agent._replace(
                status=Status.ON_BREAK, reason=fact.reason, since=at, deferred=None, misses=0
            )
        case AgentDeferred():
            return agent._replace(deferred=Deferred(fact.event, fact.reason))
        case AgentJoinedQueue():
            return agent._replace(queues={**agent.queues, fact.queue_id: fact.level})
        case AgentLeftQueue():
            left = {id: level for id, level in agent.queues.items() if id != fact.queue_id}
            return agent._replace(queues=left)
        case AgentCallBegan():
            return agent._replace(external=agent.external | {fact.call_id})
        case AgentCallOver():
            return agent._replace(external=agent.external - {fact.call_id}, idle_since=at)
        case AgentWrappedUp():
            return agent._replace(wrap_up_until=None, since=at, idle_since=at)
        case _:
            assert_never(fact)


def _evolve_contacts(state: Floor, fact: PresenceFact) -> None:
    key = (fact.device_id, fact.contact)
    known = state.contacts.get(fact.user_id, frozenset())
    match fact:
        case ContactRegistered():
            known |= {key}
        case ContactQualified():
            known = known | {key} if fact.reachable else known - {key}
        case ContactRemoved():
            known -= {key}
        case ContactRefreshed():
            return
    put_contacts(state, fact.user_id, known)


def _evolve_lease(
    state: Floor, fact: AgentReserved | LeaseConfirmed | LeaseReleased | ConversationEnded
) -> None:
    agent, at = agent_of(state, fact.agent_id), fact.at
    match fact:
        case AgentReserved():
            lease = Lease(
                fact.lease_id,
                fact.epoch,
                fact.agent_id,
                fact.call_id,
                fact.queue_id,
                at,
                fact.expires_at,
            )
            state.epoch = max(state.epoch, fact.epoch)
            state.leases[fact.lease_id] = lease
            state.last_picked[fact.queue_id] = fact.agent_id
            agent = agent._replace(offer=lease, since=at)
            if caller := state.callers.get(fact.call_id):
                rung = {**caller.leases, fact.agent_id: fact.lease_id}
                put_caller(state, caller._replace(leases=rung, next_ring_at=fact.next_ring_at))
        case LeaseConfirmed():
            lease = state.leases.pop(fact.lease_id)
            drop_caller(state, fact.call_id)
            state.talks[fact.call_id] = fact.agent_id
            lease = lease._replace(since=at, until=fact.queued_at)
            agent = agent._replace(
                offer=None, talk=lease, since=at, misses=0, answered=agent.answered + 1
            )
        case LeaseReleased():
            agent = _released(state, agent, fact)
        case ConversationEnded():
            state.talks.pop(fact.call_id, None)
            _forget_old(state.departed, at)
            state.departed[fact.call_id] = Departed(fact.queue_id, None, at, fact.agent_id)
            if agent.talk is not None:
                _remember(state, Past(agent.talk, None, at))
            wrap_up = 0 if fact.wrap_up_until is None else fact.wrap_up_until - at
            handled = (*state.handled.get(fact.queue_id, ()), fact.talk_ms + wrap_up)
            state.handled[fact.queue_id] = handled[-HANDLED:]
            agent = agent._replace(
                talk=None,
                wrap_up_until=fact.wrap_up_until,
                since=at,
                idle_since=at,
                talk_ms=agent.talk_ms + fact.talk_ms,
            )
        case _:
            assert_never(fact)
    put_agent(state, fact.agent_id, agent)


def _released(state: Floor, agent: Agent, fact: LeaseReleased) -> Agent:
    lease, missed = state.leases.pop(fact.lease_id), fact.reason in MISSES
    _remember(state, Past(lease, fact.reason, fact.at))
    if caller := state.callers.get(fact.call_id):
        counts = dict(caller.missed)
        if missed:
            counts[fact.agent_id] = counts.get(fact.agent_id, 0) + 1
        left = {id: lease for id, lease in caller.leases.items() if id != fact.agent_id}
        again = caller.next_ring_at if left else None
        put_caller(state, caller._replace(leases=left, missed=counts, next_ring_at=again))
    if missed:
        agent = agent._replace(misses=agent.misses + 1, idle_since=fact.at)
    return agent._replace(offer=None, since=fact.at)


def _remember(state: Floor, past: Past) -> None:
    _forget_old(state.past, past.at)
    state.past[past.lease.lease_id] = past


def _forget_old(kept: MutableMapping[K, Past] | MutableMapping[K, Departed], now: Millis) -> None:
    """In the order of time: the oldest come first."""
    old = takewhile(lambda key: kept[key].at <= now - REMEMBERED, kept)
    for key in list(old):
        del kept[key]
