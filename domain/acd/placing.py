"""Puts agents, callers and contacts on the floor, and keeps its index. Nobody else writes these."""

from collections.abc import MutableMapping
from typing import NamedTuple, TypeVar

from domain.acd import line
from domain.acd.floor import Agent, Caller, Floor, State, Status, agent_of, is_reachable
from domain.acd.index import Index, Names
from events.base import CallId

K = TypeVar("K", bound=str)


def indexed(state: Floor) -> Floor:
    """The same with its index made anew (what a snapshot holds has none)."""
    agents, callers = state.agents, state.callers
    state.index, state.agents, state.callers = Index(), {}, {}
    for id, agent in agents.items():
        put_agent(state, id, agent)
    for caller in callers.values():
        put_caller(state, caller)
    return state


def put_agent(state: Floor, id: str, agent: Agent) -> None:
    before = _standing(state, id)
    old = agent_of(state, id)
    state.agents[id] = agent
    _restand(state, id, before)
    for call_id in old.external ^ agent.external:
        _mark(state.index.outside, call_id, id, call_id in agent.external)
    if old.talk is not agent.talk:
        if old.talk is not None:
            state.index.bridged.pop(old.talk.lease_id, None)
        if agent.talk is not None:
            state.index.bridged[agent.talk.lease_id] = id


def put_contacts(state: Floor, user_id: str, contacts: frozenset[tuple[str, str]]) -> None:
    before = _standing(state, user_id)
    if contacts:
        state.contacts[user_id] = contacts
    else:
        state.contacts.pop(user_id, None)
    _restand(state, user_id, before)


def put_caller(state: Floor, caller: Caller) -> None:
    drop_caller_from_index(state, caller.call_id)
    state.callers[caller.call_id] = caller
    index, queue_id = state.index, caller.queue_id
    index.line[queue_id] = line.put(index.line.get(queue_id, ()), caller.turn)
    if not caller.leases:
        index.hungry[queue_id] = line.put(index.hungry.get(queue_id, ()), caller.turn)


def drop_caller(state: Floor, call_id: CallId) -> None:
    drop_caller_from_index(state, call_id)
    state.callers.pop(call_id, None)


def drop_caller_from_index(state: Floor, call_id: CallId) -> None:
    known = state.callers.get(call_id)
    if known is None:
        return
    for places in (state.index.line, state.index.hungry):
        left = line.take(places.get(known.queue_id, ()), known.turn)
        if left:
            places[known.queue_id] = left
        else:
            places.pop(known.queue_id, None)


class _Standing(NamedTuple):
    """The queues in which an agent is on the staff, not paused, free."""

    staff: frozenset[str]
    able: frozenset[str]
    free: frozenset[str]


_NOWHERE: frozenset[str] = frozenset()


def _standing(state: Floor, id: str) -> _Standing:
    agent = agent_of(state, id)
    if agent.status is Status.OFFLINE:
        return _Standing(_NOWHERE, _NOWHERE, _NOWHERE)
    queues = frozenset(agent.queues)
    if agent.status is not Status.AVAILABLE:
        return _Standing(queues, _NOWHERE, _NOWHERE)
    is_free = (
        agent.state is State.WAITING
        and agent.deferred is None
        and not agent.external
        and is_reachable(state, id)
    )
    return _Standing(queues, queues, queues if is_free else _NOWHERE)


def _restand(state: Floor, id: str, before: _Standing) -> None:
    after, index = _standing(state, id), state.index
    for names, old, new in zip((index.staff, index.able, index.free), before, after, strict=True):
        for queue_id in old ^ new:
            _mark(names, queue_id, id, queue_id in new)


def _mark(names: MutableMapping[K, Names], key: K, id: str, is_in: bool) -> None:
    known = names.get(key, ())
    found = line.put(known, id) if is_in else line.take(known, id)
    if found:
        names[key] = found
    else:
        names.pop(key, None)
