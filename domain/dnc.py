"""Numbers that must not be called (spec 06, DNC).

A list may have a hundred thousand numbers and more, so it is no part of the account's directory: a
stream of its own, loaded only by owners that need it (the account has outbound calls checked, or
its list changes). In memory a number is an integer and a reference to what is said of it, which
most numbers of a file share: 70 bytes each, and a look costs one step.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from domain.errors import NotFound
from events.base import AccountId, Millis
from events.dnc import (
    Entry,
    ImportAdvanced,
    ImportFinished,
    ImportStarted,
    NumbersListed,
    NumbersUnlisted,
    RejectedLine,
)

DncFact = NumbersListed | NumbersUnlisted | ImportStarted | ImportAdvanced | ImportFinished


class Label(NamedTuple):
    """What is said of a number."""

    reason: str | None
    source: str | None
    expires_at: int | None


@dataclass(slots=True)
class DncList:
    numbers: dict[int, Label] = field(default_factory=dict)
    labels: dict[Label, Label] = field(default_factory=dict)
    """Each label once, so that numbers share it."""
    imports: dict[str, int] = field(default_factory=dict)
    """File that is being read → lines read so far."""


def is_listed(state: DncList, e164: str, now: Millis) -> bool:
    """Whether the number (digits) is on the list and has not expired."""
    label = state.numbers.get(int(e164)) if e164.isdigit() else None
    if label is None:
        return False
    return label.expires_at is None or label.expires_at * 1000 > now


def size_of(state: DncList) -> int:
    """What a snapshot costs, in facts that are as long."""
    return len(state.numbers) // 100


# Decisions


def add(
    state: DncList, account_id: AccountId, entries: Sequence[Entry], by: str, now: Millis
) -> list[DncFact]:
    """Put numbers on the list; those that are there with the same words already are left out."""
    new = _new(state, entries)
    if not new:
        return []
    return [NumbersListed(account_id=account_id, at=now, entries=new, by=by)]


def remove(
    state: DncList, account_id: AccountId, numbers: Iterable[str], by: str, now: Millis
) -> list[DncFact]:
    there = tuple(dict.fromkeys(e164 for e164 in numbers if int(e164) in state.numbers))
    if not there:
        raise NotFound("not on the list")
    return [NumbersUnlisted(account_id=account_id, at=now, numbers=there, by=by)]


def start_import(
    state: DncList, account_id: AccountId, import_id: str, lines: int, by: str, now: Millis
) -> list[DncFact]:
    if import_id in state.imports:
        return []
    started = ImportStarted(account_id=account_id, at=now, import_id=import_id, by=by, lines=lines)
    return [started]


def advance_import(
    state: DncList,
    account_id: AccountId,
    import_id: str,
    lines: int,
    entries: Sequence[Entry],
    rejected: Sequence[RejectedLine],
    by: str,
    now: Millis,
) -> list[DncFact]:
    """Take some more lines of a file; lines that were taken before change nothing."""
    if import_id not in state.imports:
        raise NotFound(f"no import {import_id} is under way")
    if lines <= state.imports[import_id]:
        return []
    return [
        ImportAdvanced(
            account_id=account_id,
            at=now,
            import_id=import_id,
            by=by,
            lines=lines,
            entries=_new(state, entries),
            rejected=tuple(rejected),
        )
    ]


def finish_import(
    state: DncList, account_id: AccountId, import_id: str, now: Millis
) -> list[DncFact]:
    if import_id not in state.imports:
        return []
    return [ImportFinished(account_id=account_id, at=now, import_id=import_id)]


def _new(state: DncList, entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """What differs from the list, each number once and as it was said last."""
    last = {entry.e164: entry for entry in entries}
    return tuple(
        entry for entry in last.values() if state.numbers.get(int(entry.e164)) != entry[1:]
    )


# Evolve


def evolve(state: DncList, fact: DncFact) -> DncList:
    match fact:
        case NumbersListed():
            _put(state, fact.entries)
        case NumbersUnlisted():
            for e164 in fact.numbers:
                state.numbers.pop(int(e164), None)
        case ImportStarted():
            state.imports[fact.import_id] = 0
        case ImportAdvanced():
            state.imports[fact.import_id] = fact.lines
            _put(state, fact.entries)
        case ImportFinished():
            state.imports.pop(fact.import_id, None)
        case _:
            assert_never(fact)
    return state


def _put(state: DncList, entries: Iterable[Entry]) -> None:
    for e164, reason, source, expires_at in entries:
        label = Label(reason, source, expires_at)
        state.numbers[int(e164)] = state.labels.setdefault(label, label)


# Fold


def restored(
    labels: Sequence[Label], numbers: Iterable[tuple[int, int]], imports: dict[str, int]
) -> DncList:
    """The state of these labels and numbers (with the place of their label each)."""
    shared = {label: label for label in labels}
    return DncList({number: labels[place] for number, place in numbers}, shared, imports)
