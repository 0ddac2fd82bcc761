"""Pages of lists: nothing twice, nothing left out while rows are added, and little to look at."""

import random
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from events.base import AccountId
from projections import agent_events, cdr, keyset, queues
from projections.keyset import Key, Listed, Wanted
from tests.support.given import property_of

MINE, THEIRS = AccountId("acc_mine"), AccountId("acc_theirs")
_INSERT = (
    "INSERT INTO views.call_cdr (call_id, account_id, direction, from_num, to_num, start_ts,"
    " queue_id, disposition, duration_sec, answered) VALUES (%s, %s, %s, %s, '1202', %s, %s, %s,"
    " %s, %s)"
)
LOOK = 8
"""So that pages end before they are full."""
ADDED = 500
"""Rows that come while somebody reads: not for ever, for they may come faster than he reads."""
Call = tuple[Any, ...]


@pytest.fixture
def database(database_url: str) -> Iterator[Connection[DictRow]]:
    with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def a_call(number: int, chance: random.Random) -> Call:
    """Few values of everything, so that filters hold together and times are the same."""
    return (
        f"{chance.getrandbits(32):08x}-{number}",
        chance.choice([MINE, MINE, THEIRS]),
        chance.choice(["inbound", "outbound"]),
        f"1415{chance.randrange(4)}",
        1_000 + chance.randrange(20),
        chance.choice([None, "q_1", "q_2"]),
        chance.choice([None, "answered", "busy"]),
        chance.choice([None, 1, 60]),
        chance.randrange(2),
    )


def insert(connection: Connection[DictRow], calls: Sequence[Call]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, calls)


def pages(
    connection: Connection[DictRow], of: Listed, wanted: Wanted, limit: int
) -> Iterator[list[DictRow]]:
    after: Key | None = None
    with connection.cursor() as cursor:
        while True:
            found = keyset.page(cursor, of, wanted, after, limit, LOOK)
            yield found.rows
            if (after := found.end) is None:
                return


def all_rows(
    connection: Connection[DictRow], of: Listed, wanted: Wanted, limit: int
) -> list[DictRow]:
    return [row for rows in pages(connection, of, wanted, limit) for row in rows]


MATCHES = {
    "direction": lambda row, value: row["direction"] == value,
    "from": lambda row, value: row["from_num"] == value,
    "queue_id": lambda row, value: row["queue_id"] == value,
    "disposition": lambda row, value: row["disposition"] == value,
    "answered": lambda row, value: row["answered"] == value,
    "min_duration": lambda row, value: (row["duration_sec"] or -1) >= value,
    "since": lambda row, value: row["start_ts"] >= value,
    "until": lambda row, value: row["start_ts"] < value,
}
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "direction": st.sampled_from(["inbound", "outbound", "dialer"]),
        "from": st.sampled_from(["14150", "14151", "1"]),
        "queue_id": st.sampled_from(["q_1", "q_2", "q_3"]),
        "disposition": st.sampled_from(["answered", "busy"]),
        "answered": st.integers(0, 1),
        "min_duration": st.sampled_from([1, 60, 61]),
        "since": st.integers(1_000, 1_020),
        "until": st.integers(1_000, 1_020),
    },
)


def test_pages_are_the_rows_that_match_in_order(database: Connection[DictRow]) -> None:
    """Whatever the filters, the sort and the limit, and however little a page looks at."""
    chance = random.Random(1)
    insert(database, [a_call(number, chance) for number in range(300)])
    everything = database.execute("SELECT * FROM views.call_cdr").fetchall()

    @settings(property_of(examples=150))
    @given(filters=FILTERS, newest_first=st.booleans(), limit=st.integers(1, LOOK))
    def check(filters: dict[str, Any], newest_first: bool, limit: int) -> None:
        wanted = Wanted(MINE, filters, newest_first)
        expected = [
            row
            for row in everything
            if row["account_id"] == MINE and all(MATCHES[n](row, v) for n, v in filters.items())
        ]
        expected.sort(key=lambda row: (row["start_ts"], row["call_id"]), reverse=newest_first)
        found = list(pages(database, cdr.LISTED, wanted, limit))
        assert [row for rows in found for row in rows] == expected
        if len(filters.keys() - {"since", "until"}) < 2 and not filters.keys() & {
            *cdr.LISTED.looked_at
        }:
            assert [len(rows) for rows in found[:-1]] == [limit] * (len(found) - 1)

    check()


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("filters", [{}, {"queue_id": "q_1"}, {"queue_id": "q_1", "answered": 1}])
def test_no_row_comes_twice_or_is_left_out_while_others_are_added(
    database: Connection[DictRow],
    database_url: str,
    newest_first: bool,
    filters: dict[str, Any],
) -> None:
    """Somebody adds rows everywhere, before and behind and between, while another one reads."""
    chance = random.Random(2)
    insert(database, [a_call(number, chance) for number in range(400)])
    wanted = Wanted(MINE, filters, newest_first)
    before = {row["call_id"] for row in all_rows(database, cdr.LISTED, wanted, LOOK)}

    def add() -> None:
        more = random.Random(3)
        with psycopg.connect(database_url, autocommit=True, row_factory=dict_row) as connection:
            for number in range(1_000, 1_000 + ADDED):
                insert(connection, [a_call(number, more)])

    adding = threading.Thread(target=add)
    adding.start()
    grown = 0
    while adding.is_alive():
        rows = all_rows(database, cdr.LISTED, wanted, 3)
        ids = [row["call_id"] for row in rows]
        places = [cdr.LISTED.key(row) for row in rows]
        assert len(ids) == len(set(ids))
        assert before <= set(ids)
        assert places == sorted(places, reverse=newest_first)
        grown = len(ids) - len(before)
    assert grown > 0, "nobody added anything meanwhile: the test says nothing"


def test_a_row_that_comes_to_match_behind_the_end_of_a_page_comes_and_one_before_does_not(
    database: Connection[DictRow],
) -> None:
    insert(
        database,
        [
            (f"c{n}", MINE, "inbound", "1", n, "q_1" if n % 2 else None, None, 1, 0)
            for n in range(9)
        ],
    )
    wanted = Wanted(MINE, {"queue_id": "q_1"})
    with database.cursor() as cursor:
        first = keyset.page(cursor, cdr.LISTED, wanted, None, 2)
        assert [row["call_id"] for row in first.rows] == ["c7", "c5"]
        database.execute("UPDATE views.call_cdr SET queue_id = 'q_1' WHERE call_id IN ('c6', 'c2')")
        database.execute("UPDATE views.call_cdr SET queue_id = 'q_2' WHERE call_id = 'c3'")
        second = keyset.page(cursor, cdr.LISTED, wanted, first.end, 10)
    assert [row["call_id"] for row in second.rows] == ["c2", "c1"]
    assert second.end is None


# What a page costs


FILL = {
    "call_cdr": """
        INSERT INTO views.call_cdr (call_id, account_id, direction, from_num, to_num, did_id,
            trunk_id, flow_id, queue_id, agent_id, disposition, hangup_cause, start_ts)
        SELECT n || '@x', CASE WHEN n % 10 = 0 THEN 'acc_small' ELSE 'acc_mine' END,
               CASE WHEN n % 10 = 0 THEN 'outbound' ELSE 'inbound' END,
               '1415' || n % 5000, '1202' || n % 50, 'did_' || n % 50, 'tr_1', 'flow_1',
               'q_' || n % 20, 'us_' || n % 200, 'answered', 'normal_clearing', n * 10
          FROM generate_series(1, 20000) AS n""",
    "queue_cdr": """
        INSERT INTO views.queue_cdr (call_id, queue_id, account_id, agent_id, enqueued_at,
            disposition, priority)
        SELECT n || '@x', 'q_' || n % 20, CASE WHEN n % 10 = 0 THEN 'acc_small' ELSE 'acc_mine' END,
               'us_' || n % 200, n * 10, 'answered', 0
          FROM generate_series(1, 20000) AS n""",
    "agent_event": """
        INSERT INTO views.agent_event (account_id, at, event_id, user_id, event, queue_id, call_id)
        SELECT CASE WHEN n % 10 = 0 THEN 'acc_small' ELSE 'acc_mine' END, n * 10, n,
               'us_' || n % 200, 'offered', 'q_' || n % 20, n || '@x'
          FROM generate_series(1, 20000) AS n""",
}
COMMON = {
    "direction": "inbound",
    "from": "14151",
    "to": "12021",
    "did_id": "did_1",
    "trunk_id": "tr_1",
    "flow_id": "flow_1",
    "queue_id": "q_1",
    "agent_id": "us_1",
    "disposition": "answered",
    "hangup_cause": "normal_clearing",
    "call_id": "1@x",
    "user_id": "us_1",
    "event": "offered",
}
GOOD = {"Limit", "Index Scan", "Subquery Scan", "Append", "Merge Append"}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def looked_at(plan: dict[str, Any]) -> int:
    """Rows that were read from the table."""
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"] and not node.get("Plans")]
    return int(sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans))


@pytest.mark.parametrize(
    "of", [cdr.LISTED, queues.LISTED, agent_events.LISTED], ids=lambda of: of.table
)
@pytest.mark.parametrize("analysed", [True, False])
def test_an_index_leads_to_every_filter_in_both_orders(
    database: Connection[DictRow], of: Listed, analysed: bool
) -> None:
    """Whether there are many rows, one, or none: `outbound` is common, but never here."""
    database.execute(FILL[of.table].encode())
    if analysed:
        database.execute(f"ANALYZE views.{of.table}".encode())
    absent = {**dict.fromkeys(of.led, "nothing"), "direction": "outbound"}
    asked: list[dict[str, Any]] = [{}, {"since": 50_000, "until": 180_000}]
    asked += [{name: values[name]} for name in of.led for values in (COMMON, absent)]
    asked += [{name: COMMON[name], "since": 100_000} for name in of.led]
    with database.cursor() as cursor:
        for filters in asked:
            for newest_first in (True, False):
                wanted = Wanted(MINE, filters, newest_first)
                for after in (None, (150_000, *(kind() for kind in of.id.values()))):
                    plan = keyset.plan(cursor, of, wanted, after, 100)
                    kinds = {node["Node Type"] for node in nodes(plan)}
                    assert kinds <= GOOD, (filters, kinds)
                    assert looked_at(plan) <= plan["Actual Rows"], (filters, plan)


def test_filters_that_never_hold_together_cost_a_bounded_look(
    database: Connection[DictRow],
) -> None:
    database.execute(FILL["call_cdr"].encode())
    wanted = Wanted(MINE, {"direction": "inbound", "disposition": "answered", "answered": 1})
    with database.cursor() as cursor:
        plan = keyset.plan(cursor, cdr.LISTED, wanted, None, 100)
        assert looked_at(plan) <= keyset.LOOK
        page = keyset.page(cursor, cdr.LISTED, wanted, None, 100)
    assert page.rows == []
    assert page.end is not None


def test_of_several_filters_the_one_with_the_fewest_rows_leads(
    database: Connection[DictRow],
) -> None:
    """It is neither the first nor the last of them."""
    database.execute(FILL["call_cdr"].encode())
    wanted = Wanted(MINE, {"to": "12021", "agent_id": "us_1", "direction": "inbound"})
    with database.cursor() as cursor:
        page = keyset.page(cursor, cdr.LISTED, wanted, None, 200)
        plan = keyset.plan(cursor, cdr.LISTED, wanted, None, 200)
    assert (len(page.rows), page.end) == (100, None)
    assert looked_at(plan) == 100
