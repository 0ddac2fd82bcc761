"""Streams of calls, most of them archived, take the memory of a page."""

from collections.abc import Iterator
from typing import Any

import pytest

from projections.cdr import make_month
from tests.archive.logs import AUGUST, NOVEMBER
from tests.support.system import System
from tests.v1.test_listing import peak_kb
from tests.v1.test_rows import Api

ROWS = 40_000
_FILL = """
    INSERT INTO views.call_cdr (call_id, account_id, direction, from_num, to_num, start_ts,
        hangup_cause)
    SELECT %(account)s || '-' || n, %(account)s, 'inbound', repeat(md5(n::text), 6),
           repeat(md5('to' || n), 6), %(begin)s + n, repeat(md5('cause' || n), 18)
      FROM generate_series(1, %(rows)s) AS n"""


@pytest.fixture
def large(system: System, account: dict[str, Any]) -> Iterator[Api]:
    """An account with archived calls of 1.6 kB each, and a few that are not."""
    id = account["account"]["id"]
    with system.database() as database, database.cursor() as cursor:
        cursor.execute("SET search_path TO views")
        for month, rows in ((AUGUST, ROWS - 5), (NOVEMBER, 5)):
            make_month(cursor, month)
            cursor.execute(_FILL, {"account": id, "rows": rows, "begin": month.begins})
        done = system.cli_json("archive", "--before", str(NOVEMBER))
        assert [one["rows"] for one in done["months"]] == [ROWS - 5]
        yield Api(system, id)
        for table in ("views.call_cdr", "archive.file"):
            database.execute(f"DELETE FROM {table} WHERE account_id = %s".encode(), (id,))


@pytest.mark.parametrize("format", ["ndjson", "csv"])
def test_a_large_stream_takes_no_more_memory_than_a_page(
    system: System, large: Api, format: str
) -> None:
    asked = {"format": format, "sort": "start_ts"}
    large.get("/v1/calls", **asked, limit=10_000)  # what a few pages take at once
    before, lines, size = peak_kb(system), 0, 0
    with large.client.stream("GET", "/v1/calls", params=asked, headers=large.headers) as answer:
        for chunk in answer.iter_bytes():
            lines, size = lines + chunk.count(b"\n"), size + len(chunk)
    assert lines == ROWS + (format == "csv")
    assert size > 40_000_000
    # a few groups of rows, wherever threads keep what they have freed; all rows take twice as much
    assert peak_kb(system) - before < 100_000
