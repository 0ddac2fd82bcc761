"""Reserve → confirm → release: what becomes of a reservation (spec 05).

A reservation ends once. Confirmed twice it is confirmed once; after its end, or with another
epoch, it confirms nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

from domain.acd import desk as desks
from domain.acd import floor as floors
from domain.acd.desk import Desk, at_desk, dispatch
from domain.acd.floor import FloorFact, Lease
from domain.routing import Office
from events.acd import ConversationEnded, DeferredEvent, LeaseConfirmed, LeaseEnd
from events.base import CallId, Millis


class Verdict(NamedTuple):
    """Whether agent and caller are bridged; `reason`: expired, released, stale_epoch, caller_gone,
    unknown."""

    call_id: CallId | None
    reason: str
    facts: list[FloorFact]


# Decisions


def confirm(office: Office, lease_id: str, epoch: int, now: Millis) -> Verdict:
    """The agent has answered. The others who ring for this caller are let go."""
    desk = at_desk(office, now)
    lease = desk.floor.leases.get(lease_id)
    if lease is None:
        return _late(desk, lease_id, epoch)
    if lease.epoch != epoch:
        return Verdict(None, "stale_epoch", [])
    return _confirmed(desk, lease)


def claim(office: Office, agent_id: str, call_id: CallId, now: Millis) -> Verdict:
    """This agent has answered first, or not (ring_all)."""
    desk = at_desk(office, now)
    agent = floors.agent_of(desk.floor, agent_id)
    if agent.offer is not None and agent.offer.call_id == call_id:
        return _confirmed(desk, agent.offer)
    if agent.talk is not None and agent.talk.call_id == call_id:
        return Verdict(call_id, "", [])
    for past in reversed(list(desk.floor.past.values())):
        if (past.lease.agent_id, past.lease.call_id) == (agent_id, call_id):
            return Verdict(None, _reason(past.reason), [])
    return Verdict(None, "unknown", [])


def give_back(desk: Desk, ended: Iterable[Lease], reason: LeaseEnd) -> None:
    """These reservations came to nothing."""
    for lease in ended:
        desks.let_go(desk, lease, reason)
    dispatch(desk)


def end_conversation(desk: Desk, call_id: CallId) -> None:
    """Agent and caller talk no more; the agent has his notes to write, or goes home."""
    agent_id = desk.floor.talks.get(call_id)
    talk = floors.agent_of(desk.floor, agent_id).talk if agent_id else None
    if talk is None or agent_id is None:
        return
    deferred = floors.agent_of(desk.floor, agent_id).deferred
    goes_home = deferred is not None and deferred.event is DeferredEvent.LOGOUT
    wrap_up = 0 if goes_home else desks.queue_of(desk, talk.queue_id).wrap_up_sec * 1000
    desk.add(
        ConversationEnded(
            **desks.about_lease(desk, talk),
            queued_at=talk.until,
            talk_ms=max(0, desk.now - talk.since),
            wrap_up_until=Millis(desk.now + wrap_up) if wrap_up else None,
        )
    )
    desks.catch_up(desk, agent_id)


def _confirmed(desk: Desk, lease: Lease) -> Verdict:
    if lease.until <= desk.now:  # the timer is late
        desks.let_go(desk, lease, LeaseEnd.EXPIRED)
        dispatch(desk)
        return Verdict(None, "expired", desk.facts)
    caller = desk.floor.callers[lease.call_id]
    desk.add(LeaseConfirmed(**desks.about_lease(desk, lease), queued_at=caller.queued_at))
    desks.catch_up(desk, lease.agent_id)
    for agent_id, lease_id in caller.leases.items():
        if agent_id != lease.agent_id:
            desks.let_go(desk, desk.floor.leases[lease_id], LeaseEnd.RESCINDED)
    dispatch(desk)
    return Verdict(lease.call_id, "", desk.facts)


def _late(desk: Desk, lease_id: str, epoch: int) -> Verdict:
    past = desk.floor.past.get(lease_id)
    agent_id = desk.floor.index.bridged.get(lease_id)
    talk = floors.agent_of(desk.floor, agent_id).talk if agent_id else None
    lease = talk or (past.lease if past else None)
    if lease is None:
        return Verdict(None, "unknown", [])
    if lease.epoch != epoch:
        return Verdict(None, "stale_epoch", [])
    if talk is not None:
        return Verdict(talk.call_id, "", [])
    return Verdict(None, _reason(past.reason if past else None), [])


def _reason(end: LeaseEnd | None) -> str:
    """Why an ended reservation confirms nothing."""
    match end:
        case LeaseEnd.EXPIRED:
            return "expired"
        case LeaseEnd.CALLER_GONE | None:
            return "caller_gone"
        case _:
            return "released"
