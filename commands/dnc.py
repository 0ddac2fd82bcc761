"""Commands about an account's do-not-call list."""

from typing import Annotated

from pydantic import Field

from commands.message import Command, Line, Outcome
from commands.world import World
from domain import dnc
from events.dnc import Entry, ImportAdvanced, RejectedLine

MAX_LINES = 1_000
"""Lines of a file in one command: its numbers are one fact."""

E164 = Annotated[str, Field(pattern=r"^[1-9][0-9]{4,14}$")]
ImportId = Annotated[str, Field(pattern=r"^[a-z]+_[0-9a-z]{26}$")]
Word = Annotated[Line, Field(max_length=200)]


class ListNumber(Command):
    """Never call this number, or say something else about it than before."""

    e164: E164
    reason: Word | None = None
    source: Word | None = None
    expires_at: int | None = Field(default=None, ge=0, le=4_102_444_800)
    by: Line = Field(max_length=64)


def list_number(command: ListNumber, world: World) -> Outcome:
    entry = Entry(command.e164, command.reason, command.source, command.expires_at)
    state = world.dnc(command.account_id)
    facts = dnc.add(state, command.account_id, [entry], command.by, world.now)
    return Outcome(facts, {"ok": 1, "e164": command.e164})


class UnlistNumber(Command):
    e164: E164
    by: Line = Field(max_length=64)


def unlist_number(command: UnlistNumber, world: World) -> Outcome:
    state = world.dnc(command.account_id)
    facts = dnc.remove(state, command.account_id, [command.e164], command.by, world.now)
    return Outcome(facts, {"ok": 1, "e164": command.e164})


class StartImport(Command):
    """A file is about to be read into the list."""

    import_id: ImportId
    lines: int = Field(ge=0)
    by: Line = Field(max_length=64)


def start_import(command: StartImport, world: World) -> Outcome:
    state = world.dnc(command.account_id)
    facts = dnc.start_import(
        state, command.account_id, command.import_id, command.lines, command.by, world.now
    )
    return Outcome(facts, {"ok": 1, "id": command.import_id})


class AdvanceImport(Command):
    """Some more lines of the file, read; `lines` is how many they are with those before."""

    import_id: ImportId
    lines: int = Field(ge=1)
    entries: tuple[Entry, ...] = Field(max_length=MAX_LINES)
    rejected: tuple[RejectedLine, ...] = Field(max_length=MAX_LINES)
    by: Line = Field(max_length=64)


def advance_import(command: AdvanceImport, world: World) -> Outcome:
    facts = dnc.advance_import(
        world.dnc(command.account_id),
        command.account_id,
        command.import_id,
        command.lines,
        command.entries,
        command.rejected,
        command.by,
        world.now,
    )
    listed = sum(len(fact.entries) for fact in facts if isinstance(fact, ImportAdvanced))
    return Outcome(facts, {"ok": 1, "listed": listed})


class FinishImport(Command):
    import_id: ImportId


def finish_import(command: FinishImport, world: World) -> Outcome:
    state = world.dnc(command.account_id)
    facts = dnc.finish_import(state, command.account_id, command.import_id, world.now)
    return Outcome(facts, {"ok": 1, "id": command.import_id})
