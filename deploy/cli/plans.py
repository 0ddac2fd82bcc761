"""A plan for people, and for machines."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from domain.manifest import notes
from domain.manifest.differences import Difference, differences
from domain.manifest.document import described, shown
from domain.manifest.planning import Change
from domain.manifest.sections import SECTION_OF
from gateways.manifest import Plan

SIGNS = {"create": "+", "change": "~", "delete": "-"}
LONGEST = 100
"""Letters of a value that people are shown."""


def text_of(plan: Plan) -> str:
    """What would be done: + made, ~ changed, - deleted."""
    lines = []
    for change in plan.changes:
        if change.action == "nothing":
            continue
        lines.append(f"{SIGNS[change.action]} {_section(change)} {_name(change)} ({change.id})")
        is_new = change.action == "create"
        for one in _differences(plan, change):
            value = _brief(one.new) if is_new else f"{_brief(one.old)} → {_brief(one.new)}"
            lines.append(f"    {one.member}: {value}")
        lines += [f"    {name}: (secret)" for name in change.secrets]
        lines += [f"    ! {note}" for note in _notes(change)]
    return "".join(f"{line}\n" for line in lines)


def reported(plan: Plan, revealed: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The same for machines."""
    counts = dict.fromkeys(("create", "change", "delete", "nothing"), 0)
    for change in plan.changes:
        counts[change.action] += 1
    changes = [_reported(plan, change) for change in plan.changes]
    once = {id: shown for id, shown in revealed.items() if shown}
    return {"counts": counts, "changes": changes, "revealed": once}


def counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {action}" for action, number in counts.items())


def _reported(plan: Plan, change: Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "kind": change.kind,
        "name": _name(change),
        "id": change.id,
        "members": ", ".join((*change.differing, *change.secrets)),
        "differences": [one._asdict() for one in _differences(plan, change)],
        "secrets": list(change.secrets),
        "notes": list(_notes(change)),
    }


def _differences(plan: Plan, change: Change) -> list[Difference]:
    """Of a new row what it says, of a changed one what differs."""
    match change.action:
        case "create":
            assert change.after is not None
            new = described(change.after, plan.texts)
            return [Difference(name, None, value) for name, value in new.items()]
        case "change":
            assert change.before is not None
            assert change.after is not None
            bodies = (change.before.model_dump(mode="json"), change.after.model_dump(mode="json"))
            old, new = (shown(change.kind, body, plan.texts) for body in bodies)
            return [one for one in differences(old, new) if _root(one) in change.differing]
    return []


def _root(difference: Difference) -> str:
    return difference.member.partition(".")[0]


def _notes(change: Change) -> Iterator[str]:
    if change.action == "create":
        assert change.after is not None
        yield from notes.lacking(change.after, change.secrets)


def _section(change: Change) -> str:
    return SECTION_OF.get(change.kind, change.kind)


def _name(change: Change) -> str:
    return "".join(char if char.isprintable() else " " for char in change.title)


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) and value.isprintable() else orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
