"""conference: into a room."""

from typing import Literal

from domain.directory import body_of
from domain.flow.node import DEFAULT, Done, Id, Next, NodeData, Visit, Wait
from events.flow import JoinConference
from events.resources import Conference as Room


class Conference(NodeData):
    kind: Literal["conference"]
    conferenceId: Id
    outcomes = (DEFAULT, "full", "bad_pin")
    pointers = (("conferenceId", "conference"),)


def run(node: Conference, visit: Visit) -> Next:
    room = body_of(visit.context.directory, node.conferenceId, Room)
    if room is None:
        visit.note = f"no conference {node.conferenceId}"
        return Done(DEFAULT)
    if visit.answer is not None:
        outcome = visit.answer.outcome
        return Done(outcome if outcome in ("full", "bad_pin") else DEFAULT, is_end=True)
    flags = {"record": room.record, "wait_for_moderator": room.wait_for_moderator}
    command = JoinConference(
        room=node.conferenceId,
        pin=room.pin,
        flags=tuple(name for name, is_on in flags.items() if is_on),
        max_members=room.max_members,
    )
    return Wait(command)
