"""A call log with an archive, for tests: real rows, real files."""

import asyncio
import random
from collections.abc import Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row

from events.base import AccountId
from gateways.archive.copies import Copies
from gateways.archive.moving import Moved, archive
from gateways.archive.reading import CallLog
from gateways.media.objects import ObjectStore
from gateways.store.reader import Reader
from projections.cdr import make_month
from projections.keyset import Key, Page, Wanted
from projections.months import Month

AUGUST = Month(2024, 8)
MONTHS = (AUGUST, AUGUST.next, AUGUST.next.next)
NOVEMBER = Month(2024, 11)
LOOK = 8
"""So that pages end before they are full."""
_numbers = count(1)
_COLUMNS = (
    *("call_id", "account_id", "direction", "from_num", "to_num", "did_id", "trunk_id"),
    *("start_ts", "ring_ts", "end_ts", "duration_sec", "answered", "disposition", "hangup_cause"),
    *("sip_code", "queue_id", "agent_id", "flow_id", "flow_version", "cost_micros"),
)
INSERT = (
    f"INSERT INTO views.call_cdr ({', '.join(_COLUMNS)})"
    f" VALUES ({', '.join(f'%({column})s' for column in _COLUMNS)})"
)


class Log:
    """The log of one database, and what it takes to read and to archive it."""

    def __init__(self, url: str, objects: ObjectStore, copies: Copies) -> None:
        self.url = url
        self.objects = objects
        self.copies = copies

    def archive(self, before: Month, dry_run: bool = False) -> list[Moved]:
        return asyncio.run(archive(self.url, self.objects, self.copies, before.begins, dry_run))

    def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        with self.database() as connection, connection.cursor() as cursor:
            cursor.execute("SET search_path TO views")
            for month in {Month.of(row["start_ts"]) for row in rows}:
                make_month(cursor, month)
            cursor.executemany(INSERT, rows)

    def database(self) -> psycopg.Connection[DictRow]:
        return psycopg.connect(self.url, autocommit=True, row_factory=dict_row)

    def rows(self, table: str) -> list[DictRow]:
        with self.database() as connection:
            return connection.execute(f"SELECT * FROM {table}".encode()).fetchall()

    def page(self, wanted: Wanted, after: Key | None, limit: int, look: int = LOOK) -> Page:
        async def read() -> Page:
            reader = Reader(self.url)
            try:
                return await CallLog(reader, self.copies).page(wanted, after, limit, look)
            finally:
                await reader.stop()

        return asyncio.run(read())

    def pages(self, wanted: Wanted, limit: int, after: Key | None = None) -> list[DictRow]:
        """The whole list beyond `after`, page by page."""

        async def read() -> list[DictRow]:
            reader, found, end = Reader(self.url), [], after
            try:
                while True:
                    page = await CallLog(reader, self.copies).page(wanted, end, limit, LOOK)
                    found += page.rows
                    if (end := page.end) is None:
                        return found
            finally:
                await reader.stop()

        return asyncio.run(read())

    def one(self, call_id: str) -> dict[str, Any] | None:
        async def read() -> dict[str, Any] | None:
            reader = Reader(self.url)
            try:
                return await CallLog(reader, self.copies).one(call_id)
            finally:
                await reader.stop()

        return asyncio.run(read())


def an_account() -> AccountId:
    return AccountId(f"acc_{next(_numbers):026d}")


def calls(account_id: AccountId, seed: int, number: int = 40) -> list[dict[str, Any]]:
    """Few values of everything and few times, over `MONTHS` and the one in which tests happen."""
    chance = random.Random(seed)
    months = (*MONTHS, NOVEMBER)
    return [
        {
            "call_id": f"{chance.getrandbits(32):08x}-{account_id[-6:]}-{n}{chance.choice('aBé')}",
            "account_id": account_id,
            "direction": chance.choice(["inbound", "outbound"]),
            "from_num": f"1415{chance.randrange(3)}",
            "to_num": f"1202{chance.randrange(3)}",
            "did_id": chance.choice([None, "did_1"]),
            "trunk_id": chance.choice([None, "tr_1", "tr_2"]),
            "start_ts": chance.choice(
                [(month := chance.choice(months)).begins, month.ends - 1, month.begins + n * 1_001]
            ),
            "ring_ts": chance.choice([None, 1]),
            "end_ts": chance.choice([None, month.ends + 5]),
            "duration_sec": chance.choice([None, 1, 60]),
            "answered": chance.randrange(2),
            "disposition": chance.choice([None, "answered", "busy"]),
            "hangup_cause": chance.choice([None, "normal_clearing", "odd"]),
            "sip_code": chance.choice([None, 200]),
            "queue_id": chance.choice([None, "q_1", "q_2"]),
            "agent_id": chance.choice([None, "us_1"]),
            "flow_id": chance.choice([None, "flow_1"]),
            "flow_version": chance.choice([None, 3]),
            "cost_micros": chance.choice([None, 2**40]),
        }
        for n in range(number)
    ]
