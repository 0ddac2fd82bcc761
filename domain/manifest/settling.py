"""Which row each wish is about, with ids in place of names."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.directory import Directory, Row
from domain.errors import Fault
from domain.manifest.names import Names
from domain.manifest.references import Reference, references, replaced
from domain.manifest.sections import (
    COUNTED,
    NAMED_BY,
    SECTION_OF,
    is_id,
    refs_of,
    title_of,
)
from domain.resources import POINTERS, kind_of
from events.resources import CallFlow

NewId = Callable[[str], str]
"""Kind → an id that no row has yet."""


class Wish(NamedTuple):
    """A row as a file wants it."""

    kind: str
    id: str | None
    members: Mapping[str, Any]
    """Without what is write-only."""
    place: str
    """JSON pointer to it in the file."""

    @property
    def title(self) -> str:
        return title_of(self.kind, self.members).strip(" @") or str(self.id)


class Wanted(NamedTuple):
    """A wish with the row that it is about."""

    wish: Wish
    id: str
    before: Row | None
    members: dict[str, Any]
    """As named, with ids of rows where there were names."""


@dataclass(slots=True)
class Settled:
    rows: list[Wanted] = field(default_factory=list)
    gone: list[Row] = field(default_factory=list)
    """Rows that are to be deleted."""
    faults: list[Fault] = field(default_factory=list)


def country_of(state: Directory, wishes: Sequence[Wish]) -> str:
    """The country in which the file's numbers are read."""
    named = next((wish.members.get("country") for wish in wishes if wish.kind == "account"), None)
    if isinstance(named, str):
        return named
    return state.account.country if state.account else "US"


def settle(
    state: Directory,
    wishes: Sequence[Wish],
    pruned: Collection[str],
    foreign: Collection[str],
    new_id: NewId,
) -> Settled:
    """Find the row of each wish. `pruned`: kinds whose other rows are to be deleted; `foreign`: ids
    that are another account's."""
    search = _Search(state, wishes, foreign, new_id)
    own = [wish for wish in wishes if not _is_named_by_others(wish.kind)]
    links = [wish for wish in wishes if _is_named_by_others(wish.kind)]
    for wish in own:
        search.find(wish, wish.members)
    settled = Settled(faults=search.faults)
    kept = [row for row in state.rows.values() if row.id not in search.taken]
    settled.gone = [
        row
        for row in kept
        if (kind := kind_of(row.body)) in pruned and not _is_named_by_others(kind)
    ]
    gone = {row.id for row in settled.gone}
    after = _After(search, [row for row in kept if row.id not in gone], own)
    members = {wish.place: after.resolved(wish) for wish in wishes}
    for wish in links:
        search.find(wish, members[wish.place])
    settled.gone += [
        row
        for row in kept
        if (kind := kind_of(row.body)) in pruned
        and _is_named_by_others(kind)
        and row.id not in search.taken
    ]
    settled.rows = [
        _wanted(wish, id, state.rows.get(id), members[wish.place])
        for wish in wishes
        if (id := search.ids.get(wish.place)) is not None
    ]
    return settled


def _wanted(wish: Wish, id: str, before: Row | None, members: dict[str, Any]) -> Wanted:
    if before is not None:
        for member in COUNTED.get(wish.kind, ()):
            members.pop(member, None)
    if wish.kind == "call_flow" and isinstance(nodes := members.get("nodes"), list):
        known = before.body.nodes if before and isinstance(before.body, CallFlow) else ()
        refs = {node.id: node.data.get("secretRef") for node in known}
        members["nodes"] = [_with_ref(node, refs) for node in nodes]
    return Wanted(wish, id, before, members)


def _with_ref(node: Any, refs: Mapping[str, str | None]) -> Any:
    """A node with the secret that it has already, unless the file takes that away."""
    data = node.get("data") if isinstance(node, dict) else None
    if not isinstance(data, dict) or data.get("kind") != "webhook":
        return node
    ref = data.get("secretRef", refs.get(str(node.get("id"))))
    rest = {name: value for name, value in data.items() if name != "secretRef"}
    return {**node, "data": {**rest, "secretRef": ref} if ref else rest}


def _is_named_by_others(kind: str) -> bool:
    """Whether what names such a row are the rows that it joins."""
    return not set(NAMED_BY[kind]).isdisjoint(POINTERS.get(kind, {}))


class _Search:
    """Wishes and the ids of their rows."""

    def __init__(
        self,
        state: Directory,
        wishes: Sequence[Wish],
        foreign: Collection[str],
        new_id: NewId,
    ) -> None:
        self.country = country_of(state, wishes)
        self.ids: dict[str, str] = {}
        """Place of a wish → its id."""
        self.taken: dict[str, str] = {}
        """Id → place of the wish that has it."""
        self.faults: list[Fault] = []
        self._state = state
        self._foreign = foreign
        self._new_id = new_id
        self._names = Names(self.country, state.rows.values())
        self._given = {wish.id for wish in wishes if wish.id is not None}
        self._made: dict[tuple[str, Any], str] = {}

    def find(self, wish: Wish, members: Mapping[str, Any]) -> None:
        """Give the wish its row, or say why it has none."""
        faults = list(self._faults_of(wish))
        if not faults:
            id, fault = self._by_id(wish) if wish.id is not None else self._by_name(wish, members)
            if fault is None and id in self.taken:
                fault = Fault(wish.place, f"is there twice: {self.taken[id]} is the same row")
            if fault is None:
                self.ids[wish.place] = id
                self.taken[id] = wish.place
                return
            faults = [fault]
        self.faults += faults

    def _faults_of(self, wish: Wish) -> Iterator[Fault]:
        for member in refs_of(wish.kind):
            if member in wish.members:
                detail = "is made of a secret, which is what a file gives"
                yield Fault(f"{wish.place}/{member}", detail)
        if wish.id is None:
            for name in NAMED_BY[wish.kind]:
                if wish.members.get(name) is None:
                    yield Fault(f"{wish.place}/{name}", "is missing")

    def _by_id(self, wish: Wish) -> tuple[str, Fault | None]:
        id, place = str(wish.id), f"{wish.place}/id"
        row = self._state.rows.get(id)
        if row is not None and (kind := kind_of(row.body)) != wish.kind:
            return id, Fault(place, f"is the id of a {kind}")
        if row is None and id in self._foreign:
            return id, Fault(place, "is the id of another account's row")
        return id, None if is_id(id) else Fault(place, "is no id: a prefix, _ and 26 characters")

    def _by_name(self, wish: Wish, members: Mapping[str, Any]) -> tuple[str, Fault | None]:
        key = self._names.key(wish.kind, members)
        found = [id for id in self._names.of(wish.kind, key) if id not in self._given]
        if len(found) > 1:
            ids = ", ".join(sorted(found))
            return "", Fault(wish.place, f"{len(found)} rows have this name, give the id: {ids}")
        if found:
            return found[0], None
        if key is None:
            return self._new_id(wish.kind), None
        return self._made.setdefault((wish.kind, key), self._new_id(wish.kind)), None


class _After:
    """The rows that there will be, for the references to them."""

    def __init__(self, search: _Search, kept: Sequence[Row], wishes: Sequence[Wish]) -> None:
        self._names = Names(search.country, kept)
        self._kinds = {row.id: kind_of(row.body) for row in kept}
        self._place_of = search.taken
        self._faults = search.faults
        for wish in wishes:
            id = search.ids.get(wish.place, wish.place)
            self._names.add(wish.kind, wish.members, id)
            self._kinds[id] = wish.kind

    def resolved(self, wish: Wish) -> dict[str, Any]:
        """The members with ids in place of names."""
        ids = {}
        for reference in references(wish.kind, wish.members):
            found, detail = self._row_of(reference)
            if detail:
                self._faults.append(Fault(wish.place + reference.pointer, detail))
            ids[reference.path] = found
        return replaced(wish.members, ids)

    def _row_of(self, reference: Reference) -> tuple[str, str]:
        """The id of the row; or why there is none."""
        kind, value = reference.kind, reference.value
        if is_id(value):
            return value, "" if self._kinds.get(value) == kind else f"no {kind} {value}"
        found = self._names.named(kind, value.strip())
        if len(found) == 1:
            return found[0], ""
        shown = value[:64]
        if found:
            return value, f"{len(found)} rows are named {shown}, give the id: {', '.join(found)}"
        return value, f"no {SECTION_OF.get(kind, kind)} named {shown}"
