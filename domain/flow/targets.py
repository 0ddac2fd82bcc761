"""Where a route target leads: into a flow, or to the end of the call.

A row that is a target itself (a queue, a user …) is a flow of one node, whose id names the row:
``queue:q_…``. Such a flow has no version and is made when it is looked at.
"""

from typing import Any

from domain import hours
from domain.directory import Directory, body_of, flow_of, live_flow
from domain.flow import transfers
from domain.flow.graph import Graph, graph
from domain.flow.node import Context, Leave
from events.flow import Frame, Hangup
from events.resources import (
    Conference,
    Extension,
    FlowNode,
    Forward,
    Queue,
    Resource,
    RingGroup,
    SipTrunk,
    SipUser,
    TimeSchedule,
    Voicemail,
)

ONE_NODE: dict[str, tuple[type[Resource], str]] = {
    "queue": (Queue, "enqueue"),
    "voicemail": (Voicemail, "voicemail"),
    "ring_group": (RingGroup, "ringGroup"),
    "conference": (Conference, "conference"),
    "user": (SipUser, "dial"),
    "trunk": (SipTrunk, "dial"),
    "forward": (Forward, "dial"),
}
"""Kind of target → what its row is, and the kind of node that stands for it."""
_NODE = "1"
MAX_EXTENSIONS = 10
DECLINE = 603


def graph_of(context: Context, flow_id: str, version: int) -> Graph | None:
    """A version of a flow, also of one that stands for a row; None when there is no such thing."""
    if transfer := transfers.read(flow_id):
        return transfers.graph_of(context.directory, transfer)
    kind, colon, id = flow_id.partition(":")
    if not colon:
        flow = flow_of(context.directory, flow_id, version)
        return graph(flow) if flow else None
    known = ONE_NODE.get(kind)
    row = body_of(context.directory, id, known[0]) if known else None
    if known is None or row is None:
        return None
    data = {"kind": known[1], **_members(id, row, context)}
    node = FlowNode(id=_NODE, type=known[1], data=data)
    return Graph(_NODE, {_NODE: node}, {})


def _members(id: str, row: Resource, context: Context) -> dict[str, Any]:
    match row:
        case Queue():
            return {"queueId": id}
        case Voicemail():
            return {"mailboxId": id}
        case RingGroup():
            return {"ringGroupId": id}
        case Conference():
            return {"conferenceId": id}
        case SipUser():
            return {"target": "user", "id": id, "timeoutSec": row.ring_timeout_sec}
        case Forward():
            return {"target": "forward", "id": id, "timeoutSec": row.ring_timeout_sec}
        case SipTrunk():
            return {"target": "sip", "id": f"sip:{context.to_number}@{row.proxy}"}
    raise TypeError(type(row).__name__)


def version_of(directory: Directory, flow_id: str) -> int | None:
    """The version that a call which begins now gets; None when there is nothing to run."""
    kind, colon, id = flow_id.partition(":")
    if colon:
        known = ONE_NODE.get(kind)
        return 0 if known and body_of(directory, id, known[0]) else None
    flow = live_flow(directory, flow_id)
    return None if flow is None else flow.version


def entry_of(context: Context, target: Leave) -> Frame | Hangup | None:
    """Where a call to this target begins; None when the target does not exist."""
    directory = context.directory
    for _ in range(MAX_EXTENSIONS):
        kind, id = target
        if kind == "hangup":
            return Hangup(cause=id or "normal_clearing", sip_code=DECLINE)
        extension = body_of(directory, id, Extension) if kind == "extension" else None
        if extension is None:
            break
        if extension.status != "active" or extension.dest_kind is None:
            return None
        target = _of_extension(context, extension)
    flow_id = id if kind == "flow" else f"{kind}:{id}"
    if id is None or (version := version_of(directory, flow_id or "")) is None:
        return None
    found = graph_of(context, flow_id or "", version)
    if found is None:
        return None
    return Frame(flow_id=flow_id or "", flow_version=version, node_id=found.start)


def _of_extension(context: Context, extension: Extension) -> Leave:
    if extension.schedule_id is not None:
        schedule = body_of(context.directory, extension.schedule_id, TimeSchedule)
        found = hours.look_up(schedule, context.now, context.account.timezone)
        if diverted := hours.diversion(extension, found.hours):
            return Leave(*diverted)
    return Leave(extension.dest_kind or "", extension.dest_id)
