"""What the loop needs of an event store, and how that store says no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from domain.digest import Credential
from domain.directory import Directory
from events.base import AccountId, CallId, Fact, Millis, StreamName


class Numbered(NamedTuple):
    """A fact with its place in its stream, from 1."""

    stream: StreamName
    version: int
    fact: Fact


class Recorded(NamedTuple):
    """The reply that was given under a command's id."""

    command_id: str
    reply: bytes


class Snapshot(NamedTuple):
    """A state as of `version` of its stream, serialised by `commands/snapshots.py`."""

    stream: StreamName
    version: int
    name: str
    """Which shape `state` has; one that is not known any more is ignored."""
    state: bytes


class History(NamedTuple):
    """A stream: the newest snapshot, if there is one, and the facts after it."""

    snapshot: Snapshot | None
    facts: Sequence[Fact]


class Deadline(NamedTuple):
    """Something that has to be looked at when `due` has come: a call, or (None) the contacts, or
    (`item`) somebody of the contact center."""

    due: Millis
    account_id: AccountId
    call_id: CallId | None
    item: str | None = None
    """Of the contact center: whose time is up (`domain.acd.floor.dues`); empty: look at all."""


@dataclass(frozen=True, slots=True)
class Append:
    """One transaction: all of it or nothing."""

    facts: Sequence[Numbered]
    recorded: Sequence[Recorded]
    epochs: Mapping[int, int]
    """partition → epoch under which its owner decided."""
    origins: Sequence[object] = ()
    """What each fact comes from, as `Course.origin` has it; empty: nobody traces."""


class Store(Protocol):
    """Blocking calls; the loop runs them in a thread. Any may raise `StoreDown`."""

    def append(self, append: Append) -> int:
        """Append and return the position of the last fact. Raises `VersionConflict`, `Fenced`."""

    def reply_to(self, command_id: str) -> bytes | None: ...

    def history(self, stream: StreamName) -> History: ...

    def directory(self, account_id: AccountId) -> Directory: ...

    def credential(self, ref: str) -> Credential | None: ...

    def save_snapshot(self, snapshot: Snapshot) -> None: ...


class VersionConflict(Exception):
    """Somebody else appended to a stream, or the command id is known: nothing was written."""


class Fenced(Exception):
    """The partitions have a new owner: nothing was written."""

    def __init__(self, partitions: Sequence[int]) -> None:
        super().__init__(f"no longer owner of partitions {list(partitions)}")
        self.partitions = partitions


class StoreDown(Exception):
    """The store did not answer; whether an append happened is unknown."""


class BadFact(Exception):
    """The store cannot hold one of the facts: nothing was written."""
