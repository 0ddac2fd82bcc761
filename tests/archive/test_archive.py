"""Months go to the archive and nobody who reads the log notices (spec 08, call_cdr)."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from commands.partitions import partition_of
from commands.store import Append
from domain.errors import Conflict, Unavailable
from events.base import CallId, Fact, Millis
from events.call import CallEnded, CallRevised, DialogEvent
from gateways.archive.books import file_of
from gateways.archive.copies import Copies
from gateways.archive.moving import archive_for_ever
from gateways.media.objects import ObjectStore, open_objects
from gateways.store.events import PgStore
from gateways.store.keys import Keyring
from gateways.store.projector import PAGE_LOCK, Projector
from gateways.store.rebuild import rebuild
from projections.cdr import Cdr
from projections.keyset import Wanted
from projections.months import Month
from tests.archive.logs import AUGUST, LOOK, MONTHS, NOVEMBER, Log, an_account, calls
from tests.support.facts import ACCOUNT, answered, ended, numbered, routed
from tests.support.given import property_of
from tests.support.system import eventually


@pytest.fixture
def log(database_url: str, tmp_path: Path) -> Log:
    objects = open_objects("", tmp_path / "media")
    return Log(database_url, objects, Copies(objects, tmp_path / "copies", 10**9))


@pytest.fixture
def far(database_url: str, tmp_path: Path) -> Log:
    """With an object store that is no directory."""
    objects = ObjectStore(MemoryStore())
    return Log(database_url, objects, Copies(objects, tmp_path / "copies", 1))


FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["inbound", "outbound", "dialer"]),
        "from": st.sampled_from(["14150", "14151", "1"]),
        "to": st.sampled_from(["12020", "12021"]),
        "did_id": st.just("did_1"),
        "trunk_id": st.sampled_from(["tr_1", "tr_3"]),
        "flow_id": st.just("flow_1"),
        "queue_id": st.sampled_from(["q_1", "q_3"]),
        "agent_id": st.just("us_1"),
        "disposition": st.sampled_from(["answered", "busy"]),
        "hangup_cause": st.sampled_from(["normal_clearing", "odd"]),
        "answered": st.integers(0, 1),
        "min_duration": st.sampled_from([1, 2, 60]),
        "max_duration": st.sampled_from([0, 1, 60]),
        "since": st.sampled_from([m.begins + d for m in MONTHS for d in (0, 1, 20_000)]),
        "until": st.sampled_from([m.ends + d for m in MONTHS for d in (-1, 0, 20_000)]),
    },
)


def test_pages_over_both_are_the_list_that_was_before_archiving(log: Log) -> None:
    """Any calls, any border, any filters, both orders, however little a page looks at."""

    @property_of(examples=25)
    @given(
        seed=st.integers(0, 10_000),
        border=st.sampled_from([*MONTHS, NOVEMBER]),
        asked=st.lists(FILTERS, min_size=1, max_size=5),
        newest_first=st.booleans(),
        limit=st.integers(1, LOOK),
    )
    def check(
        seed: int, border: Month, asked: list[dict[str, Any]], newest_first: bool, limit: int
    ) -> None:
        mine, theirs = an_account(), an_account()
        log.insert([*calls(mine, seed), *calls(theirs, seed + 1, 10)])
        wishes = [Wanted(mine, filters, newest_first) for filters in ({}, *asked)]
        before = [log.pages(wanted, limit) for wanted in wishes]
        assert len(before[0]) == 40
        log.archive(border)
        assert [log.pages(wanted, limit) for wanted in wishes] == before

    check()
    assert len(log.rows("archive.file")) > 50, "hardly anything was archived: it says nothing"


@pytest.mark.parametrize(
    "name",
    [
        *("direction", "from", "to", "did_id", "trunk_id", "flow_id", "queue_id", "agent_id"),
        *("disposition", "hangup_cause", "answered", "min_duration", "max_duration"),
    ],
)
def test_every_filter_finds_the_same_in_a_file(log: Log, name: str) -> None:
    account_id = an_account()
    log.insert(calls(account_id, 7, 60))
    column = {"from": "from_num", "to": "to_num"}.get(name, name.replace("_duration", "duration"))
    column = "duration_sec" if "duration" in name else column
    values = {row[column] for row in log.rows("views.call_cdr")} - {None}
    wishes = [
        Wanted(account_id, {name: value}, newest_first)
        for value in values
        for newest_first in (True, False)
    ]
    before = [log.pages(wanted, 3) for wanted in wishes]
    log.archive(NOVEMBER.next)
    assert log.rows("views.call_cdr") == []
    assert [log.pages(wanted, 3) for wanted in wishes] == before
    assert any(before)


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_reader_goes_on_where_he_was_when_months_are_archived_between_his_pages(
    log: Log, newest_first: bool
) -> None:
    account_id = an_account()
    log.insert(calls(account_id, 3))
    wanted = Wanted(account_id, {}, newest_first)
    expected = log.pages(wanted, 5)
    found, after = [], None
    for border in (AUGUST, *MONTHS[1:], NOVEMBER, NOVEMBER.next):
        page = log.page(wanted, after, 5)
        found += page.rows
        after = page.end
        log.archive(border)
    assert after is not None
    assert found + log.pages(wanted, 5, after) == expected


def test_a_file_is_of_one_account_and_month_sorted_and_typed(log: Log, tmp_path: Path) -> None:
    one, other = an_account(), an_account()
    log.insert([*calls(one, 1), *calls(other, 2)])
    log.archive(NOVEMBER)
    files = [file_of(row) for row in log.rows("archive.file")]
    assert {(file.account_id, file.month) for file in files} == {
        (account, month) for account in (one, other) for month in MONTHS
    }
    for file in files:
        table = pq.read_table(tmp_path / "media" / file.key)
        keys = [(row["start_ts"], row["call_id"]) for row in table.to_pylist()]
        assert keys == sorted(keys)
        assert set(table["account_id"].to_pylist()) == {file.account_id}
        assert {Month(start.year, start.month) for start, _ in keys} == {file.month}
        assert str(table.schema.field("start_ts").type) == "timestamp[ms, tz=UTC]"
        assert str(table.schema.field("answered").type) == "bool"
        assert (file.rows, len(keys)) == (len(keys), table.num_rows)
        assert file.bytes == (tmp_path / "media" / file.key).stat().st_size


def test_nobody_reads_the_files_of_others(log: Log, tmp_path: Path) -> None:
    mine, theirs = an_account(), an_account()
    log.insert([*calls(mine, 1), *calls(theirs, 2)])
    before = log.pages(Wanted(mine, {}), 5)
    log.archive(NOVEMBER)
    for file in (tmp_path / "media" / "archive" / "calls" / theirs).rglob("*.parquet"):
        file.write_bytes(b"no such file")
    assert log.pages(Wanted(mine, {}), 5) == before
    with pytest.raises(Unavailable, match="cannot be read"):
        log.pages(Wanted(theirs, {}), 5)


def test_a_dry_run_says_what_would_be_archived_and_does_nothing(log: Log, tmp_path: Path) -> None:
    log.insert(calls(an_account(), 1))
    said = log.archive(NOVEMBER, dry_run=True)
    assert [moved.month for moved in said] == list(MONTHS)
    assert log.rows("archive.file") == []
    assert len(log.rows("views.call_cdr")) == 40
    assert not list((tmp_path / "media").rglob("*.parquet"))
    done = log.archive(NOVEMBER)
    assert [(one.month, one.rows) for one in done] == [(one.month, one.rows) for one in said]
    assert log.archive(NOVEMBER) == []


def test_a_dry_run_forgets_nothing(log: Log, life: "Life") -> None:
    life.happen(answered("never routed"))
    assert log.archive(NOVEMBER, dry_run=True) == []
    assert len(log.rows("views.call_cdr_late")) == 1


def test_a_file_that_cannot_be_read_keeps_no_other_month_from_the_archive(
    log: Log, tmp_path: Path
) -> None:
    account_id = an_account()
    log.insert(calls(account_id, 1))
    log.archive(AUGUST.next)
    (file,) = map(file_of, log.rows("archive.file"))
    (tmp_path / "media" / file.key).write_bytes(b"no such file")
    late = {**calls(account_id, 2)[0], "call_id": "late", "start_ts": AUGUST.begins}
    log.insert([late])
    with pytest.raises(Unavailable, match="2024-08"):
        log.archive(NOVEMBER)
    assert {file_of(row).month for row in log.rows("archive.file")} == set(MONTHS)
    assert [row["call_id"] for row in log.rows("views.call_cdr_2024_08")] == ["late"]


def test_two_runs_exclude_each_other(log: Log) -> None:
    log.insert(calls(an_account(), 1))
    with log.database() as other:
        other.execute("SELECT pg_advisory_lock(7242)")
        with pytest.raises(Conflict):
            log.archive(NOVEMBER)
    assert len(log.archive(NOVEMBER)) == 3


def test_months_that_have_left_the_window_are_archived_by_and_by(log: Log) -> None:
    """A fault of the object store, and what is over is archived the next time."""

    class Mended(ObjectStore):
        fails = 1

        async def put(self, *asked: Any) -> Any:
            self.fails -= 1
            if self.fails >= 0:
                raise Unavailable("the object store does not take that now")
            return await super().put(*asked)

    async def until_archived() -> None:
        objects = Mended(log.objects.backend)
        work = archive_for_ever(log.url, objects, log.copies, 30, every=0.1, pause=0.0)
        running = asyncio.create_task(work)
        async with asyncio.timeout(60):
            while len(log.rows("archive.file")) < 4:
                await asyncio.sleep(0.1)
        running.cancel()

    this_month = Month.of(time.time_ns() // 1_000_000)
    now = {**calls(an_account(), 1)[0], "start_ts": this_month.begins}
    log.insert([*calls(an_account(), 1), now])
    asyncio.run(until_archived())
    assert [row["call_id"] for row in log.rows("views.call_cdr")] == [now["call_id"]]


def test_nothing_is_archived_while_the_call_log_is_behind(
    log: Log, store: PgStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.archive.moving.CAUGHT_UP", 0.2)
    store.append(Append(numbered(routed("a", AUGUST.begins)), (), EPOCHS))
    with pytest.raises(Unavailable, match="behind"):
        log.archive(NOVEMBER)


# Copies


def test_files_of_a_bucket_are_read_as_copies_of_which_few_are_kept(
    far: Log, tmp_path: Path
) -> None:
    account_id = an_account()
    far.insert(calls(account_id, 1))
    wanted = Wanted(account_id, {})
    before = far.pages(wanted, 5)
    far.archive(NOVEMBER.next)
    assert far.pages(wanted, 5) == before
    assert len(list((tmp_path / "copies").iterdir())) == 1, "there is room for the last one only"


def test_a_copy_that_is_not_what_was_archived_is_refused(far: Log, tmp_path: Path) -> None:
    account_id = an_account()
    far.insert(calls(account_id, 1))
    far.archive(AUGUST.next)
    (row,) = far.rows("archive.file")
    asyncio.run(far.objects.put_bytes(row["key"], b"something else"))
    with pytest.raises(Unavailable, match="not what was archived"):
        far.pages(Wanted(account_id, {}, newest_first=False), 5)
    assert list((tmp_path / "copies").iterdir()) == []
    asyncio.run(far.objects.delete(row["key"]))
    with pytest.raises(Unavailable, match="missing"):
        far.pages(Wanted(account_id, {}, newest_first=False), 5)


def test_what_killed_processes_left_of_copies_goes_and_counts(far: Log, tmp_path: Path) -> None:
    account_id = an_account()
    far.insert(calls(account_id, 1))
    far.archive(AUGUST.next)
    left = [tmp_path / "copies" / name for name in ("a.1", "b.2", "c.parquet")]
    left[0].parent.mkdir()
    for path in left:
        path.write_bytes(b"0" * 600_000)
    os.utime(left[0], (0, 0))
    far.copies = Copies(far.objects, tmp_path / "copies", 1_000_000)
    far.pages(Wanted(account_id, {}), 40)
    assert [path.exists() for path in left] == [False, True, False], "the second may be under way"


def test_copies_that_are_there_wait_for_no_other(far: Log, tmp_path: Path) -> None:
    account_id = an_account()
    far.insert(calls(account_id, 1))
    far.archive(NOVEMBER)
    files = [file_of(row) for row in far.rows("archive.file")]

    class Stuck(ObjectStore):
        async def get(
            self, key: str, start: int = 0, end: int | None = None
        ) -> AsyncIterator[bytes]:
            if key == files[0].key:
                await asyncio.sleep(3_600)
            async for chunk in super().get(key, start, end):
                yield chunk

    async def others() -> None:
        copies = Copies(Stuck(far.objects.backend), tmp_path / "copies", 10**9)
        stuck = asyncio.create_task(copies.path(files[0]))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(30):
            for _ in range(2):
                assert (await copies.path(files[1])).exists()
        stuck.cancel()

    asyncio.run(others())


# Death

DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from gateways.archive.copies import Copies
from gateways.archive.moving import archive
from gateways.media.objects import ObjectStore, open_objects

url, folder, point, before = sys.argv[1:]

class Dying(ObjectStore):
    async def put(self, key, chunks, limit):
        if point == "before a file is stored":
            os.kill(os.getpid(), signal.SIGKILL)
        stored = await super().put(key, chunks, limit)
        if point == "before the files are booked":
            os.kill(os.getpid(), signal.SIGKILL)
        return stored

    def list(self, prefix):
        os.kill(os.getpid(), signal.SIGKILL)  # what is asked when a month is booked

objects = Dying(open_objects("", Path(folder)).backend)
asyncio.run(archive(url, objects, Copies(objects, Path(folder), 0), int(before)))
"""


@pytest.mark.parametrize(
    ("point", "booked"),
    [
        ("before a file is stored", 0),
        ("before the files are booked", 0),
        ("before what was replaced is deleted", 1),
    ],
)
def test_who_is_killed_loses_nothing_and_does_nothing_twice(
    log: Log, tmp_path: Path, point: str, booked: int
) -> None:
    account_id = an_account()
    log.insert(calls(account_id, 1))
    before = log.pages(Wanted(account_id, {}), 5)
    asked = [log.url, str(tmp_path / "media"), point, str(NOVEMBER.begins)]
    died = subprocess.run([sys.executable, "-c", DYING, *asked], timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert len(log.rows("archive.file")) == booked
    assert log.pages(Wanted(account_id, {}), 5) == before
    assert len(log.archive(NOVEMBER)) == 3 - booked
    assert log.pages(Wanted(account_id, {}), 5) == before
    assert len(log.rows("archive.file")) == 3
    assert len(list((tmp_path / "media").rglob("*.parquet"))) == 3


# Facts

EPOCHS = {partition_of(ACCOUNT): 1}
START = AUGUST.begins + 86_400_000


@pytest.fixture
def store(database_url: str) -> Iterator[PgStore]:
    made = PgStore(database_url, Keyring.of(b"k" * 32))
    made.claim(list(EPOCHS), "test")
    yield made
    made.close()


class Life:
    """Facts that are stored and folded one after the other."""

    def __init__(self, log: Log, store: PgStore) -> None:
        self.store = store
        self.projector = Projector(log.url)
        self.versions: dict[str, int] = {}

    def happen(self, *facts: Fact) -> None:
        self.store.append(Append(numbered(*facts, versions=self.versions), (), EPOCHS))
        self.projector.catch_up()


@pytest.fixture
def life(log: Log, store: PgStore) -> Iterator[Life]:
    made = Life(log, store)
    yield made
    made.projector.close()


def ended_at(call_id: str, at: int, **more: Any) -> CallEnded:
    end = ended(call_id, at)
    return end.model_copy(update={"outcome": end.outcome.model_copy(update=more)})


WANTED = Wanted(ACCOUNT, {})


def test_each_month_has_a_table_of_its_own_made_ahead(log: Log, life: Life) -> None:
    life.happen(routed("a", START), routed("b", AUGUST.ends), routed("c", 5), routed("d", 2**60))
    tables = [
        *("call_cdr_2024_08", "call_cdr_2024_09", "call_cdr_before", "call_cdr_after"),
    ]
    assert [len(log.rows(f"views.{table}")) for table in tables] == [1, 1, 1, 1]
    assert log.rows("views.call_cdr_2024_10") == []
    with pytest.raises(psycopg.errors.UniqueViolation):
        log.insert(log.rows("views.call_cdr_2024_08"))


def test_what_is_learnt_of_an_archived_call_is_shown_at_once_and_archived_the_next_time(
    log: Log, life: Life, tmp_path: Path
) -> None:
    life.happen(routed("a", START), routed("b", START + 1), answered("b", START + 2))
    log.archive(AUGUST.next)
    life.happen(ended_at("a", START + 9_000), ended_at("b", START + 9_000, billsec=99))
    revised = CallRevised(
        account_id=ACCOUNT,
        at=Millis(START + 9_000),
        call_id=CallId("a"),
        late=DialogEvent.EARLY,
        ts=Millis(START + 500),
        outcome=ended_at("a", START + 7_000, billsec=3).outcome,
    )
    life.happen(revised)
    shown = log.pages(WANTED, 5)
    assert [(row["call_id"], row["billsec"]) for row in shown] == [("b", 99), ("a", 3)]
    assert log.pages(Wanted(ACCOUNT, {"disposition": "answered"}), 5) == shown
    assert log.one("a") == shown[1]
    assert log.rows("views.call_cdr") == []
    (moved,) = log.archive(AUGUST.next)
    assert (moved.is_new, moved.rows) == (False, 2)
    assert log.rows("views.call_cdr_late") == []
    assert len(list((tmp_path / "media").rglob("*.parquet"))) == 1, "in place of the one before"
    assert log.pages(WANTED, 5) == shown
    assert log.archive(AUGUST.next) == []


def test_what_is_learnt_of_no_call_of_the_archive_is_forgotten(log: Log, life: Life) -> None:
    life.happen(answered("never routed"))
    assert len(log.rows("views.call_cdr_late")) == 1
    assert log.archive(NOVEMBER) == []
    assert log.rows("views.call_cdr_late") == []


def test_a_call_that_comes_to_an_archived_month_is_listed_and_archived_with_it(
    log: Log, life: Life
) -> None:
    life.happen(routed("a", START), routed("c", START + 2))
    log.archive(AUGUST.next)
    life.happen(routed("b", START + 1))
    assert [row["call_id"] for row in log.pages(WANTED, 1)] == ["c", "b", "a"]
    log.archive(AUGUST.next)
    assert [row["call_id"] for row in log.pages(WANTED, 1)] == ["c", "b", "a"]
    (row,) = log.rows("archive.file")
    assert row["rows"] == 3


def test_a_call_is_found_by_its_id_wherever_it_lies(log: Log, life: Life) -> None:
    life.happen(*(routed(f"{n}@x", START) for n in range(20)), routed("now", NOVEMBER.begins))
    known = {row["call_id"]: row for row in log.rows("views.call_cdr")}
    log.archive(NOVEMBER)
    assert {id: log.one(id) for id in known} == known
    assert log.one("nobody") is None


def test_a_rebuild_makes_archived_months_again_and_they_are_archived_again(
    log: Log, life: Life
) -> None:
    life.happen(*(routed(f"{n}", START + n) for n in range(5)), routed("now", NOVEMBER.begins))
    log.archive(NOVEMBER)
    life.happen(ended_at("3", START + 9_000), ended_at("now", NOVEMBER.begins + 5))
    before = log.pages(WANTED, 2)
    assert len(before) == 6
    (done,) = rebuild(log.url, [Cdr])
    assert done.same is True, "but for the months of the archive, it is what it was"
    assert log.rows("archive.file") == []
    assert log.pages(WANTED, 2) == before
    log.archive(NOVEMBER)
    assert log.pages(WANTED, 2) == before
    (again,) = rebuild(log.url, [Cdr])
    assert again.same is True


def test_a_rebuild_notices_what_differs_in_months_that_are_not_archived(
    log: Log, life: Life
) -> None:
    life.happen(routed("a", START), routed("now", NOVEMBER.begins))
    log.archive(NOVEMBER)
    with log.database() as connection:
        connection.execute("UPDATE views.call_cdr SET billsec = 1000000")
    (done,) = rebuild(log.url, [Cdr])
    assert done.same is False


class Slow(ObjectStore):
    """While the first file is stored, something happens."""

    def __init__(self, objects: ObjectStore, meanwhile: Callable[[], None]) -> None:
        super().__init__(objects.backend)
        self.meanwhile = meanwhile
        self.puts = 0

    async def put(self, *asked: Any) -> Any:
        stored = await super().put(*asked)
        self.puts += 1
        if self.puts == 1:
            await asyncio.to_thread(self.meanwhile)
        return stored


OTHERS = [routed(f"of September {n}", AUGUST.ends + n) for n in range(5)]


@pytest.mark.parametrize(
    ("news", "again", "shown"),
    [
        ([ended_at("a", START + 9_000)], True, {"a": START + 9_000, "b": None}),
        ([*OTHERS, routed("c", START)], True, {"a": None, "b": None, "c": None}),
        ([routed("c", START), *OTHERS], True, {"a": None, "b": None, "c": None}),
        (OTHERS, False, {"a": None, "b": None}),
    ],
)
def test_facts_that_come_while_a_month_is_archived_are_in_its_file(
    log: Log,
    life: Life,
    monkeypatch: pytest.MonkeyPatch,
    news: list[Fact],
    again: bool,
    shown: dict[str, int | None],
) -> None:
    """Between the reading and the booking: if they are about the month, it is read again."""
    monkeypatch.setattr("gateways.archive.moving.PAGE", 2)
    life.happen(routed("a", START), routed("b", START + 1))
    log.objects = slow = Slow(log.objects, lambda: life.happen(*news))
    (moved,) = log.archive(AUGUST.next)
    assert (slow.puts, moved.rows) == (2 if again else 1, len(shown))
    assert AUGUST not in {Month.of(row["start_ts"]) for row in log.rows("views.call_cdr")}
    august = Wanted(ACCOUNT, {"until": AUGUST.ends})
    assert {row["call_id"]: row["end_ts"] for row in log.pages(august, 5)} == shown


def test_facts_that_come_when_the_month_is_looked_at_again_are_in_its_file(
    log: Log, life: Life
) -> None:
    """After the last look that lets folds go on."""
    life.happen(routed("a", START))
    with log.database() as fold, ThreadPoolExecutor(1) as others:
        fold.execute("BEGIN")
        fold.execute("SELECT pg_advisory_xact_lock_shared(%s, hashtext('views'))", (PAGE_LOCK,))
        running = others.submit(log.archive, AUGUST.next)
        ask = "SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        with log.database() as connection:
            eventually(lambda: connection.execute(ask).fetchall(), 30)
        life.store.append(
            Append(numbered(ended_at("a", START + 5), versions=life.versions), (), EPOCHS)
        )
        fold.execute("UPDATE views.call_cdr SET end_ts = %s WHERE call_id = 'a'", (START + 5,))
        fold.execute(
            "UPDATE views.position SET position ="
            " (SELECT max(notification_id) FROM events.stored_events) WHERE name = 'cdr'"
        )
        fold.execute("COMMIT")
        running.result(60)
    assert [row["end_ts"] for row in log.pages(WANTED, 5)] == [START + 5]


def test_what_is_learnt_while_the_late_news_are_read_is_kept(log: Log, life: Life) -> None:
    """After the news of a call were read and before its month is, there are newer ones."""
    life.happen(routed("a", START))
    log.archive(AUGUST.next)
    life.happen(ended_at("a", START + 9_000, billsec=1))
    lock = "LOCK TABLE archive.file IN ACCESS EXCLUSIVE MODE"
    with log.database() as one, log.database() as two, ThreadPoolExecutor(2) as others:
        one.execute("BEGIN")
        two.execute("BEGIN")
        one.execute(lock)
        running = others.submit(log.archive, AUGUST.next)
        waiting(log, 1)
        locked = others.submit(two.execute, lock)
        waiting(log, 2)
        one.execute("COMMIT")  # the run goes on to the month, and finds the other one before it
        locked.result(30)
        waiting(log, 1)
        life.happen(ended_at("a", START + 9_000, billsec=2))
        two.execute("COMMIT")
        running.result(60)
    assert [row["billsec"] for row in log.pages(WANTED, 5)] == [2]


def waiting(log: Log, number: int) -> None:
    """Until so many wait for the books of the archive."""
    ask = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'archive.file'::regclass"
    with log.database() as connection:
        eventually(lambda: len(connection.execute(ask).fetchall()) == number, 30)
