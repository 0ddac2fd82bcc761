"""Versions of a flow: a draft is worked on, publishing freezes it under its number.

A row is either published (`is_published` 1: calls get this graph, and it stays as it is under this
number) or a draft, while calls go on getting `live_version`. Changing the graph of a published flow
makes a draft of it; asking for `is_published` 1 publishes the draft. Asking for 0 with the graph as
it is, or for no `live_version`, takes the flow away from callers.
"""

from collections.abc import Mapping
from typing import Any

from events.resources import CallFlow, Resource


def first(body: Resource, frozen: Mapping[int, CallFlow]) -> Resource:
    """A new row: its number is what was asked for, and nothing is live unless it is published.
    `frozen`: versions of a row that had this id before."""
    if not isinstance(body, CallFlow):
        return body
    if body.is_published and frozen:
        return _published(body, frozen)
    return body.model_copy(update={"live_version": body.version if body.is_published else None})


def next(
    body: Resource, old: Resource, patch: Mapping[str, Any], frozen: Mapping[int, CallFlow]
) -> Resource:
    """`body`, which the patch made of `old`, with the number and standing that it has then."""
    if not isinstance(body, CallFlow) or not isinstance(old, CallFlow):
        return body
    is_new = _graph(body) != _graph(old)
    if body.is_published and patch.get("is_published"):
        return _published(body, frozen)
    if is_new:
        version = _unused(old.version, frozen)
        return body.model_copy(
            update={"is_published": 0, "version": version, "live_version": old.live}
        )
    is_withdrawn = (old.is_published and not body.is_published) or (
        "live_version" in patch and patch["live_version"] is None
    )
    live = None if is_withdrawn else old.live
    if live is None:
        body = body.model_copy(update={"is_published": 0})
    return body.model_copy(update={"version": old.version, "live_version": live})


def _published(body: CallFlow, frozen: Mapping[int, CallFlow]) -> CallFlow:
    """The newest version once more if the graph is the same, else the next one."""
    newest = max(frozen, default=None)
    if newest is not None and _graph(frozen[newest]) == _graph(body):
        version = newest
    else:
        version = _unused(body.version if newest is None else newest, frozen)
    return body.model_copy(update={"is_published": 1, "version": version, "live_version": version})


def _unused(version: int, frozen: Mapping[int, CallFlow]) -> int:
    return max([version, *(number + 1 for number in frozen)])


def _graph(flow: CallFlow) -> tuple[Any, ...]:
    return flow.start, flow.nodes, flow.edges
