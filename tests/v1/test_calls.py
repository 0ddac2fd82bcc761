"""The call log over /v1: pages, filters, CSV, traces (spec 07, spec 08)."""

import base64
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.http.traces import mermaid
from tests.support.system import System, acme, new_call_id
from tests.v1.test_rows import Api, pointers


@pytest.fixture
def calls(system: System, account: dict[str, Any]) -> list[str]:
    """Seven calls of the account, oldest first; every second one answered."""
    ids = [new_call_id() for _ in range(7)]
    for number, call_id in enumerate(ids):
        system.route(call_id, account["numbers"][0]["e164"], f"+1415555{number:04d}")
        if number % 2:
            system.report(call_id, "answered")
        system.report(call_id, "end")
    return ids


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"], "cdr")


def test_calls_are_listed_newest_first_in_pages(api: Api, calls: list[str]) -> None:
    first = api.get("/v1/calls", limit=4).json()
    assert (first["ok"], first["count"], len(first["rows"])) == (1, 4, 4)
    second = api.get("/v1/calls", limit=4, cursor=first["next_cursor"]).json()
    assert second.get("next_cursor") is None
    seen = [row["call_id"] for page in (first, second) for row in page["rows"]]
    starts = [row["start_ts"] for page in (first, second) for row in page["rows"]]
    assert sorted(seen) == sorted(calls)
    assert starts == sorted(starts, reverse=True)


def test_a_page_does_not_move_while_calls_are_added(
    system: System, account: dict[str, Any], api: Api, calls: list[str]
) -> None:
    first = api.get("/v1/calls", limit=3).json()
    for _ in range(3):
        system.route(new_call_id(), account["numbers"][0]["e164"])
    second = api.get("/v1/calls", limit=10, cursor=first["next_cursor"]).json()
    seen = [row["call_id"] for page in (first, second) for row in page["rows"]]
    assert sorted(seen) == sorted(calls)


def test_filters_narrow_the_list(api: Api, calls: list[str]) -> None:
    answered = api.get("/v1/calls", answered=1).json()["rows"]
    assert {row["call_id"] for row in answered} == set(calls[1::2])
    caller = api.get("/v1/calls", **{"from": "14155550002"}).json()["rows"]
    assert [row["call_id"] for row in caller] == [calls[2]]
    start = caller[0]["start_ts"]
    assert api.get("/v1/calls", until=start, **{"from": "14155550002"}).json()["count"] == 0
    assert api.get("/v1/calls", since=start, **{"from": "14155550002"}).json()["count"] == 1
    assert pointers(api.get("/v1/calls", answered=2)) == ["/answered"]
    assert pointers(api.get("/v1/calls", format="pdf")) == ["/format"]
    assert pointers(api.get("/v1/calls", sort="duration_sec")) == ["/sort"]
    assert pointers(api.get("/v1/calls", direction="sideways")) == ["/direction"]


@pytest.fixture
def made_up(system: System, account: dict[str, Any]) -> Iterator[list[str]]:
    """Seven rows that no fact has made, oldest first; gone afterwards. The fourth is like none."""
    plain = {
        "direction": "inbound",
        "disposition": "answered",
        "from_num": "1",
        "to_num": "2",
        "hangup_cause": "normal_clearing",
        "answered": 0,
        "duration_sec": 60,
        **dict.fromkeys(["did_id", "trunk_id", "flow_id", "queue_id", "agent_id"]),
    }
    columns = ["call_id", "account_id", "start_ts", *plain]
    statement = (
        f"INSERT INTO views.call_cdr ({', '.join(columns)})"
        f" VALUES ({', '.join(f'%({column})s' for column in columns)})"
    )
    ids = [new_call_id() for _ in range(7)]
    with system.database() as database:
        for number, id in enumerate(ids):
            row = {**plain, **(ODD if number == 3 else {})}
            row |= {"call_id": id, "account_id": account["account"]["id"], "start_ts": number}
            database.execute(statement.encode(), row)
        yield ids
        database.execute("DELETE FROM views.call_cdr WHERE call_id = ANY(%s)", (ids,))


ODD = {
    "direction": "internal",
    "disposition": "busy",
    "from_num": "4711",
    "to_num": "4712",
    "did_id": "did_x",
    "trunk_id": "tr_x",
    "flow_id": "flow_x",
    "queue_id": "q_x",
    "agent_id": "us_x",
    "hangup_cause": "odd",
    "answered": 1,
    "duration_sec": 3600,
}


def test_every_filter_finds_the_call_that_has_the_value_and_no_other(
    api: Api, made_up: list[str]
) -> None:
    asked = {name.removesuffix("_num"): value for name, value in ODD.items()}
    asked["min_duration"] = asked.pop("duration_sec")
    for name, value in asked.items():
        found = api.get("/v1/calls", **{name: value}).json()["rows"]
        assert [row["call_id"] for row in found] == [made_up[3]], name
    assert api.get("/v1/calls", **asked).json()["count"] == 1
    assert api.get("/v1/calls", **{**asked, "max_duration": 3599}).json()["count"] == 0
    since = api.get("/v1/calls", since=3, sort="start_ts").json()["rows"]
    until = api.get("/v1/calls", until=3, sort="start_ts").json()["rows"]
    assert [row["call_id"] for row in (*until, *since)] == made_up


def test_the_list_is_there_as_csv_safe_for_spreadsheets(
    system: System, account: dict[str, Any], api: Api, calls: list[str]
) -> None:
    evil = new_call_id()
    system.route(evil, account["numbers"][0]["e164"], "=cmd|'/c-calc'!A0")
    answer = api.get("/v1/calls", format="csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert b"\r\n" in answer.content
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["call_id"] for row in rows} == {*calls, evil}
    (formula,) = [row for row in rows if row["call_id"] == evil]
    assert formula["from_num"].startswith("'=")


def test_a_trace_explains_the_call_in_causal_order(api: Api, calls: list[str]) -> None:
    answer = api.get(f"/v1/calls/{calls[1]}/trace").json()
    steps = answer["steps"]
    assert [step["seq"] for step in steps] == list(range(1, len(steps) + 1))
    positions = [step["event_id"] for step in steps]
    assert positions == sorted(positions)
    kinds = [step["kind"] for step in steps]
    assert kinds.index("decision") < kinds.index("taken") < kinds.index("answered")
    assert {"source", "title", "detail", "outcome", "dtMs"} <= steps[0].keys()
    text = api.get(f"/v1/calls/{calls[1]}/trace", format="text")
    assert text.headers["content-type"].startswith("text/plain")
    assert calls[1] in text.text
    lines = api.get(f"/v1/calls/{calls[1]}/trace", format="ndjson").text.splitlines()
    assert len(lines) == len(steps)
    assert pointers(api.get(f"/v1/calls/{calls[1]}/trace", format="x")) == ["/format"]


def test_another_tenants_call_does_not_exist(system: System, calls: list[str]) -> None:
    other = acme()
    system.apply(other)
    theirs = Api(system, other["account"]["id"], "cdr")
    assert theirs.get(f"/v1/calls/{calls[0]}").status_code == 404
    assert theirs.get(f"/v1/calls/{calls[0]}/trace").status_code == 404
    assert theirs.get("/v1/calls").json()["rows"] == []


@pytest.mark.parametrize(
    "key", [["x", 2**70, "a"], ["x", 1, "a\0"], [1, "a"], ["x", "a", 1], ["x", True, "a"]]
)
def test_a_cursor_of_somebody_else_is_refused(api: Api, key: list[Any]) -> None:
    made = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
    assert pointers(api.get("/v1/calls", cursor=made)) == ["/cursor"]


@pytest.mark.parametrize("name", ["from", "to", "direction", "disposition"])
def test_a_filter_with_a_nul_is_refused(api: Api, name: str) -> None:
    assert pointers(api.get("/v1/calls", **{name: "1\0"})) == [f"/{name}"]


def test_a_trace_is_drawn(api: Api, calls: list[str]) -> None:
    drawn = api.get(f"/v1/calls/{calls[1]}/trace", format="mermaid").text.splitlines()
    assert drawn[0] == "sequenceDiagram"
    kinds = [line.strip().partition(":")[0] for line in drawn[3:]]
    assert kinds[0] == "Note over callplane"
    assert kinds.index("callplane->>edge") < kinds.index("edge->>callplane")
    assert drawn[-2].endswith("Ended: answered, 0 s billed")


def test_what_is_drawn_cannot_end_its_line() -> None:
    step = {"ts": 0, "kind": "early", "source": "sip", "detail": {}, "title": "a;b#c"}
    assert mermaid([step]).splitlines()[-1] == "    edge->>callplane: +0.000s a#59;b#35;c"


def test_the_trace_of_a_call_whose_events_came_first_is_its_accounts(
    system: System, account: dict[str, Any], api: Api
) -> None:
    call_id = new_call_id()
    system.report(call_id, "early")
    assert api.get(f"/v1/calls/{call_id}/trace").status_code == 404
    system.route(call_id, account["numbers"][0]["e164"])
    trace = api.get(f"/v1/calls/{call_id}/trace")
    assert trace.status_code == 200, trace.text
    assert trace.json()["steps"][0]["outcome"] == "unrouted"


def test_all_calls_are_streamed_as_lines_of_json(api: Api, calls: list[str]) -> None:
    answer = api.get("/v1/calls", format="ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert rows == api.get("/v1/calls").json()["rows"]
    assert {row["call_id"] for row in rows} == set(calls)
    csv_type = api.get("/v1/calls", format="csv").headers["content-type"]
    assert csv_type == "text/csv; charset=utf-8"
