"""A file against rows in memory: what it plans, and the rows that there are then."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import deepcopy
from itertools import count
from typing import Any, NamedTuple

import yaml

from domain import directory, resources
from domain.directory import Directory
from domain.manifest.document import exported
from domain.manifest.planning import Change, Step, changes_of, steps_of
from domain.manifest.sections import SECTIONS
from domain.manifest.settling import country_of, settle
from domain.resources import Author, Claim, Name, names_of
from events.base import AccountId
from events.resources import Changed, Created, Deleted
from gateways.ids import PREFIXES
from gateways.manifest import parse, written
from tests.support.given import ACCOUNT, NOW

_numbers = count(1)


class Planned(NamedTuple):
    changes: list[Change]
    steps: list[Step]
    after: Directory
    """The rows when all steps are done."""

    @property
    def actions(self) -> dict[str, str]:
        """What becomes of the rows that do not stay as they are, by their names."""
        return {
            change.title: change.action for change in self.changes if change.action != "nothing"
        }

    def body(self, title: str) -> dict[str, Any]:
        """The row of this name as it is then."""
        (id,) = (change.id for change in self.changes if change.title == title)
        return self.after.rows[id].body.model_dump()


def id_of(prefix: str, number: int | None = None) -> str:
    return f"{prefix}_{number if number is not None else next(_numbers):026d}"


def planned(
    state: Directory,
    sections: Mapping[str, Any],
    prune: bool = False,
    foreign: Collection[str] = (),
    secrets: Mapping[str, Sequence[str]] | None = None,
    taken: Iterable[Name] = (),
) -> Planned:
    """What the file plans, and that the owner of the account takes it."""
    document = {"account": {"id": ACCOUNT, "name": "Acme"}, **sections}
    wishes = parse(yaml.safe_dump(document)).wishes
    pruned = {SECTIONS[section][0] for section in sections if section in SECTIONS} if prune else ()
    settled = settle(state, wishes, pruned, foreign, lambda kind: id_of(PREFIXES[kind]))
    changes = changes_of(settled, country_of(state, wishes), secrets or {})
    owners = {name: row.id for row in state.rows.values() for name in names_of(row.body)}
    owners |= dict.fromkeys(taken, "somebody_else")
    steps = steps_of(deepcopy(state), ACCOUNT, settled, changes, owners)
    return Planned(changes, steps, _carried_out(state, steps, owners))


def applied(sections: Mapping[str, Any], state: Directory | None = None) -> Directory:
    """The rows of a file."""
    return planned(state or Directory(), sections).after


def export(state: Directory, account_id: AccountId = ACCOUNT) -> str:
    account, sections = exported(state)
    return written(account._replace(members={**account.members, "id": account_id}), sections)


def _carried_out(state: Directory, steps: Sequence[Step], owners: Mapping[Name, str]) -> Directory:
    """As the owner does it, who knows of the account only what is there by now."""
    state, claims = deepcopy(state), {name: Claim(owner) for name, owner in owners.items()}
    author = Author(ACCOUNT, "cli", NOW)
    for step in steps:
        kind, id, members = step.kind, step.id, dict(step.members)
        match step.action:
            case "create":
                if kind == "webhook":
                    members["secret_ref"] = id_of("sec")
                facts = resources.create(
                    state, author, kind, id, members, lambda name: claims.get(name, Claim())
                )
            case "change":
                facts = resources.change(
                    state, author, kind, id, members, None, lambda name: claims.get(name, Claim())
                )
            case "delete":
                facts = resources.delete(state, author, kind, id, None, step.force)
        for fact in facts:
            if isinstance(fact, Created | Changed | Deleted):
                directory.evolve(state, fact)
            else:
                claim = claims.setdefault(Name(fact.space, fact.key), Claim())  # type: ignore[attr-defined]
                resources.evolve_claim(claim, fact)  # type: ignore[arg-type]
    return state
