"""What differs between two rows, down to the node of a flow."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Difference(NamedTuple):
    """One value that differs; None where there is none."""

    member: str
    """As `ring_timeout_sec`, or `nodes.menu.data.promptText`."""
    old: Any
    new: Any


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """In the order of the members; lists of things with an id are compared by it."""
    return list(_of_members(old, new, ""))


def _of_members(old: Mapping[str, Any], new: Mapping[str, Any], at: str) -> Iterator[Difference]:
    for name in dict.fromkeys((*old, *new)):
        yield from _of(old.get(name), new.get(name), f"{at}.{name}" if at else str(name))


def _of(old: Any, new: Any, at: str) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _of_members(old, new, at)
    elif (olds := _by_id(old)) is not None and (news := _by_id(new)) is not None:
        if olds == news:
            yield Difference(at, list(olds), list(news))
        yield from _of_members(olds, news, at)
    else:
        yield Difference(at, old, new)


def _by_id(items: Any) -> dict[str, Any] | None:
    """Things that each have an id of their own, by it."""
    if not isinstance(items, list | tuple) or not items:
        return None
    if not all(isinstance(item, Mapping) and isinstance(item.get("id"), str) for item in items):
        return None
    found = {item["id"]: item for item in items}
    return found if len(found) == len(items) else None
