"""What ends by itself: reservations, waits, wrap-ups, and the next ring of ring_progressively."""

from collections.abc import Container, Iterable, Iterator

from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd.desk import Desk, at_desk, dispatch
from domain.acd.floor import Agent, Caller, FloorFact, Lease
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


def dues_of(facts: Iterable[Fact]) -> Iterator[tuple[Millis, str]]:
    """When what these facts have begun ends by itself, and whose it is (`floors.dues`)."""
    for fact in facts:
        match fact:
            case AgentReserved():
                yield fact.expires_at, f"lease:{fact.lease_id}"
                if fact.next_ring_at is not None:
                    yield fact.next_ring_at, f"caller:{fact.call_id}"
            case CallerQueued(give_up_at=due) if due is not None:
                yield due, f"caller:{fact.call_id}"
            case ConversationEnded(wrap_up_until=due) if due is not None:
                yield due, f"agent:{fact.agent_id}"


# Decisions


def meet(office: Office, now: Millis, silent: Container[CallId] = ()) -> list[FloorFact]:
    """Everything that is due at `now`; nothing the second time. `silent`: callers who are not
    there any more, for nobody has asked for them for long."""
    desk = at_desk(office, now)
    for lease in list(desk.floor.leases.values()):
        _end_lease(desk, lease)
    for caller in list(desk.floor.callers.values()):
        _end_wait(desk, caller, silent)
    for id, agent in list(desk.floor.agents.items()):
        _end_wrap_up(desk, id, agent)
    dispatch(desk)
    return desk.facts


def meet_one(
    office: Office, now: Millis, item: str, silent: Container[CallId] = ()
) -> list[FloorFact]:
    """The same for one reservation, caller or agent (`floors.dues`)."""
    desk = at_desk(office, now)
    kind, _, id = item.partition(":")
    if kind == "lease" and (lease := desk.floor.leases.get(id)):
        _end_lease(desk, lease)
    elif kind == "caller" and (caller := desk.floor.callers.get(CallId(id))):
        _end_wait(desk, caller, silent)
    elif kind == "agent":
        _end_wrap_up(desk, id, floors.agent_of(desk.floor, id))
    dispatch(desk)
    return desk.facts


def _end_lease(desk: Desk, lease: Lease) -> None:
    if lease.until <= desk.now:
        desks.let_go(desk, lease, LeaseEnd.EXPIRED)


def _end_wait(desk: Desk, caller: Caller, silent: Container[CallId]) -> None:
    """Whoever still rings for a caller whose time is up has missed nothing."""
    if caller.call_id in silent:
        desks.depart(desk, caller, Departure.ABANDONED)
    elif caller.give_up_at is not None and caller.give_up_at <= desk.now:
        desks.depart(desk, caller, Departure.TIMEOUT)


def _end_wrap_up(desk: Desk, id: str, agent: Agent) -> None:
    if agent.wrap_up_until is not None and agent.wrap_up_until <= desk.now:
        desk.add(AgentWrappedUp(**desk.about, agent_id=id))
