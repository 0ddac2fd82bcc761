"""A month of calls as a Parquet file: sorted by start and id, in groups of rows of which the
statistics say from when to when they are.

Times are timestamps (milliseconds, UTC), `answered` is a truth value; zstd. The same calls always
give the same bytes. pyarrow comes in when the first file is opened: it costs memory that who reads
no archive need not have.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from events.base import AccountId
from projections import cdr
from projections.keyset import Key, Wanted

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]

GROUP = 5_000
"""Rows that are read at once: some milliseconds, some megabytes."""
TEXTS = (
    *("call_id", "account_id", "direction", "from_num", "to_num", "did_id", "trunk_id"),
    *("disposition", "hangup_cause", "hangup_by", "queue_id", "agent_id", "flow_id", "currency"),
    *("rate_id", "recording_key", "node_id", "src_ip", "attestation"),
)
TIMES = ("start_ts", "ring_ts", "answer_ts", "end_ts")
LONGS = ("duration_sec", "billsec", "cost_micros")
INTS = ("sip_code", "flow_version")
COLUMNS = (
    *("call_id", "account_id", "direction", "from_num", "to_num", "did_id", "trunk_id", *TIMES),
    *("duration_sec", "billsec", "answered", "disposition", "hangup_cause", "sip_code"),
    *("hangup_by", "queue_id", "agent_id", "flow_id", "flow_version", "cost_micros", "currency"),
    *("rate_id", "recording_key", "node_id", "src_ip", "attestation"),
)
"""As the table has them."""


class Found(NamedTuple):
    """What a page has of one file."""

    rows: list[dict[str, Any]]
    looked: int
    """Rows of the range that were looked at."""
    end: Key | None
    """Of the last one, when there may be more of them."""


# Writing


def write(path: Path, batches: Iterable[Sequence[Row]]) -> None:
    """A file of the rows in `batches`, each a group; they come sorted."""
    with Writer(path) as writer:
        for rows in batches:
            writer.add(rows)


class Writer:
    """A file under way. It is blocking work: some milliseconds for a group."""

    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        order = [pq.SortingColumn(COLUMNS.index(name)) for name in ("start_ts", "call_id")]
        self._file = pq.ParquetWriter(
            path, _schema(_stored), compression="zstd", sorting_columns=order
        )

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[Row]) -> None:
        self._file.write_table(table_of(rows).cast(_schema(_stored)))


def _plain(name: str) -> "pa.DataType":
    """As the table of the store has it."""
    import pyarrow as pa

    if name in TEXTS:
        return pa.string()
    return pa.int64() if name in (*TIMES, *LONGS) else pa.int32()


def _stored(name: str) -> "pa.DataType":
    import pyarrow as pa

    if name in TIMES:
        return pa.timestamp("ms", tz="UTC")
    return pa.bool_() if name == "answered" else _plain(name)


def _schema(of: "Callable[[str], pa.DataType]") -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([pa.field(name, of(name)) for name in COLUMNS])


def table_of(rows: Sequence[Row]) -> "pa.Table":
    import pyarrow as pa

    columns = [[row[name] for row in rows] for name in COLUMNS]
    return pa.table(columns, schema=_schema(_plain))


# Reading


def read(
    path: Path,
    wanted: Wanted,
    after: Key | None,
    limit: int,
    look: int,
    late: Mapping[str, Row],
) -> Found:
    """Up to `limit` rows beyond `after` that match, of the next `look` ones; `late`: what was
    learnt of calls since. May raise FileNotFoundError, OSError, ValueError."""
    rows: list[dict[str, Any]] = []
    looked = 0
    for table in _groups(path, wanted, after):
        seen = table.slice(0, look - looked)
        looked += seen.num_rows
        matching = _matching(_with(seen, late), wanted)
        rows += rows_of(matching.slice(0, limit - len(rows)))
        if len(rows) == limit or looked == look:
            last = seen.slice(seen.num_rows - 1)
            return Found(rows, looked, tuple(last[name][0].as_py() for name in _KEY))
    return Found(rows, looked, None)


def groups_in(path: Path) -> Iterator[list[dict[str, Any]]]:
    """All rows of a file, a group in memory at a time."""
    for table in _groups(path, Wanted(AccountId(""), {}, newest_first=False), None):
        yield rows_of(table)


def rows_of(table: "pa.Table") -> list[dict[str, Any]]:
    columns = [column.to_pylist() for column in table.columns]
    return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns)]  # noqa: B905


_KEY = ("start_ts", "call_id")


def _groups(path: Path, wanted: Wanted, after: Key | None) -> Iterator["pa.Table"]:
    """The rows of the range in the order that is wanted, from groups that may have some."""
    import pyarrow.parquet as pq

    since, until = wanted.filters.get("since", 0), wanted.filters.get("until", 2**63 - 1)
    low, high = since, until - 1
    if after is not None:
        low, high = (
            (low, min(high, after[0])) if wanted.newest_first else (max(low, after[0]), high)
        )
    with path.open("rb") as handle, pq.ParquetFile(handle) as file:
        numbers = range(file.metadata.num_row_groups)
        for number in reversed(numbers) if wanted.newest_first else numbers:
            first, last = _span(file, number)
            if first <= high and last >= low:
                group = file.read_row_group(number, use_threads=False).cast(_schema(_plain))
                table = _beyond(group, low, high, wanted, after)
                if table.num_rows:
                    yield table


def _span(file: Any, number: int) -> tuple[int, int]:
    statistics = file.metadata.row_group(number).column(COLUMNS.index("start_ts")).statistics
    return _millis(statistics.min), _millis(statistics.max)


def _millis(moment: datetime) -> int:
    whole = int(moment.astimezone(UTC).replace(microsecond=0).timestamp())
    return whole * 1000 + moment.microsecond // 1000


def _beyond(
    table: "pa.Table", low: int, high: int, wanted: Wanted, after: Key | None
) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    start, id = table["start_ts"], table["call_id"]
    mask = pc.and_(pc.greater_equal(start, low), pc.less_equal(start, high))
    if after is not None:
        further = pc.less if wanted.newest_first else pc.greater
        tie = pc.and_(pc.equal(start, after[0]), further(id, after[1]))
        mask = pc.and_(mask, pc.or_(further(start, after[0]), tie))
    found = table.filter(mask)
    if not wanted.newest_first:
        return found
    return found.take(pa.array(range(found.num_rows - 1, -1, -1), pa.int64()))


def _with(table: "pa.Table", late: Mapping[str, Row]) -> "pa.Table":
    """The rows with what was learnt of them since."""
    if not late or late.keys().isdisjoint(table["call_id"].to_pylist()):
        return table
    return table_of([cdr.known_now(row, late) for row in rows_of(table)])


def _matching(table: "pa.Table", wanted: Wanted) -> "pa.Table":
    import pyarrow.compute as pc

    for name, value in wanted.filters.items():
        if name in ("since", "until"):
            continue
        column, holds = _tests().get(name, (cdr.LISTED.led.get(name, name), pc.equal))
        plain = str(value) if isinstance(value, str) else value
        table = table.filter(holds(table[column], plain))
    return table


def _tests() -> dict[str, tuple[str, Any]]:
    """Filters that ask for something else than a value."""
    import pyarrow.compute as pc

    return {
        "min_duration": ("duration_sec", pc.greater_equal),
        "max_duration": ("duration_sec", pc.less_equal),
    }
