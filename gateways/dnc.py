"""Reads a do-not-call file into the list, in the background: a thousand lines per commit.

The progress is facts, so every gateway shows it. A gateway that stops in the middle leaves an
import that is seen to make no progress; the same file sent again goes through it quickly, for what
is listed already makes no new fact.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from commands.dnc import MAX_LINES, AdvanceImport, FinishImport, StartImport
from commands.message import Command
from domain import dnc_file
from domain.dnc_file import Line
from domain.errors import Invalid, Refusal, Unavailable
from events.base import AccountId
from events.dnc import Entry
from gateways.bus.client import Commander, Reply
from gateways.draw import Draw
from gateways.store.reader import Reader

log = logging.getLogger("callplane.dnc")

PATIENCE = 60.0
"""Seconds for which a batch that nobody takes is sent again before the import is given up."""
MAX_FILE = 32 * 1024 * 1024
"""Bytes."""
MAX_FILE_LINES = 500_000


class Importer:
    def __init__(self, commander: Commander, reader: Reader) -> None:
        self._commander = commander
        self._reader = reader
        self._running: set[asyncio.Task[None]] = set()

    async def start(
        self, account_id: AccountId, country: str, file: bytes, by: str, draw: Draw
    ) -> tuple[str, int]:
        """Begin to read a file; returns the import's id and how many lines there are. Raises
        Invalid when it is no CSV in UTF-8. What is begun again under the same draw goes on: lines
        that were taken before change nothing."""
        columns, lines = await asyncio.to_thread(_read, file)
        import_id = draw.id("imp")
        about: dict[str, Any] = {"account_id": account_id, "command_id": draw.command_id}
        command = StartImport(**about, import_id=import_id, lines=len(lines), by=by)
        reply = await self._commander.ask(command)
        await self._reader.until_shown("dnc", reply.position)
        reading = self._run(account_id, country, import_id, columns, lines, by)
        task = asyncio.create_task(reading)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return import_id, len(lines)

    async def _run(
        self,
        account_id: AccountId,
        country: str,
        import_id: str,
        columns: Sequence[str],
        lines: Sequence[Line],
        by: str,
    ) -> None:
        about: dict[str, Any] = {"account_id": account_id, "import_id": import_id}
        try:
            for start in range(0, len(lines), MAX_LINES):
                some = lines[start : start + MAX_LINES]
                read = await asyncio.to_thread(_entries, columns, some, country)
                await self._ask(AdvanceImport(**about, lines=start + len(some), by=by, **read))
            await self._ask(FinishImport(**about))
        except Refusal as refusal:
            log.warning("import %s was given up: %s", import_id, refusal.detail)

    async def _ask(self, command: Command) -> Reply:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await self._commander.ask(command)
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)


def _read(file: bytes) -> tuple[tuple[str, ...], list[Line]]:
    try:
        text = file.decode()
    except UnicodeDecodeError:
        raise Invalid("the file is not text in UTF-8") from None
    columns, lines = dnc_file.read(text)
    if len(lines) > MAX_FILE_LINES:
        raise Invalid(f"the file has more than {MAX_FILE_LINES} lines")
    return columns, lines


def _entries(columns: Sequence[str], lines: Sequence[Line], country: str) -> dict[str, Any]:
    found = list(dnc_file.entries(columns, lines, country))
    return {
        "entries": tuple(one for one in found if isinstance(one, Entry)),
        "rejected": tuple(one for one in found if not isinstance(one, Entry)),
    }
