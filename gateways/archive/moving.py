"""Takes months that are over out of the table and into the object store.

A month is read in one moment of the store, a file per account is stored, and then, in one
transaction that no fold runs beside: nothing has changed since that moment, the files are booked,
what was learnt late is in them and forgotten, the partition goes. Had something changed, it is all
done again. Whoever dies before that transaction leaves files that nobody knows, of the same content
as those of the next run.

One run at a time (an advisory lock).
"""

import asyncio
import hashlib
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier

from domain.errors import Conflict, Refusal, Unavailable
from events.base import AccountId
from events.catalogue import NAMES
from gateways.archive import books, sheet
from gateways.archive.books import File
from gateways.archive.copies import Copies
from gateways.media.objects import READ_BYTES, ObjectStore
from gateways.store.codec import decode
from gateways.store.projector import PAGE_LOCK
from projections import cdr
from projections.cdr import partition
from projections.months import Month

log = logging.getLogger("callplane.archive")

PREFIX = "archive/calls"
TRIES = 5
PAGE = 1_000
"""Facts that are looked at at once."""
PATIENCE_MS = 2_000
"""For which readers and folds may be kept waiting for the partition to go."""
CAUGHT_UP = 30.0
"""Seconds in which the call log has to have what is stored."""
_LOCK = 7242
_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
_HELD = "LOCK TABLE ONLY views.call_cdr, ONLY views.call_cdr_late IN ACCESS SHARE MODE"
"""Before the moment begins: no rebuild puts other tables in their place during it."""
_MONTHS = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = 'views.call_cdr'::regclass AND relname ~ '^call_cdr_[0-9]{4}_[0-9]{2}$'
     ORDER BY relname"""
_SORTED = "SELECT * FROM views.{} WHERE account_id = %s ORDER BY start_ts, call_id"
_TOPICS = [NAMES[kind] for kind in get_args(cdr.OfCall)]
_NEWS = """
    SELECT notification_id, topic, state FROM events.stored_events
     WHERE notification_id > %s AND topic = ANY(%s)
       AND notification_id <= (SELECT position FROM views.position WHERE name = 'cdr')
     ORDER BY notification_id LIMIT %s"""
_ANY = """
    SELECT EXISTS (SELECT FROM views.call_cdr
                    WHERE call_id = ANY(%s) AND start_ts >= %s AND start_ts < %s) AS found"""

Late = Mapping[Month, Mapping[AccountId, Mapping[str, DictRow]]]
"""What was learnt of archived calls, by the month of the call, and by id."""


class Moved(NamedTuple):
    """A month that is in the archive now, or, of a dry run, would be."""

    month: Month
    accounts: int
    rows: int
    bytes: int
    """Of its files."""
    is_new: bool
    """Not only what was learnt late is put into files that were there."""


class _Learnt(NamedTuple):
    late: Late
    strange: Sequence[DictRow]
    """What belongs to no archived call."""


class _Seen(NamedTuple):
    """What a month was made of when it was read."""

    table: int | None
    """The partition's object id; there may be none."""
    position: int
    """Of the call log: what changed since is in the facts beyond it."""
    late: tuple[tuple[str, int], ...]


async def archive(
    url: str,
    objects: ObjectStore,
    copies: Copies,
    before: int,
    dry_run: bool = False,
    tell: Callable[[Moved], None] = lambda moved: None,
) -> list[Moved]:
    """Archive the months that end before that moment (epoch ms), and what was learnt late of calls
    in the archive. Raises Conflict beside another run, Unavailable when the call log is behind,
    and, after all others, when a month cannot be archived: a file of it cannot be read or stored,
    or it is never quiet."""
    async with await AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as store:
        await _alone(store)
        await _caught_up(store)
        run = _Run(store, objects, copies, dry_run)
        done: list[Moved] = []
        failed: list[str] = []
        late, strange = await _learnt(store)
        if not dry_run:
            await _forget(store, strange)
        for month in sorted({*await _over(store, before), *late}):
            try:
                done.append(await run.move(month))
                tell(done[-1])
            except (Refusal, OSError, ValueError) as error:
                failed.append(f"{month}: {error}")
        if failed:
            raise Unavailable(f"not everything is archived: {'; '.join(failed)}")
        return done


async def archive_for_ever(
    url: str, objects: ObjectStore, copies: Copies, hot_days: int, every: float, pause: float = 60.0
) -> None:
    """Once in `every` seconds, first after `pause`; what cannot be done is tried the next time."""
    while True:
        await asyncio.sleep(pause)
        pause = every
        try:
            await archive(url, objects, copies, hot_until(hot_days), tell=_noted)
        except (psycopg.Error, Refusal, OSError, ValueError) as error:
            log.warning("nothing is archived now: %s", error)


def _noted(moved: Moved) -> None:
    log.info("archived %s: %s calls", moved.month, moved.rows)


def hot_until(hot_days: int) -> int:
    """Months that end before that moment have wholly left the window."""
    return time.time_ns() // 1_000_000 - hot_days * 86_400_000


# What there is to do


async def _alone(store: AsyncConnection[DictRow]) -> None:
    row = await _one(store, "SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,))
    if not row["got"]:
        raise Conflict("another run archives now")


async def _caught_up(store: AsyncConnection[DictRow]) -> None:
    """What is stored by now is in the table: no call comes to a month that is archived."""
    ask = "SELECT coalesce(max(notification_id), 0) AS head FROM events.stored_events"
    head = (await _one(store, ask))["head"]
    deadline = time.monotonic() + CAUGHT_UP
    while True:
        known = await _one(store, "SELECT * FROM views.position WHERE name = 'cdr'")
        if known["position"] >= head:
            return
        if known["error"] is not None or time.monotonic() > deadline:
            raise Unavailable("the call log is behind what is stored; nothing is archived")
        await asyncio.sleep(0.2)


async def _over(store: AsyncConnection[DictRow], before: int) -> list[Month]:
    rows = await (await store.execute(_MONTHS)).fetchall()
    months = [Month(*map(int, row["relname"].split("_")[-2:])) for row in rows]
    return [month for month in months if month.ends <= before]


async def _learnt(store: AsyncConnection[DictRow]) -> _Learnt:
    found: dict[Month, dict[AccountId, dict[str, DictRow]]] = {}
    strange: list[DictRow] = []
    rows = await (await store.execute("SELECT *, xmin FROM views.call_cdr_late")).fetchall()
    if not rows:
        return _Learnt(found, strange)
    asked = await store.execute(books.FACTS, books.asked([row["call_id"] for row in rows]))
    places = books.placed(await asked.fetchall())
    ask = "SELECT * FROM archive.file WHERE account_id = ANY(%s)"
    accounts = list({place.account_id for place in places.values()})
    booked = await (await store.execute(ask, (accounts,))).fetchall()
    known = {(file.account_id, file.month) for file in map(books.file_of, booked)}
    for row in rows:
        place = places.get(row["call_id"])
        if place is None or (place.account_id, month := Month.of(place.start_ts)) not in known:
            strange.append(row)
        else:
            ids = found.setdefault(month, {}).setdefault(place.account_id, {})
            ids[row["call_id"]] = row
    return _Learnt(found, strange)


async def _forget(store: AsyncConnection[DictRow], strange: Sequence[DictRow]) -> None:
    forget = "DELETE FROM views.call_cdr_late WHERE call_id = %s AND xmin = %s"
    for row in strange:
        await store.execute(forget, (row["call_id"], row["xmin"]))


async def _one(
    store: AsyncConnection[DictRow], statement: str, values: Sequence[Any] = ()
) -> DictRow:
    row = await (await store.execute(statement.encode(), values)).fetchone()
    assert row is not None
    return row


# One month


class _Run:
    def __init__(
        self, store: AsyncConnection[DictRow], objects: ObjectStore, copies: Copies, dry_run: bool
    ) -> None:
        self._store = store
        self._objects = objects
        self._copies = copies
        self._dry_run = dry_run

    async def move(self, month: Month) -> Moved:
        for _ in range(TRIES):
            async with self._store.transaction():
                await self._store.execute(_MOMENT)
                await self._store.execute(_HELD)
                late = (await _learnt(self._store)).late.get(month, {})
                seen = await self._seen(month, late)
                accounts = await self._accounts(month, late, seen)
                if self._dry_run:
                    rows = await self._count(month, seen)
                    return Moved(month, len(accounts), rows, 0, seen.table is not None)
                files = [
                    await self._file(month, account, seen, late.get(account, {}))
                    for account in accounts
                ]
            if await self._booked(month, files, seen, late):
                await self._tidy(month, files)
                rows, size = sum(file.rows for file in files), sum(file.bytes for file in files)
                return Moved(month, len(files), rows, size, seen.table is not None)
        raise Unavailable(f"the calls of {month} change all the time, or are read for too long")

    async def _seen(self, month: Month, late: Mapping[AccountId, Mapping[str, DictRow]]) -> _Seen:
        ids = [id for rows in late.values() for id in rows]
        found = await self._store.execute(
            "SELECT call_id, xmin::text::bigint AS version FROM views.call_cdr_late"
            " WHERE call_id = ANY(%s) ORDER BY call_id",
            (ids,),
        )
        learnt = tuple((row["call_id"], row["version"]) for row in await found.fetchall())
        name = f"views.{partition(month)}"
        table = await _one(self._store, "SELECT to_regclass(%s)::oid::bigint AS id", (name,))
        ask = "SELECT position FROM views.position WHERE name = 'cdr'"
        return _Seen(table["id"], (await _one(self._store, ask))["position"], learnt)

    async def _count(self, month: Month, seen: _Seen) -> int:
        if seen.table is None:
            return 0
        counted = await _one(self._store, f"SELECT count(*) AS rows FROM views.{partition(month)}")
        return int(counted["rows"])

    async def _accounts(
        self, month: Month, late: Mapping[AccountId, Mapping[str, DictRow]], seen: _Seen
    ) -> list[AccountId]:
        found = set(late)
        if seen.table is not None:
            ask = f"SELECT DISTINCT account_id FROM views.{partition(month)}"
            rows = await (await self._store.execute(ask.encode())).fetchall()
            found |= {AccountId(row["account_id"]) for row in rows}
        return sorted(found)

    async def _file(
        self, month: Month, account_id: AccountId, seen: _Seen, late: Mapping[str, DictRow]
    ) -> File:
        """The account's calls of the month as an object of the store."""
        known = await self._known(account_id, month)
        with tempfile.TemporaryDirectory(prefix="callplane-archive-") as folder:
            path = Path(folder) / "calls.parquet"
            first, last, rows = 0, 0, 0
            with sheet.Writer(path) as writer:
                async for group in self._groups(month, account_id, seen, known, late):
                    await asyncio.to_thread(writer.add, group)
                    first = group[0]["start_ts"] if rows == 0 else first
                    last, rows = group[-1]["start_ts"], rows + len(group)
            size = path.stat().st_size
            digest = await asyncio.to_thread(_digest, path)
            key = f"{_folder(account_id, month)}/{digest[:32]}.parquet"
            await self._objects.put(key, _chunks(path), size)
        return File(account_id, month, key, rows, size, digest, first, last)

    async def _known(self, account_id: AccountId, month: Month) -> File | None:
        found = await self._store.execute(
            "SELECT * FROM archive.file WHERE account_id = %s AND begins = %s",
            (account_id, month.begins),
        )
        row = await found.fetchone()
        return books.file_of(row) if row else None

    async def _groups(
        self,
        month: Month,
        account_id: AccountId,
        seen: _Seen,
        known: File | None,
        late: Mapping[str, DictRow],
    ) -> AsyncIterator[list[sheet.Row]]:
        group: list[sheet.Row] = []
        hot = self._rows(month, account_id) if seen.table is not None else _none()
        async for row in self._both(hot, known):
            group.append(cdr.known_now(row, late))
            if len(group) == sheet.GROUP:
                yield group
                group = []
        if group:
            yield group

    async def _rows(self, month: Month, account_id: AccountId) -> AsyncIterator[DictRow]:
        async with self._store.cursor("month") as cursor:
            await cursor.execute(SQL(_SORTED).format(Identifier(partition(month))), (account_id,))
            while rows := await cursor.fetchmany(sheet.GROUP):
                for row in rows:
                    yield row

    async def _both(
        self, hot: AsyncIterator[DictRow], known: File | None
    ) -> AsyncIterator[DictRow]:
        """The rows of the table and of the file that there is, in order."""
        cold = _none() if known is None else _rows_in(await self._copies.path(known))
        old = await anext(cold, None)
        async for row in hot:
            while old is not None and _key(old) < _key(row):
                yield old
                old = await anext(cold, None)
            if old is not None and _key(old) == _key(row):
                old = await anext(cold, None)
            yield row
        while old is not None:
            yield old
            old = await anext(cold, None)

    async def _booked(
        self,
        month: Month,
        files: Sequence[File],
        seen: _Seen,
        late: Mapping[AccountId, Mapping[str, DictRow]],
    ) -> bool:
        """Whether the month was still as it had been read, and is in the archive now. Most of the
        facts that came since are looked at while folds go on."""
        since = await self._quiet(month, seen.position)
        if since is None:
            return False
        try:
            async with self._store.transaction():
                await self._store.execute(f"SET LOCAL lock_timeout TO {PATIENCE_MS}".encode())
                alone = "SELECT pg_advisory_xact_lock(%s, hashtext('views'))"
                await self._store.execute(alone, (PAGE_LOCK,))
                now = await self._seen(month, late)
                if (now.table, now.late) != (seen.table, seen.late):
                    return False
                if await self._quiet(month, since) is None:
                    return False
                for file in files:
                    await self._store.execute(books.BOOK, books.booking(file))
                ids = [id for id, _ in seen.late]
                forget = "DELETE FROM views.call_cdr_late WHERE call_id = ANY(%s)"
                await self._store.execute(forget, (ids,))
                drop = f"DROP TABLE IF EXISTS views.{partition(month)}"
                await self._store.execute(drop.encode())
        except psycopg.errors.LockNotAvailable:
            await asyncio.sleep(PATIENCE_MS / 1000)
            return False
        return True

    async def _quiet(self, month: Month, since: int) -> int | None:
        """The position up to which no fact beyond `since` is about a row of the month's table;
        None: one is."""
        while True:
            asked = await self._store.execute(_NEWS, (since, _TOPICS, PAGE))
            facts = await asked.fetchall()
            ids = await asyncio.to_thread(_call_ids, facts)
            row = await _one(self._store, _ANY, (ids, month.begins, month.ends))
            if row["found"]:
                return None
            since = facts[-1]["notification_id"] if facts else since
            if len(facts) < PAGE:
                return since

    async def _tidy(self, month: Month, files: Sequence[File]) -> None:
        """Files in whose place others are now; a reader that comes for one looks again."""
        for file in files:
            keys = [one.key async for one in self._objects.list(_folder(file.account_id, month))]
            for key in keys:
                if key != file.key:
                    await self._objects.delete(key)


def _call_ids(facts: Sequence[DictRow]) -> list[str]:
    found = (decode(fact["topic"], bytes(fact["state"])) for fact in facts)
    return list({fact.call_id for fact in found if isinstance(fact, cdr.OfCall)})


def _folder(account_id: AccountId, month: Month) -> str:
    return f"{PREFIX}/{account_id}/{month}"


def _key(row: Mapping[str, Any]) -> tuple[int, str]:
    return row["start_ts"], row["call_id"]


async def _none() -> AsyncIterator[DictRow]:
    return
    yield {}


async def _rows_in(path: Path) -> AsyncIterator[DictRow]:
    """Of a file, of which the groups are read beside the loop."""
    groups = sheet.groups_in(path)
    while group := await asyncio.to_thread(next, groups, None):
        for row in group:
            yield row


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(READ_BYTES):
            yield chunk
