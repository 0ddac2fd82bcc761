"""Facts and decisions about configuration rows, for tests of `domain/resources.py`."""

from collections.abc import Callable
from typing import Any

from domain import resources
from domain.resources import Author
from events.base import Fact
from events.resources import (
    CHANGED,
    CREATED,
    DELETED,
    KINDS,
    NameClaimed,
    NameReleased,
    Resource,
)
from tests.support.given import ACCOUNT, CONFIGURATION, NOW, Configuration, Given, given

AUTHOR = Author(ACCOUNT, "key_1", NOW)
Decision = Callable[[Configuration], list[Fact]]


def created(kind: str, id: str, **members: Any) -> Fact:
    body = KINDS[kind].model_validate(members)
    return CREATED[kind](account_id=ACCOUNT, at=NOW, id=id, by="key_1", body=body)


def changed(kind: str, id: str, names: tuple[str, ...], body: Resource) -> Fact:
    return CHANGED[kind](account_id=ACCOUNT, at=NOW, id=id, by="key_1", body=body, changed=names)


def deleted(kind: str, id: str) -> Fact:
    return DELETED[kind](account_id=ACCOUNT, at=NOW, id=id, by="key_1")


def claimed(space: str, key: str, owner: str) -> NameClaimed:
    return NameClaimed(account_id=ACCOUNT, at=NOW, space=space, key=key, owner_id=owner)


def released(space: str, key: str, owner: str) -> NameReleased:
    return NameReleased(account_id=ACCOUNT, at=NOW, space=space, key=key, owner_id=owner)


def create(kind: str, id: str, **members: Any) -> Decision:
    return lambda state: resources.create(
        state.directory, AUTHOR, kind, id, members, state.claim_of
    )


def change(kind: str, id: str, if_version: int | None = None, **patch: Any) -> Decision:
    return lambda state: resources.change(
        state.directory, AUTHOR, kind, id, patch, if_version, state.claim_of
    )


def delete(kind: str, id: str, if_version: int | None = None, force: bool = False) -> Decision:
    return lambda state: resources.delete(state.directory, AUTHOR, kind, id, if_version, force)


def account(*facts: Fact, **members: Any) -> Given[Configuration]:
    """An account with these rows."""
    return given(CONFIGURATION, created("account", ACCOUNT, name="Acme", **members), *facts)
