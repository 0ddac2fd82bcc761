"""What applying a file would do: a change for each row, and the steps that get there.

A plan is a rehearsal: each step is decided by `domain.resources`, on the state that the steps
before it made, so that the owner of the account will take them in this order. Rows that name each
other are made without the name first, and changed then.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, NamedTuple

from domain import directory, resources, rules
from domain.directory import Directory
from domain.errors import Fault, Invalid, Refusal
from domain.manifest.references import Reference, references, without
from domain.manifest.sections import SECTION_OF, kept_of, refs_of, title_of
from domain.manifest.settling import Settled, Wanted
from domain.resources import Author, Claim, Name, kind_of
from events.base import AccountId, Fact, Millis
from events.resources import (
    KINDS,
    Changed,
    Created,
    Deleted,
    NameClaimed,
    NameReleased,
    Resource,
    ResourceFact,
)

Action = Literal["create", "change", "delete"]
MADE_WITH_IT = "made when the row is"
"""Stands for the reference to a secret that is not sealed yet."""


class Change(NamedTuple):
    """What becomes of a row."""

    action: Literal["create", "change", "delete", "nothing"]
    kind: str
    id: str
    title: str
    place: str
    """JSON pointer to it in the file; empty when it is not there."""
    before: Resource | None
    after: Resource | None
    differing: tuple[str, ...] = ()
    """Members that differ; of a row that is there."""
    secrets: tuple[str, ...] = ()
    """Members that are write-only and will be set."""


class Step(NamedTuple):
    """A command."""

    action: Action
    kind: str
    id: str
    members: Mapping[str, Any]
    """Of a change: those that it names."""
    has_secrets: bool
    """Whether the row's secrets go with it."""
    place: str
    force: bool = False


def changes_of(
    settled: Settled, country: str, secrets: Mapping[str, Sequence[str]]
) -> list[Change]:
    """What differs. `secrets`: id → write-only members that are new. Raises Invalid with all faults
    of all rows."""
    changes, faults = [], list(settled.faults)
    for row in settled.rows:
        try:
            changes.append(_change(row, country, tuple(secrets.get(row.id, ()))))
        except Invalid as invalid:
            found = invalid.faults or (Fault("", invalid.detail),)
            faults += [Fault(row.wish.place + fault.pointer, fault.detail) for fault in found]
    if faults:
        raise Invalid("the file is not valid", list(dict.fromkeys(faults)))
    order = list(SECTION_OF)
    for gone in sorted(settled.gone, key=lambda row: -order.index(kind_of(row.body))):
        kind = kind_of(gone.body)
        title = title_of(kind, gone.body.model_dump())
        changes.append(Change("delete", kind, gone.id, title, "", gone.body, None))
    return changes


def _change(row: Wanted, country: str, secrets: tuple[str, ...]) -> Change:
    kind, before = row.wish.kind, row.before
    stored = before.body.model_dump() if before else {}
    members = {**_given_elsewhere(kind, stored), **row.members}
    after = rules.check(kind, members, country, stored)
    body = after.model_dump()
    differing = tuple(name for name in body if before and body[name] != stored[name])
    action: Literal["create", "change", "nothing"] = "nothing"
    if before is None:
        action = "create"
    elif differing or secrets:
        action = "change"
    old = before.body if before else None
    title, place = row.wish.title, row.wish.place
    return Change(action, kind, row.id, title, place, old, after, differing, secrets)


def _given_elsewhere(kind: str, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Members of the row that the file does not have to name."""
    if stored:
        return {member: stored[member] for member in kept_of(kind)}
    fields = KINDS[kind].model_fields
    return {name: MADE_WITH_IT for name in refs_of(kind) if fields[name].is_required()}


def steps_of(
    state: Directory,
    account_id: AccountId,
    settled: Settled,
    changes: Iterable[Change],
    owners: Mapping[Name, str],
) -> list[Step]:
    """The commands, in an order in which each is taken. `owners`: of the platform-wide names that
    the rows want. Uses `state` up. Raises Invalid with the faults of all that will not do."""
    named = {row.id: row.members for row in settled.rows}
    rehearsal = _Rehearsal(state, account_id, owners)
    for change in changes:
        match change.action:
            case "create":
                rehearsal.ask("create", change, named[change.id])
            case "change":
                rehearsal.ask("change", change, _patch(change, named[change.id]))
            case "delete":
                rehearsal.ask("delete", change, {})
    return rehearsal.run()


def _patch(change: Change, named: Mapping[str, Any]) -> dict[str, Any]:
    """What is named, and what has to get its default back."""
    assert change.after is not None
    after = change.after.model_dump(mode="json")
    return {**{name: after[name] for name in change.differing}, **named}


@dataclass(slots=True)
class _Waiting:
    step: Step
    refusal: Refusal | None = None
    """Why it could not be done so far."""


class _Rehearsal:
    """Steps that wait for their turn, and the state that the others have made."""

    def __init__(self, state: Directory, account_id: AccountId, owners: Mapping[Name, str]) -> None:
        self._state = state
        self._author = Author(account_id, "plan", Millis(0))
        self._claims = {name: Claim(owner) for name, owner in owners.items()}
        self._waiting: dict[int, _Waiting] = {}
        self._numbers = count()
        self._done: list[Step] = []

    def ask(self, action: Action, change: Change, members: Mapping[str, Any]) -> None:
        place = change.place or f"/{SECTION_OF[change.kind]}"
        step = Step(action, change.kind, change.id, members, True, place)
        self._waiting[next(self._numbers)] = _Waiting(step)

    def run(self) -> list[Step]:
        while self._waiting:
            moved = (
                self._advance("create", "change")
                or self._advance("delete")
                or self._make_in_part()
                or self._delete_in_spite()
            )
            if not moved:
                raise Invalid("the file cannot be applied", self._faults())
        return self._done

    def _advance(self, *actions: Action) -> bool:
        """Do what can be done; whether there was anything."""
        steps = [(n, one.step) for n, one in self._waiting.items() if one.step.action in actions]
        return sum(self._take(number, step) for number, step in steps) > 0

    def _make_in_part(self) -> bool:
        """Make one row without the names of rows that are not there yet; flows only if need be."""
        creates = [(n, one.step) for n, one in self._waiting.items() if one.step.action == "create"]
        for number, step in sorted(creates, key=lambda one: one[1].kind == "call_flow"):
            missing = [r for r in references(step.kind, step.members) if not self._has(r)]
            part = without(step.kind, step.members, missing) if missing else None
            is_flow = step.kind == "call_flow"
            if part is not None and self._take(
                number, step._replace(members=part, has_secrets=not is_flow)
            ):
                rest = _Waiting(step._replace(action="change", has_secrets=is_flow))
                self._waiting = {next(self._numbers): rest, **self._waiting}
                return True
        return False

    def _delete_in_spite(self) -> bool:
        """Delete one row that only rows point to that are to be deleted, too."""
        deletes = {n: one.step for n, one in self._waiting.items() if one.step.action == "delete"}
        ids = {step.id for step in deletes.values()}
        return any(
            self._take(number, step._replace(force=True), may_touch=ids)
            for number, step in deletes.items()
        )

    def _take(self, number: int, step: Step, may_touch: Collection[str] | None = None) -> bool:
        """Whether the step could be done."""
        try:
            facts = self._decided(step)
        except Refusal as refusal:
            self._waiting[number].refusal = refusal
            return False
        touched = {fact.id for fact in facts if isinstance(fact, ResourceFact)}
        if may_touch is not None and not touched <= set(may_touch):
            return False
        for fact in facts:
            self._evolve(fact)
        del self._waiting[number]
        self._done.append(step)
        return True

    def _decided(self, step: Step) -> list[Fact]:
        state, kind, id = self._state, step.kind, step.id
        match step.action:
            case "create":
                members = {**_given_elsewhere(kind, {}), **step.members}
                return resources.create(state, self._author, kind, id, members, self._claim_of)
            case "change":
                patch = step.members
                return resources.change(state, self._author, kind, id, patch, None, self._claim_of)
        return resources.delete(state, self._author, kind, id, None, step.force)

    def _claim_of(self, name: Name) -> Claim:
        return self._claims.get(name, Claim())

    def _evolve(self, fact: Fact) -> None:
        match fact:
            case NameClaimed() | NameReleased():
                claim = self._claims.setdefault(Name(fact.space, fact.key), Claim())
                resources.evolve_claim(claim, fact)
            case Created() | Changed() | Deleted():
                directory.evolve(self._state, fact)

    def _has(self, reference: Reference) -> bool:
        return reference.value in self._state.rows

    def _faults(self) -> list[Fault]:
        """Of the steps that will not do, without those that only wait for one of them."""
        lost = {one.step.id for one in self._waiting.values() if one.step.action == "create"}
        found: list[Fault] = []
        for one in self._waiting.values():
            step, refusal = one.step, one.refusal
            names = references(step.kind, step.members)
            if refusal is None or any(name.value in lost for name in names):
                continue
            faults = refusal.faults or (Fault("", refusal.detail),)
            found += [Fault(step.place + fault.pointer, fault.detail) for fault in faults]
        return found
