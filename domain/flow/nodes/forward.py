"""forward: to any route target; this flow is over."""

from typing import Annotated, Literal

from pydantic import Field

from domain.flow.node import Leave, Next, NodeData, Visit


class Forward(NodeData):
    kind: Literal["forward"]
    dest_kind: Literal[
        "flow",
        "user",
        "extension",
        "ring_group",
        "queue",
        "voicemail",
        "conference",
        "forward",
        "trunk",
        "hangup",
    ]
    dest_id: Annotated[str, Field(max_length=64)] | None = None
    outcomes = ()
    waits = False


def run(node: Forward, visit: Visit) -> Next:
    visit.note = f"{node.dest_kind} {node.dest_id or ''}".strip()
    return Leave(node.dest_kind, node.dest_id)
