"""Read models made again from the first fact, beside the live ones, and put in their place.

Readers see the old rows until the swap, which is one transaction; the runner goes on meanwhile and
waits only while the last facts are folded and the rows compared. A model that had stopped with an
error goes on after it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier

from domain.errors import Conflict
from gateways.store.projector import PAGE_LOCK, Projector, create
from projections.base import Projection

SHADOW = "views_shadow"
_LOCK = 7229
_SAME = """
    SELECT count(*) AS rows,
           coalesce(sum(('x' || left(md5(t::text), 15))::bit(60)::bigint::numeric), 0) AS sum
      FROM {}.{} AS t{}"""
_MOVE = """
    UPDATE views.position AS live SET version = new.version, position = new.position, error = NULL
      FROM views_shadow.position AS new WHERE new.name = live.name"""


class Rebuilt(NamedTuple):
    """What became of one read model."""

    name: str
    rows: int
    same: bool | None
    """Whether it came out as the live one was; None where that was not looked at: another version
    of it was live, or it had stopped."""


class Progress(NamedTuple):
    """How far the facts are folded, of how many (positions)."""

    reached: int
    target: int


def rebuild(
    url: str,
    projections: Sequence[type[Projection]],
    on_progress: Callable[[Progress], None] = lambda _: None,
    *,
    compare: bool = True,
) -> list[Rebuilt]:
    """Fold `projections` again from position 0 and put them in the place of the live ones.

    Raises Conflict while another rebuild is at work.
    """
    with (
        psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection,
        _alone(connection),
        _shadow(connection, url, projections, on_progress) as projector,
    ):
        while (target := _target(connection)) > _reached(connection):
            projector.catch_up(target)
            if _target(connection) - target < 1_000:
                break
        return _swapped(connection, projector, projections, compare)


@contextmanager
def _alone(connection: Connection[DictRow]) -> Iterator[None]:
    row = connection.execute("SELECT pg_try_advisory_lock(%s) AS got", (_LOCK,)).fetchone()
    if row is None or not row["got"]:
        raise Conflict("another rebuild is at work")
    yield


@contextmanager
def _shadow(
    connection: Connection[DictRow],
    url: str,
    projections: Sequence[type[Projection]],
    on_progress: Callable[[Progress], None],
) -> Iterator[Projector]:
    """Empty models in a schema of their own, and who fills them."""
    connection.execute(f"DROP SCHEMA IF EXISTS {SHADOW} CASCADE".encode())
    connection.execute(f"CREATE SCHEMA {SHADOW}".encode())
    for projection in projections:
        create(connection, SHADOW, projection)
    target = _target(connection)

    def on_page(reached: Mapping[str, int], count: int, took: float) -> None:
        on_progress(Progress(min(reached.values()), target))

    projector = Projector(url, projections, SHADOW, on_page)
    try:
        yield projector
    finally:
        projector.close()
        connection.execute(f"DROP SCHEMA IF EXISTS {SHADOW} CASCADE".encode())


def _target(connection: Connection[DictRow]) -> int:
    """How far the live models are; with none that runs, the end of the store."""
    row = connection.execute(
        "SELECT coalesce((SELECT max(position) FROM views.position WHERE error IS NULL),"
        " (SELECT max(notification_id) FROM events.stored_events), 0) AS position"
    ).fetchone()
    assert row is not None
    return int(row["position"])


def _reached(connection: Connection[DictRow]) -> int:
    row = connection.execute(
        f"SELECT min(position) AS position FROM {SHADOW}.position".encode()
    ).fetchone()
    assert row is not None
    return int(row["position"])


def _swapped(
    connection: Connection[DictRow],
    projector: Projector,
    projections: Sequence[type[Projection]],
    compare: bool,
) -> list[Rebuilt]:
    names = [projection.name for projection in projections]
    with connection.transaction():
        alone = "SELECT pg_advisory_xact_lock(%s, hashtext('views'))"
        connection.execute(alone, (PAGE_LOCK,))
        known = "SELECT * FROM views.position WHERE name = ANY(%s)"
        live = {row["name"]: row for row in connection.execute(known, (names,)).fetchall()}
        target = _target(connection)
        projector.catch_up(target)
        found = []
        for projection in projections:
            was = live[projection.name]
            is_like = was["version"] == projection.version and was["position"] == target
            before = _sum(connection, "views", projection) if compare and is_like else None
            after = _sum(connection, SHADOW, projection)
            same = None if before is None or was["error"] else before == after
            found.append(Rebuilt(projection.name, after[0], same))
            _replace(connection, projection)
            if projection.on_swap:
                connection.execute(projection.on_swap.encode())
        connection.execute(_MOVE.encode())
    return found


def _replace(connection: Connection[DictRow], projection: type[Projection]) -> None:
    for table in projection.tables:
        connection.execute(SQL("DROP TABLE IF EXISTS views.{}").format(Identifier(table)))
        for name in (table, *_partitions(connection, table)):
            moved = SQL("ALTER TABLE {}.{} SET SCHEMA views")
            connection.execute(moved.format(Identifier(SHADOW), Identifier(name)))


def _partitions(connection: Connection[DictRow], table: str) -> list[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid"
        " WHERE inhparent = to_regclass(%s)",
        (f"{SHADOW}.{table}",),
    ).fetchall()
    return [row["relname"] for row in rows]


def digest(connection: Connection[DictRow], schema: str, projection: type[Projection]) -> str:
    """Of all rows of a model, in whatever order they lie: equal rows, equal digest."""
    return str(_sum(connection, schema, projection))


def _sum(
    connection: Connection[DictRow], schema: str, projection: type[Projection]
) -> tuple[int, int]:
    """How many rows (that are compared), and the sum of their hashes."""
    rows, hashes = 0, 0
    for number, table in enumerate(projection.tables, 1):
        only = projection.compared.get(table)
        where = SQL(f" WHERE {only}" if only else "")
        statement = SQL(_SAME).format(Identifier(schema), Identifier(table), where)
        found = connection.execute(statement).fetchone()
        assert found is not None
        rows += found["rows"]
        hashes += int(found["sum"]) * number
    return rows, hashes
