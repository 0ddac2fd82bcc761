"""ringGroup: several phones, at once or one after the other."""

from typing import Literal

from domain import hours
from domain.directory import body_of
from domain.flow import legs
from domain.flow.node import POLL_MS, Done, Id, Leave, Next, NodeData, Visit, Wait, leave_to
from domain.hours import Hours
from events.flow import Dial, Leg
from events.resources import RingGroup as Group
from events.resources import RingGroupMember, TimeSchedule


class RingGroup(NodeData):
    kind: Literal["ringGroup"]
    ringGroupId: Id
    outcomes = ("answered", "no_answer")
    pointers = (("ringGroupId", "ring_group"),)


def run(node: RingGroup, visit: Visit) -> Next:
    context = visit.context
    group = body_of(context.directory, node.ringGroupId, Group)
    if visit.answer is not None and visit.answer.outcome in ("answered", "done"):
        return Done("answered", is_end=True)
    if group is None:
        visit.note = f"no ring group {node.ringGroupId}"
        return Done("no_answer")
    exit = leave_to(group.exit_dest_kind, group.exit_dest_id)
    if visit.answer is not None:
        visit.note = visit.answer.outcome
        return Done("no_answer", exit)
    if group.schedule_id is not None:
        schedule = body_of(context.directory, group.schedule_id, TimeSchedule)
        found = hours.look_up(schedule, context.now, context.account.timezone)
        if diverted := hours.diversion(group, found.hours):
            visit.note = found.hours.value
            return Leave(*diverted)
        if found.hours is not Hours.OPEN:
            visit.note = found.hours.value
            return Done("no_answer", exit)
    rung = _legs(group, node.ringGroupId, visit)
    if not rung:
        visit.note = "nobody can be rung"
        return Done("no_answer", exit)
    return Wait(
        Dial(
            legs=rung,
            strategy="parallel",
            caller_id=context.from_number,
            timeout_ms=max(leg.delay_ms + leg.timeout_ms for leg in rung),
            ring_group_id=node.ringGroupId,
            poll_ms=POLL_MS,
        )
    )


def _legs(group: Group, id: str, visit: Visit) -> tuple[Leg, ...]:
    """Of all who can be rung. In sequence a member's turn begins when that of the one before is
    over; who cannot be rung takes no turn."""
    members = sorted(group.members, key=lambda member: member.position)
    if group.strategy == "round_robin" and members:
        first = visit.context.turns.get(id, 0) % len(members)
        members = members[first:] + members[:first]
    found: list[Leg] = []
    begins = 0
    for member in members:
        seconds = member.timeout_sec or group.ring_timeout_sec
        rung = _of_member(visit, member, seconds)
        delay = member.delay_sec * 1000
        if group.strategy != "ring_all" and rung:
            delay += begins
            begins = delay + seconds * 1000
        found += [leg.model_copy(update={"delay_ms": delay}) for leg in rung]
    return tuple(found)


def _of_member(visit: Visit, member: RingGroupMember, seconds: int) -> tuple[Leg, ...]:
    if member.device_id is not None:
        return legs.of_device(visit.context, member.device_id, seconds)
    return legs.of_user_at_once(visit.context, member.user_id or "", seconds)
