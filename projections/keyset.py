"""Pages of a table in the order of a time, whatever it is filtered by and however large it is.

The place of a row is its time and its id, and neither ever changes. So, while rows are added
between two pages:

- no row comes twice;
- every row that is there before the first page, and matches the filters all the while, comes;
- one that is added, or comes to match, comes if its place is beyond the end of the last page, and
  does not if it is before;
- one that stops matching before its page is read does not come.

No page looks at more than `LOOK` rows, whatever the statistics of the database say. An index on
(account, column, time, id) leads to the rows of one filter: all that is read matches it. Of the
other filters each row is asked; when `LOOK` rows held too few that match, the page ends there, with
fewer than were wanted, and says where the next one begins.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import DictRow

from events.base import AccountId

LOOK = 10_000
"""Rows that one page looks at: some 20 ms. A page holds no more either."""
_END = 2**63 - 1
_ONE_PLAN = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"
    "SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off;"
    "SET LOCAL max_parallel_workers_per_gather = 0"
)
"""Only an index that has the wanted order is left. An estimate may be wrong by orders of magnitude
where values belong to one account, and each of the other plans reads all that matches."""

Key = tuple[Any, ...]
"""The place of a row: its time, then its ids."""


class Listed(NamedTuple):
    """A read model as a list."""

    table: str
    time: str
    """A column in epoch milliseconds."""
    id: Mapping[str, type]
    """Columns that tell rows of one time apart, with what they are in Python."""
    led: Mapping[str, str]
    """Filter → text column. There is an index on (account_id, column, `time`, `id`), which may
    leave out rows without a value; and one on (account_id, `time`, `id`)."""
    looked_at: Mapping[str, str]
    """Filter → condition."""

    def key(self, row: DictRow) -> Key:
        return tuple(row[column] for column in (self.time, *self.id))


class Wanted(NamedTuple):
    account_id: AccountId
    filters: Mapping[str, Any]
    """Names of `led` and `looked_at`, and of a time: `since` (inclusive), `until` (exclusive)."""
    newest_first: bool = True


class Page(NamedTuple):
    rows: list[DictRow]
    end: Key | None
    """After which the next page begins; None: this is the last one."""


def page(
    cursor: Cursor[DictRow],
    of: Listed,
    wanted: Wanted,
    after: Key | None,
    limit: int,
    look: int = LOOK,
) -> Page:
    """At most `limit` ≤ `look` rows beyond `after`, on a connection in autocommit mode."""
    with at_one_moment(cursor, of):
        return page_now(cursor, of, wanted, after, limit, look)


def page_now(
    cursor: Cursor[DictRow],
    of: Listed,
    wanted: Wanted,
    after: Key | None,
    limit: int,
    look: int = LOOK,
) -> Page:
    """The same, `at_one_moment` with other questions."""
    led = _led(cursor, of, wanted, after, look)
    statement, values = _select(of, wanted, led, after, limit + 1, look)
    rows = cursor.execute(statement.encode(), values).fetchall()
    if len(rows) > limit:
        return Page(rows[:limit], of.key(rows[limit - 1]))
    if not _looked_at(of, wanted, led):
        return Page(rows, None)
    statement, values = _candidates(of, wanted, led, after, ", ".join((of.time, *of.id)))
    last = cursor.execute(f"{statement} OFFSET {look - 1} LIMIT 1".encode(), values).fetchone()
    return Page(rows, of.key(last) if last else None)


def plan(
    cursor: Cursor[DictRow], of: Listed, wanted: Wanted, after: Key | None, limit: int
) -> dict[str, Any]:
    """How PostgreSQL reads the rows of that page (EXPLAIN ANALYZE)."""
    with at_one_moment(cursor, of):
        led = _led(cursor, of, wanted, after, LOOK)
        statement, values = _select(of, wanted, led, after, limit + 1, LOOK)
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        row = cursor.execute(explain.encode(), values).fetchone()
    assert row is not None
    found: dict[str, Any] = row["QUERY PLAN"][0]["Plan"]
    return found


@contextmanager
def at_one_moment(cursor: Cursor[DictRow], of: Listed) -> Iterator[None]:
    """All statements see the same rows: a page ends where the rows that it looked at end.

    The lock comes before the moment does: what leaves the table (a month, for the archive) has left
    it, and is where it went, or waits.
    """
    with cursor.connection.transaction():
        cursor.execute(f"{_ONE_PLAN}; LOCK TABLE views.{of.table} IN ACCESS SHARE MODE".encode())
        yield


def _led(
    cursor: Cursor[DictRow], of: Listed, wanted: Wanted, after: Key | None, look: int
) -> str | None:
    """The filter that an index is to lead to: of those that one can, that with the fewest rows."""
    able = [name for name in of.led if name in wanted.filters]
    if len(able) < 2:
        return able[0] if able else None
    counts = {}
    for name in able:
        candidates, values = _candidates(of, wanted, name, after, of.time)
        row = cursor.execute(
            f"SELECT count(*) AS rows FROM ({candidates} LIMIT {look}) AS led".encode(), values
        ).fetchone()
        assert row is not None
        counts[name] = row["rows"]
    return min(able, key=counts.__getitem__)


def _select(
    of: Listed, wanted: Wanted, led: str | None, after: Key | None, limit: int, look: int
) -> tuple[str, dict[str, Any]]:
    """The statement of a page, with its values."""
    candidates, values = _candidates(of, wanted, led, after)
    if conditions := _looked_at(of, wanted, led):
        candidates = (
            f"SELECT * FROM ({candidates} LIMIT {look}) AS seen"
            f" WHERE {' AND '.join(conditions)} ORDER BY {_order(of, wanted, led)}"
        )
    return f"{candidates} LIMIT %(limit)s", {**values, "limit": limit}


def _candidates(
    of: Listed, wanted: Wanted, led: str | None, after: Key | None, columns: str = "*"
) -> tuple[str, dict[str, Any]]:
    """The rows among which a page's are, in order: a range of one index. It has all of a row's
    place, so that the table is not read for that.

    The range is that of (column, time, id) even though the column is one value: an index without
    the column cannot stand in for it then, and read the whole account for a value that it lacks.
    """
    low, high, values = _range(of, wanted, after)
    conditions = ["account_id = %(account_id)s"]
    if led is None:
        conditions += [f"({names}) {sign} ({places})" for sign, names, places in (low, high)]
    else:
        column = of.led[led]
        values["led"] = wanted.filters[led]
        conditions.append(f"{column} IS NOT NULL")
        conditions += [
            f"({column}, {names}) {sign} (%(led)s, {places})" for sign, names, places in (low, high)
        ]
    statement = (
        f"SELECT {columns} FROM views.{of.table} WHERE {' AND '.join(conditions)}"
        f" ORDER BY {_order(of, wanted, led)}"
    )
    return statement, {**wanted.filters, **values, "account_id": wanted.account_id}


_Bound = tuple[str, str, str]
"""Sign, columns, placeholders."""


def _range(of: Listed, wanted: Wanted, after: Key | None) -> tuple[_Bound, _Bound, dict[str, Any]]:
    """From where to where: one bound each, for an index scan begins at the first that it finds."""
    values: dict[str, Any] = {
        "since": wanted.filters.get("since", 0),
        "until": wanted.filters.get("until", _END),
    }
    low, high = (">=", of.time, "%(since)s"), ("<", of.time, "%(until)s")
    if after is None:
        return low, high, values
    values |= {f"after_{number}": part for number, part in enumerate(after)}
    columns = ", ".join((of.time, *of.id))
    places = ", ".join(f"%(after_{number})s" for number in range(len(after)))
    if wanted.newest_first and after[0] < values["until"]:
        high = ("<", columns, places)
    if not wanted.newest_first and after[0] >= values["since"]:
        low = (">", columns, places)
    return low, high, values


def _order(of: Listed, wanted: Wanted, led: str | None) -> str:
    columns = [of.led[led]] if led else []
    way = "DESC" if wanted.newest_first else "ASC"
    return ", ".join(f"{column} {way}" for column in (*columns, of.time, *of.id))


def _looked_at(of: Listed, wanted: Wanted, led: str | None) -> list[str]:
    """The conditions that the index does not answer."""
    others = [name for name in of.led if name in wanted.filters and name != led]
    return [f"{of.led[name]} = %({name})s" for name in others] + [
        condition for name, condition in of.looked_at.items() if name in wanted.filters
    ]
