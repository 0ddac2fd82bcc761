"""timeCondition: is a schedule open? A holiday that nobody has drawn is out of hours."""

from typing import Literal

from domain import hours
from domain.directory import body_of
from domain.flow.node import DEFAULT, Done, Id, Next, NodeData, Visit
from domain.hours import Hours
from events.resources import TimeSchedule


class TimeCondition(NodeData):
    kind: Literal["timeCondition"]
    scheduleId: Id
    outcomes = (Hours.OPEN.value, Hours.CLOSED.value, Hours.HOLIDAY.value)
    waits = False
    pointers = (("scheduleId", "time_schedule"),)


def run(node: TimeCondition, visit: Visit) -> Next:
    context = visit.context
    schedule = body_of(context.directory, node.scheduleId, TimeSchedule)
    found = hours.look_up(schedule, context.now, context.account.timezone)
    visit.note = f"warning: {found.warning}" if found.warning else found.label
    if found.hours is Hours.HOLIDAY and not visit.handles & {Hours.HOLIDAY, DEFAULT}:
        return Done(Hours.CLOSED.value)
    if found.hours is Hours.HOLIDAY and Hours.HOLIDAY not in visit.handles:
        return Done(Hours.CLOSED.value if Hours.CLOSED in visit.handles else DEFAULT)
    return Done(found.hours.value)
