"""Lists of what happened: pages, cursors, formats, streams (spec 07)."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.http.test_agents import Shop
from tests.support.system import System, eventually
from tests.v1.test_rows import Api, pointers

LISTS = {
    "/v1/calls": ("start_ts", "call_id"),
    "/v1/queue-calls": ("enqueued_at", "call_id"),
    "/v1/agents/events": ("at", "event_id"),
}
"""Path → what its rows are sorted by."""


class Floor:
    """A shop in which something has happened, and the API of its account."""

    def __init__(self, system: System) -> None:
        self.shop = shop = Shop(system, wrap_up_sec=0)
        self.api = Api(system, shop.account_id)
        shop.ready(1001)
        self.answered = shop.call()
        shop.confirm(shop.look(shop.alice))
        self.waiting = shop.call()
        shop.agent(1001, "pause", reason="lunch")
        shop.agent(1001, "logout")
        for call_id in (self.waiting, self.answered):
            system.report(call_id, "end")

    def rows(self, path: str, **asked: Any) -> Any:
        answer = self.api.get(path, **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()["rows"]


@pytest.fixture(scope="module")
def floor(system: System) -> Floor:
    return Floor(system)


def test_each_time_that_somebody_waits_is_a_row(floor: Floor) -> None:
    rows = floor.rows("/v1/queue-calls", sort="enqueued_at")
    shown = [(row["call_id"], row["disposition"], row["agent_id"]) for row in rows]
    assert shown == [
        (floor.answered, "answered", floor.shop.alice),
        (floor.waiting, "abandoned", None),
    ]
    assert rows[0]["enqueued_at"] <= rows[0]["connected_at"] <= rows[0]["ended_at"]
    for name, value, expected in (
        ("agent_id", floor.shop.alice, rows[:1]),
        ("disposition", "abandoned", rows[1:]),
        ("call_id", floor.waiting, rows[1:]),
        ("queue_id", floor.shop.queue, rows),
        ("queue_id", "q_other", []),
    ):
        assert floor.rows("/v1/queue-calls", sort="enqueued_at", **{name: value}) == expected


def test_what_an_agent_did_is_told_in_order(floor: Floor) -> None:
    rows = floor.rows("/v1/agents/events", sort="at", user_id=floor.shop.alice)
    events = [row["event"] for row in rows]
    assert events == [
        *("login", "join", "offered", "answered", "pause", "deferred_logout", "ended", "logout"),
    ]
    assert rows[0]["ready"] == 1
    assert {row["reason"] for row in rows if row["event"] == "pause"} == {"lunch"}
    offered = floor.rows("/v1/agents/events", event="offered")
    assert [row["call_id"] for row in offered] == [floor.answered]
    assert floor.rows("/v1/agents/events", call_id=floor.waiting) == []
    assert len(floor.rows("/v1/agents/events", queue_id=floor.shop.queue)) == 4
    assert floor.rows("/v1/agents/events", user_id=floor.shop.bob) == []


@pytest.mark.parametrize("path", LISTS)
def test_pages_in_both_orders_are_the_whole_list(floor: Floor, path: str) -> None:
    time, id = LISTS[path]
    found = {}
    for sort in (time, f"-{time}"):
        seen: list[Any] = []
        asked: dict[str, Any] = {"sort": sort, "limit": 1}
        while True:
            page = floor.api.get(path, **asked).json()
            seen += page["rows"]
            if "next_cursor" not in page:
                break
            asked["cursor"] = page["next_cursor"]
        found[sort] = seen
    whole = floor.rows(path, sort=time)
    assert found[time] == whole == found[f"-{time}"][::-1]
    assert len({row[id] for row in whole}) == len(whole) >= 2
    assert [row[time] for row in whole] == sorted(row[time] for row in whole)
    assert floor.rows(path) == whole[::-1]


@pytest.mark.parametrize("path", LISTS)
def test_every_format_tells_the_same(floor: Floor, path: str) -> None:
    rows = floor.rows(path)
    lines = floor.api.get(path, format="ndjson")
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in lines.text.splitlines()] == rows
    sheet = floor.api.get(path, format="csv")
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in sheet.headers["content-disposition"]
    assert list(csv.DictReader(io.StringIO(sheet.text))) == [
        {name: "" if value is None else str(value) for name, value in row.items()} for row in rows
    ]


@pytest.mark.parametrize("path", LISTS)
def test_a_stream_may_begin_at_a_cursor_and_end_at_a_limit(floor: Floor, path: str) -> None:
    rows = floor.rows(path)
    cursor = floor.api.get(path, limit=1).json()["next_cursor"]
    rest = floor.api.get(path, format="ndjson", cursor=cursor).text.splitlines()
    assert [json.loads(line) for line in rest] == rows[1:]
    one = floor.api.get(path, format="ndjson", limit=1).text.splitlines()
    assert [json.loads(line) for line in one] == rows[:1]
    assert floor.api.get(path, format="ndjson", since=2**50).text == ""


def test_a_cursor_belongs_to_its_list_its_sort_and_its_filters(floor: Floor) -> None:
    api, asked = floor.api, {"limit": 1, "queue_id": floor.shop.queue}
    cursor = api.get("/v1/calls", **asked).json()["next_cursor"]
    assert api.get("/v1/calls", **asked, cursor=cursor).status_code == 200
    assert api.get("/v1/calls", **{**asked, "limit": 5}, cursor=cursor).status_code == 200
    for path, other in (
        ("/v1/calls", {**asked, "sort": "start_ts"}),
        ("/v1/calls", {**asked, "queue_id": "q_1"}),
        ("/v1/calls", {**asked, "answered": 1}),
        ("/v1/calls", {}),
        ("/v1/calls", {**asked, "format": "csv", "since": 1}),
        ("/v1/queue-calls", asked),
        ("/v1/agents/events", {}),
    ):
        assert pointers(api.get(path, **other, cursor=cursor)) == ["/cursor"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("limit", 0), ("limit", 10_001), ("sort", "call_id"), ("sort", ""), ("format", "xml")],
        *[("cursor", "x"), ("cursor", "=" * 1001), ("since", -1), ("since", 2**64)],
        *[("until", "noon"), ("queue_id", "x" * 256), ("queue_id", "\0"), ("colour", "red")],
    ],
)
def test_a_question_that_is_not_valid_names_its_member(
    floor: Floor, path: str, name: str, value: Any
) -> None:
    assert pointers(floor.api.get(path, **{name: value})) == [f"/{name}"]


def test_lists_of_others_are_empty(system: System, floor: Floor, account: dict[str, Any]) -> None:
    theirs = Api(system, account["account"]["id"])
    for path in LISTS:
        assert theirs.get(path).json()["rows"] == []
        assert theirs.get(path, queue_id=floor.shop.queue).json()["rows"] == []


# Any query


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/whoami", "/v1/users", "/v1/queues", "/v1/agents", "/v1/audit", "/v1/webhooks"),
        *("/v1/dnc", "/v1/keys", "/v1/flows", "/v1/security/bans", "/v1/calls/x", "/v1/account"),
    ],
)
def test_a_parameter_that_nobody_knows_is_refused(floor: Floor, path: str) -> None:
    assert pointers(floor.api.get(path, colour="red", shape="round")) == ["/colour", "/shape"]


def test_a_parameter_that_is_there_twice_is_refused(floor: Floor) -> None:
    answer = floor.api.get("/v1/users", username=["1001", "1002"])
    assert pointers(answer) == ["/username"]
    assert pointers(floor.api.get("/v1/calls/x", call_id="y")) == ["/call_id"]


# Large streams

ROWS = 40_000
_FILL = """
    INSERT INTO views.call_cdr (call_id, account_id, direction, from_num, to_num, start_ts,
        hangup_cause)
    SELECT %(account)s || '-' || n, %(account)s, 'inbound', repeat('1', 200), repeat('2', 200), n,
           repeat('x', 600)
      FROM generate_series(1, %(rows)s) AS n"""


@pytest.fixture
def large(system: System, account: dict[str, Any]) -> Iterator[Api]:
    """An account with calls of 1.6 kB each, which no fact has made; gone afterwards."""
    id = account["account"]["id"]
    with system.database() as database:
        database.execute(_FILL, {"account": id, "rows": ROWS})
        yield Api(system, id)
        database.execute("DELETE FROM views.call_cdr WHERE account_id = %s", (id,))


def peak_kb(system: System) -> int:
    """The most memory that the API's process ever had."""
    status = Path(f"/proc/{system.pid_of('api')}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


@pytest.mark.parametrize("format", ["ndjson", "csv"])
def test_a_large_stream_takes_no_more_memory_than_a_page(
    system: System, large: Api, format: str
) -> None:
    large.get("/v1/calls", format=format, limit=10_000)  # what a few pages take at once
    before, lines, size = peak_kb(system), 0, 0
    asked = {"format": format, "sort": "start_ts"}
    with large.client.stream("GET", "/v1/calls", params=asked, headers=large.headers) as answer:
        for chunk in answer.iter_bytes():
            lines, size = lines + chunk.count(b"\n"), size + len(chunk)
    assert lines == ROWS + (format == "csv")
    assert size > 40_000_000
    assert peak_kb(system) - before < 15_000


def busy(system: System) -> int:
    """Sessions of the API that are in a query or a transaction."""
    with system.database() as database:
        row = database.execute(
            "SELECT count(*) AS sessions FROM pg_stat_activity WHERE query LIKE %s"
            " AND state <> 'idle' AND pid <> pg_backend_pid()",
            ("%call_cdr%",),
        ).fetchone()
    assert row is not None
    return int(row["sessions"])


def test_who_reads_slowly_or_breaks_off_holds_no_connection_of_the_store(
    system: System, large: Api
) -> None:
    """More of them than the service has connections."""
    clients = [httpx.Client(base_url=system.api_url, timeout=10) for _ in range(12)]
    asked = {"format": "ndjson"}
    opened = []
    for client in clients:
        request = client.build_request("GET", "/v1/calls", params=asked, headers=large.headers)
        opened.append(client.send(request, stream=True))
    assert all(answer.status_code == 200 for answer in opened)
    eventually(lambda: busy(system) == 0)
    assert large.get("/v1/calls", limit=1).json()["count"] == 1, "while nobody reads on"
    for answer, client in zip(opened, clients, strict=True):
        answer.close()
        client.close()
    eventually(lambda: busy(system) == 0)
    assert large.get("/v1/calls", limit=1).json()["count"] == 1
