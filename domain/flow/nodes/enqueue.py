"""enqueue: into a queue, if it takes callers now.

The gates of a queue are asked in order: hours, room, agents (spec 05). Nobody can be logged in yet,
so the last gate lets nobody through.
"""

from typing import Annotated, Literal

from pydantic import Field

from domain import hours
from domain.directory import body_of
from domain.flow.node import Done, Id, Leave, Next, NodeData, Visit, leave_to
from domain.hours import Hours
from events.resources import Queue, TimeSchedule


class Enqueue(NodeData):
    kind: Literal["enqueue"]
    queueId: Id
    priority: Annotated[int, Field(ge=0, le=1000)] | None = None
    skills: Annotated[list[Id], Field(max_length=50)] = Field(default=[])
    outcomes = ("answered", "timeout", "no_agents", "full", "deflected", "abandoned")
    pointers = (("queueId", "queue"),)


def run(node: Enqueue, visit: Visit) -> Next:
    context = visit.context
    queue = body_of(context.directory, node.queueId, Queue)
    if queue is None:
        visit.note = f"no queue {node.queueId}"
        return Done("no_agents")
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
    if queue.max_queued == 0:
        visit.note = "max_queued is 0"
        return Done("full", leave_to(queue.queue_full_dest_kind, queue.queue_full_dest_id))
    visit.note = "nobody is logged in"
    return Done("no_agents", away)
