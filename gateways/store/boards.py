"""A wallboard as the store has it at one moment: everything that was committed is in it, also what
the read models have not seen yet."""

from collections.abc import Callable, Iterator
from typing import Any

from psycopg import Cursor
from psycopg.rows import DictRow

from commands import snapshots
from domain import directory, presence
from domain.directory import Directory, Row
from domain.presence import Presence
from events.base import AccountId, Fact, Millis
from events.catalogue import CATALOGUE
from events.resources import KINDS, Changed, Created, Deleted, Queue
from gateways.store.codec import decode
from gateways.store.connections import Connections
from gateways.store.recorder import translated
from projections import agents, queues
from projections import directory as rows_view
from projections.wallboard import board
from projections.wallboard.board import Board
from projections.wallboard.visits import Visits
from projections.wallboard.work import Work

MODELS = ("directory", "agents", "queues")
FOR_EVER = 10**10
"""Milliseconds: figures are loaded without an end."""

_RESOURCES = [name for name in CATALOGUE if name.split(".")[1].rpartition("_")[0] in board.KINDS]

Begin = Callable[[str], int]
"""Timezone → since when figures count (epoch ms)."""


def load(pool: Connections, account_id: AccountId, begin: Begin) -> Board:
    """Raises StoreDown. An account that does not exist has a board on which nothing is."""
    with translated(), pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with connection.cursor() as cursor:
            return _load(cursor, account_id, begin)


def _load(cursor: Cursor[DictRow], account_id: AccountId, begin: Begin) -> Board:
    reached = _positions(cursor)
    head = _head(cursor)
    new = list(_unseen(cursor, account_id, min(reached.values())))
    rows = _rows(cursor, account_id)
    for position, fact in new:
        if position > reached["directory"] and isinstance(fact, Created | Changed | Deleted):
            directory.evolve(rows, fact)
    since = begin(rows.account.timezone if rows.account else "UTC")
    at = min([fact.at for _, fact in new], default=since)
    visits = _visits(cursor, account_id, rows, since, at)
    work = _work(cursor, account_id, since)
    for position, fact in new:
        if position > reached["queues"]:
            visits.fold(fact)
        if position > reached["agents"]:
            work.fold(fact)
    return Board(account_id, since, head, rows, _presence(cursor, account_id), visits, work)


def _visits(
    cursor: Cursor[DictRow], account_id: AccountId, rows: Directory, since: int, at: int
) -> Visits:
    thresholds = {id: body.sl_threshold_sec for id, body in directory.rows_of(rows, Queue)}
    counted = queues.tallies(cursor, account_id, thresholds, since, since + FOR_EVER)
    tallies = {queue_id: tally for queue_id, (tally, _) in counted.items()}
    return Visits(since, thresholds, tallies, queues.unfinished(cursor, account_id, since, at))


def _work(cursor: Cursor[DictRow], account_id: AccountId, since: int) -> Work:
    return Work(
        account_id,
        since,
        agents.of_account(cursor, account_id),
        agents.worked(cursor, account_id, since, since + FOR_EVER),
        agents.open_offers(cursor, account_id, since),
    )


def _positions(cursor: Cursor[DictRow]) -> dict[str, int]:
    rows = cursor.execute(
        "SELECT name, position FROM views.position WHERE name = ANY(%s)", (list(MODELS),)
    ).fetchall()
    return {row["name"]: row["position"] for row in rows}


def _head(cursor: Cursor[DictRow]) -> int:
    row = cursor.execute(
        "SELECT coalesce(max(notification_id), 0) AS head FROM events.stored_events"
    ).fetchone()
    assert row is not None
    return int(row["head"])


def _unseen(
    cursor: Cursor[DictRow], account_id: AccountId, position: int
) -> Iterator[tuple[int, Fact]]:
    """The account's facts after `position`, in order."""
    rows = cursor.execute(
        "SELECT notification_id, topic, state FROM events.stored_events"
        " WHERE notification_id > %s AND (originator_id = %s OR topic = ANY(%s))"
        " ORDER BY notification_id",
        (position, f"presence-{account_id}", _RESOURCES),
    )
    for row in rows:
        fact = decode(row["topic"], bytes(row["state"]))
        if fact.account_id == account_id:
            yield row["notification_id"], fact


def _rows(cursor: Cursor[DictRow], account_id: AccountId) -> Directory:
    found = rows_view.rows_of_kinds(cursor, account_id, board.KINDS)
    return directory.restored(
        [_row(row) for row in found if not row["deleted"]],
        {row["id"]: row["version"] for row in found if row["deleted"]},
    )


def _row(row: DictRow) -> Row:
    body: Any = KINDS[row["kind"]].model_validate(row["body"])
    times = Millis(row["created_at"]), Millis(row["updated_at"])
    return Row(row["id"], body, row["version"], *times)


def _presence(cursor: Cursor[DictRow], account_id: AccountId) -> Presence:
    stream = f"presence-{account_id}"
    saved = cursor.execute(
        "SELECT originator_version, state FROM events.snapshots"
        " WHERE originator_id = %s AND topic = %s ORDER BY originator_version DESC LIMIT 1",
        (stream, snapshots.PRESENCE),
    ).fetchone()
    state = snapshots.load_presence(bytes(saved["state"])) if saved else Presence()
    later = cursor.execute(
        "SELECT topic, state FROM events.stored_events"
        " WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version",
        (stream, saved["originator_version"] if saved else 0),
    )
    for row in later:
        presence.evolve(state, decode(row["topic"], bytes(row["state"])))  # type: ignore[arg-type]
    return state
