"""`callplane calls` and `callplane archive`: lists, what comes, files (spec 12)."""

import csv
import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from projections.cdr import make_month
from projections.months import Month
from tests.archive.logs import INSERT, MONTHS, NOVEMBER, calls
from tests.support.system import CALLPLANE, System, eventually, new_call_id
from tests.v1.test_rows import Api


@pytest.fixture
def rows(system: System, account: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Calls of four months that no fact has made, oldest first, three of these archived."""
    made = calls(account["account"]["id"], 11)
    with system.database() as database, database.cursor() as cursor:
        cursor.execute("SET search_path TO views")
        for month in {Month.of(row["start_ts"]) for row in made}:
            make_month(cursor, month)
        cursor.executemany(INSERT, made)
    done = system.cli_json("archive", "--before", str(NOVEMBER))
    assert [one["month"] for one in done["months"]] == [str(month) for month in MONTHS]
    yield sorted(made, key=lambda row: (row["start_ts"], row["call_id"]))
    with system.database() as database:
        for table in ("views.call_cdr", "archive.file"):
            database.execute(
                f"DELETE FROM {table} WHERE account_id = %s".encode(), (account["account"]["id"],)
            )


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [row["call_id"] for row in found]


def test_hot_and_archived_calls_are_one_list(
    system: System, account: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    account_id = account["account"]["id"]
    found = system.cli_json("calls", "list", "--account", account_id, "--limit", "100")
    assert ids(found) == ids(rows)[::-1]
    asked = ["calls", "list", "--account", account_id, "--oldest-first", "--where"]
    expected = [row for row in rows if row["direction"] == "inbound" and row["answered"]]
    found = system.cli_json(*asked, "direction=inbound", "-w", "answered=1", "--limit", "100")
    assert ids(found) == ids(expected)
    shown = system.cli("calls", "list", "--account", account_id, "--limit", "3")
    assert "3 call(s)" in shown.stdout
    until = system.cli_json(*asked[:-1], "--until", "2024-09-01T00:00:00+00:00")
    assert ids(until) == [row["call_id"] for row in rows if Month.of(row["start_ts"]) == MONTHS[0]]


def test_the_api_shows_both_in_pages_and_streams_and_each_by_its_id(
    system: System, account: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    api = Api(system, account["account"]["id"], "cdr")
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"limit": 7, "sort": "start_ts"}
    while True:
        page = api.get("/v1/calls", **asked).json()
        found += page["rows"]
        if "next_cursor" not in page:
            break
        asked["cursor"] = page["next_cursor"]
    assert ids(found) == ids(rows)
    lines = api.get("/v1/calls", format="ndjson", sort="start_ts").text.splitlines()
    assert [json.loads(line) for line in lines] == found
    sheet = api.get("/v1/calls", format="csv", sort="start_ts").text
    assert ids(list(csv.DictReader(sheet.splitlines()))) == ids(rows)
    assert api.get("/v1/calls", disposition="busy", limit=10_000).json()["count"] == sum(
        row["disposition"] == "busy" for row in rows
    )


@pytest.mark.parametrize("format", ["csv", "ndjson"])
def test_calls_are_exported_to_a_file(
    system: System,
    account: dict[str, Any],
    rows: list[dict[str, Any]],
    tmp_path: Path,
    format: str,
) -> None:
    file = tmp_path / f"calls.{format}"
    asked = ["calls", "export", "--account", account["account"]["id"], "-o", str(file)]
    done = system.cli_json(*asked, "--format", format)
    assert (done["rows"], done["bytes"]) == (len(rows), file.stat().st_size)
    lines = file.read_text().splitlines()
    found = list(csv.DictReader(lines)) if format == "csv" else [json.loads(one) for one in lines]
    assert ids(found) == ids(rows)
    shown = system.cli(*asked, "--format", format, "-w", "direction=internal")
    assert "0 call(s)" in shown.stdout
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_calls_are_followed(system: System, account: dict[str, Any]) -> None:
    first = new_call_id()
    system.route(first, account["numbers"][0]["e164"])
    following = subprocess.Popen(
        [CALLPLANE, "calls", "tail", "--account", account["account"]["id"], "--json"],
        env={**os.environ, **system.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert line_of(following)["call_id"] == first
        for later in (new_call_id(), new_call_id()):
            system.route(later, account["numbers"][0]["e164"])
            assert line_of(following)["call_id"] == later
        following.send_signal(signal.SIGINT)
        assert following.wait(15) == 0
    finally:
        following.kill()
        following.communicate(timeout=10)


def line_of(process: subprocess.Popen[str]) -> Any:
    """The next one, within a bounded time."""
    out = process.stdout
    assert out is not None
    eventually(lambda: select.select([out], [], [], 0)[0], 30)
    return json.loads(out.readline())


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        (["archive", "--before", "2024-13"], "/before"),
        (["archive", "--before", "last month"], "/before"),
        (["archive", "--before", "2099-01"], "/before"),
        (["calls", "list", "--account", "a", "-w", "colour=red"], "/where"),
        (["calls", "list", "--account", "a", "-w", "answered=yes"], "/where"),
        (["calls", "list", "--account", "a", "-w", "direction=up"], "/where"),
        (["calls", "list", "--account", "a", "--until", "soon"], "/until"),
        (["calls", "export", "--account", "a", "-o", "/nonexistent/x"], "/output"),
    ],
)
def test_what_is_not_valid_is_named(system: System, asked: list[str], pointer: str) -> None:
    refused = system.cli(*asked)
    assert refused.returncode == 1
    assert pointer in refused.stderr


def test_a_dry_run_changes_nothing(system: System) -> None:
    before = system.cli_json("archive", "--before", "2001-01", "--dry-run")
    assert before == {"dry_run": True, "months": []}
