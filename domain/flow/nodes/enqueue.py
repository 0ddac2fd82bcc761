"""enqueue: into a queue, until an agent has had the caller or something else ends the wait.

The engine plays music and polls; an answer that has something new is the next command: agents to
dial, a position to announce. Which agent that is, and when, is decided in `domain/acd`; this node
puts it into commands. What an engine was given stands in the frame (`leases`), so that it is
given to it once.
"""

from typing import Annotated, Literal

from pydantic import Field

from domain import hours
from domain.acd import callers
from domain.acd.callers import Place, Ringing, TurnedAway, Unknown, Waiting
from domain.acd.floor import Lease
from domain.acd.leases import end_conversation, give_back
from domain.directory import body_of
from domain.flow import waiting
from domain.flow.node import (
    POLL,
    Done,
    Id,
    Leave,
    Next,
    NodeData,
    Stay,
    Visit,
    Wait,
    leave_to,
    over,
)
from domain.flow.nodes import in_queue
from domain.hours import Hours
from events.acd import Departure, LeaseEnd
from events.resources import Queue, TimeSchedule

FAILED = {
    "no_answer": LeaseEnd.NO_ANSWER,
    "timeout": LeaseEnd.NO_ANSWER,
    "busy": LeaseEnd.BUSY,
    "rejected": LeaseEnd.REJECTED,
    "failed": LeaseEnd.UNREACHABLE,
}
"""Outcome of a dial → why the agent was not given the caller."""

TALKED = ("answered", "done")
"""Outcome of a dial whose conversation is over."""
NOTES = {
    "no_agents": "nobody is logged in",
    "full": "as many wait as may",
    "deflected": "the wait would be too long",
    "timeout": "has waited long enough",
}


class Enqueue(NodeData):
    kind: Literal["enqueue"]
    queueId: Id
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    skills: Annotated[list[Id], Field(max_length=50)] = Field(default=[])
    outcomes = ("answered", "timeout", "no_agents", "full", "deflected", "abandoned")
    attends = True
    pointers = (("queueId", "queue"),)


def run(node: Enqueue, visit: Visit) -> Next:
    queue = body_of(visit.context.directory, node.queueId, Queue)
    if queue is None:
        visit.note = f"no queue {node.queueId}"
        return Done("no_agents")
    if visit.answer is None:
        return _arrive(node, queue, visit)
    if visit.context.is_what_if:
        return _scripted(queue, visit, visit.answer.outcome)
    return _reported(node, queue, visit, visit.answer.outcome)


def _arrive(node: Enqueue, queue: Queue, visit: Visit) -> Next:
    context = visit.context
    away = leave_to(queue.no_agents_dest_kind, queue.no_agents_dest_id)
    if queue.schedule_id is not None:
        schedule = body_of(context.directory, queue.schedule_id, TimeSchedule)
        found = hours.look_up(schedule, context.now, context.account.timezone)
        if diverted := hours.diversion(queue, found.hours):
            visit.note = found.hours.value
            return Leave(*diverted)
        if found.hours is not Hours.OPEN:
            visit.note = found.hours.value
            return Done("no_agents", away)
    if visit.is_over:
        return Done("abandoned", is_end=True)
    if context.is_what_if:
        return Wait(waiting.hold(visit, node.queueId, queue, Waiting(1, 0), is_first=True))
    desk = visit.center.desk
    end_conversation(desk, context.call_id)
    place = callers.enter(desk, context.call_id, node.queueId, priority=node.priority)
    if isinstance(place, Waiting):
        return Wait(waiting.hold(visit, node.queueId, queue, place, is_first=True))
    return _following(node, queue, visit, place)


def _reported(node: Enqueue, queue: Queue, visit: Visit, outcome: str) -> Next:
    desk, call_id = visit.center.desk, visit.context.call_id
    digits = visit.answer.digits if visit.answer else None
    if outcome == "hangup":
        return _hung_up(queue, visit)
    if visit.frame.stage != in_queue.WAITING:
        return in_queue.go_on(node.queueId, queue, visit, outcome)
    if call_id in desk.floor.talks and outcome not in TALKED:
        return Stay()  # a digit, or the end of another leg, from before the agent answered
    if digits is not None and call_id in desk.floor.callers:
        chosen = in_queue.chosen(node.queueId, queue, visit, digits)
        return chosen or Stay()
    if outcome in TALKED:
        end_conversation(desk, call_id)
    elif outcome in FAILED:
        give_back(desk, _meant(visit), FAILED[outcome])
    place = callers.look(desk, call_id)
    if outcome == POLL and place in (TurnedAway(Departure.ABANDONED), Unknown()):
        # the engine was silent for long, and is there after all
        return _arrive(node, queue, visit)
    return _following(node, queue, visit, place, is_poll=outcome == POLL)


def _hung_up(queue: Queue, visit: Visit) -> Next:
    """Nobody is on the line. What the queue has for those who gave up is done without him."""
    desk, call_id = visit.center.desk, visit.context.call_id
    waited = call_id in desk.floor.callers
    callers.step_out(desk, call_id, Departure.ABANDONED)
    callers.go_away(desk, call_id)
    place = callers.place_of(desk, call_id)
    if waited or place == TurnedAway(Departure.ABANDONED):
        return Done("abandoned", _exit(queue, "abandoned"), is_end=True)
    visit.note = "the caller has hung up"
    return over()


def _following(
    node: Enqueue, queue: Queue, visit: Visit, place: Place, *, is_poll: bool = False
) -> Next:
    """What the engine is told of where the caller stands; nothing if it knows that already."""
    match place:
        case Ringing(leases):
            return _ring(node, queue, visit, leases, is_poll)
        case Waiting():
            return _hold(node, queue, visit, place, is_poll)
        case TurnedAway(outcome):
            visit.note = NOTES.get(outcome, outcome)
            return _away(queue, outcome)
    # in a conversation, or forgotten
    return Stay() if is_poll else Done("answered", is_end=True)


def _ring(
    node: Enqueue, queue: Queue, visit: Visit, leases: tuple[Lease, ...], is_poll: bool
) -> Next:
    known = set(visit.frame.leases)
    new = [lease for lease in leases if lease.lease_id not in known]
    legs = waiting.legs_of(visit, queue, new)
    if legs:
        visit.note = ", ".join(f"{lease.agent_id} ({lease.lease_id})" for lease in new)
        told = tuple(lease.lease_id for lease in leases)
        return Wait(waiting.ring(visit, node.queueId, queue, legs), leases=told)
    if known & {lease.lease_id for lease in leases}:
        return Stay()  # others still ring
    if is_poll and not known:
        return Stay()  # he has no telephone that could ring; the reservation runs out
    return Wait(waiting.hold(visit, node.queueId, queue, Waiting(1, 0)))


def _hold(node: Enqueue, queue: Queue, visit: Visit, place: Waiting, is_poll: bool) -> Next:
    """Back to the music when an agent did not take the caller; else only what is to be said."""
    desk, call_id = visit.center.desk, visit.context.call_id
    says = callers.tell_position(desk, call_id, place.position)
    if is_poll and not says and not visit.frame.leases:
        caller = desk.floor.callers[call_id]
        return Stay(callers.next_telling(desk, caller, desk.now))
    return Wait(waiting.hold(visit, node.queueId, queue, place, says=says))


def _meant(visit: Visit) -> list[Lease]:
    """The reservations that an outcome of a dial is about: the one that it names (`lease`, and
    perhaps `epoch`), else all that the engine knows of."""
    leases, data = visit.center.desk.floor.leases, visit.answer.data if visit.answer else {}
    named, epoch = data.get("lease"), data.get("epoch")
    found = [leases[id] for id in ((named,) if named else visit.frame.leases) if id in leases]
    return [
        lease
        for lease in found
        if lease.call_id == visit.context.call_id and epoch in (None, "", str(lease.epoch))
    ]


def _away(queue: Queue, outcome: str) -> Next:
    match outcome:
        case "answered" | "routed" | "callback":
            return Done("answered", is_end=True)
        case "closed":
            return Done("no_agents", _exit(queue, outcome))
    return Done(outcome, _exit(queue, outcome), is_end=outcome == "abandoned")


def _exit(queue: Queue, outcome: str) -> Leave | None:
    exit = callers.exit_of(queue, outcome)
    return Leave(*exit) if exit else None


def _scripted(queue: Queue, visit: Visit, outcome: str) -> Next:
    """A what-if: the outcome comes from the script."""
    if outcome == POLL:
        return Stay()
    known = outcome if outcome in Enqueue.outcomes else "abandoned"
    return Done(known, _exit(queue, known) if known in callers.EXITS else None, is_end=True)
