"""What ends by itself: reservations, waits, wrap-ups, and the next ring of ring_progressively."""

from collections.abc import Container, Iterable, Iterator

from domain.acd import desk as desks
from domain.acd.desk import Desk, at_desk, dispatch
from domain.acd.floor import FloorFact
from domain.routing import Office
from events.acd import (
    AgentReserved,
    AgentWrappedUp,
    CallerQueued,
    ConversationEnded,
    Departure,
    LeaseEnd,
)
from events.base import CallId, Fact, Millis


def dues_of(facts: Iterable[Fact]) -> Iterator[Millis]:
    """When what these facts have begun ends by itself."""
    for fact in facts:
        match fact:
            case AgentReserved():
                yield fact.expires_at
                if fact.next_ring_at is not None:
                    yield fact.next_ring_at
            case CallerQueued(give_up_at=due) | ConversationEnded(wrap_up_until=due):
                if due is not None:
                    yield due


# Decisions


def meet(office: Office, now: Millis, silent: Container[CallId] = ()) -> list[FloorFact]:
    """Everything that is due at `now`; nothing the second time. `silent`: callers who are not
    there any more, for nobody has asked for them for long."""
    desk = at_desk(office, now)
    for caller in list(desk.floor.callers.values()):
        if caller.call_id in silent:
            desks.depart(desk, caller, Departure.ABANDONED)
    for lease in list(desk.floor.leases.values()):
        if lease.until <= now:
            desks.let_go(desk, lease, LeaseEnd.EXPIRED)
    _end_waits(desk)
    for id, agent in list(desk.floor.agents.items()):
        if agent.wrap_up_until is not None and agent.wrap_up_until <= now:
            desk.add(AgentWrappedUp(**desk.about, agent_id=id))
    dispatch(desk)
    return desk.facts


def _end_waits(desk: Desk) -> None:
    """Whoever still rings for a caller whose time is up has missed nothing."""
    for caller in list(desk.floor.callers.values()):
        if caller.give_up_at is not None and caller.give_up_at <= desk.now:
            desks.depart(desk, caller, Departure.TIMEOUT)
