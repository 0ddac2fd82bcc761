"""Calls of the table and of the archive as one list, page by page.

A page is what `projections/keyset.py` promises, over both: what is archived between two pages comes
once, from where it lies then. Which files there are is asked in the same moment as the rows; one
that is gone when it is opened was replaced, and the page is read again.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from domain.errors import Unavailable
from gateways.archive import books, sheet
from gateways.archive.books import File, Place
from gateways.archive.copies import Copies
from gateways.store.reader import Reader
from projections import cdr, keyset
from projections.cdr import LISTED
from projections.keyset import LOOK, Key, Page, Wanted

TRIES = 3
AT_ONCE = 2
"""Files that are read at the same moment: each takes the memory of a group of rows, several times
over."""


class _Moment(NamedTuple):
    """What the store had."""

    hot: Page
    files: list[File]
    """Those that may have rows of the page, in its order."""
    late: dict[str, DictRow]


class CallLog:
    def __init__(self, reader: Reader, copies: Copies) -> None:
        self._reader = reader
        self._copies = copies
        self._threads = ThreadPoolExecutor(AT_ONCE, "archive")

    async def page(self, wanted: Wanted, after: Key | None, limit: int, look: int = LOOK) -> Page:
        """Like `keyset.page`. Raises Unavailable when a file cannot be read."""

        def ask(cursor: Cursor[DictRow]) -> _Moment:
            return _moment(cursor, wanted, after, limit, look)

        for _ in range(TRIES):
            now = await self._reader.query(ask)
            if not now.files:
                return now.hot
            try:
                cold = await self._cold(now, wanted, after, limit, look)
            except FileNotFoundError:
                continue
            return _merged(now.hot, cold, wanted.newest_first, limit)
        raise Unavailable("a file of the archive is missing")

    async def one(self, call_id: str) -> dict[str, Any] | None:
        """A call of any account."""
        for _ in range(TRIES):
            row = await self._reader.query(lambda cursor: cdr.one(cursor, call_id))
            if row is not None:
                return row
            place = await self._reader.query(lambda cursor: books.place(cursor, call_id))
            if place is None:
                return None
            if found := await self._at(place, call_id):
                return found
        return None

    async def _at(self, place: Place, call_id: str) -> dict[str, Any] | None:
        span = {"since": place.start_ts, "until": place.start_ts + 1}
        wanted, after = Wanted(place.account_id, span), None
        while True:
            page = await self.page(wanted, after, LOOK)
            for row in page.rows:
                if row["call_id"] == call_id:
                    return row
            if (after := page.end) is None:
                return None

    async def _cold(
        self, now: _Moment, wanted: Wanted, after: Key | None, limit: int, look: int
    ) -> Page:
        rows: list[DictRow] = []
        looked = 0
        for file in now.files:
            left = limit + 1 - len(rows), look - looked
            found = await self._read(file, wanted, after, *left, now.late)
            rows += found.rows
            looked += found.looked
            if len(rows) > limit:
                return Page(rows[:limit], LISTED.key(rows[limit - 1]))
            if found.end is not None:
                return Page(rows, found.end)
        return Page(rows, None)

    async def _read(
        self,
        file: File,
        wanted: Wanted,
        after: Key | None,
        limit: int,
        look: int,
        late: dict[str, DictRow],
    ) -> sheet.Found:
        path = await self._copies.path(file)
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._threads, sheet.read, path, wanted, after, limit, look, late
            )
        except FileNotFoundError:
            raise
        except (OSError, ValueError) as error:
            raise Unavailable(f"the archive of {file.month} cannot be read: {error}") from error


def _moment(
    cursor: Cursor[DictRow], wanted: Wanted, after: Key | None, limit: int, look: int
) -> _Moment:
    with keyset.at_one_moment(cursor, LISTED):
        hot = keyset.page_now(cursor, LISTED, wanted, after, limit, look)
        files = _relevant(books.files(cursor, wanted.account_id), wanted, after, hot.end)
        late = books.late(cursor, wanted.account_id) if files else {}
    return _Moment(hot, files, late)


def _relevant(
    files: Sequence[File], wanted: Wanted, after: Key | None, end: Key | None
) -> list[File]:
    """Those with rows from where the page begins to where that of the table ends."""
    low, high = wanted.filters.get("since", 0), wanted.filters.get("until", 2**63 - 1) - 1
    begins, ends = (end, after) if wanted.newest_first else (after, end)
    low = low if begins is None else max(low, begins[0])
    high = high if ends is None else min(high, ends[0])
    found = [file for file in files if file.first_ts <= high and file.last_ts >= low]
    return found[::-1] if wanted.newest_first else found


def _merged(hot: Page, cold: Page, newest_first: bool, limit: int) -> Page:
    """Nothing beyond the place up to which both are known."""
    rows = sorted([*hot.rows, *cold.rows], key=LISTED.key, reverse=newest_first)
    ends = [page.end for page in (hot, cold) if page.end is not None]
    end = (max(ends) if newest_first else min(ends)) if ends else None
    if end is not None:
        known = [LISTED.key(row) for row in rows]
        rows = rows[: sum(key >= end if newest_first else key <= end for key in known)]
    if len(rows) > limit:
        return Page(rows[:limit], LISTED.key(rows[limit - 1]))
    return Page(rows, end)
