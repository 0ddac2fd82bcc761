"""What was exported and is applied again changes nothing; elsewhere it makes an equal account."""

import random
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from pydantic import BaseModel

from commands.resources import Kind
from domain import rules
from domain.directory import Directory
from domain.manifest.document import NUMBERS
from domain.manifest.sections import NAMED_BY, SECTIONS, WRITE_ONLY, refs_of
from domain.resources import TARGETS
from events.resources import KINDS
from gateways.manifest import parse
from tests.manifest.documents import documents
from tests.manifest.files import applied, export, planned
from tests.manifest.test_planning import flow
from tests.support.given import ACCOUNT, property_of


def bodies(state: Directory) -> list[tuple[str, str]]:
    """What there is, with names in place of ids."""
    return sorted(
        (section, str(row))
        for section, rows in yaml.safe_load(export(state)).items()
        for row in rows
    )


def sections_of(text: str) -> dict[str, Any]:
    return {name: rows for name, rows in yaml.safe_load(text).items() if name != "account"}


@given(documents())
@property_of(50)
def test_applying_a_file_twice_changes_nothing(sections: dict[str, Any]) -> None:
    first = planned(Directory(), sections)
    assert set(first.actions.values()) == {"create"}
    again = planned(first.after, sections, prune=True)
    assert (again.actions, again.steps) == ({}, [])


@given(documents())
@property_of(50)
def test_an_export_changes_nothing_where_it_comes_from(sections: dict[str, Any]) -> None:
    state = applied(sections)
    text = export(state)
    again = planned(state, sections_of(text), prune=True)
    assert (again.actions, again.steps) == ({}, [])


@given(documents())
@property_of(50)
def test_an_export_makes_an_equal_account(sections: dict[str, Any]) -> None:
    state = applied(sections)
    text = export(state)
    copy = applied(sections_of(text))
    assert export(copy) == text
    assert len(copy.rows) == len(state.rows)


@given(documents())
@property_of(50)
def test_the_order_of_a_file_does_not_matter(sections: dict[str, Any]) -> None:
    text = export(applied(sections))
    shuffled = {name: random.Random(1).sample(rows, len(rows)) for name, rows in sections.items()}
    assert bodies(applied(shuffled)) == sorted(bodies(applied(sections_of(text))))


def test_an_export_keeps_what_a_text_is() -> None:
    rows = [{"username": "0012"}, {"username": "1e3"}, {"username": "yes", "display_name": "no: #"}]
    text = export(applied({"users": rows}))
    assert [wish.members for wish in parse(text).wishes[1:]] == rows


def test_an_export_reads_like_a_file() -> None:
    sections = {
        "users": [{"username": "1001", "display_name": "Ann"}],
        "numbers": [{"e164": "+12025550123", "dest_kind": "user", "dest_id": "1001"}],
        "flows": [flow("Main", {"kind": "say", "text": "Hello, " * 20}, is_published=1)],
    }
    lines = export(applied(sections)).splitlines()[1:]
    assert lines == [
        "account:",
        f"  id: {ACCOUNT}",
        "  name: Acme",
        "",
        "users:",
        "  - username: '1001'",
        "    display_name: Ann",
        "",
        "flows:",
        "  - name: Main",
        "    start: n0",
        "    nodes:",
        "      - id: n0",
        "        type: say",
        "        data:",
        "          kind: say",
        *lines[16:18],
        "    edges: []",
        "    is_published: 1",
        "",
        "numbers:",
        "  - e164: '+12025550123'",
        "    dest_kind: user",
        "    dest_id: '1001'",
    ]


# Tables that have to know every kind


NOT_IN_FILES = {"api_key", "console_user"}
"""What opens the door is made by hand."""


def test_every_kind_but_keys_and_people_has_a_section() -> None:
    kinds = {kind for kind, _ in SECTIONS.values()}
    assert kinds == {*get_args(Kind)} - {"account"} - NOT_IN_FILES
    assert {kind for kind in TARGETS.values() if kind} <= NAMED_BY.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_named_has_the_same_default_everywhere(kind: str) -> None:
    """An export leaves defaults out: those of the stored row have to be those of the rules."""
    stored, ruled = KINDS[kind].model_fields, rules.RULES[kind].model_fields
    for name, field in stored.items():
        assert ruled[name].is_required() == field.is_required(), name
        assert ruled[name].default == field.default, name


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - NOT_IN_FILES))
def test_secrets_are_known_as_such(kind: str) -> None:
    if refs_of(kind):
        assert WRITE_ONLY[kind]


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - NOT_IN_FILES))
def test_numbers_are_known_as_such(kind: str) -> None:
    """An export writes them with a plus, so that another country reads the same."""
    found = {name for name in KINDS[kind].model_fields if _is_number(rules.RULES[kind], name)}
    assert found - {"scope_id"} == set(NUMBERS.get(kind, ()))


def _is_number(model: type[BaseModel], member: str) -> bool:
    """Whether the rule of the member makes E.164 of a number in national form."""
    validate = model.__pydantic_validator__.validate_assignment
    context = {"country": "US", "stored": {}}
    try:
        body = model.model_construct(None, scope_kind="number")
        validate(body, member, "(202) 555-0123", context=context)
    except ValueError:
        return False
    return bool(getattr(body, member) == "12025550123")
