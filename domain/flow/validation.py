"""What is wrong with a graph: every fault at once, each with a JSON pointer (spec 04).

Works on what somebody sent, whatever that is, so that a fault in the shape of one node hides no
other. It never raises.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from domain.errors import Fault
from domain.flow.node import DEFAULT, NodeData
from domain.flow.nodes import KINDS

MAX_NODES = 1_000
MAX_EDGES = 5_000


class Pointer(NamedTuple):
    """Something in a node that names a row. `kind` is one of a row, or of a route target."""

    pointer: str
    kind: str
    id: str
    is_target: bool = False


class _Graph(NamedTuple):
    start: Any
    nodes: list[tuple[int, Mapping[str, Any]]]
    """Number and members of whatever looks like a node."""
    edges: list[tuple[int, Mapping[str, Any]]]
    data: dict[str, NodeData]
    """Node id → its data, where that is valid."""
    numbers: dict[str, int]
    """Node id → number of its first node."""


def faults(flow: Mapping[str, Any]) -> list[Fault]:
    """Everything that keeps `flow` (start, nodes, edges as JSON) from being saved."""
    graph, found = _read(flow)
    found += _faults_of_edges(graph)
    if isinstance(graph.start, str) and graph.start and graph.start not in graph.numbers:
        found.append(Fault("/start", f"no node {graph.start[:64]}"))
    return found + [
        Fault(f"/nodes/{graph.numbers[circle[0]]}", f"spins: {' → '.join(circle)}")
        for circle in _circles(graph)
    ]


def warnings(flow: Mapping[str, Any]) -> list[Fault]:
    """What may be saved, but is hardly meant: nodes that no call can reach."""
    graph, _ = _read(flow)
    after: dict[str, list[str]] = {}
    for _, edge in graph.edges:
        after.setdefault(str(edge.get("source")), []).append(str(edge.get("target")))
    reached, ahead = set[str](), [str(graph.start)]
    while ahead:
        if (id := ahead.pop()) not in reached:
            reached.add(id)
            ahead += after.get(id, [])
    return [
        Fault(f"/nodes/{number}", f"{id} cannot be reached")
        for id, number in graph.numbers.items()
        if id not in reached
    ]


def pointers(flow: Mapping[str, Any]) -> Iterator[Pointer]:
    """Every row that the nodes name."""
    for number, node in _items(flow.get("nodes")):
        data = node.get("data")
        if not isinstance(data, Mapping):
            continue
        at, kind = f"/nodes/{number}/data", data.get("kind")
        known = KINDS.get(kind) if isinstance(kind, str) else None
        for member, wanted in known.data.pointers if known else ():
            if isinstance(id := data.get(member), str) and not _is_system(wanted, id):
                yield Pointer(f"{at}/{member}", wanted, id)
        if kind == "dial" and data.get("target") in ("user", "extension", "forward"):
            yield Pointer(f"{at}/id", str(data["target"]), str(data.get("id")), is_target=True)
        if kind == "forward" and data.get("dest_kind") != "hangup":
            target = str(data.get("dest_kind"))
            yield Pointer(f"{at}/dest_id", target, str(data.get("dest_id")), is_target=True)


def _is_system(kind: str, id: str) -> bool:
    """Whether a medium is named by the key of a system prompt, which is nobody's row."""
    return kind == "media_file" and "/" in id


def _items(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    items = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()
    return [(number, item) for number, item in enumerate(items) if isinstance(item, Mapping)]


def _read(flow: Mapping[str, Any]) -> tuple[_Graph, list[Fault]]:
    """The graph as far as it can be understood, and the faults of its nodes."""
    found: list[Fault] = []
    nodes, edges = _items(flow.get("nodes")), _items(flow.get("edges"))
    for member, items, most in (("nodes", nodes, MAX_NODES), ("edges", edges, MAX_EDGES)):
        if len(items) > most:
            found.append(Fault(f"/{member}", f"more than {most}"))
    graph = _Graph(flow.get("start"), nodes[:MAX_NODES], edges[:MAX_EDGES], {}, {})
    for number, node in graph.nodes:
        id = node.get("id")
        if not isinstance(id, str):
            continue  # the shape of the row says so
        if not 1 <= len(id) <= 64:
            found.append(Fault(f"/nodes/{number}/id", "is not 1 to 64 characters long"))
        if id in graph.numbers:
            found.append(Fault(f"/nodes/{number}/id", f"{id[:64]} is taken"))
            continue
        graph.numbers[id] = number
        data = _data(f"/nodes/{number}/data", node.get("data"), found)
        if data is not None:
            graph.data[id] = data
    return graph, found


def _data(at: str, data: Any, found: list[Fault]) -> NodeData | None:
    if not isinstance(data, Mapping):
        return None
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        found.append(Fault(f"{at}/kind", f"{str(kind)[:64]!r} is no kind of node"))
        return None
    try:
        return KINDS[kind].data.model_validate(dict(data))
    except ValidationError as error:
        found += _at(at, error)
    return None


def _at(place: str, error: ValidationError) -> Iterator[Fault]:
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        parts = (str(part).replace("~", "~0").replace("/", "~1") for part in one["loc"])
        yield Fault("/".join((place, *parts)), one["msg"])


def _faults_of_edges(graph: _Graph) -> list[Fault]:
    found: list[Fault] = []
    handles, ids = set[tuple[str, str]](), set[str]()
    for number, edge in graph.edges:
        at = f"/edges/{number}"
        found += [
            Fault(f"{at}/{end}", f"no node {id[:64]}")
            for end in ("source", "target")
            if isinstance(id := edge.get(end), str) and id not in graph.numbers
        ]
        if isinstance(id := edge.get("id"), str):
            if id in ids:
                found.append(Fault(f"{at}/id", f"{id[:64]} is taken"))
            ids.add(id)
        source, handle = edge.get("source"), edge.get("sourceHandle")
        if not isinstance(source, str) or not isinstance(handle, str | None):
            continue
        handle = handle or DEFAULT
        if (source, handle) in handles:
            found.append(Fault(f"{at}/sourceHandle", f"{handle[:64]} has another edge already"))
        handles.add((source, handle))
        data = graph.data.get(source)
        if data is not None and not data.emits(handle):
            detail = f"{data.kind} has no outcome {handle[:64]}"
            found.append(Fault(f"{at}/sourceHandle", detail))
    return found


def _circles(graph: _Graph) -> Iterator[list[str]]:
    """Ways round that pass only nodes where nobody waits; one for each node that is on one."""
    spinning = {id for id, data in graph.data.items() if not data.waits}
    after: dict[str, list[str]] = {}
    for _, edge in graph.edges:
        source, target = str(edge.get("source")), str(edge.get("target"))
        if source in spinning and target in spinning:
            after.setdefault(source, []).append(target)
    done = set[str]()
    for start in after:
        way, places, turns = [start], {start: 0}, [iter(after[start])]
        while way:
            ahead = next(turns[-1], None) if way[-1] not in done else None
            if ahead is None:
                done.add(way[-1])
                del places[way.pop()]
                turns.pop()
            elif ahead in places:
                yield [*way[places[ahead] :], ahead]
            elif ahead not in done:
                places[ahead] = len(way)
                way.append(ahead)
                turns.append(iter(after.get(ahead, ())))
