"""Rows as a file has them: names in place of ids, no defaults, no secrets."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from domain.directory import Directory, Row
from domain.manifest import notes
from domain.manifest.names import texts_of
from domain.manifest.references import Path, references, replaced
from domain.manifest.sections import SECTIONS, not_exported, title_of
from domain.resources import kind_of
from events.resources import Resource

NUMBERS: dict[str, tuple[str, ...]] = {
    "account": ("default_cid_number",),
    "sip_user": ("out_cid_number",),
    "did": ("e164",),
    "sip_trunk": ("cid_number",),
    "forward": ("to", "cid_number"),
    "campaign": ("cid_number",),
}
"""Kind → members that are E.164: a plus makes them the same number in every country."""


class Exported(NamedTuple):
    members: dict[str, Any]
    notes: tuple[str, ...]
    """What the file does not have, for whoever reads it."""


def exported(state: Directory) -> tuple[Exported, dict[str, list[Exported]]]:
    """The account, and the rows of each section that has some, by their names. A row has its id
    where its name is not enough."""
    texts = texts_of(state.rows.values(), state.account.country if state.account else "US")
    sections: dict[str, list[Exported]] = {}
    for section, (kind, _) in SECTIONS.items():
        rows = [row for row in state.rows.values() if kind_of(row.body) == kind]
        found = [_row(row, texts) for row in sorted(rows, key=lambda row: row.id)]
        if found:
            sections[section] = sorted(found, key=lambda row: title_of(kind, row.members))
    account = next(row for row in state.rows.values() if kind_of(row.body) == "account")
    own = described(account.body, texts)
    return Exported({"id": account.id, **own}, ()), sections


def _row(row: Row, texts: Mapping[str, str]) -> Exported:
    members = described(row.body, texts)
    named = {} if row.id in texts else {"id": row.id}
    return Exported({**named, **members}, notes.left_out(row.body))


def described(body: Resource, texts: Mapping[str, str]) -> dict[str, Any]:
    """The members that differ from their defaults. `texts`: id → name of a row."""
    hidden = set(not_exported(kind_of(body)))
    members = body.model_dump(mode="json", exclude_defaults=True, exclude=hidden)
    return shown(kind_of(body), members, texts)


def shown(kind: str, members: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Members with names in place of ids, and numbers that mean the same everywhere."""
    found: dict[Path, str] = {
        reference.path: texts.get(reference.value, reference.value)
        for reference in references(kind, members)
    }
    for member in NUMBERS.get(kind, ()):
        if isinstance(value := members.get(member), str) and value.isdecimal():
            found[member,] = f"+{value}"
    if kind == "call_limit" and members.get("scope_kind") == "number" and members.get("scope_id"):
        found["scope_id",] = f"+{members['scope_id']}"
    if kind == "cid_pool":
        found |= {("numbers", n): f"+{one}" for n, one in enumerate(members.get("numbers", ()))}
    row = replaced(members, found)
    for node in row.get("nodes", ()) if kind == "call_flow" else ():
        node["data"].pop("secretRef", None)
    return row
