"""Runs the projections: facts in global order, rows and positions in one transaction.

One runner at a time holds the schema (an advisory lock); others wait to take over. All
projections share one read of the facts and one commit per page. When a fold fails, the page is
rolled back and each projection gets it alone: the one at fault stops, with its error in
`position.error`; the rest go on.

Commits here do not wait for the disk: what a crash takes, rows and position together, is folded
again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import Connection, Cursor
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier

from gateways import tracing
from gateways.store.codec import positioned
from gateways.store.recorder import AWAY, Datastore, EventRecorder
from projections.base import Positioned, Projection
from projections.catalogue import CATALOGUE

log = logging.getLogger("callplane.projector")

PAGE = 1_000
POLL = 1.0
"""Seconds after which the store is asked even if no notification came."""
REST = 0.05
"""Seconds from the begin of one look to the next at least. A page costs a millisecond of
everybody's time however small it is: facts that come in a stream are folded in larger pages."""
_LOCK = 7223
PAGE_LOCK = 7228
"""Advisory lock that every page shares; who has it alone (a rebuild that swaps) stops the runner
between two pages. With the hash of the schema as second part."""

OnPage = Callable[[Mapping[str, int], int, float], None]
"""Told of each page: how far each read model is, how many facts it had, the seconds it took."""

_POSITIONS = """
    CREATE TABLE IF NOT EXISTS position (
        name text PRIMARY KEY, version int NOT NULL, position bigint NOT NULL, error text
    )"""


class Projector:
    def __init__(
        self,
        url: str,
        projections: Sequence[type[Projection]] = CATALOGUE,
        schema: str = "views",
        on_page: Callable[[Mapping[str, int], int, float], None] = lambda reached, count, took: (
            None
        ),
    ) -> None:
        self._url = url
        self._kinds = projections
        self._schema = schema
        self._on_page = on_page
        self._datastore = Datastore(url, pool_size=1)
        self._recorder = EventRecorder(self._datastore)
        self._connection: Connection[DictRow] | None = None
        self._projections: list[Projection] = []
        self._positions: dict[str, int] = {}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._datastore.close()

    def run(self, stop: Callable[[], bool]) -> None:
        """Fold what there is and what comes, until `stop()`; survives a lost connection."""
        while not stop():
            try:
                if self._connection is None:
                    self._connection = self._open(stop)
                if stop():
                    return
                rested_at = time.monotonic() + REST
                if len(self._projections) < len(self._kinds):
                    self._take_back(self._connection)
                self.catch_up()
                for _ in self._connection.notifies(timeout=POLL, stop_after=1):
                    pass
                time.sleep(max(0.0, rested_at - time.monotonic()))
            except AWAY as error:
                log.warning("store is away: %s", error)
                self._connection = None
                time.sleep(0.5)

    def catch_up(self, until: int | None = None) -> int:
        """Fold until nothing is left, or up to the position `until`; returns how many facts were
        read."""
        total = 0
        connection = self._connection or self._open(lambda: False)
        self._connection = connection
        while self._projections:
            start = min(self._positions[p.name] for p in self._projections)
            page = self._recorder.select_notifications(
                start, PAGE, stop=until, inclusive_of_start=False
            )
            if not page:
                break
            started = time.perf_counter()
            facts = [positioned(notification) for notification in page]
            self._fold(connection, facts)
            total += len(facts)
            self._on_page(self._positions, len(facts), time.perf_counter() - started)
            if (spans := tracing.spans()) is not None:
                spans.folded(page, started)
            if len(page) < PAGE:
                break
        return total

    def _open(self, stop: Callable[[], bool]) -> Connection[DictRow]:
        connection = psycopg.connect(self._url, autocommit=True, row_factory=dict_row)
        connection.execute(SQL("SET search_path TO {}").format(Identifier(self._schema)))
        connection.execute("SET synchronous_commit TO off")
        while not stop() and not _lock(connection, self._schema):
            time.sleep(POLL)
        connection.execute("LISTEN stored_events")
        rows = connection.execute("SELECT name, position FROM position").fetchall()
        self._positions = {row["name"]: row["position"] for row in rows}
        self._projections = [kind() for kind in self._kinds]
        connection.execute("UPDATE position SET error = NULL WHERE error IS NOT NULL")
        return connection

    def _take_back(self, connection: Connection[DictRow]) -> None:
        """Go on with a projection that had stopped and was rebuilt since."""
        well = "SELECT name, position FROM position WHERE error IS NULL"
        found = {row["name"]: row["position"] for row in connection.execute(well).fetchall()}
        running = {projection.name for projection in self._projections}
        for kind in self._kinds:
            if kind.name in found and kind.name not in running:
                log.info("projection %s goes on", kind.name)
                self._positions[kind.name] = found[kind.name]
                self._projections.append(kind())

    def _fold(self, connection: Connection[DictRow], facts: Sequence[Positioned]) -> None:
        try:
            self._commit(connection, self._projections, facts)
        except AWAY:
            raise
        except Exception:
            log.exception("a fold failed; each projection gets the page alone")
            self._projections = [type(projection)() for projection in self._projections]
            for projection in list(self._projections):
                self._fold_alone(connection, projection, facts)

    def _fold_alone(
        self, connection: Connection[DictRow], projection: Projection, facts: Sequence[Positioned]
    ) -> None:
        try:
            self._commit(connection, [projection], facts)
        except AWAY:
            raise
        except Exception as error:
            log.exception("projection %s has stopped", projection.name)
            self._projections.remove(projection)
            connection.execute(
                "UPDATE position SET error = %s WHERE name = %s", (repr(error), projection.name)
            )

    def _commit(
        self,
        connection: Connection[DictRow],
        projections: Sequence[Projection],
        facts: Sequence[Positioned],
    ) -> None:
        """Rows, positions and the news of them in one transaction; sent as one stream of
        statements, because their round trips cost more than their work."""
        behind = [p for p in projections if self._positions[p.name] < facts[-1].position]
        with connection.pipeline(), connection.transaction(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock_shared(%s, hashtext(%s))", (PAGE_LOCK, self._schema)
            )
            changed = [p for p in behind if p.fold(cursor, self._new_for(p, facts))]
            self._move(cursor, behind, facts[-1].position)
            self._tell(cursor, behind, changed, facts[-1].position)
        self._positions |= {projection.name: facts[-1].position for projection in behind}

    def _new_for(self, projection: Projection, facts: Sequence[Positioned]) -> Sequence[Positioned]:
        before = self._positions[projection.name]
        return facts if facts[0].position > before else [f for f in facts if f.position > before]

    def _move(self, cursor: Cursor[DictRow], behind: Sequence[Projection], position: int) -> None:
        names = [projection.name for projection in behind]
        moved = cursor.execute(
            "UPDATE position SET position = %s FROM unnest(%s::text[], %s::bigint[])"
            " AS held (name, position)"
            " WHERE position.name = held.name AND position.position = held.position"
            " RETURNING position.name",
            (position, names, [self._positions[name] for name in names]),
        ).fetchall()
        if len(moved) != len(behind):
            raise RuntimeError("somebody else moved the position of a projection")

    def _tell(
        self,
        cursor: Cursor[DictRow],
        moved: Sequence[Projection],
        changed: Sequence[Projection],
        position: int,
    ) -> None:
        """Wake those who wait for a read model (`gateways/store/reader.py`): its position, and a
        star if its rows are others than before."""
        text = ",".join(f"{p.name}={position}{'*' if p in changed else ''}" for p in moved)
        cursor.execute("SELECT pg_notify(%s, %s)", (self._schema, text))


def create(connection: Connection[Any], schema: str, projection: type[Projection]) -> None:
    """Make the empty tables of a projection, at position 0."""
    with connection.transaction():
        connection.execute(SQL("SET LOCAL search_path TO {}").format(Identifier(schema)))
        connection.execute(_POSITIONS)
        connection.execute(projection.ddl.encode())
        connection.execute(
            "INSERT INTO position (name, version, position) VALUES (%s, %s, 0)",
            (projection.name, projection.version),
        )


def stored_versions(connection: Connection[DictRow], schema: str) -> dict[str, int]:
    exists = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL AS yes", (f"{schema}.position",)
    ).fetchone()
    if not exists or not exists["yes"]:
        return {}
    statement = SQL("SELECT name, version FROM {}.position").format(Identifier(schema))
    return {row["name"]: row["version"] for row in connection.execute(statement).fetchall()}


def _lock(connection: Connection[DictRow], schema: str) -> bool:
    row = connection.execute(
        "SELECT pg_try_advisory_lock(%s, hashtext(%s)) AS got", (_LOCK, schema)
    ).fetchone()
    return row is not None and bool(row["got"])
