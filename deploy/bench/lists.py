"""`lists`: pages of /v1/calls with five million calls in the table: the first one, one in the
middle, by each filter in both orders, and by filters that nothing or hardly anything matches.

The figure is first pages a second, read from the store; the limit, the same rows by primary key.
The detail has for each question how long the API takes (over HTTP, 1000 rows at most), and how
PostgreSQL reads the rows: the nodes of its plan, and how many rows they look at.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import aiohttp
import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from deploy import connections, parts
from deploy.bench import cdrs
from deploy.bench.report import Report, median, percentile, spread
from deploy.bench.rig import Rig, configure, connected, interleaved, running_system
from events.base import AccountId
from gateways.ids import new_id
from projections import keyset
from projections.cdr import LISTED
from projections.keyset import Wanted

ROWS = 5_000_000
LIMIT = 1_000
"""Rows of a page of /v1/calls when nobody says."""
ASKED = 10
"""Times that each question is asked in a run."""
MUST_MS = 50.0


class Question(NamedTuple):
    name: str
    filters: Mapping[str, Any]
    newest_first: bool = True
    middle: bool = False
    """A page from the middle of the list, not the first."""


async def lists(runs: int, seconds: float, rows: int = ROWS) -> Report:
    account_id = AccountId(new_id("acc"))
    async with running_system() as rig:
        key = await _key(rig, account_id)
        with psycopg.connect(
            rig.servers.database_url, autocommit=True, row_factory=dict_row
        ) as store:
            began = time.perf_counter()
            cdrs.fill(store, account_id, rows)
            filled = time.perf_counter() - began
            questions = list(_questions(store, account_id))
            base = f"http://127.0.0.1:{rig.settings.api_port}"
            async with aiohttp.ClientSession(base, headers={"x-api-key": key}) as http:
                detail = {
                    one.name: await _answered(http, store, account_id, one, runs)
                    for one in questions
                }
                streamed = {
                    f"{format} rows/s": await _streamed(http, format)
                    for format in ("ndjson", "csv")
                }
            ours, limit = await interleaved(
                runs,
                lambda: _rate(lambda: _first_page(store, account_id), seconds),
                lambda: _rate(_by_key(store, account_id), seconds),
            )
            sizes = _sizes(store)
    worst = max(detail, key=lambda name: float(detail[name]["p50_ms"]))
    first = detail[questions[0].name]
    return Report(
        bench="lists",
        unit=f"first pages of {LIMIT}/s of {rows} calls",
        ours=median(ours),
        limit=median(limit),
        p50_ms=first["p50_ms"],
        p99_ms=first["p99_ms"],
        runs=runs,
        spread=spread(ours),
        detail={
            "worst question": f"{worst}: p50 {detail[worst]['p50_ms']} ms",
            f"questions over {MUST_MS} ms": [
                name for name, found in detail.items() if found["p50_ms"] > MUST_MS
            ],
            **sizes,
            "seconds to fill": round(filled, 1),
            **streamed,
            **detail,
        },
    )


async def _key(rig: Rig, account_id: AccountId) -> str:
    await configure(rig, {"account": {"id": account_id, "name": "Lists"}})
    async with connections.reading(rig.servers) as reader, connected(rig) as commander:
        provisioner = parts.provisioner(rig.settings, commander, reader)
        members = {"name": "bench", "kind": "sk", "scopes": ["cdr"]}
        made = await provisioner.create(account_id, "api_key", members, "bench")
    return str(made.revealed["key"])


def _questions(store: Connection[DictRow], account_id: AccountId) -> Iterator[Question]:
    day = {"since": cdrs.START + cdrs.YEAR // 2, "until": cdrs.START + cdrs.YEAR // 2 + 86_400_000}
    for newest_first in (True, False):
        order = "newest first" if newest_first else "oldest first"
        yield Question(f"all, {order}", {}, newest_first)
        yield Question(f"all, {order}, middle", {}, newest_first, middle=True)
        yield Question(f"a day, {order}", day, newest_first)
        unled = {name: name for name in ("direction", "disposition", "hangup_cause")}
        columns = {**LISTED.led, **unled}
        for name, column in columns.items():
            common = _commonest(store, account_id, column)
            yield Question(f"{name} common, {order}", {name: common}, newest_first)
            yield Question(
                f"{name} common, {order}, middle", {name: common}, newest_first, middle=True
            )
            rare = cdrs.RARE_VALUES[column]
            yield Question(f"{name} rare, {order}", {name: rare}, newest_first)
        for name, filters in _several().items():
            yield Question(f"{name}, {order}", filters, newest_first)
    yield Question("nothing: from", {"from": "1"})
    yield Question("nothing: queue_id", {"queue_id": "q_none"})


def _several() -> dict[str, dict[str, Any]]:
    """Filters that hold together often, rarely or never, and those that no index answers."""
    return {
        "answered": {"answered": 1},
        "a minute or longer": {"min_duration": 60},
        "longer than any": {"min_duration": 100_000},
        "inbound and busy": {"direction": "inbound", "disposition": "busy"},
        "internal and busy (none)": {"direction": "internal", "disposition": "busy"},
        "queue, agent, answered": {
            "queue_id": f"q_{1:026d}",
            "agent_id": f"us_{1:026d}",
            "answered": 1,
        },
    }


def _commonest(store: Connection[DictRow], account_id: AccountId, column: str) -> str:
    """The value that most of the last 100,000 calls have."""
    row = store.execute(
        f"SELECT {column} AS value FROM (SELECT {column} FROM views.call_cdr WHERE account_id = %s"
        f" ORDER BY start_ts DESC LIMIT 100000) AS last WHERE {column} IS NOT NULL"
        " GROUP BY 1 ORDER BY count(*) DESC LIMIT 1".encode(),
        (account_id,),
    ).fetchone()
    assert row is not None
    return str(row["value"])


async def _answered(
    http: aiohttp.ClientSession,
    store: Connection[DictRow],
    account_id: AccountId,
    one: Question,
    runs: int,
) -> dict[str, Any]:
    """Over HTTP a page in the middle is asked for by its time, which is the same range."""
    asked = {**one.filters, "sort": "-start_ts" if one.newest_first else "start_ts"}
    after = None
    if one.middle:
        after = (cdrs.START + cdrs.YEAR // 2, "")
        asked["since" if not one.newest_first else "until"] = after[0]
    times, rows = [], 0
    for _ in range(runs * ASKED):
        began = time.perf_counter()
        async with http.get("/v1/calls", params=asked) as answer:
            body = await answer.read()
        times.append(time.perf_counter() - began)
        assert answer.status == 200, body
        rows = body.count(b'"call_id"')
    with store.cursor() as cursor:
        wanted = Wanted(account_id, one.filters, one.newest_first)
        plan = keyset.plan(cursor, LISTED, wanted, after, LIMIT)
    times.sort()
    return {
        "best_ms": percentile(times, 0.0),
        "p50_ms": percentile(times, 0.5),
        "p99_ms": percentile(times, 0.99),
        "rows": rows,
        "plan": " > ".join(_said(node) for node in _nodes(plan)),
    }


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _said(node: dict[str, Any]) -> str:
    if "Index Name" not in node:
        return str(node["Node Type"])
    looked = int(node["Actual Rows"]) + int(node.get("Rows Removed by Filter", 0))
    backward = " Backward" if node.get("Scan Direction") == "Backward" else ""
    return f"{node['Node Type']}{backward} {node['Index Name']} ({looked} rows)"


async def _streamed(http: aiohttp.ClientSession, format: str) -> float:
    began = time.perf_counter()
    async with http.get("/v1/calls", params={"format": format, "limit": 10_000}) as answer:
        assert answer.status == 200
        await answer.read()
    return round(10_000 / (time.perf_counter() - began))


async def _rate(work: Callable[[], object], seconds: float) -> float:
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        work()
        done += 1
    return done / (time.perf_counter() - began)


def _first_page(store: Connection[DictRow], account_id: AccountId) -> list[DictRow]:
    with store.cursor() as cursor:
        return keyset.page(cursor, LISTED, Wanted(account_id, {}), None, LIMIT).rows


def _by_key(store: Connection[DictRow], account_id: AccountId) -> Callable[[], object]:
    ids = [row["call_id"] for row in _first_page(store, account_id)]
    statement = "SELECT * FROM views.call_cdr WHERE call_id = ANY(%s)"
    return lambda: store.execute(statement, (ids,)).fetchall()


def _sizes(store: Connection[DictRow]) -> dict[str, int]:
    row = store.execute(
        "SELECT sum(pg_table_size(relid)) / 1000000 AS table,"
        " sum(pg_indexes_size(relid)) / 1000000 AS indexes FROM pg_partition_tree('views.call_cdr')"
    ).fetchone()
    assert row is not None
    return {"table MB": int(row["table"]), "indexes MB": int(row["indexes"])}
