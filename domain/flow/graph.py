"""A flow's graph as the interpreter goes through it: nodes by their ids, edges by their ends."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from domain.flow.node import DEFAULT
from events.resources import CallFlow, FlowNode


class Graph(NamedTuple):
    start: str
    nodes: Mapping[str, FlowNode]
    edges: Mapping[str, Mapping[str, str]]
    """Source → handle → target."""


class _Same:
    """A flow that equals only itself: bodies are compared, and hashed, by what is in them."""

    __slots__ = ("flow",)

    def __init__(self, flow: CallFlow) -> None:
        self.flow = flow

    def __hash__(self) -> int:
        return id(self.flow)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.flow is other.flow


def graph(flow: CallFlow) -> Graph:
    """The graph of a body; made once as long as calls go through it."""
    return _made(_Same(flow))


@lru_cache(maxsize=4_096)
def _made(same: _Same) -> Graph:
    flow = same.flow
    edges: dict[str, dict[str, str]] = {}
    for edge in flow.edges:
        edges.setdefault(edge.source, {}).setdefault(edge.sourceHandle or DEFAULT, edge.target)
    nodes: dict[str, FlowNode] = {}
    for node in flow.nodes:
        nodes.setdefault(node.id, node)
    return Graph(flow.start, nodes, edges)
