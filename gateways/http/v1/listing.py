"""Lists of what happened: calls, callers of queues, what agents did. One way for all of them.

`json` is a page with the cursor of the next one. `csv` and `ndjson` are streams of all that match:
a page of the store at a time, so that memory is that of a page, and no connection to the store is
held between two, however slowly the client reads and whenever it breaks off. What pages promise
while rows are added stands in `projections/keyset.py`; a stream is its pages in a row, not one
moment of the store.

A cursor belongs to one list, its sort and its filters; with others it is refused.
"""

from collections.abc import AsyncIterator, Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from litestar import Response
from litestar.params import QueryParameter
from litestar.response import Stream
from pydantic import BaseModel, Field

from domain.errors import Fault, Invalid
from gateways.http.v1 import paging
from gateways.http.v1.context import Caller, Context
from gateways.http.v1.sheets import Sheet, csv_of, ndjson_of
from projections import keyset
from projections.keyset import Key, Listed, Page, Wanted

STREAM_PAGE = 2_000

Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=1000)]
Text = Annotated[str | None, QueryParameter(max_length=255)]
Time = Annotated[int | None, QueryParameter(ge=0, le=2**53, description="Epoch milliseconds")]
Flag = Annotated[int | None, QueryParameter(ge=0, le=1)]
Seconds = Annotated[int | None, QueryParameter(ge=0, le=2**53)]
Format = Literal["json", "csv", "ndjson"]
Limit = Annotated[
    int | None,
    QueryParameter(name="limit", ge=1, le=1000, description="100, or all of a csv and ndjson"),
]


class PageOf(BaseModel):
    """Part of every page."""

    ok: int = 1
    count: int
    next_cursor: str | None = Field(
        default=None,
        description="Absent: this is the last page. A page that is not may hold fewer rows than"
        " `limit`, when several filters hold together for few of the many that one holds for",
    )


class List(NamedTuple):
    """A list as the API shows it."""

    model: str
    """The read model that has to be caught up."""
    of: Listed
    row: type[BaseModel]
    """Its members are the columns of a line, in order."""
    file: str
    """What a browser calls it."""
    limit: int = 100
    """Rows of a page when nobody says."""
    is_archived: bool = False
    """Whether its older rows lie in the archive."""


class Asked(NamedTuple):
    filters: Mapping[str, Any]
    """Those that are not given are None."""
    sort: str
    """The column of the time, with `-` before it the newest first."""
    limit: int | None
    cursor: str | None
    format: Format


async def answer(context: Context, caller: Caller, one: List, asked: Asked) -> Response[Any]:
    """The page or the stream that was asked for. Raises Invalid for a cursor of another list."""
    given = {name: value for name, value in asked.filters.items() if value is not None}
    wanted = Wanted(caller.account_id, given, asked.sort.startswith("-"))
    mark = _mark(one, wanted)
    after = _after(one, mark, asked.cursor)
    await context.reader.caught_up(one.model)
    if asked.format == "json":
        page = await _read(context, one, wanted, after, asked.limit or one.limit)
        return Response(_page_of(page, mark))
    columns = list(one.row.model_fields)
    sheet = csv_of(columns) if asked.format == "csv" else ndjson_of(columns)
    pages = _pages(context, one, wanted, after, asked.limit)
    first = await anext(pages)  # what goes wrong with it can still be said
    named = {"Content-Disposition": f'attachment; filename="{one.file}.{asked.format}"'}
    return Stream(_chunks(sheet, first, pages), media_type=sheet.media_type, headers=named)


def _page_of(page: Page, mark: str) -> dict[str, Any]:
    found: dict[str, Any] = {"ok": 1, "count": len(page.rows), "rows": page.rows}
    return found | {"next_cursor": paging.encode(mark, *page.end)} if page.end else found


def _mark(one: List, wanted: Wanted) -> str:
    """What a cursor belongs to, in short."""
    asked = [one.of.table, wanted.newest_first, dict(wanted.filters)]
    return blake2b(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()


def _after(one: List, mark: str, cursor: str | None) -> Key | None:
    found = paging.decode(cursor, str, int, *one.of.id.values())
    if found is None:
        return None
    if found[0] != mark:
        raise Invalid("no such page", [Fault("/cursor", "is of another sort or other filters")])
    return tuple(found[1:])


async def _read(context: Context, one: List, wanted: Wanted, after: Key | None, limit: int) -> Page:
    if one.is_archived:
        return await context.calls.page(wanted, after, limit)
    return await context.reader.query(lambda sql: keyset.page(sql, one.of, wanted, after, limit))


async def _pages(
    context: Context, one: List, wanted: Wanted, after: Key | None, limit: int | None
) -> AsyncIterator[Page]:
    """The pages beyond `after`, `limit` rows in all: at least one, the last one may be empty."""
    left = limit
    while True:
        size = STREAM_PAGE if left is None else min(left, STREAM_PAGE)
        page = await _read(context, one, wanted, after, size)
        yield page
        left = None if left is None else left - len(page.rows)
        after = page.end
        if after is None or left == 0:
            return


async def _chunks(sheet: Sheet, first: Page, others: AsyncIterator[Page]) -> AsyncIterator[bytes]:
    yield sheet.head + sheet.lines(first.rows)
    async for page in others:
        if page.rows:
            yield sheet.lines(page.rows)
