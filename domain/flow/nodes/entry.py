"""entry: where a flow begins."""

from typing import Literal

from domain.flow.node import DEFAULT, Done, Next, NodeData, Visit


class Entry(NodeData):
    kind: Literal["entry"]
    trigger: Literal["inbound", "internal", "api"] = "inbound"
    waits = False


def run(node: Entry, visit: Visit) -> Next:
    return Done(DEFAULT)
