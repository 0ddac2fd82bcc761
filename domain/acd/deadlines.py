"""What ends by itself: reservations, waits, wrap-ups, and the next ring of ring_progressively."""

from domain.acd import desk as desks
from domain.acd.desk import Desk, at_desk, dispatch
from domain.acd.floor import FloorFact
from domain.routing import Office
from events.acd import AgentWrappedUp, Departure, LeaseEnd
from events.base import Millis

# Decisions


def meet(office: Office, now: Millis) -> list[FloorFact]:
    """Everything that is due at `now`; nothing the second time."""
    desk = at_desk(office, now)
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
