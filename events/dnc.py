"""Facts of an account's do-not-call list, and of the files that were read into it.

Stream ``dnc-<account_id>``. A fact names many numbers: a hundred thousand of them are a hundred
facts, not a hundred thousand. Expiry times are epoch seconds, as in other configuration.
"""

from typing import NamedTuple

from events.base import Fact, StreamName


class Entry(NamedTuple):
    """A number that must not be called."""

    e164: str
    reason: str | None = None
    source: str | None = None
    expires_at: int | None = None


class RejectedLine(NamedTuple):
    """A line of a file that names no number, or not properly."""

    line: int
    """From 1, the header included."""
    value: str
    reason: str


class DncFact(Fact):
    @property
    def stream(self) -> StreamName:
        return StreamName("dnc-" + self.account_id)


class NumbersListed(DncFact):
    """These are on the list now, as said here."""

    entries: tuple[Entry, ...]
    by: str


class NumbersUnlisted(DncFact):
    numbers: tuple[str, ...]
    by: str


class ImportStarted(DncFact):
    import_id: str
    by: str
    lines: int
    """Lines of the file."""


class ImportAdvanced(DncFact):
    """Some more lines of a file are read: what is new is listed now."""

    import_id: str
    by: str
    lines: int
    """Lines read so far."""
    entries: tuple[Entry, ...]
    rejected: tuple[RejectedLine, ...]


class ImportFinished(DncFact):
    import_id: str
