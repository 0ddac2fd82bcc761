"""hangup: the end of the call."""

from typing import Annotated, Literal

from pydantic import Field

from domain.flow.node import Leave, Next, NodeData, Visit


class Hangup(NodeData):
    kind: Literal["hangup"]
    cause: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")] | None = None
    outcomes = ()
    waits = False


def run(node: Hangup, visit: Visit) -> Next:
    return Leave("hangup", node.cause)
