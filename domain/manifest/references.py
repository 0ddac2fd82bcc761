"""Where the members of a row name other rows.

Works on what somebody wrote, whatever that is; it never raises. What is no text is left to the
rules of the row.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from domain.flow import validation
from domain.resources import POINTERS, SCOPES, TARGETS
from events.resources import KINDS

Path = tuple[str | int, ...]


class Reference(NamedTuple):
    path: Path
    """Where it stands in the members."""
    kind: str
    """Of the row that it names."""
    value: str

    @property
    def pointer(self) -> str:
        parts = (str(part).replace("~", "~0").replace("/", "~1") for part in self.path)
        return "".join(f"/{part}" for part in parts)


def references(kind: str, members: Mapping[str, Any]) -> Iterator[Reference]:
    """Everything in the members that names a row."""
    for member, wanted in POINTERS.get(kind, {}).items():
        yield from _at((member,), wanted, members.get(member))
    for prefix in _target_members(kind):
        target = members.get(f"{prefix}_kind")
        if isinstance(target, str) and (named := TARGETS.get(target)):
            yield from _at((f"{prefix}_id",), named, members.get(f"{prefix}_id"))
    match kind:
        case "call_limit":
            if scope := SCOPES.get(str(members.get("scope_kind"))):
                yield from _at(("scope_id",), scope, members.get("scope_id"))
        case "ring_group":
            yield from _of_group(members.get("members"))
        case "call_flow":
            yield from _of_nodes(members)


def replaced(members: Mapping[str, Any], texts: Mapping[Path, str]) -> dict[str, Any]:
    """The members with other texts at these places."""
    found = deepcopy(dict(members))
    for path, text in texts.items():
        place: Any = found
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = text
    return found


def without(
    kind: str, members: Mapping[str, Any], missing: Sequence[Reference]
) -> dict[str, Any] | None:
    """The members without these references; None when the row cannot do without one of them."""
    if kind == "call_flow":
        return {**members, **_LATER}
    found = deepcopy(dict(members))
    fields = KINDS[kind].model_fields
    for member in dict.fromkeys(str(reference.path[0]) for reference in missing):
        if kind == "call_limit" or fields[member].is_required():
            return None
        lost = [reference for reference in missing if reference.path[0] == member]
        if isinstance(value := found.pop(member), list):
            places = {reference.path[1] for reference in lost}
            found[member] = [one for place, one in enumerate(value) if place not in places]
        if member.endswith("_id"):
            found.pop(f"{member.removesuffix('_id')}_kind", None)
    return found


_LATER: dict[str, Any] = {
    "start": "later",
    "nodes": [{"id": "later", "type": "hangup", "data": {"kind": "hangup"}}],
    "edges": [],
    "is_published": 0,
}
"""What a flow is as long as a row that it names is not there."""


def _at(path: Path, kind: str, value: Any) -> Iterator[Reference]:
    if isinstance(value, str) and value:
        yield Reference(path, kind, value)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _at((*path, number), kind, item)


def _target_members(kind: str) -> Iterator[str]:
    """The route targets that rows of the kind have: prefix of the members' names."""
    fields = KINDS[kind].model_fields
    for member in fields:
        prefix = member.removesuffix("_kind")
        if prefix != member and f"{prefix}_id" in fields and prefix != "scope":
            yield prefix


def _of_group(members: Any) -> Iterator[Reference]:
    for number, member in enumerate(members if isinstance(members, list | tuple) else ()):
        if isinstance(member, Mapping):
            for name, wanted in (("user_id", "sip_user"), ("device_id", "sip_device")):
                yield from _at(("members", number, name), wanted, member.get(name))


def _of_nodes(flow: Mapping[str, Any]) -> Iterator[Reference]:
    for pointer, kind, id, is_target in validation.pointers(flow):
        wanted = TARGETS.get(kind) if is_target else kind
        _, nodes, number, data, member = pointer.split("/")
        if wanted is not None and flow[nodes][int(number)][data].get(member) == id:
            yield Reference((nodes, int(number), data, member), wanted, id)
